/* Cases of which one packet shows nothing: what many of them leave, what the worst of them cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <malloc.h>
#include <netinet/in.h>
#include <nettle/sha1.h>
#include <stdio.h>

#include "backend/base/buf.h"
#include "backend/base/clk.h"
#include "server/answer/answer.h"
#include "server/dns/nsec3.h"
#include "server/dns/wire.h"
#include "tests/unit/zone_text.h"

#define SOA                                                                                        \
    "z. 60 IN SOA ns.z. host.z. 7 3600 600 86400 60\nz. 60 IN NS ns.z.\nns.z. 60 IN A 192.0.2.1\n"
#define LITERAL(s) (s), sizeof(s) - 1

struct served {
    struct zone_table *zones;
    struct zone *zone;
    struct hash_key key;
    struct answer_scratch scratch;
    struct answer answer;
    uint8_t out[DNS_MESSAGE_MAX + 1];
};

/* SHA-1 operations so far: how many is the server's work for a hashed proof. */
static unsigned digests;

void nettle_sha1_digest(struct sha1_ctx *ctx, size_t length, uint8_t *digest);
void nettle_sha1_digest(struct sha1_ctx *ctx, size_t length, uint8_t *digest)
{
    void (*real)(struct sha1_ctx *, size_t, uint8_t *);
    *(void **)&real = dlsym(RTLD_NEXT, "nettle_sha1_digest");
    digests++;
    real(ctx, length, digest);
}

static struct served *serve(const char *origin, const char *text)
{
    struct served *s = calloc(1, sizeof *s);
    ldns_rdf *name = ldns_dname_new_frm_str(origin);
    struct msg_zone m = {.name_len = (uint8_t)ldns_rdf_size(name), .flags = ZONE_HAS_IMAGE};
    memcpy(m.name, ldns_rdf_data(name), m.name_len);
    ldns_rdf_deep_free(name);
    s->key = hash_key_from(zone_text_key);
    s->zones = zone_table_new(1);
    s->zone = zone_new(&m, zone_text_image(origin, text), &s->key);
    assert_non_null(s->zone->image);
    zone_table_put(s->zones, s->zone);
    return s;
}

static void end(struct served *s)
{
    zone_unpin(s->zone);
    zone_table_free(s->zones);
    free(s);
}

static const struct answer *ask(struct served *s, const uint8_t *query, size_t len, bool tcp)
{
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    struct answer_facts facts = {.source = (struct sockaddr *)&source, .tcp = tcp};
    answer_query(&s->answer, &s->scratch, s->zones, &s->key, query, len, &facts, s->out,
                 tcp ? DNS_MESSAGE_MAX : ANSWER_UDP_SIZE);
    return &s->answer;
}

/* A query with an OPT that has the DO bit. */
static const struct answer *ask_wire(struct served *s, const uint8_t *name, size_t len,
                                     uint16_t type, bool tcp)
{
    static const uint8_t opt[] = {0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 0};
    uint8_t q[DNS_HEADER + NAME_MAX_LEN + 4 + sizeof opt] = {0};
    q[5] = q[11] = 1;
    memcpy(q + DNS_HEADER, name, len);
    wire_put16(q + DNS_HEADER + len, type);
    wire_put16(q + DNS_HEADER + len + 2, CLASS_IN);
    memcpy(q + DNS_HEADER + len + 4, opt, sizeof opt);
    return ask(s, q, DNS_HEADER + len + 4 + sizeof opt, tcp);
}

static const struct answer *ask_text(struct served *s, const char *name, uint16_t type, bool tcp)
{
    ldns_rdf *rdf = ldns_dname_new_frm_str(name);
    const struct answer *a = ask_wire(s, ldns_rdf_data(rdf), ldns_rdf_size(rdf), type, tcp);
    ldns_rdf_deep_free(rdf);
    return a;
}

static void check_good(struct served *s)
{
    assert_int_equal(ask_text(s, "ns.z.", TYPE_A, false)->rcode, RCODE_NOERROR);
    assert_int_equal(wire_get16(s->out + 6), 1);
}

#define TSIG(rdlen) "\0\0\xfa\0\xff\0\0\0\0\0" rdlen
#define OPT         "\0\0\x29\x04\xd0\0\0\0\0\0\0"
#define TSIG_WHOLE  TSIG("\x1b") "\x08hmac-md5\0\0\0\0\0\0\0\x01\x2c\0\0\0\0\0\0\0\0"
#define QUESTION    "\1z\0\0\6\0\1"

/* W28 to W32: what leaked in others, a million times each. */
static void w30_a_million_packets_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint16_t count[4];
        const char *body;
        size_t len;
        unsigned rcode;
    } rows[] = {
        {"W28 two TSIG in 34 bytes", {0, 0, 0, 2}, LITERAL(TSIG("\0") TSIG("\0")), RCODE_FORMERR},
        {"W30 TSIG not last", {1, 0, 0, 2}, LITERAL(QUESTION TSIG_WHOLE OPT), RCODE_FORMERR},
        {"W30 TSIG in the answer", {1, 1, 0, 0}, LITERAL(QUESTION TSIG_WHOLE), RCODE_FORMERR},
        {"W30 TSIG in the authority", {1, 0, 1, 0}, LITERAL(QUESTION TSIG_WHOLE), RCODE_FORMERR},
        {"W30 TSIG of 0 bytes", {1, 0, 0, 1}, LITERAL(QUESTION TSIG("\0")), RCODE_FORMERR},
        {"W31 TKEY asked for", {1, 0, 0, 0}, LITERAL("\1z\0\0\xf9\0\xff"), RCODE_NOTIMP},
        {"W32 SIG(0)",
         {1, 0, 0, 1},
         LITERAL(QUESTION "\0\0\x18\0\xff\0\0\0\0\0\x14\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0s"),
         RCODE_FORMERR},
    };
    uint64_t repeats = getenv("ZONEDECK_SANITIZER") ? 10000 : 1000000;
    struct served *s = serve("z.", SOA);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t q[512] = {0x12, 0x34};
        for (int k = 0; k < 4; k++)
            wire_put16(q + 4 + 2 * k, rows[i].count[k]);
        memcpy(q + DNS_HEADER, rows[i].body, rows[i].len);
        size_t len = DNS_HEADER + rows[i].len, before = mallinfo2().uordblks;
        for (uint64_t n = 0; n < repeats; n++) {
            const struct answer *a = ask(s, q, len, n & 1);
            if (a->kind != ANSWER_REPLY || a->rcode != rows[i].rcode)
                fail_msg("%s: rcode %u", rows[i].what, a->rcode);
        }
        assert_int_equal(mallinfo2().uordblks, before);
        check_good(s);
    }
    /* W29: 44 of them in 496 bytes. */
    uint8_t q[DNS_HEADER + 44 * 11] = {0x12, 0x34};
    wire_put16(q + 10, 44);
    for (size_t at = DNS_HEADER; at < sizeof q; at += 11)
        memcpy(q + at, TSIG("\0"), 11);
    assert_int_equal(sizeof q, 496);
    size_t before = mallinfo2().uordblks;
    for (uint64_t n = 0; n < repeats; n++)
        assert_int_equal(ask(s, q, sizeof q, n & 1)->rcode, RCODE_FORMERR);
    assert_int_equal(mallinfo2().uordblks, before);
    check_good(s);
    end(s);
}

/* W6: FORMERR in less than 10 us; a machine that is busy gets many tries. */
static void w6_counts_of_65535_cost_nothing(void **state)
{
    (void)state;
    struct served *s = serve("z.", SOA);
    uint8_t q[DNS_HEADER] = {1, 2, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
    int64_t best = INT64_MAX;
    for (int i = 0; i < 1000; i++) {
        int64_t began = clk_mono_ns();
        assert_int_equal(ask(s, q, sizeof q, false)->rcode, RCODE_FORMERR);
        int64_t took = clk_mono_ns() - began;
        best = took < best ? took : best;
    }
    assert_in_range(best, 0, 10000);
    check_good(s);
    end(s);
}

/* W35: as many aliases as there are, up to 16, and then what has been found so far. */
static void w35_chains_are_bounded(void **state)
{
    (void)state;
    enum { LONGEST = 200, FOLLOWED = 16 };
    struct buf text = {0};
    buf_puts(&text, SOA "c0.z. 60 IN A 192.0.2.9\nself.z. 60 IN CNAME self.z.\n");
    for (int i = 1; i <= LONGEST; i++)
        buf_printf(&text, "c%d.z. 60 IN CNAME c%d.z.\nl%d.z. 60 IN CNAME l%d.z.\n", i, i - 1, i,
                   i % LONGEST + 1);
    struct served *s = serve("z.", text.data);
    buf_fini(&text);
    for (int i = 1; i <= LONGEST; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d.z.", i);
        const struct answer *a = ask_text(s, name, TYPE_A, true);
        assert_int_equal(a->rcode, RCODE_NOERROR);
        assert_false(a->truncated);
        assert_int_equal(wire_get16(s->out + 6), i < FOLLOWED ? i + 1 : FOLLOWED);
        snprintf(name, sizeof name, "l%d.z.", i);
        assert_int_equal(ask_text(s, name, TYPE_A, false)->rcode, RCODE_NOERROR);
        assert_int_equal(wire_get16(s->out + 6), FOLLOWED);
    }
    ask_text(s, "self.z.", TYPE_A, false);
    assert_int_equal(wire_get16(s->out + 6), 1);
    check_good(s);
    end(s);
}

/* W36: a DNAME onto itself ends; a name that becomes too long is YXDOMAIN (RFC 6672 section 2.2).
 */
static void w36_dname_onto_itself_and_too_long(void **state)
{
    (void)state;
    struct served *s = serve("z.", SOA "d.z. 60 IN DNAME d.z.\ne.z. 60 IN DNAME a.e.z.\n"
                                       "f.z. 60 IN DNAME a-label-of-18-chars.z.\n");
    ask_text(s, "x.d.z.", TYPE_A, false);
    assert_int_equal(s->answer.rcode, RCODE_NOERROR);
    assert_int_equal(wire_get16(s->out + 6), 2);
    /* Longer by a label each time: 16 times, or until it does not fit. */
    ask_text(s, "x.e.z.", TYPE_A, true);
    assert_int_equal(s->answer.rcode, RCODE_NOERROR);
    assert_int_equal(wire_get16(s->out + 6), 1 + 16);
    for (unsigned last = 1; last < 50; last++) {
        char name[320];
        int n = snprintf(name, sizeof name, "%063d.%063d.%063d.%0*d.f.z.", 1, 2, 3, (int)last, 4);
        size_t wire = (size_t)n + 1, becomes = wire + 18;
        if (wire > NAME_MAX_LEN)
            break;
        ask_text(s, name, TYPE_A, false);
        assert_int_equal(s->answer.rcode, becomes > NAME_MAX_LEN ? RCODE_YXDOMAIN : RCODE_NXDOMAIN);
        assert_int_equal(wire_get16(s->out + 6), becomes > NAME_MAX_LEN ? 1 : 2);
    }
    check_good(s);
    end(s);
}

static void put_hashed(struct buf *text, const ldns_rdf *owner, const char *origin, unsigned more)
{
    ldns_rdf *hash = ldns_nsec3_hash_name(owner, NSEC3_SHA1, (uint16_t)more, 0, NULL);
    char *label = ldns_rdf2str(hash);
    label[strlen(label) - 1] = '\0'; /* its dot */
    buf_printf(text, "%s.%s 60 IN NSEC3 1 0 %u - %s A\n", label, origin, more, label);
    free(label);
    ldns_rdf_deep_free(hash);
}

/* A zone whose one hash is that of its apex. */
static struct served *serve_hashed(const char *origin, unsigned iterations, bool chain)
{
    struct buf text = {0};
    ldns_rdf *apex = ldns_dname_new_frm_str(origin);
    buf_printf(&text,
               "%s 60 IN SOA . . 7 3600 600 86400 60\n%s 60 IN NS ns.test.\n"
               "%s 60 IN NSEC3PARAM 1 0 %u -\n",
               origin, origin, origin, iterations);
    if (chain)
        put_hashed(&text, apex, origin, iterations);
    struct served *s = serve(origin, text.data);
    ldns_rdf_deep_free(apex);
    buf_fini(&text);
    return s;
}

/* W37: a name that does not exist costs the hash of its next closer name and of the wildcard (RFC
 * 5155 section 7.2.2), however many labels it has (CVE-2023-50868 is about the other way). */
static void w37_hashes_of_the_longest_name(void **state)
{
    (void)state;
    enum { ITERATIONS = 100 };
    struct served *s = serve_hashed("z.", ITERATIONS, true);
    assert_int_equal(s->zone->image->header->nsec3_count, 1);
    for (unsigned labels = 1; labels <= 126; labels++) {
        uint8_t name[NAME_MAX_LEN];
        for (unsigned i = 0; i < labels; i++)
            memcpy(name + 2 * i, "\1a", 2);
        memcpy(name + (size_t)2 * labels, "\1z", 3);
        unsigned before = digests;
        assert_int_equal(ask_wire(s, name, (size_t)2 * labels + 3, TYPE_A, false)->rcode,
                         RCODE_NXDOMAIN);
        assert_int_equal(digests - before, 2 * (1 + ITERATIONS));
    }
    unsigned before = digests;
    assert_int_equal(ask_text(s, "z.", TYPE_TXT, false)->rcode, RCODE_NOERROR);
    assert_int_equal(digests, before);
    end(s);
}

/* W38: below an apex of more than 222 bytes no hashed name has room (RFC 5155 section 1.3). */
static void w38_an_apex_with_no_room_for_a_hash(void **state)
{
    (void)state;
    for (unsigned len = 220; len <= NAME_MAX_LEN; len++) {
        uint8_t name[NAME_MAX_LEN];
        char origin[320];
        unsigned rest = len - 3 * 64 - 1;
        snprintf(origin, sizeof origin, "%063d.%063d.%063d.%0*d.", 1, 2, 3, (int)rest - 1, 4);
        ldns_rdf *apex = ldns_dname_new_frm_str(origin);
        assert_int_equal(ldns_rdf_size(apex), len);
        bool room = len + 1 + NSEC3_LABEL_LEN <= NAME_MAX_LEN;
        struct served *s = serve_hashed(origin, 0, room);
        assert_int_equal(s->zone->image->header->nsec3_count, room);
        ask_wire(s, ldns_rdf_data(apex), len, TYPE_NSEC3PARAM, false);
        assert_int_equal(s->answer.rcode, RCODE_NOERROR);
        assert_int_equal(wire_get16(s->out + 6), 1);
        for (unsigned label = 1; len + 1 + label <= NAME_MAX_LEN; label++) {
            name[0] = (uint8_t)label;
            memset(name + 1, 'x', label);
            memcpy(name + 1 + label, ldns_rdf_data(apex), len);
            assert_int_equal(ask_wire(s, name, len + 1 + label, TYPE_A, false)->rcode,
                             RCODE_NXDOMAIN);
            assert_int_equal(wire_get16(s->out + 8), room ? 2 : 1);
        }
        ldns_rdf_deep_free(apex);
        end(s);
    }
}

/* W39: over UDP one RRset will do (RFC 8482 section 4.1): at most three times what was asked. */
static void w39_any_over_udp_is_small(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_puts(&text, SOA "many.z. 60 IN A 192.0.2.1\n");
    for (unsigned i = 1000; i < 1200; i++)
        buf_printf(&text, "many.z. 60 IN TYPE%u \\# 8 0102030405060708\n", i);
    struct served *s = serve("z.", text.data);
    buf_fini(&text);
    static const char *names[] = {"many.z.", "z.", "ns.z."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t asked = DNS_HEADER + strlen(names[i]) + 1 + 4 + 11;
        assert_int_equal(ask_text(s, names[i], TYPE_ANY, false)->rcode, RCODE_NOERROR);
        assert_int_equal(wire_get16(s->out + 6), 1);
        assert_in_range(s->answer.len, asked, 3 * asked);
    }
    ask_text(s, "many.z.", TYPE_ANY, true);
    assert_int_equal(wire_get16(s->out + 6), 201);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(w30_a_million_packets_leave_nothing),
        cmocka_unit_test(w6_counts_of_65535_cost_nothing),
        cmocka_unit_test(w35_chains_are_bounded),
        cmocka_unit_test(w36_dname_onto_itself_and_too_long),
        cmocka_unit_test(w37_hashes_of_the_longest_name),
        cmocka_unit_test(w38_an_apex_with_no_room_for_a_hash),
        cmocka_unit_test(w39_any_over_udp_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

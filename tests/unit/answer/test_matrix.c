/* Every type, class, opcode and flag, and queries made at random by the million: what a row of
 * cases would be too long for. ZONEDECK_MILLIONS says how many millions (1 without it),
 * ZONEDECK_SEED from where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

#include "backend/base/buf.h"
#include "backend/base/clk.h"
#include "backend/base/rnd.h"
#include "server/answer/answer.h"
#include "server/answer/edns.h"
#include "server/dns/wire.h"
#include "tests/fuzz/grammar.h"
#include "tests/unit/zone_text.h"

static const char zone_text[] = "z. 3600 IN SOA ns.z. host.z. 7 3600 600 86400 300\n"
                                "z. 3600 IN NS ns.z.\n"
                                "ns.z. 1 IN A 192.0.2.1\n"
                                "a.ent.z. 1 IN A 192.0.2.2\n"
                                "s.z. 1 IN NS ns.s.z.\n"
                                "ns.s.z. 1 IN AAAA 2001:db8::1\n"
                                "*.w.z. 1 IN TXT \"any\"\n"
                                "d.z. 1 IN DNAME w.z.\n"
                                "a.z. 1 IN CNAME b.z.\n"
                                "b.z. 1 IN CNAME a.z.\n";

struct fixture {
    struct zone_table *zones;
    struct zone *zone;
    struct hash_key key;
    struct answer_scratch scratch;
    struct answer_setting setting;
    struct answer answer;
    uint8_t out[DNS_MESSAGE_MAX + 1];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct msg_zone m = {.name_len = 3, .name = "\1z", .flags = ZONE_HAS_IMAGE};
    f->key = hash_key_from(zone_text_key);
    f->zones = zone_table_new(1);
    f->zone = zone_new(&m, zone_text_image("z.", zone_text), &f->key);
    zone_table_put(f->zones, f->zone);
    f->setting = (struct answer_setting){.version = {3, "1.0"}, .nsid = {9, "this name"}};
    cookie_secrets_read(&f->setting.cookies, "00112233445566778899aabbccddeeff\n", 33);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_unpin(f->zone);
    zone_table_free(f->zones);
    free(f);
    return 0;
}

static const struct answer *ask(struct fixture *f, const uint8_t *query, size_t len, bool tcp)
{
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    struct answer_facts facts = {.source = (struct sockaddr *)&source,
                                 .tcp = tcp,
                                 .keepalive = 100,
                                 .now = 1000000000,
                                 .setting = &f->setting};
    answer_query(&f->answer, &f->scratch, f->zones, &f->key, query, len, &facts, f->out,
                 tcp ? DNS_MESSAGE_MAX : ANSWER_UDP_SIZE);
    return &f->answer;
}

static size_t make(uint8_t *q, const char *name, size_t name_len, unsigned type, unsigned class)
{
    memset(q, 0, DNS_HEADER);
    q[5] = 1;
    memcpy(q + DNS_HEADER, name, name_len);
    wire_put16(q + DNS_HEADER + name_len, type);
    wire_put16(q + DNS_HEADER + name_len + 2, class);
    return DNS_HEADER + name_len + 4;
}

/* An rcode of the few there can be, and no answer of a type that was not asked for. */
static void w13_every_type_at_every_kind_of_name(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        unsigned rcode;
    } names[] = {{"\1z", 3, RCODE_NOERROR},           {"\3ent\1z", 7, RCODE_NOERROR},
                 {"\1s\1z", 5, RCODE_NOERROR},        {"\1q\1w\1z", 7, RCODE_NOERROR},
                 {"\6absent\1z", 10, RCODE_NXDOMAIN}, {"", 1, RCODE_REFUSED}};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        for (unsigned type = 0; type < 65536; type++) {
            uint8_t q[64];
            size_t len = make(q, names[n].name, names[n].len, type, CLASS_IN);
            const struct answer *a = ask(*state, q, len, false);
            bool special = type_is_meta((uint16_t)type) && type != TYPE_ANY;
            assert_int_equal(a->kind, ANSWER_REPLY);
            if (!special && a->rcode != names[n].rcode)
                fail_msg("%zu type %u: %u", n, type, a->rcode);
            assert_in_range(a->len, len, 512);
        }
    }
}

static void w14_every_class(void **state)
{
    static const uint8_t opcodes[] = {OPCODE_QUERY, OPCODE_NOTIFY, 5};
    for (size_t i = 0; i < sizeof opcodes; i++) {
        for (unsigned class = 0; class < 65536; class ++) {
            uint8_t q[64];
            size_t len = make(q, "\1z", 3, TYPE_SOA, class);
            q[2] = (uint8_t)(opcodes[i] << 3);
            const struct answer *a = ask(*state, q, len, false);
            bool ours = class == CLASS_IN || class == CLASS_ANY;
            unsigned want = opcodes[i] == 5                      ? RCODE_NOTIMP
                            : opcodes[i] == OPCODE_QUERY && ours ? RCODE_NOERROR
                                                                 : RCODE_REFUSED;
            if (a->kind != ANSWER_REPLY || a->rcode != want)
                fail_msg("opcode %u class %u: %u", opcodes[i], class, a->rcode);
        }
    }
}

static uint64_t seed_of(void)
{
    const char *given = getenv("ZONEDECK_SEED");
    uint64_t seed;
    rnd_fill(&seed, sizeof seed);
    seed = given ? strtoull(given, NULL, 10) : seed & 0xffffffff;
    print_message("seed %llu (repeat with ZONEDECK_SEED)\n", (unsigned long long)seed);
    return seed;
}

static uint64_t count_of(void)
{
    const char *millions = getenv("ZONEDECK_MILLIONS");
    return (millions ? strtoull(millions, NULL, 10) : 1) * 1000000;
}

/* What holds for the answer to any bytes: it is no longer than it may be, and says what it answers.
 */
static void check_any(const struct fixture *f, const uint8_t *q, size_t len, bool tcp)
{
    const struct answer *a = &f->answer;
    bool silent = len < DNS_HEADER || q[2] & 0x80;
    assert_int_equal(a->kind == ANSWER_NONE, silent);
    if (silent || a->kind == ANSWER_TRANSFER)
        return;
    size_t limit = tcp ? DNS_MESSAGE_MAX : !a->edns ? DNS_UDP_PLAIN : a->query.udp_size;
    assert_in_range(a->len, DNS_HEADER, limit < ANSWER_UDP_SIZE || tcp ? limit : ANSWER_UDP_SIZE);
    assert_memory_equal(f->out, q, 2);
    assert_int_equal(f->out[2] & 0xf8, 0x80 | (q[2] & 0x78));
    assert_int_equal(f->out[3] & 0xe0, 0);
}

static void w40_random_bytes(void **state)
{
    enum { POOL = 1 << 20 };
    struct fixture *f = *state;
    struct grammar g = {.state = seed_of()};
    uint8_t *pool = malloc(POOL + DNS_MESSAGE_MAX);
    for (size_t i = 0; i < POOL + DNS_MESSAGE_MAX; i++)
        pool[i] = (uint8_t)grammar_random(&g);
    size_t before = mallinfo2().uordblks;
    for (uint64_t n = count_of(); n; n--) {
        const uint8_t *q = pool + grammar_pick(&g, POOL);
        size_t len = 1 + grammar_pick(&g, grammar_one_in(&g, 2) ? 64 : DNS_MESSAGE_MAX);
        ask(f, q, len, n & 1);
        check_any(f, q, len, n & 1);
    }
    assert_int_equal(mallinfo2().uordblks, before);
    free(pool);
}

static void w41_random_queries(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = seed_of(), good = 0;
    size_t before = mallinfo2().uordblks;
    for (uint64_t n = count_of(); n; n--) {
        uint8_t q[GRAMMAR_MAX];
        size_t len = grammar_query(seed + n, q);
        good += ask(f, q, len, n & 1)->rcode == RCODE_NOERROR;
        check_any(f, q, len, n & 1);
    }
    assert_int_equal(mallinfo2().uordblks, before);
    /* Or it would test nothing but FORMERR. */
    assert_in_range(good, count_of() / 20, count_of());
}

/* 64 KiB of additional records cost what their bytes cost. */
static void w33_a_query_of_five_thousand_records(void **state)
{
    enum { RECORDS = 5000 };
    static uint8_t q[DNS_HEADER + 7 + RECORDS * 13];
    size_t len = make(q, "\1z", 3, TYPE_SOA, CLASS_IN);
    wire_put16(q + 10, RECORDS);
    for (int i = 0; i < RECORDS; i++, len += 13)
        memcpy(q + len, "\0\0\1\0\1\0\0\0\0\0\2ab", 13);
    int64_t best = INT64_MAX;
    for (int n = 0; n < 20; n++) {
        int64_t began = clk_mono_ns();
        assert_int_equal(ask(*state, q, len, true)->rcode, RCODE_NOERROR);
        int64_t took = clk_mono_ns() - began;
        best = took < best ? took : best;
    }
    print_message("%lld ns\n", (long long)best);
    assert_true(best < 5 * CLK_MS); /* some 20 us; sanitizers and a busy machine have their share */
}

static const uint8_t opt_with_all[] = {0,   0,   41,  16,  0,   0,   0,   0, 0,  0, 24, 0,
                                       3,   0,   0,   0,   9,   0,   0,   0, 10, 0, 8,  '8',
                                       ' ', 'b', 'y', 't', 'e', 's', '.', 0, 11, 0, 0};

static unsigned find_option(const struct fixture *f, unsigned code, size_t *where)
{
    size_t at = f->answer.len;
    for (size_t i = DNS_HEADER; i + REPLY_EDNS <= f->answer.len; i++) {
        if (!f->out[i] && wire_get16(f->out + i + 1) == TYPE_OPT &&
            i + REPLY_EDNS + wire_get16(f->out + i + 9) == f->answer.len)
            at = i + REPLY_EDNS;
    }
    for (; at + 4 <= f->answer.len; at += 4u + wire_get16(f->out + at + 2)) {
        *where = at + 4;
        if (wire_get16(f->out + at) == code)
            return wire_get16(f->out + at + 2);
    }
    *where = 0;
    return 0;
}

static int64_t in_an_hour(const void *arg, uint32_t row)
{
    return row == 7 ? *(const int64_t *)arg : 0;
}

/* RFC 7314 and RFC 8914: what a zone's state does to the OPT. */
static void a_zone_that_expires(void **state)
{
    struct fixture *f = *state;
    uint8_t q[128];
    size_t where, len = make(q, "\1z", 3, TYPE_SOA, CLASS_IN);
    q[11] = 1;
    memcpy(q + len, opt_with_all, sizeof opt_with_all);
    len += sizeof opt_with_all;
    static const struct {
        uint32_t flags;
        int64_t at;
        unsigned rcode, error;
        int64_t left; /* -1 not told */
    } rows[] = {{0, 0, RCODE_NOERROR, 0, 86400},
                {ZONE_IS_SECONDARY, 1000003600, RCODE_NOERROR, 0, 3600},
                {ZONE_IS_SECONDARY, 999999999, RCODE_NOERROR, 0, 0},
                {ZONE_IS_SECONDARY, INT64_MAX, RCODE_NOERROR, 0, UINT32_MAX},
                {ZONE_IS_SECONDARY, 0, RCODE_NOERROR, 0, -1},
                {ZONE_IS_SECONDARY | ZONE_IS_EXPIRED, 5, RCODE_SERVFAIL, EDE_INVALID_DATA, -1}};
    f->setting.expire_at = in_an_hour;
    f->zone->row = 7;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        f->zone->flags = rows[i].flags;
        f->setting.expire_arg = &rows[i].at;
        const struct answer *a = ask(f, q, len, true);
        assert_int_equal(a->rcode, rows[i].rcode);
        assert_int_equal(find_option(f, EDNS_EXPIRE, &where), rows[i].left < 0 ? 0 : 4);
        if (where)
            assert_int_equal(wire_get32(f->out + where), rows[i].left);
        assert_int_equal(find_option(f, EDNS_ERROR, &where), rows[i].error ? 2 : 0);
        if (where)
            assert_int_equal(wire_get16(f->out + where), rows[i].error);
        assert_int_equal(find_option(f, EDNS_COOKIE, &where), COOKIE_LEN);
        assert_int_equal(find_option(f, EDNS_KEEPALIVE, &where), 2);
        assert_int_equal(find_option(f, EDNS_NSID, &where), 9);
    }
    f->zone->flags = 0;
}

/* The transport is told whose address is proven. */
static void a_good_cookie_is_seen(void **state)
{
    struct fixture *f = *state;
    uint8_t q[128], cookie[COOKIE_LEN];
    size_t where, question = make(q, "\1z", 3, TYPE_SOA, CLASS_IN);
    q[11] = 1;
    memcpy(q + question, opt_with_all, sizeof opt_with_all);
    assert_int_equal(ask(f, q, question + sizeof opt_with_all, false)->cookie, COOKIE_BAD);
    assert_int_equal(find_option(f, EDNS_COOKIE, &where), COOKIE_LEN);
    memcpy(cookie, f->out + where, sizeof cookie);
    static const uint8_t opt[] = {0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 28, 0, 10, 0, 24};
    memcpy(q + question, opt, sizeof opt);
    memcpy(q + question + sizeof opt, cookie, sizeof cookie);
    size_t len = question + sizeof opt + sizeof cookie;
    assert_int_equal(ask(f, q, len, false)->cookie, COOKIE_FRESH);
    assert_int_equal(ask(f, q, len - 1, false)->cookie, COOKIE_BAD);
    q[len - 1] ^= 1;
    assert_int_equal(ask(f, q, len, false)->cookie, COOKIE_BAD);
    assert_int_equal(ask(f, q, question, false)->rcode, RCODE_FORMERR);
    assert_int_equal(f->answer.cookie, COOKIE_BAD);
}

/* How long the answers are to w00511.z. TXT and so on, with OPT and cookie. */
static const unsigned lengths[] = {511, 512, 513, 1231, 1232, 1233, 65534, 65535, 65536};

enum { W34_BASE = DNS_HEADER + 14 + REPLY_EDNS + EDNS_OPTION_HEAD + COOKIE_LEN };

/* Text of TXT records that are `size` bytes in an answer, each at most 257 of them. */
static void put_records(struct buf *text, unsigned label, unsigned size)
{
    for (unsigned i = 0; size; i++) {
        unsigned one = size > 300 ? 257 : size > 257 ? size / 2 : size;
        buf_printf(text, "w%05u.z. 1 IN TXT \"%0*u\"\n", label, (int)(one - 13), i);
        size -= one;
    }
}

static void w34_answers_of_just_the_limit(void **state)
{
    struct fixture *f = *state;
    struct buf text = {0};
    struct zone *kept = f->zone;
    struct msg_zone m = {.name_len = 3, .name = "\1z", .flags = ZONE_HAS_IMAGE};
    buf_puts(&text, "z. 1 IN SOA z. z. 1 1 1 1 1\nz. 1 IN NS z.\nz. 1 IN A 192.0.2.1\n");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        put_records(&text, lengths[i], lengths[i] - W34_BASE);
    f->zone = zone_new(&m, zone_text_image("z.", text.data), &f->key);
    zone_table_put(f->zones, f->zone);
    f->scratch.near = NULL;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        static const unsigned limits[] = {512, 1232, DNS_MESSAGE_MAX};
        for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
            uint8_t q[128];
            char name[16];
            snprintf(name, sizeof name, "\6w%05u\1z", lengths[i]);
            size_t len = make(q, name, 10, TYPE_TXT, CLASS_IN);
            uint8_t opt[] = {0,  0, 41, 0,   0,   0,   0,   0,   0,   0,   12, 0,
                             10, 0, 8,  '8', ' ', 'b', 'y', 't', 'e', 's', '.'};
            q[11] = 1;
            wire_put16(opt + 3, limits[k]);
            memcpy(q + len, opt, sizeof opt);
            const struct answer *a = ask(f, q, len + sizeof opt, limits[k] == DNS_MESSAGE_MAX);
            assert_int_equal(a->rcode, RCODE_NOERROR);
            assert_int_equal(a->truncated, lengths[i] > limits[k]);
            assert_int_equal(f->out[2] >> 1 & 1, lengths[i] > limits[k]);
            assert_true(a->truncated ? a->len <= limits[k] : a->len == lengths[i]);
        }
    }
    /* The table looks at what it replaces. */
    f->zone = kept;
    f->scratch.near = NULL;
    zone_unpin(zone_table_put(f->zones, kept));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(w13_every_type_at_every_kind_of_name),
        cmocka_unit_test(w14_every_class),
        cmocka_unit_test(w40_random_bytes),
        cmocka_unit_test(w41_random_queries),
        cmocka_unit_test(w33_a_query_of_five_thousand_records),
        cmocka_unit_test(a_zone_that_expires),
        cmocka_unit_test(a_good_cookie_is_seen),
        cmocka_unit_test(w34_answers_of_just_the_limit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

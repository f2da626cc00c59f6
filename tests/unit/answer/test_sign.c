/* Signed queries and what they are answered (RFC 8945): verified as a client would, at every size
 * where the signature decides whether an answer fits, and refused as the RFC says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>

#include "backend/base/buf.h"
#include "server/answer/answer.h"
#include "server/answer/transfer.h"
#include "server/dns/wire.h"
#include "tests/unit/zone_text.h"

#define NOW 1700000000u

/* TXT records of these lengths of RDATA, at names of their number. */
enum { SIZES = 12 };
static const unsigned limits[] = {512, 1232, 65535};

struct fixture {
    struct zone_table *zones;
    struct zone *zone;
    struct hash_key key;
    struct answer_scratch scratch;
    struct answer_setting setting;
    struct tsig_key keys[2]; /* sorted: "k.", and a name of 255 bytes */
    struct tsig_key other;   /* "k." with another secret */
    struct answer answer;
    uint8_t query[2000], out[DNS_MESSAGE_MAX + 1];
    size_t len;
};

/* What an answer to Tnnnnn. z. TXT with OPT, cookie and signature takes beside the RDATA. */
static size_t overhead(const struct fixture *f)
{
    return DNS_HEADER + 10 + 4 + 2 + DNS_RR_FIXED + 11 + 4 + 24 + tsig_room(&f->keys[0]);
}

static void put_record(struct buf *text, size_t name, size_t rdata)
{
    buf_printf(text, "t%05zu.z. 1 IN TXT", name);
    while (rdata) {
        size_t len = rdata > 256 ? 255 : rdata - 1;
        buf_puts(text, " \"");
        for (size_t i = 0; i < len; i++)
            buf_puts(text, "x");
        buf_puts(text, "\"");
        rdata -= len + 1;
    }
    buf_puts(text, "\n");
}

/* In two records when one is too long for a text: that takes owner and header once more. */
static void put_txt(struct buf *text, size_t rdata)
{
    enum { PART = 30000 };
    if (rdata > PART)
        put_record(text, rdata, PART - 2 - DNS_RR_FIXED);
    put_record(text, rdata, rdata > PART ? rdata - PART : rdata);
}

static void make_keys(struct fixture *f)
{
    uint8_t name[NAME_MAX_LEN];
    memset(name, 'a', sizeof name);
    for (unsigned i = 0; i < sizeof name; i += 64)
        name[i] = i < 192 ? 63 : 61;
    name[254] = 0;
    tsig_key_init(&f->keys[0], (const uint8_t *)"\1k", 3, TSIG_SHA256, (const uint8_t *)"s", 1);
    tsig_key_init(&f->keys[1], name, sizeof name, TSIG_SHA512, (const uint8_t *)"s", 1);
    tsig_key_init(&f->other, (const uint8_t *)"\1k", 3, TSIG_SHA256, (const uint8_t *)"t", 1);
    f->setting.keys = (struct tsig_keys){f->keys, 2};
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct buf text = {0};
    struct msg_zone m = {.name_len = 3,
                         .name = "\1z",
                         .flags = ZONE_HAS_IMAGE | ZONE_IS_SECONDARY | ZONE_LIMITS_QUERIES};
    make_keys(f);
    buf_puts(&text, "z. 3600 IN SOA ns.z. host.z. 7 3600 600 86400 300\nz. 3600 IN NS ns.z.\n");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        for (size_t n = 0; n < SIZES; n++)
            put_txt(&text, limits[i] - overhead(f) - SIZES / 2 + n);
    }
    m.transfer_count = m.notify_count = m.query_count = 1;
    m.allow_transfer[0].family = MSG_ACL_KEY;
    memcpy(m.allow_transfer[0].address, f->keys[0].id, TSIG_ID);
    m.allow_notify[0] = m.allow_query[0] = m.allow_transfer[0];
    f->key = hash_key_from(zone_text_key);
    f->zones = zone_table_new(1);
    f->zone = zone_new(&m, zone_text_image("z.", text.data), &f->key);
    zone_table_put(f->zones, f->zone);
    cookie_secrets_read(&f->setting.cookies, "00112233445566778899aabbccddeeff\n", 33);
    buf_fini(&text);
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

/* A query; with `edns` its size and a cookie. */
static void make_query(struct fixture *f, const char *name, size_t name_len, uint16_t type,
                       unsigned edns)
{
    uint8_t *q = f->query;
    memset(q, 0, DNS_HEADER);
    wire_put16(q, 0xabcd);
    q[5] = 1;
    memcpy(q + DNS_HEADER, name, name_len);
    uint8_t *p = q + DNS_HEADER + name_len;
    wire_put16(p, type);
    wire_put16(p + 2, CLASS_IN);
    p += 4;
    if (edns) {
        memcpy(p,
               "\0\0\x29\0\0\0\0\0\0\0\14\0\12\0\10"
               "12345678",
               23);
        wire_put16(p + 3, edns);
        q[11] = 1;
        p += 23;
    }
    f->len = (size_t)(p - q);
}

static struct tsig_chain sign(struct fixture *f, const struct tsig_key *key, uint64_t now)
{
    struct tsig_chain chain;
    tsig_chain_init(&chain, key);
    f->len = tsig_sign(&chain, f->query, f->len, now);
    return chain;
}

static struct answer *ask(struct fixture *f, bool tcp)
{
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct answer_facts facts = {
        .source = (struct sockaddr *)&source, .tcp = tcp, .now = NOW, .setting = &f->setting};
    size_t cap = tcp ? DNS_MESSAGE_MAX : ANSWER_UDP_SIZE;
    f->out[cap] = 0x5a;
    answer_query(&f->answer, &f->scratch, f->zones, &f->key, f->query, f->len, &facts, f->out, cap);
    assert_int_equal(f->out[cap], 0x5a);
    return &f->answer;
}

static enum tsig_verdict check(const struct fixture *f, const struct tsig_chain *chain)
{
    struct tsig_stream stream = {.chain = *chain};
    return tsig_stream_take(&stream, f->out, f->answer.len, NOW);
}

/* W34: an answer with OPT, cookie and signature is whole exactly when it fits, and signed anyway.
 */
static void w34_sizes_with_a_signature(void **state)
{
    struct fixture *f = *state;
    unsigned whole = 0, cut = 0;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        for (size_t n = 0; n < SIZES; n++) {
            size_t rdata = limits[i] - overhead(f) - SIZES / 2 + n, all = overhead(f) + rdata;
            char name[16];
            snprintf(name, sizeof name, "\6t%05zu\1z", rdata);
            make_query(f, name, 10, TYPE_TXT, limits[i]);
            struct tsig_chain chain = sign(f, &f->keys[0], NOW);
            struct answer *a = ask(f, limits[i] == 65535);
            assert_int_equal(a->rcode, RCODE_NOERROR);
            assert_true(a->len <= limits[i]);
            assert_int_equal(a->truncated, all > limits[i]);
            if (a->truncated)
                cut++;
            else
                assert_int_equal(a->len, all);
            whole += a->len == limits[i] || a->len + 1 == limits[i];
            assert_int_equal(check(f, &chain), TSIG_GOOD);
        }
    }
    assert_int_equal(whole, 6);
    assert_true(cut > 6);
}

/* The longest names leave no room for the question in 512 bytes: the signature goes before it. */
static void longest_names(void **state)
{
    struct fixture *f = *state;
    uint8_t name[NAME_MAX_LEN];
    memcpy(name, f->keys[1].name, sizeof name);
    name[192] = 59;
    memcpy(name + 252, "\1z", 3);
    for (unsigned edns = 0; edns <= 512; edns += 512) {
        make_query(f, (char *)name, sizeof name, TYPE_TXT, edns);
        struct tsig_chain chain = sign(f, &f->keys[1], NOW);
        struct answer *a = ask(f, false);
        assert_true(a->truncated && a->len <= 512);
        assert_int_equal(wire_get16(f->out + 4), 0);
        assert_int_equal(check(f, &chain), TSIG_GOOD);
        make_query(f, (char *)name, sizeof name, TYPE_TXT, edns);
        chain = sign(f, &f->keys[1], NOW - 1000);
        a = ask(f, false);
        assert_int_equal(a->rcode, RCODE_NOTAUTH);
        assert_true(a->len <= 512);
        /* A key that is not known and fits nowhere is only told by the code. */
        f->setting.keys.count = 0;
        a = ask(f, false);
        f->setting.keys.count = 2;
        assert_int_equal(a->rcode, RCODE_NOTAUTH);
        assert_int_equal(wire_get16(f->out + 10), edns ? 1 : 0);
        make_query(f, (char *)name, sizeof name, TYPE_TXT, edns);
        chain = sign(f, &f->keys[1], NOW);
        a = ask(f, true);
        assert_false(a->truncated);
        assert_int_equal(a->rcode, RCODE_REFUSED);
        assert_int_equal(check(f, &chain), TSIG_GOOD);
    }
}

/* Sections 5.2 and 5.3.2. */
static void errors(void **state)
{
    struct fixture *f = *state;
    const struct {
        const struct tsig_key *key;
        uint64_t time;
        enum tsig_verdict verdict;
    } cases[] = {
        {&f->keys[0], NOW, TSIG_GOOD},          {&f->keys[0], NOW - 300, TSIG_GOOD},
        {&f->keys[0], NOW + 300, TSIG_GOOD},    {&f->keys[0], NOW - 301, TSIG_BADTIME},
        {&f->keys[0], NOW + 301, TSIG_BADTIME}, {&f->keys[0], (uint64_t)NOW << 16, TSIG_BADTIME},
        {&f->other, NOW, TSIG_BADSIG},          {&f->other, NOW - 301, TSIG_BADSIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tsig t;
        make_query(f, "\1z", 3, TYPE_SOA, 1232);
        struct tsig_chain chain = sign(f, cases[i].key, cases[i].time);
        struct answer *a = ask(f, false);
        assert_int_equal(a->signature, cases[i].verdict);
        assert_int_equal(tsig_find(&t, f->out, a->len), TSIG_GOOD);
        assert_int_equal(t.error, cases[i].verdict);
        if (cases[i].verdict == TSIG_GOOD) {
            assert_int_equal(a->rcode, RCODE_NOERROR);
            assert_ptr_equal(a->signer, &f->keys[0]);
            assert_int_equal(check(f, &chain), TSIG_GOOD);
            continue;
        }
        assert_int_equal(a->rcode, RCODE_NOTAUTH);
        assert_null(a->signer);
        assert_int_equal(wire_get16(f->out + 6), 0);
        assert_int_equal(t.mac_len, cases[i].verdict == TSIG_BADTIME ? 32 : 0);
        if (cases[i].verdict != TSIG_BADTIME)
            continue;
        assert_true(t.time == cases[i].time);
        assert_int_equal(wire_get32(t.other + 2), NOW);
        assert_int_equal(tsig_verify(&chain, &t, f->out, cases[i].time), TSIG_GOOD);
    }
    /* S3: a name that is not there; an algorithm that is not one. */
    make_query(f, "\1z", 3, TYPE_SOA, 0);
    sign(f, &f->keys[0], NOW);
    size_t record = DNS_HEADER + 3 + 4;
    f->query[record + 1] = 'l';
    assert_int_equal(ask(f, false)->signature, TSIG_BADKEY);
    f->query[record + 1] = 'k';
    f->query[record + 3 + 10 + 1] = 0xff;
    assert_int_equal(ask(f, false)->signature, TSIG_BADKEY);
    assert_int_equal(f->answer.rcode, RCODE_NOTAUTH);
    f->query[record + 3 + 2] = 1; /* a class that it cannot have */
    assert_int_equal(ask(f, false)->rcode, RCODE_FORMERR);
    assert_int_equal(wire_get16(f->out + 10), 0);
    /* No keys at all, as when the server asks itself. */
    f->setting.keys.count = 0;
    make_query(f, "\1z", 3, TYPE_SOA, 0);
    sign(f, &f->keys[0], NOW);
    assert_int_equal(ask(f, false)->signature, TSIG_BADKEY);
    f->setting.keys.count = 2;
}

/* What is answered without looking for an answer is signed as well. */
static void other_codes(void **state)
{
    struct fixture *f = *state;
    make_query(f, "\1z", 3, TYPE_SOA, 1232);
    f->query[2] = 5 << 3; /* UPDATE */
    struct tsig_chain chain = sign(f, &f->keys[0], NOW);
    assert_int_equal(ask(f, false)->rcode, RCODE_NOTIMP);
    assert_int_equal(check(f, &chain), TSIG_GOOD);
    make_query(f, "\1z", 3, TYPE_SOA, 1232);
    f->query[DNS_HEADER + 7 + 6] = 1; /* EDNS version */
    chain = sign(f, &f->keys[0], NOW);
    assert_int_equal(ask(f, false)->rcode, RCODE_BADVERS);
    assert_int_equal(check(f, &chain), TSIG_GOOD);
    make_query(f, "\1y", 3, TYPE_SOA, 0);
    chain = sign(f, &f->keys[0], NOW);
    assert_int_equal(ask(f, false)->rcode, RCODE_REFUSED);
    assert_int_equal(check(f, &chain), TSIG_GOOD);
    /* Made anew, empty: the signature follows the query's again. */
    make_query(f, "\1z", 3, TYPE_SOA, 0);
    chain = sign(f, &f->keys[0], NOW);
    ask(f, false);
    struct answer_facts facts = {.now = NOW, .setting = &f->setting};
    answer_empty(&f->answer, &f->scratch, &facts, f->out, ANSWER_UDP_SIZE);
    assert_true(f->answer.truncated);
    assert_int_equal(check(f, &chain), TSIG_GOOD);
}

/* RFC 8467: what is padded is the message as it is sent, with its signature. */
static void padding(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct answer_facts facts = {.source = (struct sockaddr *)&source,
                                 .tcp = true,
                                 .encrypted = true,
                                 .now = NOW,
                                 .setting = &f->setting};
    make_query(f, "\1z", 3, TYPE_SOA, 0);
    memcpy(f->query + f->len, "\0\0\x29\4\xd0\0\0\0\0\0\4\0\14\0\0", 15);
    f->query[11] = 1;
    f->len += 15;
    struct tsig_chain chain = sign(f, &f->keys[0], NOW);
    answer_query(&f->answer, &f->scratch, f->zones, &f->key, f->query, f->len, &facts, f->out,
                 DNS_MESSAGE_MAX);
    assert_int_equal(f->answer.rcode, RCODE_NOERROR);
    assert_int_equal(f->answer.len % 468, 0);
    assert_int_equal(check(f, &chain), TSIG_GOOD);
}

/* Lists that name a key: who signs with it may, whatever the address; nobody else. */
static void lists(void **state)
{
    struct fixture *f = *state;
    const struct tsig_key *const signers[] = {NULL, &f->keys[1], &f->keys[0]};
    for (int i = 0; i < 3; i++) {
        bool may = signers[i] == &f->keys[0];
        make_query(f, "\1z", 3, TYPE_SOA, 0);
        if (signers[i])
            sign(f, signers[i], NOW);
        assert_int_equal(ask(f, false)->rcode, may ? RCODE_NOERROR : RCODE_REFUSED);
        make_query(f, "\1z", 3, TYPE_SOA, 0);
        f->query[2] = OPCODE_NOTIFY << 3;
        if (signers[i])
            sign(f, signers[i], NOW);
        assert_int_equal(ask(f, false)->kind, may ? ANSWER_NOTIFIED : ANSWER_REPLY);
        assert_int_equal(f->answer.rcode, may ? RCODE_NOERROR : RCODE_REFUSED);
        make_query(f, "\1z", 3, TYPE_AXFR, 0);
        if (signers[i])
            sign(f, signers[i], NOW);
        assert_int_equal(ask(f, true)->kind, may ? ANSWER_TRANSFER : ANSWER_REPLY);
        assert_int_equal(f->answer.rcode, may ? RCODE_NOERROR : RCODE_REFUSED);
    }
}

/* Every message of a transfer is signed, none is longer than a message can be. */
static void a_transfer(void **state)
{
    struct fixture *f = *state;
    make_query(f, "\1z", 3, TYPE_AXFR, 1232);
    struct tsig_stream stream = {.chain = sign(f, &f->keys[0], NOW)};
    ask(f, true);
    struct transfer t;
    transfer_begin(&t, &f->answer, f->out);
    size_t len, messages = 0;
    while ((len = transfer_next(&t, &f->scratch.names, NOW, f->out, DNS_MESSAGE_MAX))) {
        assert_true(len <= DNS_MESSAGE_MAX);
        assert_int_equal(tsig_stream_take(&stream, f->out, len, NOW), TSIG_GOOD);
        assert_int_equal(stream.pending, 0);
        messages++;
    }
    assert_false(t.failed);
    assert_true(messages > SIZES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(w34_sizes_with_a_signature, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_codes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(padding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_transfer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

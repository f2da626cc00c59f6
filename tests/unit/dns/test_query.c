/* Queries cut into their parts: header, counts, OPT and its options. A row is a message in words:
 * the rule, opcode, the four counts, and what stands behind the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/dns/query.h"
#include "server/dns/wire.h"

#define LITERAL(s) (s), sizeof(s) - 1
#define Q          "\1z\0\0\6\0\1" /* z. SOA IN */
/* An OPT of version 0 and 1,232 bytes with `len` bytes of options; the length is two bytes. */
#define OPT(len)             "\0\0\x29\4\xd0\0\0\0\0" len
#define OPT1(len)            "\0\0\x29\4\xd0\0\1\0\0" len
#define RR(type, rdata, len) "\0\0" type "\0\1\0\0\0\0" len rdata
#define C8                   "12345678"

struct row {
    const char *rule;
    unsigned opcode;
    uint16_t counts[4];
    const char *body;
    size_t len;
    enum query_verdict verdict;
    bool edns;
};

static const struct row rows[] = {
    {"a question", 0, {1}, LITERAL(Q), QUERY_GOOD, false},
    {"W4 none", 0, {0}, LITERAL(""), QUERY_FORMERR, false},
    {"9619 two", 0, {2}, LITERAL(Q Q), QUERY_FORMERR, false},
    {"W5 cut", 0, {1}, "\1z\0\0\6\0", 6, QUERY_FORMERR, false},
    {"bytes behind", 0, {1}, LITERAL(Q "x"), QUERY_FORMERR, false},
    {"an answer", 0, {1, 1}, LITERAL(Q RR("\1", "", "\0\0")), QUERY_FORMERR, false},
    {"an authority", 0, {1, 0, 1}, LITERAL(Q RR("\1", "", "\0\0")), QUERY_FORMERR, false},
    {"any additional", 0, {1, 0, 0, 1}, LITERAL(Q RR("\1", "", "\0\0")), QUERY_GOOD, false},
    {"NOTIFY with nothing", 4, {1}, LITERAL(Q), QUERY_GOOD, false},
    {"NOTIFY without a question", 4, {0}, LITERAL(""), QUERY_FORMERR, false},
    {"NOTIFY with authority", 4, {1, 0, 1}, LITERAL(Q RR("\1", "", "\0\0")), QUERY_FORMERR, false},
    {"opcode 15", 15, {1}, LITERAL(Q), QUERY_NOTIMP, false},
    {"opcode 15, no question", 15, {0}, LITERAL(""), QUERY_NOTIMP, false},
    {"opcode 15, two questions", 15, {2}, LITERAL(Q Q), QUERY_NOTIMP, false},
    {"opcode 15, bytes", 15, {1}, LITERAL("\xff\xff"), QUERY_NOTIMP, false},
    {"6891 6.1.1 opcode 15", 15, {1, 0, 0, 1}, LITERAL(Q OPT("\0\0")), QUERY_NOTIMP, true},
    {"opcode 15, bad OPT", 15, {1, 0, 0, 1}, LITERAL(Q OPT("\0\1")), QUERY_NOTIMP, false},

    {"OPT", 0, {1, 0, 0, 1}, LITERAL(Q OPT("\0\0")), QUERY_GOOD, true},
    {"OPT between others",
     0,
     {1, 0, 0, 3},
     LITERAL(Q RR("\1", "", "\0\0") OPT("\0\0") RR("\1", "", "\0\0")),
     QUERY_GOOD,
     true},
    {"W16 two OPT", 0, {1, 0, 0, 2}, LITERAL(Q OPT("\0\0") OPT("\0\0")), QUERY_FORMERR, true},
    {"W17 owner", 0, {1, 0, 0, 1}, LITERAL(Q "\1x" OPT("\0\0")), QUERY_FORMERR, false},
    {"W17 owner a pointer to the root",
     0,
     {1, 0, 0, 1},
     LITERAL(Q "\xc0\x0e"
               "\0\x29\4\xd0\0\0\0\0\0\0"),
     QUERY_FORMERR,
     false},
    {"W17 in the authority", 4, {1, 1}, LITERAL(Q OPT("\0\0")), QUERY_FORMERR, false},
    {"W18 version 1", 0, {1, 0, 0, 1}, LITERAL(Q OPT1("\0\0")), QUERY_BADVERS, true},
    {"version 1, options of its own",
     0,
     {1, 0, 0, 1},
     LITERAL(Q OPT1("\0\3abc")),
     QUERY_BADVERS,
     true},
    {"W20 RDATA past the end", 0, {1, 0, 0, 1}, LITERAL(Q OPT("\0\1")), QUERY_FORMERR, false},
    {"W20 half an option", 0, {1, 0, 0, 1}, LITERAL(Q OPT("\0\3\0\3\0")), QUERY_FORMERR, true},
    {"W20 option past RDATA", 0, {1, 0, 0, 1}, LITERAL(Q OPT("\0\4\0\3\0\1")), QUERY_FORMERR, true},
    {"W22 unknown", 0, {1, 0, 0, 1}, LITERAL(Q OPT("\0\7\xfd\xe9\0\3abc")), QUERY_GOOD, true},
    {"W24 ECS of family 99",
     0,
     {1, 0, 0, 1},
     LITERAL(Q OPT("\0\10\0\10\0\4\0\x63\xff\0")),
     QUERY_GOOD,
     true},
    {"W27 NSID with data", 0, {1, 0, 0, 1}, LITERAL(Q OPT("\0\5\0\3\0\1x")), QUERY_GOOD, true},
    {"7873 5.4", 0, {0, 0, 0, 1}, LITERAL(OPT("\0\14\0\12\0\10" C8)), QUERY_COOKIE, true},
    {"7873 5.4 without a cookie", 0, {0, 0, 0, 1}, LITERAL(OPT("\0\0")), QUERY_FORMERR, true},
    {"7873 5.4 with an answer",
     0,
     {0, 1, 0, 1},
     LITERAL(RR("\1", "", "\0\0") OPT("\0\14\0\12\0\10" C8)),
     QUERY_FORMERR,
     false},
    {"W30 TSIG of 0 bytes",
     0,
     {1, 0, 0, 1},
     LITERAL(Q RR("\xfa", "", "\0\0")),
     QUERY_FORMERR,
     false},
    {"W30 TSIG in the answer", 4, {1, 1}, LITERAL(Q RR("\xfa", "x", "\0\1")), QUERY_FORMERR, false},
    {"W30 TSIG not last",
     0,
     {1, 0, 0, 2},
     LITERAL(Q RR("\xfa", "x", "\0\1") OPT("\0\0")),
     QUERY_FORMERR,
     false},
    {"W28 two TSIG",
     0,
     {1, 0, 0, 2},
     LITERAL(Q RR("\xfa", "x", "\0\1") RR("\xfa", "x", "\0\1")),
     QUERY_FORMERR,
     false},
    {"TSIG of class IN", 0, {1, 0, 0, 1}, LITERAL(Q RR("\xfa", "x", "\0\1")), QUERY_FORMERR, false},
    {"W32 SIG(0)", 0, {1, 0, 0, 1}, LITERAL(Q RR("\x18", "x", "\0\1")), QUERY_FORMERR, false},
};

static size_t make(uint8_t *out, const struct row *r)
{
    memset(out, 0, DNS_HEADER);
    out[2] = (uint8_t)(r->opcode << 3);
    for (int i = 0; i < 4; i++)
        wire_put16(out + 4 + 2 * i, r->counts[i]);
    memcpy(out + DNS_HEADER, r->body, r->len);
    return DNS_HEADER + r->len;
}

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[512];
        struct query q;
        size_t len = make(bytes, &rows[i]);
        int verdict = (int)query_parse(&q, bytes, len);
        if (verdict != (int)rows[i].verdict || q.edns != rows[i].edns)
            fail_msg("%s: %d, EDNS %d", rows[i].rule, verdict, q.edns);
    }
}

/* No cut of a good message is good, and none reads beyond its end (a sanitizer sees it). */
static void every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[512];
        size_t len = rows[i].verdict == QUERY_FORMERR ? 0 : make(bytes, &rows[i]);
        for (size_t n = 0; n < len; n++) {
            uint8_t *exact = test_malloc(n ? n : 1);
            memcpy(exact, bytes, n);
            struct query q;
            enum query_verdict v = query_parse(&q, exact, n);
            if (v != QUERY_FORMERR && v != (n < DNS_HEADER ? QUERY_DROP : QUERY_NOTIMP))
                fail_msg("%s cut at %zu: %d", rows[i].rule, n, (int)v);
            test_free(exact);
        }
    }
}

static bool read_options(struct edns_options *o, const char *text, size_t len)
{
    return edns_read(o, (const uint8_t *)text, len);
}

/* W25 */
static void cookies_of_every_length(void **state)
{
    (void)state;
    for (unsigned len = 0; len <= 64; len++) {
        uint8_t bytes[80] = {0, EDNS_COOKIE, 0, (uint8_t)len};
        struct edns_options o;
        bool good = len == 8 || (len >= 16 && len <= 40);
        assert_int_equal(edns_read(&o, bytes, 4 + len), good);
        if (good) {
            assert_int_equal(o.cookie_len, len);
            assert_ptr_equal(o.cookie, bytes + 4);
        }
    }
    struct edns_options o;
    assert_true(read_options(&o, LITERAL("\0\12\0\10first..."
                                         "\0\12\0\10second.."
                                         "\0\12\0\3bad")));
    assert_memory_equal(o.cookie, "first...", 8);
}

static void options_that_are_asked_for(void **state)
{
    (void)state;
    struct edns_options o;
    assert_true(read_options(&o, "", 0));
    assert_false(o.nsid || o.expire || o.keepalive || o.cookie_len);
    assert_true(read_options(&o, LITERAL("\0\3\0\0\0\11\0\0\0\13\0\0\0\14\0\2xx")));
    assert_true(o.nsid && o.expire && o.keepalive && o.padding);
    assert_true(read_options(&o, LITERAL("\0\3\0\1x\0\11\0\4abcd\0\13\0\2ab")));
    assert_true(o.nsid && o.expire && o.keepalive);
}

/* W21 */
static void a_thousand_options(void **state)
{
    (void)state;
    static uint8_t bytes[4000];
    struct edns_options o;
    for (unsigned i = 0; i < 1000; i++)
        wire_put16(bytes + 4 * i, 1000 + i);
    assert_true(edns_read(&o, bytes, sizeof bytes));
    assert_false(edns_read(&o, bytes, sizeof bytes - 1));
}

static void sizes_and_flags(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {0, 1, 511, 512, 513, 1232, 4096, 65535};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t bytes[64] = {[5] = 1, [11] = 1};
        memcpy(bytes + 12, Q OPT("\0\0"), 18);
        wire_put16(bytes + 12 + 7 + 3, sizes[i]);
        for (unsigned flags = 0; flags < 0x10000; flags += 0x0fff) {
            struct query q;
            wire_put16(bytes + 12 + 7 + 7, flags);
            assert_int_equal(query_parse(&q, bytes, 30), QUERY_GOOD);
            assert_int_equal(q.udp_size, sizes[i] < 512 ? 512 : sizes[i]);
            assert_int_equal(q.dnssec_ok, flags >> 15);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),           cmocka_unit_test(every_cut),
        cmocka_unit_test(sizes_and_flags),    cmocka_unit_test(cookies_of_every_length),
        cmocka_unit_test(a_thousand_options), cmocka_unit_test(options_that_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/keeper/axfr.h"

#define ZONE "\1a\4test"

struct message {
    uint8_t bytes[4096];
    size_t len;
};

struct got {
    unsigned records;
    uint32_t serial, ttl;
    uint8_t rdata[600];
    size_t rdata_len;
    int refuse_serial, refuse_record;
};

static void put(struct message *m, const void *data, size_t len)
{
    memcpy(m->bytes + m->len, data, len);
    m->len += len;
}

static void put16(struct message *m, unsigned v)
{
    wire_put16(m->bytes + m->len, v);
    m->len += 2;
}

static void start(struct message *m, unsigned id, unsigned flags, bool question)
{
    m->len = 0;
    put16(m, id);
    put16(m, flags);
    put16(m, question);
    put(m, "\0\0\0\0\0\0", 6);
    if (question) {
        put(m, ZONE, sizeof ZONE);
        put16(m, TYPE_AXFR);
        put16(m, CLASS_IN);
    }
}

static void record(struct message *m, const char *owner, size_t owner_len, unsigned type,
                   unsigned class, const void *rdata, size_t len)
{
    put(m, owner, owner_len);
    put16(m, type);
    put16(m, class);
    put(m, "\0\0\1\54", 4);
    put16(m, (unsigned)len);
    put(m, rdata, len);
    wire_put16(m->bytes + 6, wire_get16(m->bytes + 6) + 1u);
}

static void soa(struct message *m, unsigned serial)
{
    uint8_t rdata[64] = "\2ns\1a\4test\0\1h\xc0\x0c";
    size_t n = sizeof "\2ns\1a\4test" + 4;
    wire_put32(rdata + n, serial);
    memset(rdata + n + 4, 0, 16);
    rdata[n + 19] = 9;
    record(m, "\xc0\x0c", 2, TYPE_SOA, CLASS_IN, rdata, n + 20);
}

static void address(struct message *m)
{
    record(m, "\1x\xc0\x0c", 4, TYPE_A, CLASS_IN, "\300\0\2\1", 4);
}

static int take_serial(void *ctx, uint32_t serial)
{
    struct got *g = ctx;
    g->serial = serial;
    return g->refuse_serial;
}

static int take_record(void *ctx, const uint8_t *owner, size_t owner_len, uint16_t type,
                       uint32_t ttl, const uint8_t *rdata, size_t rdata_len, const char **reason)
{
    struct got *g = ctx;
    (void)owner;
    (void)owner_len;
    (void)type;
    if (g->refuse_record) {
        *reason = "refused by the test";
        return ERR_FORMAT;
    }
    g->records++;
    g->ttl = ttl;
    g->rdata_len = rdata_len;
    memcpy(g->rdata, rdata, rdata_len < sizeof g->rdata ? rdata_len : sizeof g->rdata);
    return ERR_OK;
}

static struct axfr *new_axfr(struct got *got)
{
    struct axfr *a = calloc(1, sizeof *a);
    assert_non_null(a);
    *got = (struct got){0};
    memcpy(a->zone, ZONE, sizeof ZONE);
    a->zone_len = sizeof ZONE;
    a->id = 77;
    a->serial = take_serial;
    a->record = take_record;
    a->ctx = got;
    return a;
}

static void takes_good_streams(void **state)
{
    (void)state;
    struct got got;
    struct message m;
    struct axfr *a = new_axfr(&got);
    start(&m, 77, FLAG_QR | FLAG_AA, true);
    soa(&m, 5);
    assert_int_equal(axfr_message(a, m.bytes, m.len), 0);
    assert_int_equal(got.serial, 5);
    /* Later messages need no question. Names of the types of RFC 1035 come compressed. */
    start(&m, 77, FLAG_QR | FLAG_AA, false);
    record(&m, ZONE, sizeof ZONE, TYPE_MX, CLASS_IN, "\0\12\2mx\xc0\x0c", 7);
    assert_int_equal(axfr_message(a, m.bytes, m.len), 0);
    assert_int_equal(got.rdata_len, 2 + 3 + sizeof ZONE);
    assert_memory_equal(got.rdata, "\0\12\2mx" ZONE, got.rdata_len);
    start(&m, 77, FLAG_QR | FLAG_AA, true);
    address(&m);
    soa(&m, 5);
    assert_int_equal(axfr_message(a, m.bytes, m.len), 1);
    assert_int_equal(got.records, 3);
    assert_int_equal(got.ttl, 300);
    assert_int_equal(a->messages, 3);
    free(a);
}

enum fault {
    BAD_ID,
    NO_RESPONSE,
    BAD_OPCODE,
    TRUNCATED,
    REFUSED,
    OTHER_QUESTION,
    OTHER_TYPE,
    NO_QUESTION,
    NO_SOA_FIRST,
    OTHER_LAST_SOA,
    AFTER_END,
    BAD_CLASS,
    OUTSIDE,
    META,
    SHORT_RDATA,
    LONG_RDATA,
    AUTHORITY,
    TRAILING,
    OVER_END,
    POINTER_FORWARD,
    POINTER_SELF,
    SHORT_MESSAGE,
    FAULTS
};

static void make_fault(struct message *m, enum fault fault)
{
    unsigned flags = FLAG_QR | FLAG_AA;
    flags = fault == NO_RESPONSE  ? FLAG_AA
            : fault == BAD_OPCODE ? flags | 4 << 11
            : fault == TRUNCATED  ? flags | FLAG_TC
            : fault == REFUSED    ? flags | RCODE_REFUSED
                                  : flags;
    start(m, fault == BAD_ID ? 78 : 77, flags, fault != NO_QUESTION);
    if (fault == OTHER_QUESTION)
        m->bytes[13] = 'b';
    if (fault == OTHER_TYPE)
        m->bytes[m->len - 3] = TYPE_IXFR;
    if (fault == NO_QUESTION) {
        record(m, ZONE, sizeof ZONE, TYPE_A, CLASS_IN, "abcd", 4);
        return;
    }
    if (fault == NO_SOA_FIRST)
        address(m);
    soa(m, 5);
    switch (fault) {
    case AFTER_END:
        soa(m, 5);
        address(m);
        return;
    case BAD_CLASS:
        record(m, "\xc0\x0c", 2, TYPE_A, CLASS_CH, "abcd", 4);
        break;
    case OUTSIDE:
        record(m, "\1b\4test", 8, TYPE_A, CLASS_IN, "abcd", 4);
        break;
    case META:
        record(m, "\xc0\x0c", 2, TYPE_ANY, CLASS_IN, "abcd", 4);
        break;
    case SHORT_RDATA:
        record(m, "\xc0\x0c", 2, TYPE_MX, CLASS_IN, "\0\1", 2);
        break;
    case LONG_RDATA:
        record(m, "\xc0\x0c", 2, TYPE_MX, CLASS_IN, "\0\1\0\0", 4);
        break;
    case POINTER_FORWARD:
        record(m, "\xc3\xff", 2, TYPE_A, CLASS_IN, "abcd", 4);
        break;
    case POINTER_SELF: {
        char pointer[2] = {(char)(0xc0 | m->len >> 8), (char)m->len};
        record(m, pointer, 2, TYPE_A, CLASS_IN, "abcd", 4);
        break;
    }
    case OVER_END:
        address(m);
        m->bytes[m->len - 5] = 200;
        return;
    default:
        break;
    }
    soa(m, fault == OTHER_LAST_SOA ? 6 : 5);
    if (fault == AUTHORITY)
        m->bytes[9] = 1;
    if (fault == TRAILING)
        put(m, "x", 1);
    if (fault == SHORT_MESSAGE)
        m->len = 11;
}

static void refuses_bad_streams(void **state)
{
    (void)state;
    for (int fault = 0; fault < FAULTS; fault++) {
        struct got got;
        struct message m;
        struct axfr *a = new_axfr(&got);
        make_fault(&m, fault);
        int r = axfr_message(a, m.bytes, m.len);
        if (r != (fault == REFUSED ? ERR_REFUSED : ERR_FORMAT) || !*a->reason)
            fail_msg("fault %d: returned %d, '%s'", fault, r, a->reason);
        free(a);
    }
}

/* X1: cut at every byte, a message is never complete and never overread. */
static void refuses_every_cut(void **state)
{
    (void)state;
    struct message m;
    start(&m, 77, FLAG_QR | FLAG_AA, true);
    soa(&m, 5);
    address(&m);
    soa(&m, 5);
    for (size_t len = 0; len < m.len; len++) {
        struct got got;
        struct axfr *a = new_axfr(&got);
        uint8_t *exact = malloc(len + !len);
        memcpy(exact, m.bytes, len);
        assert_int_equal(axfr_message(a, exact, len), ERR_FORMAT);
        free(exact);
        free(a);
    }
}

/* X6: messages without records do not go on for ever. */
static void refuses_endless_nothing(void **state)
{
    (void)state;
    struct got got;
    struct message m;
    struct axfr *a = new_axfr(&got);
    int r = 0, n = 0;
    start(&m, 77, FLAG_QR | FLAG_AA, true);
    for (; r == 0 && n < 100; n++)
        r = axfr_message(a, m.bytes, m.len);
    assert_int_equal(r, ERR_FORMAT);
    assert_true(n < 30);
    free(a);
}

static void callbacks_end_it(void **state)
{
    (void)state;
    struct got got;
    struct message m;
    struct axfr *a = new_axfr(&got);
    start(&m, 77, FLAG_QR | FLAG_AA, true);
    soa(&m, 5);
    got.refuse_serial = ERR_EXISTS;
    assert_int_equal(axfr_message(a, m.bytes, m.len), ERR_EXISTS);
    free(a);
    a = new_axfr(&got);
    got.refuse_record = 1;
    assert_int_equal(axfr_message(a, m.bytes, m.len), ERR_FORMAT);
    assert_string_equal(a->reason, "a SOA record: refused by the test");
    free(a);
}

static void compares_serials(void **state)
{
    (void)state;
    static const struct {
        uint32_t a, b;
        bool newer;
    } cases[] = {
        {2, 1, true},           {1, 2, false},         {1, 1, false},
        {0, 0xffffffff, true},  {0x80000000, 1, true}, {0x80000001, 1, false},
        {0, 0x80000000, false}, {5, 0xfffffff0, true}, {0x7fffffff, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(axfr_is_newer(cases[i].a, cases[i].b), cases[i].newer);
}

static void writes_the_query(void **state)
{
    (void)state;
    struct got got;
    uint8_t out[AXFR_QUERY_MAX];
    struct axfr *a = new_axfr(&got);
    assert_int_equal(axfr_query(a, out), 12 + sizeof ZONE + 4);
    assert_memory_equal(out, "\0\115\0\0\0\1\0\0\0\0\0\0" ZONE "\0\0\374\0\1",
                        12 + sizeof ZONE + 4);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_good_streams), cmocka_unit_test(refuses_bad_streams),
        cmocka_unit_test(refuses_every_cut),  cmocka_unit_test(refuses_endless_nothing),
        cmocka_unit_test(callbacks_end_it),   cmocka_unit_test(compares_serials),
        cmocka_unit_test(writes_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

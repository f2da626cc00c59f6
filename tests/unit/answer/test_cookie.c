/* Server cookies against the examples of RFC 9018 appendix A, and at the edges of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "backend/base/err.h"
#include "server/answer/cookie.h"
#include "server/dns/wire.h"

static const char secret_a[] = "e5e973e5a6b2a43f48e7dc849e37bfcf\n";
/* The new one first, as while rotating. */
static const char secret_b[] = "445536bcd2513298075a5d379663c962\n"
                               "dd3bdf9344b678b185a6f5cb60fca715\n";

struct example {
    const char *rfc, *secrets, *client, *shown;
    uint32_t now;
    enum cookie_verdict verdict;
    const char *given;
};

static const struct example examples[] = {
    {"9018 A.1", secret_a, "198.51.100.100", "2464c4abcf10c957", 0x5cf79f11, COOKIE_BAD,
     "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
    {"9018 A.2", secret_a, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
     0x5cf7a871, COOKIE_AGED, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
    {"9018 A.3, reserved bits set", secret_a, "203.0.113.203",
     "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 0x5cf7a9ac, COOKIE_BAD,
     "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
    {"9018 A.3 in time", secret_a, "203.0.113.203",
     "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 0x5cf78f71 + 2000, COOKIE_AGED, NULL},
    {"9018 A.4, new secret", secret_b, "2001:db8:220:1:59de:d0f4:8769:82b8",
     "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 0x5cf7c609, COOKIE_FRESH,
     "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
    {"4-byte form of a mapped address", secret_a, "::ffff:198.51.100.100",
     "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 0x5cf79f11, COOKIE_FRESH, NULL},
    {"of another address", secret_a, "198.51.100.101",
     "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 0x5cf79f11, COOKIE_BAD, NULL},
    {"of another secret", secret_b, "198.51.100.100",
     "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 0x5cf79f11, COOKIE_BAD, NULL},
    {"one bit off", secret_a, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29481",
     0x5cf79f11, COOKIE_BAD, NULL},
    {"version 2", secret_a, "198.51.100.100", "2464c4abcf10c957020000005cf79f111f8130c3eee29480",
     0x5cf79f11, COOKIE_BAD, NULL},
};

static size_t from_hex(const char *text, uint8_t *out)
{
    size_t n = 0;
    unsigned byte;
    for (; sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
        out[n] = (uint8_t)byte;
    return n;
}

static void set_address(struct sockaddr_storage *to, const char *text)
{
    struct sockaddr_in *v4 = (void *)to;
    struct sockaddr_in6 *v6 = (void *)to;
    memset(to, 0, sizeof *to);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        to->ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        to->ss_family = AF_INET6;
}

static struct cookie_secrets secrets_of(const char *text)
{
    struct cookie_secrets s;
    assert_int_equal(cookie_secrets_read(&s, text, strlen(text)), ERR_OK);
    return s;
}

static void the_examples_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *e = &examples[i];
        struct cookie_secrets s = secrets_of(e->secrets);
        struct sockaddr_storage source;
        uint8_t shown[64], want[64], made[COOKIE_LEN];
        set_address(&source, e->client);
        size_t len = from_hex(e->shown, shown);
        enum cookie_verdict verdict =
            cookie_check(&s, (struct sockaddr *)&source, shown, len, e->now);
        if (verdict != e->verdict)
            fail_msg("%s: %d", e->rfc, verdict);
        if (!e->given)
            continue;
        cookie_make(&s, (struct sockaddr *)&source, shown, e->now, made);
        assert_int_equal(from_hex(e->given, want), sizeof made);
        if (memcmp(made, want, sizeof made) != 0)
            fail_msg("%s: another cookie", e->rfc);
        assert_int_equal(cookie_check(&s, (struct sockaddr *)&source, made, sizeof made, e->now),
                         COOKIE_FRESH);
    }
}

/* W26: RFC 9018 section 4.3, with the clock anywhere, also where 32 bits of seconds wrap. */
static void the_edges_of_time(void **state)
{
    (void)state;
    static const struct {
        int64_t age;
        enum cookie_verdict verdict;
    } rows[] = {{0, COOKIE_FRESH},
                {1800, COOKIE_FRESH},
                {1801, COOKIE_AGED},
                {3600, COOKIE_AGED},
                {3601, COOKIE_BAD},
                {-1, COOKIE_FRESH},
                {-300, COOKIE_FRESH},
                {-301, COOKIE_BAD},
                {INT64_C(1) << 31, COOKIE_BAD},
                {86400, COOKIE_BAD},
                {-86400, COOKIE_BAD},
                {(INT64_C(1) << 31) - 1, COOKIE_BAD},
                {-4000, COOKIE_BAD},
                {-(INT64_C(1) << 30), COOKIE_BAD}};
    static const uint32_t clocks[] = {0, 1, 1000, 0x5cf79f11, 0x7fffffff, 0x80000000, 0xffffffff};
    struct cookie_secrets s = secrets_of(secret_a);
    struct sockaddr_storage source;
    set_address(&source, "192.0.2.1");
    for (size_t c = 0; c < sizeof clocks / sizeof *clocks; c++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            uint8_t made[COOKIE_LEN];
            uint32_t then = clocks[c] - (uint32_t)rows[i].age;
            cookie_make(&s, (struct sockaddr *)&source, (const uint8_t *)"clientxx", then, made);
            enum cookie_verdict verdict =
                cookie_check(&s, (struct sockaddr *)&source, made, sizeof made, clocks[c]);
            if (verdict != rows[i].verdict)
                fail_msg("%u s of age at %u: %d", (unsigned)rows[i].age, clocks[c], verdict);
        }
    }
}

static void only_one_length_is_ours(void **state)
{
    (void)state;
    struct cookie_secrets s = secrets_of(secret_a);
    struct sockaddr_storage source;
    uint8_t made[64] = {0};
    set_address(&source, "192.0.2.1");
    cookie_make(&s, (struct sockaddr *)&source, (const uint8_t *)"clientxx", 7, made);
    for (size_t len = 0; len <= EDNS_COOKIE_LONG; len++)
        assert_int_equal(cookie_check(&s, (struct sockaddr *)&source, made, len, 7),
                         len == COOKIE_LEN ? COOKIE_FRESH : COOKIE_BAD);
}

static void secrets_are_read_strictly(void **state)
{
    (void)state;
#define S "00112233445566778899aAbBcCdDeEfF"
    static const struct {
        const char *text;
        unsigned count; /* 0: refused */
    } rows[] = {{S, 1},
                {S "\n", 1},
                {"# ours\n\n  " S "\t# now\r\n" S "\r\n", 2},
                {S "\n" S "\n" S "\n" S "\n" S "\n" S "\n" S "\n" S "\n", 8},
                {S "\n" S "\n" S "\n" S "\n" S "\n" S "\n" S "\n" S "\n" S "\n", 0},
                {"", 0},
                {"\n", 0},
                {"# nothing\n", 0},
                {S "0\n", 0},
                {S "\n0011\n", 0},
                {S " " S "\n", 0},
                {"g0112233445566778899aabbccddeeff\n", 0},
                {"0x112233445566778899aabbccddeeff\n", 0}};
#undef S
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cookie_secrets s;
        int err = cookie_secrets_read(&s, rows[i].text, strlen(rows[i].text));
        if (err != (rows[i].count ? ERR_OK : ERR_FORMAT) || s.count != rows[i].count)
            fail_msg("row %zu: %d, %u secrets", i, err, s.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc),
        cmocka_unit_test(the_edges_of_time),
        cmocka_unit_test(only_one_length_is_ours),
        cmocka_unit_test(secrets_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

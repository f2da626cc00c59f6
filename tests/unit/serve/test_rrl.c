/* Response rate limiting: rates, what shares one, slips, and a full table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "backend/base/clk.h"
#include "server/serve/rrl.h"

static const struct hash_key key = {.k = {1, 2}};

static struct sockaddr_storage from(const char *text)
{
    struct sockaddr_storage a = {0};
    a.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (a.ss_family == AF_INET)
        inet_pton(AF_INET, text, &((struct sockaddr_in *)(void *)&a)->sin_addr);
    else
        inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)(void *)&a)->sin6_addr);
    return a;
}

static struct rrl_limits limits(void)
{
    return (struct rrl_limits){.rate = {10, 5, 2},
                               .slip = 2,
                               .bits4 = 24,
                               .bits6 = 56,
                               .exempt_count = 1,
                               .exempt = {{AF_INET, 32, {198, 51, 100, 7}}}};
}

/* How many of `count` at one moment are sent. */
static unsigned sent(struct rrl *rrl, const char *source, enum rrl_kind kind, uint64_t what,
                     int64_t now, unsigned count)
{
    struct sockaddr_storage a = from(source);
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        n += rrl_judge(rrl, &a, kind, what, now) == RRL_SEND;
    return n;
}

static void test_rates(void **state)
{
    (void)state;
    struct rrl_limits l = limits();
    struct rrl *rrl = rrl_new(&l, &key);
    int64_t t = 1000 * CLK_SECOND;
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_ANSWERS, 1, t, 100), 10);
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_ANSWERS, 1, t, 100), 0);
    assert_int_equal(sent(rrl, "192.0.2.200", RRL_ANSWERS, 1, t, 100), 0); /* one /24 */
    assert_int_equal(sent(rrl, "192.0.3.1", RRL_ANSWERS, 1, t, 100), 10);
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_ANSWERS, 2, t, 100), 10); /* another name */
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_NXDOMAIN, 1, t, 100), 5);
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_ERRORS, 0, t, 100), 2);
    assert_int_equal(sent(rrl, "2001:db8::1", RRL_ERRORS, 0, t, 100), 2);
    assert_int_equal(sent(rrl, "2001:db8:0:ff::1", RRL_ERRORS, 0, t, 100), 0); /* one /56 */
    assert_int_equal(sent(rrl, "2001:db8:0:100::1", RRL_ERRORS, 0, t, 100), 2);
    assert_int_equal(sent(rrl, "198.51.100.7", RRL_ERRORS, 0, t, 100), 100); /* exempt */
    assert_int_equal(sent(rrl, "198.51.100.8", RRL_ERRORS, 0, t, 100), 0);   /* its neighbour */
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_ANSWERS, 1, t + CLK_SECOND / 2, 100), 5);
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_ANSWERS, 1, t + 100 * CLK_SECOND, 100), 10);
    rrl_free(rrl);
}

/* Below its rate nobody notices; above it, on the long run, the rate is what is sent. */
static void test_long_run(void **state)
{
    (void)state;
    struct rrl_limits l = limits();
    struct rrl *rrl = rrl_new(&l, &key);
    int64_t t = 1000 * CLK_SECOND;
    unsigned slow = 0, fast = 0;
    for (unsigned i = 0; i < 1000; i++)
        slow += sent(rrl, "192.0.2.1", RRL_ANSWERS, 1, t + i * (CLK_SECOND / 10), 1);
    for (unsigned i = 0; i < 100000; i++)
        fast += sent(rrl, "192.0.2.1", RRL_ANSWERS, 2, t + i * (CLK_SECOND / 1000), 1);
    assert_int_equal(slow, 1000);
    assert_in_range(fast, 1000, 1010);
    rrl_free(rrl);
}

static void test_slip(void **state)
{
    (void)state;
    static const struct {
        unsigned slip, slips;
    } rows[] = {{0, 0}, {1, 60}, {2, 30}, {3, 20}, {10, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rrl_limits l = limits();
        struct sockaddr_storage a = from("192.0.2.1");
        unsigned count[3] = {0};
        l.slip = rows[i].slip;
        struct rrl *rrl = rrl_new(&l, &key);
        for (unsigned n = 0; n < 70; n++)
            count[rrl_judge(rrl, &a, RRL_ANSWERS, 1, CLK_SECOND)]++;
        assert_int_equal(count[RRL_SEND], 10);
        assert_int_equal(count[RRL_SLIP], rows[i].slips);
        assert_int_equal(count[RRL_DROP], 60 - rows[i].slips);
        rrl_free(rrl);
    }
}

/* Far more networks than entries: the table stays, and nobody below his rate is dropped. */
static void test_full_table(void **state)
{
    (void)state;
    struct rrl_limits l = limits();
    struct rrl *rrl = rrl_new(&l, &key);
    struct sockaddr_storage a = from("0.0.0.0");
    for (uint32_t i = 0; i < 1000000; i++) {
        ((struct sockaddr_in *)(void *)&a)->sin_addr.s_addr = htonl(i << 8);
        if (rrl_judge(rrl, &a, RRL_ERRORS, 0, CLK_SECOND) != RRL_SEND)
            fail_msg("network %u", i);
    }
    rrl_free(rrl);
}

static void test_off(void **state)
{
    (void)state;
    struct rrl_limits l = {.bits4 = 24, .bits6 = 56};
    assert_false(rrl_is_on(&l));
    l.rate[RRL_ERRORS] = 1;
    assert_true(rrl_is_on(&l));
    struct rrl *rrl = rrl_new(&l, &key);
    assert_int_equal(sent(rrl, "192.0.2.1", RRL_ANSWERS, 1, 0, 1000), 1000);
    rrl_free(rrl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates), cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_slip),  cmocka_unit_test(test_full_table),
        cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

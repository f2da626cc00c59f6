/* Who counts as one client, and whom a datagram is never answered to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "server/serve/limit.h"

static struct sockaddr_storage address(const char *text, unsigned port)
{
    struct sockaddr_storage a = {0};
    struct sockaddr_in *four = (void *)&a;
    struct sockaddr_in6 *six = (void *)&a;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        a.ss_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        a.ss_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
    }
    return a;
}

static void test_same_client(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned bits4, bits6;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", 32, 56, true},
        {"192.0.2.1", "192.0.2.2", 32, 56, false},
        {"192.0.2.1", "192.0.2.255", 24, 56, true},
        {"192.0.2.1", "192.0.3.1", 24, 56, false},
        {"192.0.2.1", "203.0.113.9", 0, 56, true},
        {"192.0.2.1", "::ffff:192.0.2.1", 32, 56, true},
        {"0.0.0.0", "::", 0, 0, false}, /* all of IPv4 is not all of IPv6 */
        {"2001:db8:0:1200::1", "2001:db8:0:12ff::2", 32, 56, true},
        {"2001:db8:0:1200::1", "2001:db8:0:1300::1", 32, 56, false},
        {"2001:db8:0:1200::1", "2001:db8:0:1202::1", 32, 63, false},
        {"2001:db8::1", "fe80::1", 32, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_storage a = address(rows[i].a, 1), b = address(rows[i].b, 2);
        bool same = limit_prefix(&a, rows[i].bits4, rows[i].bits6) ==
                    limit_prefix(&b, rows[i].bits4, rows[i].bits6);
        if (same != rows[i].same)
            fail_msg("%s and %s by /%u and /%u", rows[i].a, rows[i].b, rows[i].bits4,
                     rows[i].bits6);
    }
}

static void test_may_answer(void **state)
{
    (void)state;
    static const struct {
        const char *case_name, *source;
        unsigned port;
        bool may;
    } rows[] = {
        {"a client", "192.0.2.1", 40000, true},
        {"a client", "2001:db8::1", 40000, true},
        {"W3 a resolver of old", "192.0.2.1", 53, true},
        {"W3 port 0", "192.0.2.1", 0, false},
        {"W3 port 0", "2001:db8::1", 0, false},
        {"W3 echo", "192.0.2.1", 7, false},
        {"W3 daytime", "192.0.2.1", 13, false},
        {"W3 quote", "192.0.2.1", 17, false},
        {"W3 chargen", "2001:db8::1", 19, false},
        {"W3 time", "192.0.2.1", 37, false},
        {"W42 IPv4 multicast", "224.0.0.251", 5353, false},
        {"W42 IPv4 broadcast", "255.255.255.255", 5353, false},
        {"W42 IPv4 nobody", "0.0.0.0", 5353, false},
        {"W42 IPv6 multicast", "ff02::fb", 5353, false},
        {"W42 IPv6 nobody", "::", 5353, false},
        {"W42 IPv4-mapped", "::ffff:192.0.2.1", 5353, false},
        {"no address", "", 5353, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_storage a = address(rows[i].source, rows[i].port);
        if (limit_may_answer(&a) != rows[i].may)
            fail_msg("%s: %s@%u", rows[i].case_name, rows[i].source, rows[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_client),
        cmocka_unit_test(test_may_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

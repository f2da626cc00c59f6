/* The pure parts: checks of a request, parsers of /proc, tokens, routes, the list of problems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/endpoint/auth.h"
#include "server/endpoint/guard.h"
#include "server/endpoint/proc.h"
#include "server/endpoint/route.h"
#include "server/endpoint/survey.h"

static void hosts(void **state)
{
    static const struct guard_place tcp = {.address = "127.0.0.1", .host = "ns1.example.org"};
    static const struct guard_place tcp6 = {.address = "::1", .host = ""};
    static const struct guard_place local = {.is_unix = true, .host = "ns1"};
    static const struct {
        const struct guard_place *place;
        const char *host;
        bool good;
    } cases[] = {
        {&tcp, "127.0.0.1", true},
        {&tcp, "127.0.0.1:8053", true},
        {&tcp, "localhost", true},
        {&tcp, "LOCALHOST:1", true},
        {&tcp, "localhost.", true},
        {&tcp, "ns1.example.org", true},
        {&tcp, "NS1.example.org.:8053", true},
        {&tcp, "ns1", true},
        {&tcp, "ns", false},
        {&tcp, "example.org", false},
        {&tcp, "ns1.example.org.evil", false},
        {&tcp, "", false},
        {&tcp, ":80", false},
        {&tcp, "localhost:", true},
        {&tcp, "localhost:999999", false},
        {&tcp, "localhost:80:80", false},
        {&tcp, "localhost:8o", false},
        {&tcp, "user@localhost", false},
        {&tcp, "localhost evil", false},
        {&tcp, "[::1]", false},
        {&tcp, "zonedeck", false},
        {&tcp6, "[::1]", true},
        {&tcp6, "[::1]:8053", true},
        {&tcp6, "[::1", false},
        {&tcp6, "[::1]x", false},
        {&tcp6, "", false},
        {&local, "zonedeck", true},
        {&local, "localhost", true},
        {&local, "ns1", true},
        {&local, "127.0.0.1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (guard_host(cases[i].place, cases[i].host) != cases[i].good)
            fail_msg("host \"%s\" (case %zu)", cases[i].host, i);
    }
}

static void paths(void **state)
{
    static const struct {
        const char *path;
        bool good;
    } cases[] = {
        {"/", true},
        {"/v1/status", true},
        {"/v1/zones/.", true},
        {"/v1/zones/./reload", true},
        {"", false},
        {"v1", false},
        {"//", false},
        {"/v1/", false},
        {"/v1//x", false},
        {"/./v1", false},
        {"/v1/./x", false},
        {"/v1/../x", false},
        {"/v1/zones/..", false},
        {"/v1/zones/../x", false},
        {"/v1/zones/a/./b", false},
        {"/v1/\x01", false},
        {"/v1/\x7f", false},
        {"/v1/\xc3\xa4", false},
        {"/v1/zones/...", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (guard_path(cases[i].path) != cases[i].good)
            fail_msg("path \"%s\"", cases[i].path);
    }
}

static void escapes(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        {"abc", "abc"}, {"a%2Fb%2e", "a/b."}, {"%41%6a", "Aj"}, {"a+b", "a+b"},
        {"%00", NULL},  {"a%00b", NULL},      {"%", NULL},      {"%4", NULL},
        {"%4g", NULL},  {"%%41", NULL},       {"", ""},         {"%ff", "\xff"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        size_t len;
        snprintf(text, sizeof text, "%s", cases[i].in);
        bool good = guard_unescape(text, &len);
        assert_int_equal(good, cases[i].out != NULL);
        assert_string_equal(text, cases[i].out ? cases[i].out : "");
        assert_int_equal(len, strlen(text));
    }
}

static void bodies(void **state)
{
    static const struct {
        const char *body;
        bool good;
    } cases[] = {
        {"", true},      {"{}", true},    {" { } \r\n", true},  {"\n", true},
        {"{", false},    {"}", false},    {"{{", false},        {"{}{", false},
        {"{}{}", false}, {"null", false}, {"{\"a\":1}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* In one piece and byte by byte. */
        unsigned whole = 0, parts = 0;
        size_t len = strlen(cases[i].body);
        bool good = guard_body(&whole, cases[i].body, len) && guard_body_ends(whole);
        bool each = true;
        for (size_t k = 0; k < len; k++)
            each = each && guard_body(&parts, cases[i].body + k, 1);
        assert_int_equal(good, cases[i].good);
        assert_int_equal(each && guard_body_ends(parts), cases[i].good);
    }
    unsigned nul = 0;
    assert_false(guard_body(&nul, "\0", 1));
}

static void stat_lines(void **state)
{
    static const char good[] =
        "12 (serve) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 99 1 2";
    static const char odd[] =
        "12 (a) b) (c) R 1 12 12 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 3 0 99 1 2";
    static const char *const bad[] = {
        "",
        "12",
        "12 (x",
        "12 (x)",
        "12 (x) ",
        "12 (x) S",
        "12 (x) S 1 2 3",
        "12 (x) S a b c d",
        "12 (x) S 1 12 12 0 -1 4194560 100 0 0 0 99999999999999999999999 50 0 0 20 0 7 0 99",
    };
    struct proc_basic p = {7, 7, 7};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(proc_parse_stat(bad[i], 100, &p));
        assert_int_equal(p.cpu_us, 7);
    }
    assert_true(proc_parse_stat(good, 100, &p));
    assert_int_equal(p.cpu_us, 3000000);
    assert_int_equal(p.threads, 7);
    assert_true(proc_parse_stat(odd, 100, &p));
    assert_int_equal(p.cpu_us, 30000);
    assert_int_equal(p.threads, 3);
    assert_true(proc_parse_statm("100 25 3 4 5\n", 4096, &p));
    assert_int_equal(p.rss, 102400);
    assert_false(proc_parse_statm("100", 4096, &p));
}

static void kilobytes(void **state)
{
    static const char text[] =
        "Name:\tserve\nRss:     100 kB\nPss:      60 kB\nPss_Anon:  1 kB\nBad: x kB\n"
        "Huge: 99999999999999999999 kB\nUnit: 5 MB\nLast: 3 kB";
    (void)state;
    assert_int_equal(proc_parse_kb(text, "Pss"), 60 * 1024);
    assert_int_equal(proc_parse_kb(text, "Rss"), 100 * 1024);
    assert_int_equal(proc_parse_kb(text, "Last"), 3 * 1024);
    static const char *const bad[] = {"Name", "Bad", "Huge", "Unit", "None", "ss"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(proc_parse_kb(text, bad[i]) == PROC_UNKNOWN);
    assert_true(proc_parse_kb("", "Pss") == PROC_UNKNOWN);
}

static void equality(void **state)
{
    (void)state;
    assert_true(auth_equal("abc", 3, "abc", 3));
    assert_false(auth_equal("abc", 3, "abd", 3));
    assert_false(auth_equal("abc", 3, "abcd", 4));
    assert_false(auth_equal("", 0, "a", 1));
    assert_true(auth_equal("", 0, "", 0));
}

static void routes(void **state)
{
    static const struct {
        const char *method, *path;
        unsigned status;
        int action;
        const char *zone;
    } cases[] = {
        {"GET", "/v1/status", 200, ACTION_COUNT, ""},
        {"HEAD", "/v1/status", 200, ACTION_COUNT, ""},
        {"POST", "/v1/status", 405, ACTION_COUNT, ""},
        {"GET", "/v1/zones", 200, ACTION_COUNT, ""},
        {"GET", "/v1/zones/A.Example", 200, ACTION_COUNT, "a.example."},
        {"GET", "/v1/zones/a.example.", 200, ACTION_COUNT, "a.example."},
        {"GET", "/v1/zones/a\\.", 200, ACTION_COUNT, "a\\.."},
        {"GET", "/v1/zones/", 404, ACTION_COUNT, ""},
        {"POST", "/v1/zones/a/reload", 200, ACTION_ZONE_RELOAD, "a."},
        {"POST", "/v1/zones/./notify", 200, ACTION_ZONE_NOTIFY, "."},
        {"POST", "/v1/zones/@/refresh", 200, ACTION_ZONE_REFRESH, "."},
        {"POST", "/v1/zones/0/25.x/retransfer", 200, ACTION_ZONE_RETRANSFER, "0/25.x."},
        {"GET", "/v1/zones/a/reload", 405, ACTION_ZONE_RELOAD, "a."},
        {"POST", "/v1/zones/reload", 405, ACTION_COUNT, "reload."},
        {"POST", "/v1/zones/a/stop", 405, ACTION_COUNT, "a/stop."},
        {"POST", "/v1/service/stop", 200, ACTION_SERVICE_STOP, ""},
        {"POST", "/v1/service/notify", 404, ACTION_COUNT, ""},
        {"POST", "/v1/service/", 404, ACTION_COUNT, ""},
        {"GET", "/v1/service/restart", 405, ACTION_SERVICE_RESTART, ""},
        {"GET", "/", 404, ACTION_COUNT, ""},
        {"GET", "", 404, ACTION_COUNT, ""},
        {"GET", "/v1/history", 404, ACTION_COUNT, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r;
        route_find(&r, cases[i].method, cases[i].path);
        if (r.status != cases[i].status || (int)r.action != cases[i].action ||
            strcmp(r.zone, cases[i].zone))
            fail_msg("%s %s: %u, action %d, zone %s", cases[i].method, cases[i].path, r.status,
                     r.action, r.zone);
    }
    char path[4000] = "/v1/zones/";
    memset(path + 10, 'a', 3000);
    struct route r;
    route_find(&r, "GET", path);
    assert_int_equal(r.status, 404);
}

static void worst_first(void **state)
{
    static struct problems all;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct problem p = {.rank = (i * 37) % 5, .since = i};
        problems_add(&all, &p);
    }
    assert_int_equal(all.count, SURVEY_PROBLEMS);
    assert_int_equal(all.total, 100);
    for (unsigned i = 0; i < SURVEY_PROBLEMS; i++)
        assert_int_equal(all.list[i].rank, 0);
    struct problem first = {.rank = 0}, last = {.rank = 9};
    problems_add(&all, &last);
    assert_int_equal(all.list[SURVEY_PROBLEMS - 1].rank, 0);
    problems_add(&all, &first);
    assert_int_equal(all.total, 102);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),    cmocka_unit_test(paths),      cmocka_unit_test(escapes),
        cmocka_unit_test(bodies),   cmocka_unit_test(stat_lines), cmocka_unit_test(kilobytes),
        cmocka_unit_test(equality), cmocka_unit_test(routes),     cmocka_unit_test(worst_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

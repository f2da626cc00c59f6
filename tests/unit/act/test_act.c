/* Actions: what fits what, what was asked, what an answer or its absence means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/act/act.h"
#include "backend/base/err.h"

static void allowed(void **state)
{
    static const struct {
        enum action action;
        const char *zone, *role;
        bool allowed;
    } cases[] = {
        {ACTION_ZONE_RELOAD, "a.", "primary", true},
        {ACTION_ZONE_RELOAD, "", "", false},
        {ACTION_ZONE_RELOAD, "a.", "secondary", false},
        {ACTION_ZONE_RETRANSFER, "a.", "primary", false},
        {ACTION_ZONE_RETRANSFER, "a.", "secondary", true},
        {ACTION_ZONE_RETRANSFER, "a.", "", true},
        {ACTION_ZONE_REFRESH, "a.", "primary", false},
        {ACTION_ZONE_NOTIFY, "a.", "secondary", true},
        {ACTION_SERVICE_RESTART, "", "", true},
        {ACTION_SERVICE_RELOAD, "a.", "primary", true},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct act_target t = {.host = "ns1.example."};
        char why[200];
        strcpy(t.zone, cases[i].zone);
        strcpy(t.role, cases[i].role);
        assert_int_equal(act_allowed(&t, cases[i].action, why, sizeof(why)), cases[i].allowed);
        assert_int_equal(why[0] == '\0', cases[i].allowed);
    }
    struct act_target lonely = {.host = "ns1.", .zone = "a.", .notify_targets = value_of(0)};
    char reason[200];
    assert_false(act_allowed(&lonely, ACTION_ZONE_NOTIFY, reason, sizeof(reason)));
    assert_string_equal(reason, "the zone has no secondaries to notify");
    lonely.notify_targets = value_of(1);
    assert_true(act_allowed(&lonely, ACTION_ZONE_NOTIFY, reason, sizeof(reason)));
    struct act_target nameless = {.host = ""};
    char why[200];
    assert_false(act_allowed(&nameless, ACTION_SERVICE_STOP, why, sizeof(why)));
}

static void captured(void **state)
{
    struct model m;
    struct http_address a;
    struct act_target t;
    struct model_zone rows[2];
    char why[200];
    (void)state;
    assert_int_equal(http_address_parse(&a, "unix:/z"), 0);
    model_init(&m);
    model_blank(model_zone_fields, &rows[0]);
    model_blank(model_zone_fields, &rows[1]);
    rows[1].name = "b.";
    rows[1].role = "secondary";
    m.zones.rows = rows;
    m.zones.count = 2;
    m.status.server.name = "ns1.example.";
    strcpy(m.status.stamp.boot, "one");
    act_target_take(&t, &a, &m, "b.");
    assert_string_equal(t.role, "secondary");
    assert_true(act_check(&t, &m, why, sizeof(why)));
    strcpy(m.status.stamp.boot, "two");
    assert_false(act_check(&t, &m, why, sizeof(why)));
    strcpy(m.status.stamp.boot, "one");
    m.status.server.name = "ns2.example.";
    assert_false(act_check(&t, &m, why, sizeof(why)));
    act_short_host(&t, why, sizeof(why));
    assert_string_equal(why, "ns1");
}

static void paths(void **state)
{
    static const struct {
        enum action action;
        const char *zone, *path;
    } cases[] = {{ACTION_ZONE_RELOAD, "a.example.", "/v1/zones/a.example./reload"},
                 {ACTION_ZONE_NOTIFY, "../service/stop", "/v1/zones/..%2Fservice%2Fstop/notify"},
                 {ACTION_ZONE_RELOAD, ".", "/v1/zones/@/reload"},
                 {ACTION_SERVICE_RESTART, "", "/v1/service/restart"},
                 {ACTION_SERVICE_STOP, "a.", "/v1/service/stop"}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        act_path(cases[i].action, cases[i].zone, &b);
        assert_string_equal(b.data, cases[i].path);
        buf_fini(&b);
    }
}

static void results(void **state)
{
    static const struct {
        int rc;
        bool sent;
        long status;
        const char *body;
        enum act_outcome outcome;
    } cases[] = {
        {0, true, 200, "{\"result\":\"done\",\"text\":\"x\"}", ACT_DONE},
        {0, true, 409, "{\"result\":\"failed\",\"text\":\"no\",\"remedy\":\"r\"}", ACT_FAILED},
        {0, true, 500, "{\"result\":\"failed\"}", ACT_FAILED},
        {0, true, 404, "{\"error\":\"missing\"}", ACT_FAILED},
        {0, true, 403, "", ACT_FAILED},
        {0, true, 504, "{\"result\":\"unknown\"}", ACT_UNKNOWN},
        {0, true, 502, "<html>", ACT_UNKNOWN},
        {0, true, 200, "<html>", ACT_UNKNOWN},
        {0, true, 200, "{}", ACT_UNKNOWN},
        {0, true, 503, "{\"result\":\"done\"}", ACT_UNKNOWN},
        {ERR_REFUSED, false, 0, "", ACT_FAILED},
        {ERR_CLOSED, true, 0, "", ACT_UNKNOWN},
        {ERR_TIMEOUT, true, 0, "", ACT_UNKNOWN},
        {ERR_LIMIT, true, 0, "", ACT_UNKNOWN},
        {ERR_REFUSED, true, 0, "", ACT_UNKNOWN},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_reply r = {.status = cases[i].status, .sent = cases[i].sent, .error = "gone"};
        struct act_result result;
        buf_puts(&r.body, cases[i].body);
        act_result_read(&result, &r, cases[i].rc);
        assert_int_equal(result.outcome, cases[i].outcome);
        if (result.outcome != ACT_DONE)
            assert_true(result.text[0]);
        http_reply_fini(&r);
    }
}

static void as_json(void **state)
{
    static const struct {
        struct act_result result;
        const char *json;
    } cases[] = {
        {{ACT_DONE, "well", ""},
         "{\"action\":\"reload\",\"zone\":\"a.\",\"result\":\"done\",\"text\":\"well\",\"remedy\":"
         "\"\"}"},
        {{ACT_UNKNOWN, "cut \xc3", "\"look\"\n"},
         "{\"action\":\"reload\",\"zone\":\"a.\",\"result\":\"unknown\",\"text\":\"cut ?\","
         "\"remedy\":\"\\\"look\\\"\\n\"}"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        act_result_json(ACTION_ZONE_RELOAD, "a.", &cases[i].result, &b);
        assert_string_equal(b.data, cases[i].json);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(allowed), cmocka_unit_test(captured),
                                       cmocka_unit_test(paths), cmocka_unit_test(results),
                                       cmocka_unit_test(as_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

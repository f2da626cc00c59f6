/* Replies into models: whole ones, poor ones, hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/err.h"
#include "backend/source/reply.h"

static const char whole[] =
    "{\"schema\":1,\"boot\":\"0123456789abcdef0123456789abcdef\",\"started\":5,\"time\":9,\"time_"
    "ms\":9001,"
    "\"server\":{\"name\":\"ns1\",\"state\":\"serving\",\"pid\":4711,\"memory_limit\":null,\"new\":"
    "[1]},"
    "\"processes\":[{\"role\":\"serve\",\"state\":\"active\",\"pid\":12,\"pss\":null,"
    "\"last_exit\":{\"at\":7,\"status\":0,\"signal\":9}},{\"role\":\"future\"}],"
    "\"zones\":{\"total\":3,\"settled\":true,\"by_state\":{\"ok\":2,\"stale\":1,\"melted\":4}},"
    "\"memory\":{\"rss\":100},\"counters\":{\"udp4_queries\":77,\"nxdomain\":\"x\",\"unheard\":1},"
    "\"transfers\":{\"in_failing\":1},"
    "\"problems\":[{\"severity\":\"error\",\"event\":1502,\"subject\":\"a.\",\"text\":\"t\"}],"
    "\"problems_total\":9}";

static void status(void **state)
{
    struct model_status s;
    (void)state;
    model_status_init(&s);
    assert_int_equal(reply_status(&s, whole, strlen(whole), 42), 0);
    assert_true(s.stamp.present);
    assert_int_equal(s.stamp.time_ms, 9001);
    assert_int_equal(s.stamp.taken, 42);
    assert_string_equal(s.server.name, "ns1");
    assert_string_equal(s.server.version, "");
    assert_int_equal(s.server.pid.n, 4711);
    assert_int_equal(s.server.memory_limit.state, VALUE_NONE);
    assert_int_equal(s.process_count, 2);
    assert_int_equal(s.processes[0].last_exit.signal.n, 9);
    assert_int_equal(s.processes[0].pss.state, VALUE_NONE);
    assert_int_equal(s.processes[1].last_exit.at.state, VALUE_NONE);
    assert_int_equal(s.zones_by_state[ZONE_OK].n, 2);
    assert_int_equal(s.zones_by_state[ZONE_FAILED].state, VALUE_NONE);
    assert_int_equal(s.zones_settled.n, 1);
    assert_int_equal(s.counters[COUNTER_UDP4_QUERIES].n, 77);
    assert_int_equal(s.counters[COUNTER_NXDOMAIN].state, VALUE_NONE);
    assert_int_equal(s.problems[0].event.n, 1502);
    assert_int_equal(s.problems_total.n, 9);
    model_status_fini(&s);
}

static void refused(void **state)
{
    static const char *const bad[] = {
        "", "[", "[]", "1", "null", "{\"a\":", "{}x", "\"{}\"", "{\"a\":\"\\u0000\"}"};
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct model_status s;
        struct model_zones z = {0};
        struct reply_outcome o;
        model_status_init(&s);
        assert_int_equal(reply_status(&s, whole, strlen(whole), 1), 0);
        assert_int_equal(reply_status(&s, bad[i], strlen(bad[i]), 2), ERR_FORMAT);
        assert_string_equal(s.server.name, "ns1"); /* the section is as it was */
        assert_int_equal(reply_zones(&z, bad[i], strlen(bad[i]), 2), ERR_FORMAT);
        assert_int_equal(reply_outcome(&o, bad[i], strlen(bad[i])), ERR_FORMAT);
        model_status_fini(&s);
    }
}

static void odd_shapes(void **state)
{
    static const char *const odd[] = {
        "{}", "{\"server\":7,\"processes\":{},\"zones\":[],\"counters\":null,\"problems\":\"x\"}",
        "{\"processes\":[1,null,\"a\",[]],\"problems\":[[],{}]}",
        ("{\"boot\":\"longer than thirty-two characters are, by far, of "
         "course\",\"time_ms\":\"late\"}"),
        "{\"server\":{\"name\":{},\"pid\":1.5,\"uptime\":true}}"};
    (void)state;
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct model_status s;
        model_status_init(&s);
        assert_int_equal(reply_status(&s, odd[i], strlen(odd[i]), 1), 0);
        assert_string_equal(s.server.name, "");
        assert_false(value_known(s.server.pid));
        assert_true(strlen(s.stamp.boot) < MODEL_BOOT);
        model_status_fini(&s);
    }
}

static void too_many(void **state)
{
    struct buf json = {0};
    struct model_status s;
    struct model_zones z = {0};
    (void)state;
    buf_puts(&json, "{\"matched\":20000,\"processes\":[{\"role\":\"serve\"}");
    for (int i = 1; i < 200; i++)
        buf_puts(&json, ",{\"role\":\"serve\"}");
    buf_puts(&json, "],\"zones\":[{\"name\":\"a.\"}");
    for (int i = 1; i < 20000; i++)
        buf_printf(&json, ",{\"name\":\"zone%d.\",\"serial\":%d}", i, i);
    buf_puts(&json, "]}");
    model_status_init(&s);
    assert_int_equal(reply_status(&s, json.data, json.len, 1), 0);
    assert_int_equal(s.process_count, MODEL_PROCESSES);
    assert_int_equal(reply_zones(&z, json.data, json.len, 1), 0);
    assert_int_equal(z.count, MODEL_ROWS);
    assert_int_equal(z.matched.n, 20000);
    assert_string_equal(z.rows[9999].name, "zone9999.");
    model_zones_fini(&z);
    model_status_fini(&s);
    buf_fini(&json);
}

static void lists(void **state)
{
    static const char json[] =
        "{\"transfers\":[{\"zone\":\"a.\",\"direction\":\"in\",\"state\":\"failed\",\"failures\":3}"
        "],"
        "\"events\":[{\"id\":17,\"number\":1502,\"text\":\"why\",\"count\":2}],"
        "\"zone\":{\"name\":\"a.\",\"state\":\"ok\"},"
        "\"processes\":[{\"role\":\"keeper\",\"peak\":9}],\"images\":{\"zones\":3}}";
    struct model_transfers t = {0};
    struct model_events e = {0};
    struct model_zone_detail d;
    struct model_usage u = {0};
    (void)state;
    model_detail_init(&d);
    assert_int_equal(reply_transfers(&t, json, strlen(json), 1), 0);
    assert_int_equal(t.count, 1);
    assert_int_equal(model_transfer_severity(&t.rows[0]), 2);
    assert_int_equal(reply_events(&e, json, strlen(json), 1), 0);
    assert_int_equal(e.rows[0].id.n, 17);
    assert_int_equal(reply_detail(&d, json, strlen(json), 1), 0);
    assert_string_equal(d.zone.name, "a.");
    assert_int_equal(d.count, 1);
    assert_int_equal(reply_usage(&u, json, strlen(json), 1), 0);
    assert_int_equal(u.processes[0].peak.n, 9);
    assert_int_equal(u.image_zones.n, 3);
    model_transfers_fini(&t);
    model_events_fini(&e);
    model_detail_fini(&d);
    model_usage_fini(&u);
}

static void pages(void **state)
{
    static const char first[] =
        "{\"boot\":\"b\",\"matched\":3,\"zones\":[{\"name\":\"a.\"},{\"name\":\"b.\"}]}";
    static const char second[] = "{\"boot\":\"b\",\"matched\":3,\"zones\":[{\"name\":\"c.\"}]}";
    struct reply_pages p = {0};
    (void)state;
    assert_int_equal(reply_pages_add(&p, "zones", first, strlen(first)), 0);
    assert_int_equal(p.added, 2);
    assert_int_equal(p.matched, 3);
    assert_int_equal(reply_pages_add(&p, "zones", second, strlen(second)), 0);
    assert_int_equal(reply_pages_end(&p), 0);
    assert_string_equal(p.out.data, "{\"boot\":\"b\",\"matched\":3,\"zones\":[{\"name\":\"a.\"},"
                                    "{\"name\":\"b.\"},{\"name\":\"c.\"}]}");
    buf_fini(&p.out);
}

static void stale(void **state)
{
    static const char zones[] = "{\"matched\":1,\"zones\":[{\"name\":\"a.\",\"serial\":7}]}";
    struct model m;
    (void)state;
    model_init(&m);
    model_mark_stale(&m); /* nothing known yet: stays so */
    assert_false(m.status.stamp.stale);
    assert_int_equal(reply_status(&m.status, whole, strlen(whole), 1), 0);
    assert_int_equal(reply_zones(&m.zones, zones, strlen(zones), 1), 0);
    model_mark_stale(&m);
    assert_int_equal(m.status.server.pid.state, VALUE_STALE);
    assert_int_equal(m.status.server.memory_limit.state, VALUE_NONE);
    assert_int_equal(m.status.processes[0].last_exit.at.state, VALUE_STALE);
    assert_int_equal(m.zones.rows[0].serial.state, VALUE_STALE);
    assert_int_equal(reply_status(&m.status, whole, strlen(whole), 1), 0);
    assert_false(m.status.stamp.stale);
    model_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(status),     cmocka_unit_test(refused),
                                       cmocka_unit_test(odd_shapes), cmocka_unit_test(too_many),
                                       cmocka_unit_test(lists),      cmocka_unit_test(pages),
                                       cmocka_unit_test(stale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

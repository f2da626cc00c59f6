/* Rates and series: two samples, restarts, counters that go back, gaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/model/rate.h"

static void sample(struct model_status *s, const char *boot, int64_t time_ms, int64_t queries,
                   int64_t cpu_us)
{
    model_status_init(s);
    s->stamp.present = true;
    strcpy(s->stamp.boot, boot);
    s->stamp.time_ms = time_ms;
    s->counters[COUNTER_UDP4_QUERIES] = value_of(queries);
    s->process_count = 1;
    model_blank(model_process_fields, &s->processes[0]);
    s->processes[0].pid = value_of(7);
    s->processes[0].cpu_us = value_of(cpu_us);
}

static void two_samples(void **state)
{
    struct model_status s;
    struct rates r = {0};
    (void)state;
    sample(&s, "a", 1000000, 500, 0);
    rates_update(&r, &s);
    assert_false(value_known(r.queries));
    assert_false(value_known(r.cpu_total));
    sample(&s, "a", 1002000, 1500, 500000);
    rates_update(&r, &s);
    assert_int_equal(r.queries.n, 500 * 1000);
    assert_int_equal(r.cpu_total.n, 250);
    assert_false(value_known(r.counter[COUNTER_NXDOMAIN]));
    rates_mark_stale(&r);
    assert_int_equal(r.queries.state, VALUE_STALE);
}

static void resets(void **state)
{
    static const struct {
        const char *boot;
        int64_t time_ms, queries;
        bool known;
    } cases[] = {{"a", 2000, 100, true},  /* as it should be */
                 {"b", 2000, 100, false}, /* another life of the server */
                 {"a", 2000, 5, false},   /* a counter went back */
                 {"a", 1000, 100, false}, /* the same instant */
                 {"a", 500, 100, false}}; /* the clock went back */
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_status s;
        struct rates r = {0};
        sample(&s, "a", 1000, 50, 10);
        rates_update(&r, &s);
        sample(&s, cases[i].boot, cases[i].time_ms, cases[i].queries, 10);
        rates_update(&r, &s);
        assert_int_equal(value_known(r.queries), cases[i].known);
    }
}

static void another_process(void **state)
{
    struct model_status s;
    struct rates r = {0};
    (void)state;
    sample(&s, "a", 1000, 50, 900000);
    rates_update(&r, &s);
    sample(&s, "a", 2000, 60, 950000);
    s.processes[0].pid = value_of(8);
    rates_update(&r, &s);
    assert_false(value_known(r.cpu[0]));
}

static void series(void **state)
{
    struct series s = {0};
    (void)state;
    assert_false(value_known(series_at(&s, 0)));
    series_add(&s, 100000, value_of(10));
    series_add(&s, 105000, value_of(30));
    assert_false(value_known(series_at(&s, 0)));
    series_add(&s, 110000, value_of(7));
    assert_int_equal(series_at(&s, 0).n, 20);
    series_add(&s, 145000, value_of(9)); /* steps without a sample stay none */
    assert_false(value_known(series_at(&s, 0)));
    assert_false(value_known(series_at(&s, 1)));
    assert_int_equal(series_at(&s, 2).n, 7);
    assert_int_equal(series_at(&s, 3).n, 20);
    series_add(&s, 50000, value_of(1)); /* the clock went back: begins anew */
    assert_false(value_known(series_at(&s, 0)));
    for (int64_t t = 0; t < 10000; t++)
        series_add(&s, 1000000 + t * 10000, value_of(t));
    assert_int_equal(series_at(&s, 0).n, 9998);
    assert_int_equal(series_at(&s, SERIES_SLOTS - 2).n, 9998 - (SERIES_SLOTS - 2));
    assert_false(value_known(series_at(&s, SERIES_SLOTS)));
}

static void sums(void **state)
{
    struct value v[3] = {{0}, value_of(INT64_MAX), value_of(5)};
    (void)state;
    assert_int_equal(value_sum(v, 3).n, INT64_MAX);
    assert_false(value_known(value_sum(v, 1)));
    assert_int_equal(value_permille(value_of(1), value_of(4)).n, 250);
    assert_false(value_known(value_permille(value_of(1), value_of(0))));
    assert_false(value_known(value_permille(value_of(-1), value_of(3))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_samples), cmocka_unit_test(resets),
                                       cmocka_unit_test(another_process), cmocka_unit_test(series),
                                       cmocka_unit_test(sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

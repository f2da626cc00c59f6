#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/base/clk.h"
#include "server/supervisor/policy.h"

static void pauses_double_up_to_the_longest(void **state)
{
    (void)state;
    static const int64_t expected_ms[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct backoff b = {0};
    int64_t now = 7 * CLK_SECOND;
    for (size_t i = 0; i < sizeof expected_ms / sizeof *expected_ms; i++) {
        int64_t pause = backoff_ended(&b, now, CLK_SECOND, 5 * CLK_SECOND);
        assert_int_equal(pause, expected_ms[i] * CLK_MS);
        assert_true(backoff_due(&b, now + pause));
        assert_int_equal(backoff_due(&b, now + pause - 1), 0);
        now += pause;
    }
}

static void a_long_life_forgives(void **state)
{
    (void)state;
    struct backoff b = {0};
    for (int i = 0; i < 5; i++)
        backoff_ended(&b, 0, CLK_SECOND, 30 * CLK_SECOND);
    assert_int_equal(backoff_ended(&b, 0, 60 * CLK_SECOND, 30 * CLK_SECOND), 0);
    assert_int_equal(backoff_ended(&b, 0, CLK_SECOND, 30 * CLK_SECOND), 100 * CLK_MS);
}

static void a_streak_is_news_once(void **state)
{
    (void)state;
    struct backoff b = {0};
    int news = 0;
    for (int i = 0; i < 100; i++) {
        backoff_ended(&b, 0, 0, 30 * CLK_SECOND);
        news += backoff_is_news(&b);
    }
    assert_int_equal(news, 1);
    backoff_ended(&b, 0, 61 * CLK_SECOND, 30 * CLK_SECOND);
    assert_false(backoff_is_news(&b));
    for (int i = 0; i < 10; i++) {
        backoff_ended(&b, 0, 0, 30 * CLK_SECOND);
        news += backoff_is_news(&b);
    }
    assert_int_equal(news, 2);
}

static void an_endless_streak_stays_at_the_longest(void **state)
{
    (void)state;
    struct backoff b = {0};
    int64_t pause = 0;
    for (int i = 0; i < 1000; i++)
        pause = backoff_ended(&b, 0, 0, 30 * CLK_SECOND);
    assert_int_equal(pause, 30 * CLK_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(a_long_life_forgives),
        cmocka_unit_test(a_streak_is_news_once),
        cmocka_unit_test(an_endless_streak_stays_at_the_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

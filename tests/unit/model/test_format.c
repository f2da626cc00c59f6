/* Numbers as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/model/format.h"

static void numbers(void **state)
{
    static const struct {
        int64_t n;
        enum unit unit;
        const char *text;
    } cases[] = {
        {0, UNIT_COUNT, "0"},
        {999, UNIT_COUNT, "999"},
        {1000, UNIT_COUNT, "1.00k"},
        {48234, UNIT_COUNT, "48.2k"},
        {999600, UNIT_COUNT, "1.00M"},
        {-1500, UNIT_COUNT, "-1.50k"},
        {INT64_MAX, UNIT_COUNT, "9.22E"},
        {INT64_MIN, UNIT_COUNT, "-9.22E"},
        {INT64_MAX, UNIT_EXACT, "9223372036854775807"},
        {512, UNIT_BYTES, "512"},
        {1024, UNIT_BYTES, "1.00K"},
        {INT64_C(4090000000), UNIT_BYTES, "3.81G"},
        {0, UNIT_SECONDS, "0s"},
        {59, UNIT_SECONDS, "59s"},
        {60, UNIT_SECONDS, "1m00s"},
        {7560, UNIT_SECONDS, "2h06m"},
        {8 * 86400 + 4 * 3600, UNIT_SECONDS, "8d04h"},
        {INT64_MIN, UNIT_SECONDS, "-292471208677y"},
        {999, UNIT_MICROS, "999us"},
        {2100, UNIT_MICROS, "2.1ms"},
        {920000, UNIT_MICROS, "920ms"},
        {1500000, UNIT_MICROS, "1.50s"},
        {125, UNIT_PERMILLE, "12.5%"},
        {1500, UNIT_PERMILLE, "150%"},
        {0, UNIT_MILLI_RATE, "0/s"},
        {400, UNIT_MILLI_RATE, "0.4/s"},
        {48234000, UNIT_MILLI_RATE, "48.2k/s"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(format_number(cases[i].n, cases[i].unit).text, cases[i].text);
}

static void values(void **state)
{
    struct value none = {0}, stale = {5, VALUE_STALE};
    (void)state;
    assert_string_equal(format_value(none, UNIT_COUNT).text, "-");
    assert_string_equal(format_value(stale, UNIT_COUNT).text, "~5");
    assert_string_equal(format_value(value_of(5), UNIT_COUNT).text, "5");
    assert_string_equal(format_since(value_of(100), 161).text, "1m01s");
    assert_string_equal(format_since(value_of(200), 161).text, "0s");
    assert_string_equal(format_until(value_of(200), 161).text, "39s");
    assert_string_equal(format_until(none, 161).text, "-");
}

static void times(void **state)
{
    const int64_t at = 1795318867; /* 2026-11-22 03:41:07 UTC */
    (void)state;
    assert_string_equal(format_clock(at).text, "03:41:07Z");
    assert_string_equal(format_date(at).text, "2026-11-22 03:41:07Z");
    assert_string_equal(format_when(value_of(at), at + 60).text, "03:41:07Z");
    assert_string_equal(format_when(value_of(at), at + 86400).text, "11-22 03:41Z");
    assert_string_equal(format_when(value_of(at), at - 10).text, "11-22 03:41Z");
    assert_string_equal(format_date(-1).text, "-");
    assert_string_equal(format_date(INT64_MAX).text, "-");
    assert_string_equal(format_stopwatch(14).text, "00:14");
    assert_string_equal(format_stopwatch(3723).text, "1:02:03");
    assert_string_equal(format_stopwatch(-3).text, "00:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(values),
                                       cmocka_unit_test(times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

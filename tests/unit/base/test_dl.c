/* Libraries loaded while the program runs: one that is there, one that is not, one that lacks a
 * function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/dl.h"
#include "backend/base/err.h"

struct table {
    double (*none)(double);
    double (*cosine)(double);
    int (*exponent)(double);
};

static void a_function_can_be_called(void **state)
{
    static const struct dl_function functions[] = {{"cos", offsetof(struct table, cosine)},
                                                   {"ilogb", offsetof(struct table, exponent)}};
    struct table t = {0};
    char reason[DL_REASON] = "";
    (void)state;
    assert_int_equal(dl_load("libm.so.6", functions, 2, &t, reason), ERR_OK);
    assert_null(t.none);
    assert_true(t.cosine(0) > 0.999 && t.cosine(0) < 1.001);
    assert_int_equal(t.exponent(1024), 10);
    assert_string_equal(reason, "");
}

static void what_is_missing_is_named(void **state)
{
    static const struct dl_function functions[] = {
        {"cos", offsetof(struct table, cosine)}, {"no_such_cosine", offsetof(struct table, none)}};
    static const struct {
        const char *library, *named, *remedy;
    } rows[] = {{"libzonedeck-none.so.7", "libzonedeck-none.so.7 cannot be loaded", "install it"},
                {"libm.so.6", "libm.so.6 has no function no_such_cosine", "install the version"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct table t = {0};
        char reason[DL_REASON] = "";
        assert_int_equal(dl_load(rows[i].library, functions, 2, &t, reason), ERR_MISSING);
        assert_non_null(strstr(reason, rows[i].named));
        assert_non_null(strstr(reason, rows[i].remedy));
        assert_null(t.cosine);
    }
}

/* The reason is cut to its room. */
static void a_long_name_does_no_harm(void **state)
{
    char library[2 * DL_REASON], reason[DL_REASON + 1];
    struct table t = {0};
    (void)state;
    memset(library, 'x', sizeof library - 1);
    library[sizeof library - 1] = '\0';
    reason[DL_REASON] = '!';
    assert_int_equal(dl_load(library, NULL, 0, &t, reason), ERR_MISSING);
    assert_int_equal(strlen(reason), DL_REASON - 1);
    assert_int_equal(reason[DL_REASON], '!');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_can_be_called),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_long_name_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

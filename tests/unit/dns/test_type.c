/* The table of types: names, layouts, and the types that can only be asked for (RFC 6895). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/dns/type.h"
#include "server/dns/wire.h"

static void names(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        const char *text;
    } rows[] = {{TYPE_A, "A"},        {TYPE_SOA, "SOA"},    {TYPE_NSEC3, "NSEC3"}, {65, "HTTPS"},
                {65535, "TYPE65535"}, {65280, "TYPE65280"}, {0, "TYPE0"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[16], few[4];
        type_text(rows[i].type, text, sizeof text);
        assert_string_equal(text, rows[i].text);
        type_text(rows[i].type, few, sizeof few);
        assert_int_equal(strncmp(few, rows[i].text, 3), 0);
    }
}

static void every_type(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 65536; t++) {
        const struct type_info *info = type_find((uint16_t)t);
        assert_non_null(info);
        if (info->name)
            assert_int_equal(info->type, t);
        assert_int_equal(type_is_meta((uint16_t)t),
                         t == 0 || t == TYPE_OPT || (t >= 128 && t < 256));
    }
}

static void steps(void **state)
{
    (void)state;
    static const struct {
        char step;
        size_t room, end;
    } rows[] = {{'n', 3, 3}, {'N', 4, 3},   {'n', 2, 0}, {'4', 4, 4},
                {'4', 3, 0}, {'x', 16, 16}, {'x', 15, 0}};
    static const uint8_t rdata[16] = "\1z";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(type_step(rows[i].step, rdata, rows[i].room), rows[i].end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(every_type),
        cmocka_unit_test(steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

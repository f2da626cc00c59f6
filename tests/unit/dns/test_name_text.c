#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/err.h"
#include "server/dns/name_text.h"

#define L63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
#define L61 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghija"

struct good {
    const char *text, *back;
    size_t len;
    const char *wire; /* NULL: only the length is compared */
};

static const struct good good[] = {
    {".", ".", 1, "\0"},
    {"com", "com.", 5, "\3com\0"},
    {"com.", "com.", 5, "\3com\0"},
    {"Example.COM.", "Example.COM.", 13, "\7Example\3COM\0"},
    {"*.a", "*.a.", 5, "\1*\1a\0"},
    {"a\\.b.c", "a\\.b.c.", 7, "\3a.b\1c\0"},
    {"a\\046b.c", "a\\.b.c.", 7, "\3a.b\1c\0"},
    {"\\000\\255\\032", "\\000\\255\\032.", 5, "\3\0\377 \0"},
    {"a b", "a\\032b.", 5, "\3a b\0"},
    {"\\\\\\\"\\(\\)\\;\\@\\$", "\\\\\\\"\\(\\)\\;\\@\\$.", 9, "\7\\\"();@$\0"},
    {"0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa.", 27, NULL},
    {"caf\303\251", "caf\\195\\169.", 7, "\5caf\303\251\0"},
    {L63, L63 ".", 65, NULL},
    {L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61 ".", 255, NULL},
    {L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61 ".", 255, NULL},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint8_t wire[NAME_WIRE_MAX];
        char text[NAME_TEXT_MAX];
        size_t len = 0;
        assert_int_equal(name_from_text(good[i].text, wire, &len), ERR_OK);
        assert_int_equal(len, good[i].len);
        if (good[i].wire)
            assert_memory_equal(wire, good[i].wire, len);
        name_to_text(wire, len, text);
        assert_string_equal(text, good[i].back);
    }
}

static const struct {
    const char *text;
    int err;
} bad[] = {
    {"", ERR_FORMAT},
    {"..", ERR_FORMAT},
    {".a", ERR_FORMAT},
    {"a..b", ERR_FORMAT},
    {"a..", ERR_FORMAT},
    {"a\\", ERR_FORMAT},
    {"a\\1", ERR_FORMAT},
    {"a\\12", ERR_FORMAT},
    {"a\\1b2", ERR_FORMAT},
    {"a\\256", ERR_FORMAT},
    {"a\\999.b", ERR_FORMAT},
    {L63 "x", ERR_LIMIT},
    {L63 "x.com", ERR_LIMIT},
    {L63 "." L63 "." L63 "." L61 "x", ERR_LIMIT},
    {L63 "." L63 "." L63 "." L61 ".x", ERR_LIMIT},
    {L63 "." L63 "." L63 "." L63, ERR_LIMIT},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t wire[NAME_WIRE_MAX];
        size_t len = 0;
        assert_int_equal(name_from_text(bad[i].text, wire, &len), bad[i].err);
        assert_true(strlen(name_text_reason(bad[i].err)) > 0);
    }
}

/* The longest text there is: every byte of the longest name escaped. */
static void test_longest(void **state)
{
    (void)state;
    uint8_t wire[NAME_WIRE_MAX], again[NAME_WIRE_MAX];
    char text[NAME_TEXT_MAX];
    size_t len = 0;
    memset(wire, 0xff, sizeof wire);
    wire[0] = wire[64] = wire[128] = 63;
    wire[192] = 61;
    wire[254] = 0;
    name_to_text(wire, sizeof wire, text);
    assert_int_equal(strlen(text), 250 * 4 + 4);
    /* What would be longer is no name; it is written as far as one can be. */
    uint8_t longer[NAME_WIRE_MAX + 5] = {0};
    memcpy(longer, wire, sizeof wire);
    memcpy(longer + 254, "\4more", 5);
    name_to_text(longer, sizeof longer, text);
    assert_int_equal(strlen(text), 250 * 4 + 4);
    assert_int_equal(name_from_text(text, again, &len), ERR_OK);
    assert_int_equal(len, 255);
    assert_memory_equal(wire, again, 255);
}

static void test_malformed_wire(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        size_t len;
        const char *text;
    } rows[] = {
        {"", 0, "."},           {"\3com", 4, "com."}, {"\3co", 3, "."},
        {"\1a\300\0", 4, "a."}, {"\1a\77x", 4, "a."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[NAME_TEXT_MAX];
        name_to_text((const uint8_t *)rows[i].wire, rows[i].len, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_malformed_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

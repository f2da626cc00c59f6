/* Names in wire form: read, unpacked, compared, put in order (RFC 1035 sections 3.1 and 4.1.4, RFC
 * 4034 section 6.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/dns/name.h"

#define LITERAL(s) (s), sizeof(s) - 1

static void reading(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *bytes;
        size_t room, len;
        unsigned count;
    } rows[] = {
        {"the root", LITERAL("\0"), 1, 0},
        {"two labels", LITERAL("\1a\2bc\0rest"), 6, 2},
        {"nothing", LITERAL(""), 0, 0},
        {"without an end", LITERAL("\1a"), 0, 0},
        {"cut in a label", LITERAL("\3ab"), 0, 0},
        {"a pointer", LITERAL("\1a\300\0"), 0, 0},
        {"64", LITERAL("\100aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0"), 0,
         0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name name;
        size_t len = name_read(&name, (const uint8_t *)rows[i].bytes, rows[i].room);
        if (len != rows[i].len || (len && name.count != rows[i].count))
            fail_msg("%s: %zu", rows[i].rule, len);
        assert_int_equal(name_length((const uint8_t *)rows[i].bytes, rows[i].room), len);
    }
}

/* 255 bytes and 127 labels are the most there can be. */
static void the_longest(void **state)
{
    (void)state;
    uint8_t wire[260];
    struct name name;
    for (unsigned i = 0; i < 128; i++)
        memcpy(wire + 2 * i, "\1a", 2);
    wire[254] = 0;
    assert_int_equal(name_read(&name, wire, sizeof wire), NAME_MAX_LEN);
    assert_int_equal(name.count, NAME_MAX_LABELS);
    wire[254] = 1;
    wire[256] = 0;
    assert_int_equal(name_read(&name, wire, sizeof wire), 0);
    uint8_t long_labels[260] = {63};
    long_labels[64] = long_labels[128] = 63;
    long_labels[192] = 62;
    assert_int_equal(name_read(&name, long_labels, sizeof long_labels), 0);
    long_labels[192] = 61;
    assert_int_equal(name_read(&name, long_labels, sizeof long_labels), NAME_MAX_LEN);
}

static void unpacking(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *message;
        size_t len, at, used;
        const char *name;
        size_t name_len;
    } rows[] = {
        {"plain", LITERAL("\1a\1b\0"), 0, 5, LITERAL("\1a\1b\0")},
        {"a pointer", LITERAL("\1b\0\1a\300\0"), 3, 4, LITERAL("\1a\1b\0")},
        {"nothing but a pointer", LITERAL("\1b\0\300\0"), 3, 2, LITERAL("\1b\0")},
        {"through two", LITERAL("\1b\0\1a\300\0\300\3"), 7, 2, LITERAL("\1a\1b\0")},
        {"to itself", LITERAL("\300\0"), 0, 0, "", 0},
        {"forwards", LITERAL("\300\2\1b\0"), 0, 0, "", 0},
        {"a loop", LITERAL("\1b\300\0"), 0, 0, "", 0},
        {"two that chase each other", LITERAL("\1b\300\4\1b\300\0"), 4, 0, "", 0},
        {"behind the end", LITERAL("\1b\0"), 3, 0, "", 0},
        {"half a pointer", LITERAL("\1b\300"), 0, 0, "", 0},
        {"cut in a label", LITERAL("\5b"), 0, 0, "", 0},
        {"label type 01", LITERAL("\100b\0"), 0, 0, "", 0},
        {"label type 10", LITERAL("\200b\0"), 0, 0, "", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t out[NAME_MAX_LEN];
        size_t out_len = 0, used = name_unpack((const uint8_t *)rows[i].message, rows[i].len,
                                               rows[i].at, out, &out_len);
        if (used != rows[i].used || out_len != rows[i].name_len ||
            memcmp(out, rows[i].name, out_len) != 0)
            fail_msg("%s: %zu bytes", rows[i].rule, used);
    }
}

/* A name of pointers must not become longer than a name can be. */
static void unpacking_the_longest(void **state)
{
    (void)state;
    for (unsigned last = 60; last < 63; last++) {
        uint8_t message[300] = {63}, out[NAME_MAX_LEN];
        size_t len, at = 129 + last + 1;
        message[64] = 63;
        message[128] = (uint8_t)last;
        message[at] = 63;
        message[at + 64] = 0xc0;
        size_t used = name_unpack(message, sizeof message, at, out, &len);
        assert_int_equal(used, last < 62 ? 66 : 0);
        if (used)
            assert_int_equal(len, 64 * 3 + last + 2);
    }
}

static void comparing(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {{"", "", 0},
                {"a", "A", 0},
                {"a", "b", -1},
                {"b", "A", 1},
                {"a", "ab", -1},
                {"ab", "a", 1},
                {"abcdefghi", "ABCDEFGHI", 0},
                {"[", "A", -1},
                {"\1", "a", -1},
                {"\310", "z", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t a = strlen(rows[i].a), b = strlen(rows[i].b);
        int order =
            name_compare_labels((const uint8_t *)rows[i].a, a, (const uint8_t *)rows[i].b, b);
        if ((order > 0) - (order < 0) != rows[i].order)
            fail_msg("%s, %s: %d", rows[i].a, rows[i].b, order);
        if (a == b)
            assert_int_equal(
                name_same_label((const uint8_t *)rows[i].a, (const uint8_t *)rows[i].b, a),
                rows[i].order == 0);
    }
}

/* RFC 4343: A to Z and a to z are the same, nothing else is. */
static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            uint8_t x[10] = {9}, y[10] = {9};
            memset(x + 1, (int)a, 9);
            memset(y + 1, (int)b, 9);
            bool letters = (a ^ b) == 0x20 && (a | 0x20) >= 'a' && (a | 0x20) <= 'z';
            assert_int_equal(name_same_label(x + 1, y + 1, 9), a == b || letters);
            assert_int_equal(name_same_label(x + 1, y + 1, 1), a == b || letters);
        }
    }
}

static void within(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t len;
        const char *zone;
        size_t zone_len;
        bool is;
    } rows[] = {
        {LITERAL("\1a\1z\0"), LITERAL("\1z\0"), true},
        {LITERAL("\1z\0"), LITERAL("\1Z\0"), true},
        {LITERAL("\1z\0"), LITERAL("\0"), true},
        {LITERAL("\1z\0"), LITERAL("\1a\1z\0"), false},
        {LITERAL("\1a\1y\0"), LITERAL("\1z\0"), false},
        /* The bytes are there, but within a label. */
        {LITERAL("\3a\1z\0"), LITERAL("\1z\0"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (name_is_within((const uint8_t *)rows[i].name, rows[i].len,
                           (const uint8_t *)rows[i].zone, rows[i].zone_len) != rows[i].is)
            fail_msg("row %zu", i);
    }
}

static void lower(void **state)
{
    (void)state;
    uint8_t wire[] = "\3AbZ\2[@";
    name_lower(wire, sizeof wire);
    assert_memory_equal(wire, "\3abz\2[@", sizeof wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),   cmocka_unit_test(the_longest),
        cmocka_unit_test(unpacking), cmocka_unit_test(unpacking_the_longest),
        cmocka_unit_test(comparing), cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(within),    cmocka_unit_test(lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

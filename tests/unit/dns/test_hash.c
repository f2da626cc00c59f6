/* The hash of names: what must be the same is, what need not be is as good as random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "server/dns/name.h"

static const uint8_t key_bytes[16] = "a key for tests.";

static uint64_t hash_of(const struct hash_key *key, const char *label, size_t len)
{
    return hash_label(key, hash_root(key), (const uint8_t *)label, len);
}

static void case_is_no_difference(void **state)
{
    (void)state;
    struct hash_key key = hash_key_from(key_bytes);
    char low[64], high[64];
    for (size_t len = 1; len <= LABEL_MAX_LEN; len++) {
        for (size_t i = 0; i < len; i++) {
            low[i] = (char)('a' + (i * 7 + len) % 26);
            high[i] = (char)(low[i] - ('a' - 'A') * (int)(i % 3 > 0));
        }
        assert_int_equal(hash_of(&key, low, len), hash_of(&key, high, len));
        /* Each byte counts, those next to the letters too. */
        for (size_t i = 0; i < len; i++) {
            char kept = high[i];
            high[i] = '@';
            assert_int_not_equal(hash_of(&key, low, len), hash_of(&key, high, len));
            high[i] = kept;
        }
    }
    assert_int_not_equal(hash_of(&key, "@", 1), hash_of(&key, "`", 1));
    assert_int_not_equal(hash_of(&key, "[", 1), hash_of(&key, "{", 1));
}

/* Images hold what follows from it: with another hash IMAGE_FORMAT must be another one too. */
static void it_does_not_change(void **state)
{
    (void)state;
    struct hash_key key = hash_key_from(key_bytes);
    assert_int_equal(hash_root(&key), UINT64_C(0xbb2ba006cf1a7c41));
    assert_int_equal(hash_of(&key, "a", 1), UINT64_C(0x2d5e1a5eabb93200));
    assert_int_equal(hash_of(&key, "a-label-of-thirty-two-characters", 32),
                     UINT64_C(0x3ac7ac41bc927ce6));
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Names as they are in zones, in which little changes from one to the next. */
static void they_spread(void **state)
{
    (void)state;
    enum { COUNT = 1 << 18, PLACES = 1 << 10, EACH = COUNT / PLACES };
    static const struct {
        const char *before;
        int digits;
        const char *behind;
    } forms[] = {{"d", 0, ""},
                 {"host-", 6, ""},
                 {"", 0, ""},
                 {"x", 8, "y"},
                 {"a-long-label-for-number-", 0, ""},
                 {"", 0, "-behind-the-number-comes-more"}};
    struct hash_key key = hash_key_from(key_bytes);
    uint64_t *hashes = malloc(COUNT * sizeof *hashes);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        unsigned high[PLACES] = {0}, low[PLACES] = {0};
        for (unsigned i = 0; i < COUNT; i++) {
            char label[64];
            int len = snprintf(label, sizeof label, "%s%0*u%s", forms[f].before, forms[f].digits, i,
                               forms[f].behind);
            hashes[i] = hash_of(&key, label, (size_t)len);
            high[hashes[i] >> 54]++;
            low[hashes[i] % PLACES]++;
        }
        /* The deviation of a place is 16 names: one in 10^9 is off by six times that. */
        for (unsigned i = 0; i < PLACES; i++) {
            assert_in_range(high[i], EACH - 6 * 16, EACH + 6 * 16);
            assert_in_range(low[i], EACH - 6 * 16, EACH + 6 * 16);
        }
        qsort(hashes, COUNT, sizeof *hashes, compare);
        for (unsigned i = 1; i < COUNT; i++)
            assert_int_not_equal(hashes[i], hashes[i - 1]);
    }
    free(hashes);
}

/* A label cut otherwise is another name: "ab" under "c", "a" under "bc". */
static void labels_are_not_run_together(void **state)
{
    (void)state;
    static const char *const names[] = {"\1a\2bc",   "\2ab\1c", "\3abc",
                                        "\1a\1b\1c", "\3ab\0",  "\2ab"};
    struct hash_key key = hash_key_from(key_bytes);
    uint64_t hash[6][NAME_MAX_LABELS + 1];
    for (unsigned i = 0; i < 6; i++) {
        uint8_t wire[16] = {0};
        struct name name;
        memcpy(wire, names[i], i == 4 ? 4 : strlen(names[i]));
        assert_true(name_read(&name, wire, sizeof wire));
        name_hash(&name, &key, hash[i]);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(hash[i][0], hash[k][0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_is_no_difference),
        cmocka_unit_test(it_does_not_change),
        cmocka_unit_test(they_spread),
        cmocka_unit_test(labels_are_not_run_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

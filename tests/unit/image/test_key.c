/* Keys of names: their order is the canonical one, and the labels can be read from them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/image/key.h"

enum { ROUNDS = 200000 };

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Few different bytes, so that many names begin with the same: those that stand in keys in another
 * form, those beside them, and letters of both cases. */
static size_t random_name(uint32_t *seed, uint8_t wire[NAME_MAX_LEN])
{
    static const uint8_t bytes[] = {0, 1, 2, 3, '-', 'A', 'a', 'Z', 'z', 0xff};
    size_t len = 0;
    for (unsigned labels = next_random(seed) % 4; labels; labels--) {
        unsigned n = 1 + next_random(seed) % (labels % 2 ? 63 : 9);
        unsigned kinds = 1 + next_random(seed) % sizeof bytes, from = next_random(seed);
        wire[len++] = (uint8_t)n;
        while (n--)
            wire[len++] = bytes[(from + next_random(seed) % kinds) % sizeof bytes];
    }
    wire[len++] = 0;
    return len;
}

static int compare_names(const struct name *a, const struct name *b)
{
    unsigned i = a->count, j = b->count;
    while (i && j) {
        const uint8_t *x = a->wire + a->label[--i], *y = b->wire + b->label[--j];
        int order = name_compare_labels(x + 1, *x, y + 1, *y);
        if (order)
            return order;
    }
    return i ? 1 : j ? -1 : 0;
}

static int compare_keys(const uint64_t *a, const uint64_t *b)
{
    for (unsigned i = 0;; i++) {
        uint64_t x = key_word(a[i]), y = key_word(b[i]);
        if (x != y)
            return x < y ? -1 : 1;
        if (key_ends(x))
            return 0;
    }
}

static void check_labels(const struct name *name, const uint64_t *key, unsigned words)
{
    const uint8_t *at = (const uint8_t *)key;
    for (unsigned i = name->count; i--; at++) {
        const uint8_t *label = name->wire + name->label[i];
        uint8_t bytes[2 * LABEL_MAX_LEN];
        bool odd;
        size_t len = key_label(at, &odd);
        assert_int_equal(key_unescape(at, len, bytes), *label);
        assert_memory_equal(bytes, label + 1, *label);
        at += len;
    }
    assert_int_equal((size_t)(at - (const uint8_t *)key) / 8 + 1, words);
    for (; at < (const uint8_t *)(key + words); at++)
        assert_int_equal(*at, 0);
}

static void keys_are_in_canonical_order(void **state)
{
    (void)state;
    uint32_t seed = 20261128;
    unsigned same = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t wire[2][NAME_MAX_LEN];
        uint64_t key[2][KEY_WORDS_MAX], hash[2] = {i, i};
        struct name name[2];
        for (unsigned k = 0; k < 2; k++) {
            size_t len = random_name(&seed, wire[k]);
            assert_int_equal(name_read(&name[k], wire[k], len), len);
            unsigned words = key_write(&name[k], name[k].count, key[k], &hash[k]);
            check_labels(&name[k], key[k], words);
        }
        int names = compare_names(&name[0], &name[1]), keys = compare_keys(key[0], key[1]);
        assert_int_equal((names > 0) - (names < 0), keys);
        assert_int_equal(hash[0] == hash[1], keys == 0);
        same += keys == 0;
    }
    assert_true(same > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_in_canonical_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "server/image/key.h"

static uint8_t *put_odd(uint8_t *to, const uint8_t *label, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        if (label[i] <= 1) {
            *to++ = 1;
            *to++ = (uint8_t)(label[i] + 1);
        } else {
            *to++ = label[i];
        }
    }
    return to;
}

/* Has a word a byte below 2? May say so of others behind one, never misses one. */
static bool has_odd(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return (word - ones * 2) & ~word & (ones * 0x80);
}

/* Eight bytes at a time: up to seven behind it are written, too. */
static uint8_t *put_label(uint8_t *to, const uint8_t *label, unsigned len)
{
    uint64_t word;
    unsigned i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, label + i, 8);
        if (has_odd(word))
            return put_odd(to, label + i, len - i);
        memcpy(to, &word, 8);
        to += 8;
    }
    word = name_load_few(label + i, len - i);
    if (len - i && has_odd(word | ~UINT64_C(0) << 8 * (len - i)))
        return put_odd(to, label + i, len - i);
    memcpy(to, &word, 8);
    return to + (len - i);
}

unsigned key_write(const struct name *name, unsigned end, uint64_t key[KEY_WORDS_MAX])
{
    static const uint64_t none = 0;
    uint8_t *start = (uint8_t *)key, *to = start;
    while (end-- > 0) {
        const uint8_t *label = name->wire + name->label[end];
        to = put_label(to, label + 1, *label);
        *to++ = 0;
    }
    memcpy(to, &none, sizeof none);
    return (unsigned)((to - start) / 8 + 1);
}

size_t key_label(const uint8_t *at, bool *odd)
{
    size_t len = 0;
    *odd = false;
    for (; at[len]; len++)
        *odd |= at[len] == 1;
    return len;
}

size_t key_unescape(const uint8_t *at, size_t len, uint8_t out[LABEL_MAX_LEN])
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        out[n++] = at[i] == 1 ? (uint8_t)(at[++i] - 1) : at[i];
    return n;
}

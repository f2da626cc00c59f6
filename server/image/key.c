#include "server/image/key.h"

/* Where the next bytes of a key go: a word is put together before it is stored. */
struct writer {
    uint64_t *to, word, hash;
    unsigned filled; /* bytes of `word` */
};

static inline void store(struct writer *w)
{
    *w->to++ = w->word;
    w->hash = key_hash(w->hash, w->word);
}

/* The lowest `n` bytes, 1 to 8; those above are 0. */
static inline void put(struct writer *w, uint64_t bytes, unsigned n)
{
    unsigned filled = w->filled;
    w->word |= bytes << 8 * filled;
    w->filled = filled + n;
    if (w->filled < 8)
        return;
    store(w);
    w->word = filled ? bytes >> 8 * (8 - filled) : 0;
    w->filled -= 8;
}

static void put_odd(struct writer *w, const uint8_t *label, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        if (label[i] <= 1)
            put(w, 1 | (uint64_t)(label[i] + 1) << 8, 2);
        else
            put(w, label[i], 1);
    }
}

/* Has a word a byte below 2? May say so of others behind one, never misses one. */
static inline bool has_odd(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return (word - ones * 2) & ~word & (ones * 0x80);
}

static inline void put_label(struct writer *w, const uint8_t *label, unsigned len)
{
    for (; len >= 8; label += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, label, 8);
        if (has_odd(word)) {
            put_odd(w, label, len);
            return;
        }
        put(w, word, 8);
    }
    uint64_t word = name_load_few(label, len);
    if (len && has_odd(word | ~UINT64_C(0) << 8 * len))
        put_odd(w, label, len);
    else if (len)
        put(w, word, len);
}

unsigned key_write(const struct name *name, unsigned end, uint64_t key[KEY_WORDS_MAX],
                   uint64_t *hash)
{
    struct writer w = {.to = key, .hash = *hash};
    while (end-- > 0) {
        const uint8_t *label = name->wire + name->label[end];
        put_label(&w, label + 1, *label);
        put(&w, 0, 1);
    }
    store(&w);
    *hash = w.hash;
    return (unsigned)(w.to - key);
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

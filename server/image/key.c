#include "server/image/key.h"

static uint8_t *put_label(uint8_t *to, const uint8_t *label, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        if (label[i] <= 1) {
            *to++ = 1;
            *to++ = (uint8_t)(label[i] + 1);
        } else {
            *to++ = label[i];
        }
    }
    *to++ = 0;
    return to;
}

unsigned key_write(const struct name *name, unsigned end, uint64_t key[KEY_WORDS_MAX])
{
    uint8_t *start = (uint8_t *)key, *to = start;
    while (end-- > 0) {
        const uint8_t *label = name->wire + name->label[end];
        to = put_label(to, label + 1, *label);
    }
    do
        *to++ = 0;
    while ((to - start) % 8);
    return (unsigned)((to - start) / 8);
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

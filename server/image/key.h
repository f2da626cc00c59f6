/* Keys: names in a form whose bytes, compared with case folded, are in canonical order (RFC 4034
 * section 6.1).
 *
 * Labels from the last to the first, each ended by a 0 byte, the whole by another one and padded
 * with them to words of eight bytes. Within a label 0 is written as 1 1 and 1 as 1 2, so that
 * nothing is below the end of a label. Letters keep their case. */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/dns/name.h"

enum { KEY_WORDS_MAX = 66 };

/* The key of the labels of `name` before label `end`; returns its words. *hash goes on with each of
 * them, so that names that differ in case alone have the same. */
unsigned key_write(const struct name *name, unsigned end, uint64_t key[KEY_WORDS_MAX],
                   uint64_t *hash);
/* The bytes of a label in a key, up to its end; *odd: some stand for others. */
size_t key_label(const uint8_t *at, bool *odd);
/* Such a label as it was; returns its length. */
size_t key_unescape(const uint8_t *at, size_t len, uint8_t out[LABEL_MAX_LEN]);

/* A hash goes on with one more word; good for a small table that may be wrong. */
static inline uint64_t key_hash(uint64_t hash, uint64_t word)
{
    return (hash ^ name_fold8(word)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* A word of a key as a number to compare by. */
static inline uint64_t key_word(uint64_t word)
{
    return be64toh(name_fold8(word));
}

/* Is that number of the last word of a key? */
static inline bool key_ends(uint64_t number)
{
    return !(number & 0xffff);
}

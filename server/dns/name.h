/* Domain names in wire form: labels, each behind its length byte, ended by the root's 0 byte; at
 * most 63 bytes a label and 255 in all (RFC 1035 section 3.1). Pure functions on bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/dns/hash.h"

enum { NAME_MAX_LEN = 255, NAME_MAX_LABELS = 127, LABEL_MAX_LEN = 63 };

/* Eight bytes with A-Z made a-z, all others as they are. */
static inline uint64_t name_fold8(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low = x & (ones * 0x7f);
    uint64_t from_a = low + ones * (0x80 - 'A'), after_z = low + ones * (0x7f - 'Z');
    return x | ((from_a & ~after_z & ~x & (ones * 0x80)) >> 2);
}

static inline uint8_t name_fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Are two labels of `len` bytes the same but for case? */
static inline bool name_same_label(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint64_t x, y;
    for (; len >= 8; len -= 8, a += 8, b += 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        if (name_fold8(x) != name_fold8(y))
            return false;
    }
    for (; len; len--) {
        if (name_fold(*a++) != name_fold(*b++))
            return false;
    }
    return true;
}

/* A name cut into its labels. label[0] is the first (leftmost); label[count] would be the root. */
struct name {
    const uint8_t *wire;
    uint8_t len;                        /* with the root's byte */
    uint8_t count;                      /* labels, without the root */
    uint8_t label[NAME_MAX_LABELS + 1]; /* offset of each length byte */
};

/* Reads the uncompressed name at `wire` (`room` bytes are there). Returns its length, or 0 when it
 * is malformed, too long, cut off or compressed. */
size_t name_read(struct name *name, const uint8_t *wire, size_t room);
/* The length of a well-formed uncompressed name, or 0. */
size_t name_length(const uint8_t *wire, size_t room);
/* Reads the name at `at` of a message, following compression pointers, which must point backwards
 * (RFC 1035 section 4.1.4), into `out` uncompressed. Returns how many bytes it takes at `at`, 0
 * when malformed; *out_len is the length of the whole name. */
size_t name_unpack(const uint8_t *message, size_t len, size_t at, uint8_t out[NAME_MAX_LEN],
                   size_t *out_len);
/* Skips the name at `at` of a message, which may be compressed, without following pointers. Returns
 * the offset behind it, 0 when malformed. */
size_t name_skip(const uint8_t *message, size_t len, size_t at);
/* Lower case in place. */
void name_lower(uint8_t *wire, size_t len);
/* The same name but for case? */
bool name_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Is `name` `zone` or below it? */
bool name_is_within(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len);
/* Compares two labels in canonical order (RFC 4034 section 6.1): < 0, 0, > 0. */
int name_compare_labels(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Hashes every suffix: hash[i] is that of the name from label i on; hash[count] is the root's. */
void name_hash(const struct name *name, const struct hash_key *key,
               uint64_t hash[NAME_MAX_LABELS + 1]);

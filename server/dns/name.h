/* Domain names in wire form: labels, each behind its length byte, ended by the root's 0 byte; at
 * most 63 bytes a label and 255 in all (RFC 1035 section 3.1). Pure functions on bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/dns/fold.h"
#include "server/dns/hash.h"

enum { NAME_MAX_LEN = 255, NAME_MAX_LABELS = 127, LABEL_MAX_LEN = 63 };

/* Eight bytes of each the same but for case? */
static inline bool name_same8(const uint8_t *a, const uint8_t *b)
{
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return x == y || name_fold8(x) == name_fold8(y);
}

/* Are two labels of `len` bytes the same but for case? */
static inline bool name_same_label(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (len < 8) {
        uint64_t x = name_load_few(a, len), y = name_load_few(b, len);
        return x == y || name_fold8(x) == name_fold8(y);
    }
    /* The last eight may overlap those before. */
    for (size_t at = 0; at + 8 < len; at += 8) {
        if (!name_same8(a + at, b + at))
            return false;
    }
    return name_same8(a + len - 8, b + len - 8);
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
/* The same from the suffix at label `from` down, whose hash is known. */
void name_hash_below(const struct name *name, const struct hash_key *key, unsigned from,
                     uint64_t known, uint64_t hash[NAME_MAX_LABELS + 1]);

/* Keyed hashing of names, label by label from the root down, so that the hash of a name is made
 * from the hash of its parent. Keyed, because strangers choose names. Upper and lower case are the
 * same. The key is random, one per state directory, and never leaves the machine.
 *
 * A label and the hash of its parent are up to nine words of 64 bits. Each is multiplied by a
 * secret factor of 128 bits; the upper half of the sum is the hash. Two names chosen without
 * knowledge of random factors collide with a probability of 2^-64 a label (multilinear hashing:
 * Carter, Wegman 1981; Lemire, Kaser 2014), at a third of the work of SipHash. Ours are drawn from
 * the key. Nobody outside sees a hash, so none helps to guess them. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/dns/fold.h"

enum { HASH_WORDS = 9 }; /* the parent's hash, 63 bytes and their length */

struct hash_key {
    uint64_t k[2];
    uint64_t offset, offset_low;
    struct hash_factor {
        uint64_t low, high;
    } factor[HASH_WORDS];
};

struct hash_key hash_key_from(const uint8_t bytes[16]);
/* The hash of the root name. */
uint64_t hash_root(const struct hash_key *key);
/* SipHash-2-4 of bytes, as RFC 9018 wants it. */
uint64_t hash_bytes(const struct hash_key *key, const uint8_t *bytes, size_t len);

__extension__ typedef unsigned __int128 hash_wide;

static inline hash_wide hash_times(const struct hash_factor *f, uint64_t x)
{
    return (hash_wide)f->low * x + ((hash_wide)(f->high * x) << 64);
}

/* The hash of `label` (1 to 63 bytes, no length byte) below a name of hash `parent`. */
static inline uint64_t hash_label(const struct hash_key *key, uint64_t parent, const uint8_t *label,
                                  size_t len)
{
    const struct hash_factor *f = key->factor;
    hash_wide sum = ((hash_wide)key->offset << 64) + key->offset_low + hash_times(f++, parent);
    size_t left = len;
    for (; left >= 8; left -= 8, label += 8) {
        uint64_t word;
        memcpy(&word, label, 8);
        sum += hash_times(f++, name_fold8(word));
    }
    sum += hash_times(f, name_fold8(name_load_few(label, left)) | (uint64_t)len << 56);
    /* Names that differ little have hashes in regular distances, which would crowd the table. */
    uint64_t hash = (uint64_t)(sum >> 64);
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

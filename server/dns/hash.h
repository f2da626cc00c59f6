/* Keyed hashing of names: SipHash-1-3 label by label from the root down, so that the hash of a name
 * is made from the hash of its parent. Keyed, because strangers choose names. Upper and lower case
 * are the same. The key is random, one per state directory, and never leaves the machine. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k[2];
};

struct hash_key hash_key_from(const uint8_t bytes[16]);
/* The hash of the root name. */
uint64_t hash_root(const struct hash_key *key);
/* The hash of `label` (`len` bytes, no length byte) below a name of hash `parent`. */
uint64_t hash_label(const struct hash_key *key, uint64_t parent, const uint8_t *label, size_t len);
/* SipHash-2-4 of bytes, as RFC 9018 wants it. */
uint64_t hash_bytes(const struct hash_key *key, const uint8_t *bytes, size_t len);

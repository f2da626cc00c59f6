/* Hashed names for denial of existence (RFC 5155 section 5). Pure functions; the hash is SHA-1, the
 * only one there is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NSEC3_SHA1 = 1, NSEC3_HASH_LEN = 20, NSEC3_LABEL_LEN = 32 };

/* More iterations than these cost every server and resolver too much (RFC 9276 section 3.1): above
 * the first a warning, above the second a zone is served without hashed proofs. */
enum { NSEC3_ITERATIONS_WARN = 100, NSEC3_ITERATIONS_MAX = 500 };

struct nsec3_params {
    const uint8_t *salt;
    uint16_t iterations;
    uint8_t salt_len;
};

/* The hash of the name in wire form at `name`, of any case, `len` bytes (at most NAME_MAX_LEN). */
void nsec3_hash(const struct nsec3_params *params, const uint8_t *name, size_t len,
                uint8_t hash[NSEC3_HASH_LEN]);
/* Reads a hash in base32hex (RFC 4648 section 7), as it stands in an owner's first label. */
bool nsec3_read_label(const uint8_t *label, size_t len, uint8_t hash[NSEC3_HASH_LEN]);

/* The RDATA of an NSEC3 record cut into its parts, which point into it. */
struct nsec3 {
    struct nsec3_params params;
    uint8_t algorithm, flags;
    const uint8_t *next; /* NSEC3_HASH_LEN bytes; NULL for NSEC3PARAM */
};

/* Reads NSEC3 RDATA, or with `param` NSEC3PARAM RDATA (RFC 5155 sections 3.2, 4.2). False when it
 * is malformed or `next` has another length. */
bool nsec3_read(struct nsec3 *nsec3, const uint8_t *rdata, size_t len, bool param);
bool nsec3_same_params(const struct nsec3_params *a, const struct nsec3_params *b);

#include "server/dns/nsec3.h"

#include <nettle/sha1.h>
#include <string.h>

#include "server/dns/name.h"
#include "server/dns/wire.h"

void nsec3_hash(const struct nsec3_params *params, const uint8_t *name, size_t len,
                uint8_t hash[NSEC3_HASH_LEN])
{
    uint8_t lower[NAME_MAX_LEN];
    memcpy(lower, name, len);
    name_lower(lower, len);
    struct sha1_ctx sha;
    sha1_init(&sha);
    sha1_update(&sha, len, lower);
    for (unsigned left = params->iterations;; left--) {
        sha1_update(&sha, params->salt_len, params->salt);
        sha1_digest(&sha, NSEC3_HASH_LEN, hash); /* begins anew as well */
        if (!left)
            break;
        sha1_update(&sha, NSEC3_HASH_LEN, hash);
    }
}

static int digit(uint8_t c)
{
    c = name_fold(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

bool nsec3_read_label(const uint8_t *label, size_t len, uint8_t hash[NSEC3_HASH_LEN])
{
    if (len != NSEC3_LABEL_LEN)
        return false;
    for (unsigned i = 0; i < NSEC3_LABEL_LEN; i += 8, hash += 5) {
        uint64_t bits = 0;
        for (unsigned k = 0; k < 8; k++) {
            int d = digit(label[i + k]);
            if (d < 0)
                return false;
            bits = bits << 5 | (unsigned)d;
        }
        hash[0] = (uint8_t)(bits >> 32);
        wire_put32(hash + 1, (uint32_t)bits);
    }
    return true;
}

bool nsec3_read(struct nsec3 *nsec3, const uint8_t *rdata, size_t len, bool param)
{
    if (len < 5 || len < 5u + rdata[4])
        return false;
    size_t at = 5u + rdata[4];
    *nsec3 = (struct nsec3){{rdata + 5, wire_get16(rdata + 2), rdata[4]}, rdata[0], rdata[1], NULL};
    if (param)
        return len == at;
    if (len < at + 1 + NSEC3_HASH_LEN || rdata[at] != NSEC3_HASH_LEN)
        return false;
    nsec3->next = rdata + at + 1;
    return true;
}

bool nsec3_same_params(const struct nsec3_params *a, const struct nsec3_params *b)
{
    return a->iterations == b->iterations && a->salt_len == b->salt_len &&
           !memcmp(a->salt, b->salt, a->salt_len);
}

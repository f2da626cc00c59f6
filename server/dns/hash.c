#include "server/dns/hash.h"

#include <string.h>

#include "server/dns/name.h"

/* SipHash (Aumasson, Bernstein 2012): of names with one compression and three finalization rounds,
 * of other bytes with two and four. */

static inline uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    s->v0 ^= m;
}

static inline struct sip sip_begin(const struct hash_key *key)
{
    return (struct sip){
        key->k[0] ^ UINT64_C(0x736f6d6570736575), key->k[1] ^ UINT64_C(0x646f72616e646f6d),
        key->k[0] ^ UINT64_C(0x6c7967656e657261), key->k[1] ^ UINT64_C(0x7465646279746573)};
}

struct hash_key hash_key_from(const uint8_t bytes[16])
{
    struct hash_key key;
    memcpy(key.k, bytes, sizeof key.k);
    return key;
}

uint64_t hash_root(const struct hash_key *key)
{
    return key->k[0] ^ rotl(key->k[1], 32);
}

uint64_t hash_label(const struct hash_key *key, uint64_t parent, const uint8_t *label, size_t len)
{
    struct sip s = sip_begin(key);
    sip_word(&s, parent);
    size_t left = len;
    for (; left >= 8; left -= 8, label += 8) {
        uint64_t m;
        memcpy(&m, label, 8);
        sip_word(&s, name_fold8(m));
    }
    uint64_t last = 0;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)label[i] << (8 * i);
    sip_word(&s, name_fold8(last) | (uint64_t)len << 56);
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static inline void sip_word2(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

uint64_t hash_bytes(const struct hash_key *key, const uint8_t *bytes, size_t len)
{
    struct sip s = sip_begin(key);
    size_t left = len;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t m;
        memcpy(&m, bytes, 8);
        sip_word2(&s, m);
    }
    uint64_t last = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)bytes[i] << (8 * i);
    sip_word2(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

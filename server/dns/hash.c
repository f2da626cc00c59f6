#include "server/dns/hash.h"

#include <string.h>

static inline uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

/* Independent words from a secret one (splitmix64, Steele et al. 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

struct hash_key hash_key_from(const uint8_t bytes[16])
{
    struct hash_key key;
    memcpy(key.k, bytes, sizeof key.k);
    uint64_t a = key.k[0], b = key.k[1];
    key.offset = draw(&a) ^ rotl(draw(&b), 32);
    key.offset_low = draw(&a) ^ rotl(draw(&b), 32);
    for (unsigned i = 0; i < HASH_WORDS; i++) {
        key.factor[i].low = draw(&a) ^ rotl(draw(&b), 32);
        key.factor[i].high = draw(&a) ^ rotl(draw(&b), 32);
    }
    return key;
}

uint64_t hash_root(const struct hash_key *key)
{
    return key->offset;
}

/* SipHash (Aumasson, Bernstein 2012) with two compression and four finalization rounds. */
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
    sip_round(s);
    s->v0 ^= m;
}

uint64_t hash_bytes(const struct hash_key *key, const uint8_t *bytes, size_t len)
{
    struct sip s = {
        key->k[0] ^ UINT64_C(0x736f6d6570736575), key->k[1] ^ UINT64_C(0x646f72616e646f6d),
        key->k[0] ^ UINT64_C(0x6c7967656e657261), key->k[1] ^ UINT64_C(0x7465646279746573)};
    size_t left = len;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t m;
        memcpy(&m, bytes, 8);
        sip_word(&s, m);
    }
    uint64_t last = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)bytes[i] << (8 * i);
    sip_word(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

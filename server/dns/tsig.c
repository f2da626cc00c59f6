#include "server/dns/tsig.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/nettle-meta.h>
#include <strings.h>

#include "server/dns/wire.h"

/* Class, TTL, RDLENGTH and the fixed fields of the RDATA. */
enum { FIXED = 16, TIMERS = 8 };

static const struct {
    const char *text;
    const char *wire;
    uint8_t wire_len;
    const struct nettle_hash *hash;
} algorithms[TSIG_ALGORITHMS] = {
    [TSIG_MD5] = {"hmac-md5", "\10hmac-md5\7sig-alg\3reg\3int", 26, &nettle_md5},
    [TSIG_SHA1] = {"hmac-sha1", "\11hmac-sha1", 11, &nettle_sha1},
    [TSIG_SHA224] = {"hmac-sha224", "\13hmac-sha224", 13, &nettle_sha224},
    [TSIG_SHA256] = {"hmac-sha256", "\13hmac-sha256", 13, &nettle_sha256},
    [TSIG_SHA384] = {"hmac-sha384", "\13hmac-sha384", 13, &nettle_sha384},
    [TSIG_SHA512] = {"hmac-sha512", "\13hmac-sha512", 13, &nettle_sha512},
};

enum tsig_algorithm tsig_algorithm_find(const char *text)
{
    for (unsigned i = 0; i < TSIG_ALGORITHMS; i++) {
        if (!strcasecmp(text, algorithms[i].text))
            return i;
    }
    return strcasecmp(text, "hmac-md5.sig-alg.reg.int") ? TSIG_ALGORITHMS : TSIG_MD5;
}

unsigned tsig_mac_len(enum tsig_algorithm algorithm)
{
    return algorithms[algorithm].hash->digest_size;
}

void tsig_key_init(struct tsig_key *key, const uint8_t *name, size_t len,
                   enum tsig_algorithm algorithm, const uint8_t *secret, size_t secret_len)
{
    struct sha256_ctx sha;
    union tsig_state state;
    memset(key, 0, sizeof *key); /* all of it: keys are compared whole */
    key->name_len = (uint8_t)len;
    memcpy(key->name, name, len);
    name_lower(key->name, len);
    key->algorithm = (uint8_t)algorithm;
    key->least = (uint8_t)tsig_mac_len(algorithm);
    sha256_init(&sha);
    sha256_update(&sha, len, key->name);
    sha256_digest(&sha, sizeof key->id, key->id);
    hmac_set_key(&key->outer, &key->inner, &state, algorithms[algorithm].hash, secret_len, secret);
    explicit_bzero(&state, sizeof state);
}

bool tsig_key_equal(const struct tsig_key *a, const struct tsig_key *b)
{
    return !memcmp(a, b, sizeof *a);
}

static int compare_names(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (int)a_len - (int)b_len;
}

int tsig_key_compare(const void *a, const void *b)
{
    const struct tsig_key *x = a, *y = b;
    return compare_names(x->name, x->name_len, y->name, y->name_len);
}

const struct tsig_key *tsig_keys_find(const struct tsig_keys *keys, const uint8_t *name, size_t len)
{
    size_t low = 0, high = keys->count;
    while (low < high) {
        const struct tsig_key *key = &keys->item[low + (high - low) / 2];
        int order = compare_names(name, len, key->name, key->name_len);
        if (order == 0)
            return key;
        if (order < 0)
            high = (size_t)(key - keys->item);
        else
            low = (size_t)(key - keys->item) + 1;
    }
    return NULL;
}

static uint64_t get48(const uint8_t *p)
{
    return (uint64_t)wire_get16(p) << 32 | wire_get32(p + 2);
}

static void put48(uint8_t *p, uint64_t v)
{
    wire_put16(p, (unsigned)(v >> 32) & 0xffff);
    wire_put32(p + 2, (uint32_t)v);
}

static bool read_rdata(struct tsig *t, const uint8_t *p, size_t len)
{
    size_t n = name_length(p, len), room = len - n;
    if (!n || room < FIXED)
        return false;
    t->algorithm = p;
    t->algorithm_len = (uint16_t)n;
    t->time = get48(p + n);
    t->fudge = wire_get16(p + n + 6);
    t->mac_len = wire_get16(p + n + 8);
    t->mac = p + n + 10;
    if (t->mac_len > room - FIXED)
        return false;
    p = t->mac + t->mac_len;
    t->id = wire_get16(p);
    t->error = wire_get16(p + 2);
    t->other_len = wire_get16(p + 4);
    t->other = p + 6;
    return t->other_len == room - FIXED - t->mac_len;
}

bool tsig_read(struct tsig *t, const uint8_t *message, size_t len, size_t at)
{
    size_t name_len, n = name_unpack(message, len, at, t->name, &name_len);
    t->at = 0;
    if (!n || len - at - n < DNS_RR_FIXED)
        return false;
    const uint8_t *p = message + at + n;
    size_t room = len - at - n - DNS_RR_FIXED;
    t->name_len = (uint8_t)name_len;
    name_lower(t->name, name_len);
    bool good = wire_get16(p) == TYPE_TSIG && wire_get16(p + 2) == CLASS_ANY &&
                !wire_get32(p + 4) && wire_get16(p + 8) <= room &&
                read_rdata(t, p + DNS_RR_FIXED, wire_get16(p + 8));
    t->at = good ? at : 0;
    return good;
}

enum tsig_verdict tsig_find(struct tsig *t, const uint8_t *m, size_t len)
{
    t->at = 0;
    if (len < DNS_HEADER)
        return TSIG_FORMERR;
    size_t at = DNS_HEADER;
    for (unsigned i = wire_get16(m + 4); i; i--) {
        at = name_skip(m, len, at);
        if (!at || len - at < 4)
            return TSIG_FORMERR;
        at += 4;
    }
    unsigned additional = wire_get16(m + 10);
    for (unsigned i = wire_get16(m + 6) + wire_get16(m + 8) + additional; i; i--) {
        size_t start = at;
        at = name_skip(m, len, at);
        if (!at || len - at < DNS_RR_FIXED ||
            len - at - DNS_RR_FIXED < wire_get16(m + at + DNS_RR_FIXED - 2))
            return TSIG_FORMERR;
        bool found = wire_get16(m + at) == TYPE_TSIG;
        at += DNS_RR_FIXED + wire_get16(m + at + DNS_RR_FIXED - 2);
        if (found)
            return i == 1 && additional && at == len && tsig_read(t, m, len, start) ? TSIG_GOOD
                                                                                    : TSIG_FORMERR;
    }
    return at == len ? TSIG_MISSING : TSIG_FORMERR;
}

void tsig_chain_init(struct tsig_chain *chain, const struct tsig_key *key)
{
    chain->key = key;
    chain->mac_len = chain->count = 0;
}

static void add(const struct tsig_key *key, union tsig_state *state, const void *data, size_t len)
{
    hmac_update(state, algorithms[key->algorithm].hash, len, data);
}

/* Begins with the MAC before, if there is one. */
static void begin(const struct tsig_chain *chain, union tsig_state *state)
{
    uint8_t len[2];
    *state = chain->key->inner;
    wire_put16(len, chain->mac_len);
    if (!chain->count)
        return;
    add(chain->key, state, len, 2);
    add(chain->key, state, chain->mac, chain->mac_len);
}

/* A message as it was before its record was appended, under the id it was made with. */
static void add_message(const struct tsig_key *key, union tsig_state *state, const uint8_t *m,
                        size_t len, unsigned id, unsigned additional)
{
    uint8_t header[DNS_HEADER];
    memcpy(header, m, DNS_HEADER);
    wire_put16(header, id);
    wire_put16(header + 10, additional);
    add(key, state, header, DNS_HEADER);
    add(key, state, m + DNS_HEADER, len - DNS_HEADER);
}

/* Sections 4.3.3 and 5.3.1. */
static void add_variables(const struct tsig_chain *chain, union tsig_state *state,
                          const struct tsig *t)
{
    static const uint8_t head[] = {0, CLASS_ANY, 0, 0, 0, 0};
    const struct tsig_key *key = chain->key;
    uint8_t timers[TIMERS], rest[4];
    put48(timers, t->time);
    wire_put16(timers + 6, t->fudge);
    wire_put16(rest, t->error);
    wire_put16(rest + 2, t->other_len);
    if (chain->count > 1) {
        add(key, state, timers, TIMERS);
        return;
    }
    add(key, state, key->name, key->name_len);
    add(key, state, head, sizeof head);
    add(key, state, algorithms[key->algorithm].wire, algorithms[key->algorithm].wire_len);
    add(key, state, timers, TIMERS);
    add(key, state, rest, sizeof rest);
    add(key, state, t->other, t->other_len);
}

/* Ends the digest with a MAC, and wipes what could be used to make another. */
static void end(const struct tsig_key *key, union tsig_state *state, uint8_t mac[TSIG_MAC_MAX])
{
    hmac_digest(&key->outer, &key->inner, state, algorithms[key->algorithm].hash,
                tsig_mac_len(key->algorithm), mac);
    explicit_bzero(state, sizeof *state);
}

static void go_on(struct tsig_chain *chain, const uint8_t *mac, size_t len)
{
    memcpy(chain->mac, mac, len);
    chain->mac_len = (uint8_t)len;
    chain->count += chain->count < 2;
}

static bool is_key(const struct tsig_key *key, const struct tsig *t)
{
    return key && compare_names(t->name, t->name_len, key->name, key->name_len) == 0 &&
           name_equal(t->algorithm, t->algorithm_len,
                      (const uint8_t *)algorithms[key->algorithm].wire,
                      algorithms[key->algorithm].wire_len);
}

/* Section 5.2.2.1. */
static bool is_length(unsigned whole, unsigned len)
{
    unsigned least = whole / 2 > TSIG_MAC_LEAST ? whole / 2 : TSIG_MAC_LEAST;
    return len >= least && len <= whole;
}

static bool is_timely(const struct tsig *t, uint64_t now)
{
    return (now > t->time ? now - t->time : t->time - now) <= t->fudge;
}

/* As tsig_verify; the digest has been begun. */
static enum tsig_verdict verify(struct tsig_chain *chain, union tsig_state *state,
                                const struct tsig *t, const uint8_t *message, uint64_t now)
{
    const struct tsig_key *key = chain->key;
    uint8_t mac[TSIG_MAC_MAX];
    unsigned whole = tsig_mac_len(key->algorithm);
    if (!is_length(whole, t->mac_len))
        return TSIG_FORMERR;
    add_message(key, state, message, t->at, t->id, wire_get16(message + 10) - 1u);
    add_variables(chain, state, t);
    end(key, state, mac);
    bool good = memeql_sec(mac, t->mac, t->mac_len);
    explicit_bzero(mac, sizeof mac);
    if (!good)
        return TSIG_BADSIG;
    go_on(chain, t->mac, t->mac_len);
    if (!is_timely(t, now))
        return TSIG_BADTIME;
    return t->mac_len < key->least ? TSIG_BADTRUNC : TSIG_GOOD;
}

enum tsig_verdict tsig_verify(struct tsig_chain *chain, const struct tsig *t,
                              const uint8_t *message, uint64_t now)
{
    union tsig_state state;
    if (!is_key(chain->key, t))
        return TSIG_BADKEY;
    begin(chain, &state);
    return verify(chain, &state, t, message, now);
}

/* Appends the record `t` says; its MAC is read before anything is written. */
static size_t put(uint8_t *message, size_t len, const struct tsig *t)
{
    uint8_t *p = message + len;
    memcpy(p, t->name, t->name_len);
    p += t->name_len;
    wire_put16(p, TYPE_TSIG);
    wire_put16(p + 2, CLASS_ANY);
    wire_put32(p + 4, 0);
    wire_put16(p + 8, (unsigned)(t->algorithm_len + FIXED + t->mac_len + t->other_len));
    p += DNS_RR_FIXED;
    memcpy(p, t->algorithm, t->algorithm_len);
    p += t->algorithm_len;
    put48(p, t->time);
    wire_put16(p + 6, t->fudge);
    wire_put16(p + 8, t->mac_len);
    p += 10;
    if (t->mac_len)
        memcpy(p, t->mac, t->mac_len);
    p += t->mac_len;
    wire_put16(p, t->id);
    wire_put16(p + 2, t->error);
    wire_put16(p + 4, t->other_len);
    p += 6;
    if (t->other_len)
        memcpy(p, t->other, t->other_len);
    wire_put16(message + 10, wire_get16(message + 10) + 1u);
    return (size_t)(p + t->other_len - message);
}

static size_t sign(struct tsig_chain *chain, uint8_t *message, size_t len, struct tsig *t)
{
    const struct tsig_key *key = chain->key;
    union tsig_state state;
    uint8_t mac[TSIG_MAC_MAX];
    t->name_len = key->name_len;
    memcpy(t->name, key->name, key->name_len);
    t->algorithm = (const uint8_t *)algorithms[key->algorithm].wire;
    t->algorithm_len = algorithms[key->algorithm].wire_len;
    t->id = wire_get16(message);
    begin(chain, &state);
    add_message(key, &state, message, len, t->id, wire_get16(message + 10));
    add_variables(chain, &state, t);
    end(key, &state, mac);
    t->mac = mac;
    t->mac_len = (uint16_t)tsig_mac_len(key->algorithm);
    go_on(chain, mac, t->mac_len);
    return put(message, len, t);
}

size_t tsig_sign(struct tsig_chain *chain, uint8_t *message, size_t len, uint64_t now)
{
    struct tsig t = {.time = now, .fudge = TSIG_FUDGE};
    return sign(chain, message, len, &t);
}

size_t tsig_sign_error(struct tsig_chain *chain, uint8_t *message, size_t len,
                       const struct tsig *asked, enum tsig_verdict error, uint64_t now)
{
    uint8_t other[TSIG_OTHER];
    struct tsig t = {.time = now, .fudge = TSIG_FUDGE, .error = (uint16_t)error, .other = other};
    put48(other, now);
    if (error == TSIG_BADTIME) { /* section 5.2.3: the client must be able to verify it */
        t.time = asked->time;
        t.fudge = asked->fudge;
        t.other_len = sizeof other;
    }
    return sign(chain, message, len, &t);
}

size_t tsig_put_error(uint8_t *message, size_t len, const struct tsig *asked,
                      enum tsig_verdict error)
{
    struct tsig t = *asked;
    t.id = wire_get16(message);
    t.error = (uint16_t)error;
    t.mac_len = t.other_len = 0;
    return put(message, len, &t);
}

size_t tsig_room(const struct tsig_key *key)
{
    return (size_t)key->name_len + DNS_RR_FIXED + algorithms[key->algorithm].wire_len + FIXED +
           tsig_mac_len(key->algorithm);
}

size_t tsig_error_room(const struct tsig *asked, const struct tsig_key *key,
                       enum tsig_verdict error)
{
    if (error == TSIG_BADTIME || error == TSIG_BADTRUNC)
        return tsig_room(key) + (error == TSIG_BADTIME ? TSIG_OTHER : 0);
    return (size_t)asked->name_len + DNS_RR_FIXED + asked->algorithm_len + FIXED;
}

static enum tsig_verdict take_unsigned(struct tsig_stream *s, const uint8_t *m, size_t len)
{
    if (s->chain.count < 2 || s->pending == TSIG_UNSIGNED_MAX)
        return TSIG_MISSING;
    if (!s->pending++)
        begin(&s->chain, &s->state);
    add(s->chain.key, &s->state, m, len);
    return TSIG_GOOD;
}

enum tsig_verdict tsig_stream_take(struct tsig_stream *s, const uint8_t *m, size_t len,
                                   uint64_t now)
{
    struct tsig t;
    enum tsig_verdict verdict = tsig_find(&t, m, len);
    s->error = 0;
    if (verdict == TSIG_MISSING)
        return take_unsigned(s, m, len);
    if (verdict)
        return verdict;
    s->error = t.error;
    if (!is_key(s->chain.key, &t))
        return TSIG_BADKEY;
    if (!t.mac_len && t.error) /* section 5.3.2: what we sent was not taken, says somebody */
        return TSIG_MISSING;
    if (!s->pending)
        begin(&s->chain, &s->state);
    s->pending = 0;
    verdict = verify(&s->chain, &s->state, &t, m, now);
    return verdict == TSIG_GOOD && t.error ? TSIG_BADSIG : verdict;
}

const char *tsig_reason(enum tsig_verdict verdict, unsigned error)
{
    switch (error) {
    case TSIG_BADSIG:
        return "refused our signature (BADSIG): the secrets differ";
    case TSIG_BADKEY:
        return "refused our key (BADKEY): it has none of that name and algorithm";
    case TSIG_BADTIME:
        return "refused our signature (BADTIME): the clocks differ";
    case TSIG_BADTRUNC:
        return "refused our signature (BADTRUNC): it wants a longer one";
    default:
        break;
    }
    return verdict == TSIG_MISSING    ? "sent an answer that is not signed"
           : verdict == TSIG_BADSIG   ? "sent an answer with a wrong signature (BADSIG)"
           : verdict == TSIG_BADKEY   ? "sent an answer signed with another key (BADKEY)"
           : verdict == TSIG_BADTIME  ? "sent an answer signed too long ago or ahead (BADTIME)"
           : verdict == TSIG_BADTRUNC ? "sent an answer with a signature cut short (BADTRUNC)"
                                      : "sent an answer with a malformed TSIG record";
}

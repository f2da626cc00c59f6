/* TSIG (RFC 8945): messages signed with a shared secret. Pure; no allocation; bytes are untrusted.
 *
 * A key is prepared once (tsig_key_init) and then only read, by any number of threads. The messages
 * of one exchange hang together: each signature covers the one before it, the answer's the
 * query's. That is the chain. Both sides begin one with tsig_chain_init, which stands before the
 * query: who asks signs the query and verifies the answers; who is asked verifies the query and
 * signs the answers. The second and later answers are signed with timers only (section 5.3.1). */
#pragma once

#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/dns/name.h"

enum tsig_algorithm {
    TSIG_MD5,
    TSIG_SHA1,
    TSIG_SHA224,
    TSIG_SHA256,
    TSIG_SHA384,
    TSIG_SHA512,
    TSIG_ALGORITHMS
};

enum {
    TSIG_MAC_MAX = 64,
    TSIG_MAC_LEAST = 10, /* of a truncated MAC; and half of the whole one */
    TSIG_FUDGE = 300,    /* s; what section 10 recommends */
    TSIG_OTHER = 6,      /* the server's time, in the answer to BADTIME */
    TSIG_ID = 16,
    TSIG_UNSIGNED_MAX = 99, /* messages between two that are signed */
    TSIG_RECORD_MAX = NAME_MAX_LEN + 10 + 26 + 16 + TSIG_MAC_MAX + TSIG_OTHER
};

/* Numbers above 15 are those of the record's error field. */
enum tsig_verdict {
    TSIG_GOOD = 0,
    TSIG_FORMERR = 1, /* malformed, or a MAC of a length that none can have */
    TSIG_MISSING = 2, /* not signed, where it has to be */
    TSIG_BADSIG = 16,
    TSIG_BADKEY = 17,
    TSIG_BADTIME = 18,
    TSIG_BADTRUNC = 22
};

union tsig_state {
    struct md5_ctx md5;
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
    struct sha512_ctx sha512;
};

struct tsig_key {
    uint8_t name_len, name[NAME_MAX_LEN]; /* wire form, lower case */
    uint8_t id[TSIG_ID];                  /* stands for the name in address lists */
    uint8_t algorithm;                    /* enum tsig_algorithm */
    uint8_t least;                        /* shortest MAC that is accepted; normally a whole one */
    union tsig_state outer, inner;        /* with the secret taken in */
};

/* Sorted by name. */
struct tsig_keys {
    const struct tsig_key *item;
    size_t count;
};

/* A TSIG record cut into its parts; pointers point into the message. */
struct tsig {
    size_t at; /* where it begins, which is where the signed message ends; 0: there is none */
    uint8_t name_len, name[NAME_MAX_LEN]; /* of the key, lower case */
    const uint8_t *algorithm, *mac, *other;
    uint16_t algorithm_len, mac_len, other_len;
    uint64_t time;
    uint16_t fudge, id, error;
};

struct tsig_chain {
    const struct tsig_key *key;
    uint8_t mac[TSIG_MAC_MAX]; /* of the last signed message, as it was sent */
    uint8_t mac_len;
    uint8_t count; /* signed messages: 0, 1 (the query), 2 or more */
};

/* "hmac-sha256", with or without the rest of md5's name; TSIG_ALGORITHMS when it is not known. */
enum tsig_algorithm tsig_algorithm_find(const char *text);
/* Of a whole MAC. */
unsigned tsig_mac_len(enum tsig_algorithm algorithm);

/* Takes a name in wire form and a secret, which is not kept. */
void tsig_key_init(struct tsig_key *key, const uint8_t *name, size_t len,
                   enum tsig_algorithm algorithm, const uint8_t *secret, size_t secret_len);
/* Are name, algorithm, secret and policy the same? */
bool tsig_key_equal(const struct tsig_key *a, const struct tsig_key *b);
/* Orders by name. */
int tsig_key_compare(const void *a, const void *b);
/* The key of a lower-case name, or NULL. */
const struct tsig_key *tsig_keys_find(const struct tsig_keys *keys, const uint8_t *name,
                                      size_t len);

/* Reads the record that begins at `at`. False: it is no TSIG record as section 4.2 has it. */
bool tsig_read(struct tsig *tsig, const uint8_t *message, size_t len, size_t at);
/* Looks for the record in a message: GOOD, MISSING, FORMERR (it is malformed, not the last record,
 * or one of two; or the message is malformed). */
enum tsig_verdict tsig_find(struct tsig *tsig, const uint8_t *message, size_t len);

void tsig_chain_init(struct tsig_chain *chain, const struct tsig_key *key);
/* Verifies the message whose record is `tsig`: key, MAC, time, length of the MAC, in that order
 * (section 5.2). The chain goes on when the MAC was right, so that an answer to BADTIME and
 * BADTRUNC can be signed. `now` in seconds. */
enum tsig_verdict tsig_verify(struct tsig_chain *chain, const struct tsig *tsig,
                              const uint8_t *message, uint64_t now);
/* Signs the message of `len` bytes: appends the record, for which `tsig_room` bytes must be there.
 * Returns the new length. */
size_t tsig_sign(struct tsig_chain *chain, uint8_t *message, size_t len, uint64_t now);
size_t tsig_room(const struct tsig_key *key);

/* Answers to messages that were not good (section 5.3.2); `asked` is their record. BADTIME and
 * BADTRUNC are signed, and BADTIME tells the server's time. */
size_t tsig_sign_error(struct tsig_chain *chain, uint8_t *message, size_t len,
                       const struct tsig *asked, enum tsig_verdict error, uint64_t now);
/* BADKEY and BADSIG are not: there is no MAC. */
size_t tsig_put_error(uint8_t *message, size_t len, const struct tsig *asked,
                      enum tsig_verdict error);
/* What the answer to `asked` needs. */
size_t tsig_error_room(const struct tsig *asked, const struct tsig_key *key,
                       enum tsig_verdict error);

/* The answers to a query that was signed, one after the other: the first must be signed, at most
 * TSIG_UNSIGNED_MAX may be unsigned between others, and the last must be signed. */
struct tsig_stream {
    struct tsig_chain chain; /* as it was after the query was signed */
    unsigned pending;        /* unsigned messages since the last signed one */
    uint16_t error;          /* what the other side wrote into the error field of its last record;
                              * not to be trusted unless its verdict was GOOD */
    union tsig_state state;
};

/* Takes the next message. What is in it counts only when a later verdict with `pending` 0 is GOOD.
 */
enum tsig_verdict tsig_stream_take(struct tsig_stream *stream, const uint8_t *message, size_t len,
                                   uint64_t now);
/* Why an answer was not taken, for people: "its answer is not signed". */
const char *tsig_reason(enum tsig_verdict verdict, unsigned error);

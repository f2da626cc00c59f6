/* The whole protocol behind one pure function: query bytes, transport facts and a zone table in;
 * answer bytes out.
 *
 *   answer.c      header, opcode, class, EDNS; which zone; what kind of reply
 *   resolve.c     RFC 1034 section 4.3.2: match, cut, CNAME, DNAME, wildcard; from zone to zone
 *   negative.c    NODATA and NXDOMAIN with SOA (RFC 2308)
 *   denial.c      their proofs, by NSEC (RFC 4035 section 3.1.3) or NSEC3 (RFC 5155 section 7.2)
 *   referral.c    delegations: NS, DS or its absence, glue
 *   additional.c  addresses of names in RDATA
 *   reply.c       writing and compressing
 *   transfer.c    AXFR as a stream of messages (RFC 5936)
 *   edns.c        the OPT and its options
 *   cookie.c      server cookies (RFC 7873, 9018)
 *   sign.c        signatures by shared keys (RFC 8945)
 *   chaos.c       class CHAOS: version and identity
 *
 * Nothing here allocates, locks, logs or enters the kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/answer/cookie.h"
#include "server/answer/reply.h"
#include "server/answer/zones.h"
#include "server/dns/tsig.h"

enum { ANSWER_UDP_SIZE = 1232 }; /* DNS flag day 2020: fits a path MTU of 1280 */

/* A text the server tells of itself; empty: it does not. */
struct answer_text {
    uint8_t len, bytes[255];
};

/* What the operator has decided, the same for every query. */
struct answer_setting {
    struct answer_text version, identity, nsid;
    struct cookie_secrets cookies;
    struct tsig_keys keys; /* lent */
    bool require_cookie; /* over UDP, of clients that know cookies: BADCOOKIE without a good one */
    /* When a secondary zone expires (wall clock, 0 unknown), by its row in the shared stats. */
    int64_t (*expire_at)(const void *arg, uint32_t row);
    const void *expire_arg;
};

struct answer_facts {
    const struct sockaddr *source;
    bool tcp;
    bool encrypted;     /* nobody on the way can read, but see how long an answer is */
    uint16_t keepalive; /* how long a TCP connection may be idle, in 100 ms; 0 is not told */
    uint32_t now;       /* wall clock, s */
    const struct answer_setting *setting; /* NULL: nothing is told, no cookies */
};

enum answer_kind {
    ANSWER_NONE, /* send nothing */
    ANSWER_REPLY,
    ANSWER_TRANSFER, /* stream the zone (transfer.h); only over TCP. Written was the OPT alone that
                      * its first message ends with, if any */
    ANSWER_NOTIFIED  /* a reply, and the keeper must be told that the zone may have changed */
};

struct answer {
    enum answer_kind kind;
    size_t len;
    unsigned rcode; /* with the EDNS part */
    bool truncated, referral, nodata, edns, dnssec_ok;
    bool alias; /* it goes on at the target of a CNAME or DNAME */
    bool transfer_refused, notify_refused;
    enum cookie_verdict
        cookie;              /* not COOKIE_BAD: the client receives what is sent to its address */
    uint16_t extended_error; /* RFC 8914, 0 none */
    enum tsig_verdict signature;   /* of a query that has one; GOOD otherwise */
    const struct tsig_key *signer; /* whose query it is for certain; NULL: not signed, or badly */
    struct tsig_chain chain;       /* what the answers to it are signed with */
    const struct zone *zone;       /* NULL when none was found */
    enum query_verdict verdict;
    struct query query;    /* as parsed; points into the query's bytes */
    struct node_lead lead; /* to QNAME's node */
    /* Of QNAME's suffixes as far up as its zone's name, later those of an alias's target. */
    uint64_t hash[NAME_MAX_LABELS + 1];
};

/* Working memory of one thread; begin with all zero. */
struct answer_scratch {
    const struct zone *near; /* where the last answer came from: tried first. To be made NULL when
                              * zones may have been replaced since */
    struct reply_names names;
    struct name alias;             /* the target of a CNAME or DNAME, */
    uint8_t wire[2][NAME_MAX_LEN]; /* of this one and the one before */
    uint64_t hash[NAME_MAX_LABELS + 1];
};

/* In three steps, so that of many queries the memory of one can be fetched while others are worked
 * on; the answer keeps pointers to the query's bytes, which must stay. First the query is read and
 * its zone found, */
void answer_begin(struct answer *answer, struct answer_scratch *scratch,
                  const struct zone_table *zones, const struct hash_key *key, const uint8_t *query,
                  size_t len, const struct answer_facts *facts);
/* then what the last step will read is asked for (may be left out), */
void answer_fetch(struct answer *answer);
/* then the answer is written into `out` (`cap` bytes; 65535 for TCP, at least 512). */
void answer_end(struct answer *answer, struct answer_scratch *scratch,
                const struct zone_table *zones, const struct hash_key *key,
                const struct answer_facts *facts, uint8_t *out, size_t cap);
/* Answers the `len` bytes at `query`: all steps. */
void answer_query(struct answer *answer, struct answer_scratch *scratch,
                  const struct zone_table *zones, const struct hash_key *key, const uint8_t *query,
                  size_t len, const struct answer_facts *facts, uint8_t *out, size_t cap);
/* Makes the answer just given an empty, truncated one, so that the client comes by TCP. */
void answer_empty(struct answer *answer, struct answer_scratch *scratch,
                  const struct answer_facts *facts, uint8_t *out, size_t cap);

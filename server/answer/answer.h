/* The whole protocol behind one pure function: query bytes, transport facts and a zone table in;
 * answer bytes out.
 *
 *   answer.c      header, opcode, class, EDNS; which zone; what kind of reply
 *   resolve.c     RFC 1034 section 4.3.2 within one zone: match, cut, CNAME, DNAME, wildcard
 *   negative.c    NODATA and NXDOMAIN with SOA (RFC 2308), proofs by NSEC (RFC 4035 section 3.1.3)
 *   referral.c    delegations: NS, DS or its absence, glue
 *   additional.c  addresses of names in RDATA
 *   reply.c       writing and compressing
 *   transfer.c    AXFR as a stream of messages (RFC 5936)
 *
 * Nothing here allocates, locks, logs or enters the kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/answer/reply.h"
#include "server/answer/zones.h"

enum { ANSWER_UDP_SIZE = 1232 }; /* DNS flag day 2020: fits a path MTU of 1280 */

struct answer_facts {
    const struct sockaddr *source;
    bool tcp;
};

enum answer_kind {
    ANSWER_NONE, /* send nothing */
    ANSWER_REPLY,
    ANSWER_TRANSFER, /* nothing was written: stream the zone (transfer.h); only over TCP */
    ANSWER_NOTIFIED  /* a reply, and the keeper must be told that the zone may have changed */
};

struct answer {
    enum answer_kind kind;
    size_t len;
    unsigned rcode; /* with the EDNS part */
    bool truncated, referral, nodata, edns, dnssec_ok;
    bool transfer_refused, notify_refused;
    const struct zone *zone; /* NULL when none was found */
    struct query query;      /* as parsed; points into the query's bytes */
};

/* Working memory of one thread; begin with all zero. */
struct answer_scratch {
    struct reply_names names;
    uint64_t hash[NAME_MAX_LABELS + 1];
    uint8_t wire[2][NAME_MAX_LEN]; /* targets of CNAME and DNAME on the way */
};

/* Answers the `len` bytes at `query` into `out` (`cap` bytes; 65535 for TCP, at least 512). */
void answer_query(struct answer *answer, struct answer_scratch *scratch,
                  const struct zone_table *zones, const struct hash_key *key, const uint8_t *query,
                  size_t len, const struct answer_facts *facts, uint8_t *out, size_t cap);

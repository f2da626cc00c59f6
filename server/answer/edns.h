/* The OPT record of an answer (RFC 6891) and the options in it.
 *
 *   COOKIE     to whom sends one (RFC 7873, 9018); its room is kept before the answer is written
 *   EXPIRE     to who asks with a question for SOA, AXFR or IXFR (RFC 7314); room is kept
 *   keepalive  over TCP, to who asks (RFC 7828); room is kept
 *   NSID       to who asks, when the operator has named the server (RFC 5001) and it fits
 *   EDE        why it failed (RFC 8914), to everyone with EDNS, when it fits
 *   padding    over encrypted transports, to who pads his query (RFC 7830): up to a multiple of
 *              EDNS_BLOCK, or as far as there is room; room is kept for an empty one
 *
 * So an answer is never cut to tell of the server. A transfer is not padded. */
#pragma once

#include "server/answer/answer.h"

enum { EDNS_BLOCK = 468 }; /* RFC 8467 section 4.1 */
/* The longest OPT without padding: all options, and an NSID of the greatest length. */
enum { EDNS_OPT_MAX = REPLY_EDNS + 6 * EDNS_OPTION_HEAD + COOKIE_LEN + 4 + 2 + 2 + 255 };

/* Reasons of RFC 8914 section 4 that this server gives. 0 would be "other"; here it is none. */
enum {
    EDE_NONE = 0,
    EDE_NOT_READY = 14,         /* no version of the zone was ever there */
    EDE_PROHIBITED = 18,        /* not for this client */
    EDE_NOT_AUTHORITATIVE = 20, /* no such zone here */
    EDE_NOT_SUPPORTED = 21,     /* opcode or type */
    EDE_INVALID_DATA = 24       /* the zone is older than its SOA allows */
};

/* Judges the query's cookie, if any: sets `cookie` of the answer. */
void edns_judge(struct answer *answer, const struct answer_facts *facts);
/* How many bytes the answer has to leave for the OPT and what must be in it. */
size_t edns_room(const struct answer *answer, const struct answer_facts *facts);
/* Writes the OPT; reply->limit is the whole message's again. */
void edns_write(const struct answer *answer, struct reply *reply, const struct answer_facts *facts);

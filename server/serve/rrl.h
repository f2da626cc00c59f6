/* Response rate limiting: how many answers over UDP a network may be sent that may be forged
 * questions' (an amplifier's victim), after BIND's and NSD's.
 *
 * A network (the first bits of an address) has for each kind of answer a rate: the same name
 * answered, any name of a zone denied, any error. What is over it is dropped, and every slip-th is
 * instead answered truncated and empty, so that a real client behind that address comes by TCP,
 * which is never limited. Nor is a client that shows a good cookie (RFC 7873). One table a worker
 * of fixed size, which only that worker touches; when a set of it is full the entry nearest to
 * silence makes room, so at worst too much is answered. Time is the caller's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "backend/contract/message.h"
#include "server/dns/hash.h"

enum rrl_kind { RRL_ANSWERS, RRL_NXDOMAIN, RRL_ERRORS, RRL_KINDS };
enum rrl_verdict { RRL_SEND, RRL_SLIP, RRL_DROP };

struct rrl_limits {
    uint32_t rate[RRL_KINDS]; /* answers a second, 0 without limit */
    unsigned slip;            /* every n-th over the limit is answered truncated; 0 none */
    unsigned bits4, bits6;    /* of an address that are one network */
    uint32_t exempt_count;
    struct msg_acl exempt[MSG_ACL_MAX];
};

struct rrl;

/* NULL and errno when memory runs out. The limits are copied. */
struct rrl *rrl_new(const struct rrl_limits *limits, const struct hash_key *key);
void rrl_free(struct rrl *rrl);
/* Is there any limit? */
bool rrl_is_on(const struct rrl_limits *limits);
/* One answer of a kind to a source; `what` is the hash of the name or zone it is about. `now` is
 * monotonic ns. */
enum rrl_verdict rrl_judge(struct rrl *rrl, const struct sockaddr_storage *source,
                           enum rrl_kind kind, uint64_t what, int64_t now);

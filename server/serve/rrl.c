#include "server/serve/rrl.h"

#include <sys/mman.h>

#include "backend/base/clk.h"
#include "server/answer/zones.h"
#include "server/serve/limit.h"

enum {
    SETS = 1 << 14,
    WAYS = 4,     /* a set is one cache line */
    SLIPS = 0xff, /* the part of an entry's word that counts what was over the limit */
};

/* A bucket as the one moment it would be full again (GCRA): no refilling, no timer. An entry whose
 * moment has passed says nothing, so it can be taken for another. */
struct entry {
    uint64_t tag; /* of network, kind and name; the low byte counts toward the next slip */
    int64_t full; /* monotonic ns */
};

struct rrl {
    struct rrl_limits limits;
    struct hash_key key;
    _Alignas(64) struct entry set[SETS][WAYS];
};

struct rrl *rrl_new(const struct rrl_limits *limits, const struct hash_key *key)
{
    void *p =
        mmap(NULL, sizeof(struct rrl), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    struct rrl *rrl = p;
    rrl->limits = *limits;
    rrl->key = *key;
    return rrl;
}

void rrl_free(struct rrl *rrl)
{
    if (rrl)
        munmap(rrl, sizeof *rrl);
}

bool rrl_is_on(const struct rrl_limits *limits)
{
    return limits->rate[RRL_ANSWERS] || limits->rate[RRL_NXDOMAIN] || limits->rate[RRL_ERRORS];
}

/* Keyed: else anybody could choose names that share a set with those of others. */
static uint64_t make_tag(const struct rrl *rrl, uint64_t network, enum rrl_kind kind, uint64_t what)
{
    const uint64_t words[] = {network, what, kind};
    return hash_bytes(&rrl->key, (const uint8_t *)words, sizeof words);
}

static struct entry *find(struct rrl *rrl, uint64_t tag)
{
    struct entry *set = rrl->set[tag >> 50], *oldest = set;
    for (unsigned i = 0; i < WAYS; i++) {
        if ((set[i].tag | SLIPS) == (tag | SLIPS))
            return &set[i];
        if (set[i].full < oldest->full)
            oldest = &set[i];
    }
    *oldest = (struct entry){tag & ~(uint64_t)SLIPS, 0};
    return oldest;
}

static enum rrl_verdict over(struct entry *entry, unsigned slip)
{
    unsigned count = (unsigned)(entry->tag & SLIPS) + 1;
    bool slips = slip && count >= slip;
    entry->tag = (entry->tag & ~(uint64_t)SLIPS) | (slips || !slip ? 0 : count);
    return slips ? RRL_SLIP : RRL_DROP;
}

enum rrl_verdict rrl_judge(struct rrl *rrl, const struct sockaddr_storage *source,
                           enum rrl_kind kind, uint64_t what, int64_t now)
{
    const struct rrl_limits *limits = &rrl->limits;
    if (!limits->rate[kind])
        return RRL_SEND;
    uint64_t network = limit_prefix(source, limits->bits4, limits->bits6);
    struct entry *entry = find(rrl, make_tag(rrl, network, kind, what));
    int64_t each = CLK_SECOND / limits->rate[kind];
    int64_t full = (entry->full > now ? entry->full : now) + each;
    if (full - now <= CLK_SECOND) { /* a second's worth at once */
        entry->full = full;
        return RRL_SEND;
    }
    if (zone_acl_has(limits->exempt, limits->exempt_count, (const struct sockaddr *)source, NULL))
        return RRL_SEND;
    return over(entry, limits->slip);
}

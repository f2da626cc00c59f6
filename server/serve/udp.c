#include "server/serve/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "backend/base/clk.h"
#include "server/dns/wire.h"
#include "server/serve/drill.h"
#include "server/serve/limit.h"
#include "server/serve/rrl.h"

enum { UDP_EMPTY_BATCHES = 4096 }; /* more than a socket's buffer holds */

void udp_attach(struct worker *w)
{
    struct ring *ring = w->ring;
    struct udp_batch *b = w->udp;
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        b->receive[i] = (struct iovec){ring->slot[i].query, RING_QUERY};
        ring->head[i].msg_hdr.msg_name = &ring->slot[i].source;
        ring->head[i].msg_hdr.msg_iov = &b->receive[i];
        ring->head[i].msg_hdr.msg_iovlen = 1;
    }
    ring_reset(ring, RING_SLOTS, w->control);
    memset(b->item, 0, sizeof b->item); /* its memory is there from now on */
    b->used = 0;
}

/* The answer leaves from the address the query was sent to: the kernel's own control message is
 * sent back, cut to what sending takes. */
static void put_control(struct msghdr *out, const struct msghdr *in, unsigned char *control)
{
    const struct cmsghdr *from = in->msg_controllen >= sizeof *from ? CMSG_FIRSTHDR(in) : NULL;
    if (!from || in->msg_controllen > RING_CONTROL || from->cmsg_len > in->msg_controllen)
        return;
    memcpy(control, from, from->cmsg_len);
    struct cmsghdr *to = (void *)control;
    if (to->cmsg_level == IPPROTO_IP && to->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo *info = (void *)CMSG_DATA(to);
        info->ipi_ifindex = 0;
    }
    out->msg_control = control;
    out->msg_controllen = from->cmsg_len;
}

static void put_answer(struct udp_batch *b, struct ring *ring, unsigned out, unsigned slot,
                       size_t len)
{
    b->iov[out] = (struct iovec){b->answer[out], len};
    struct msghdr *h = &b->head[out].msg_hdr;
    *h = (struct msghdr){.msg_name = &ring->slot[slot].source,
                         .msg_namelen = ring->head[slot].msg_hdr.msg_namelen,
                         .msg_iov = &b->iov[out],
                         .msg_iovlen = 1};
    if (ring->head[slot].msg_hdr.msg_control)
        put_control(h, &ring->head[slot].msg_hdr, b->control[out]);
}

/* What counts as the same answer: the name when it is there, all that one zone denies, all errors.
 * A referral counts by the name just below the zone, which is most often the child. */
static enum rrl_kind classify(const struct answer *a, uint64_t *what)
{
    bool denied = a->rcode == RCODE_NXDOMAIN || a->nodata;
    *what = 0;
    if (!a->zone || (a->rcode != RCODE_NOERROR && !denied))
        return RRL_ERRORS;
    unsigned below = a->query.qname.count - a->zone->labels;
    *what = denied ? a->zone->hash : a->hash[a->referral && below && !a->alias ? below - 1 : 0];
    return a->rcode == RCODE_NXDOMAIN ? RRL_NXDOMAIN : RRL_ANSWERS;
}

/* True: nothing may be sent. Else the answer may have become an empty one. */
static bool is_limited(struct worker *w, const struct sockaddr_storage *source, struct answer *a,
                       const struct answer_facts *facts, unsigned char *out)
{
    uint64_t what;
    if (a->kind == ANSWER_NOTIFIED || a->cookie != COOKIE_BAD || a->signer)
        return false;
    enum rrl_kind kind = classify(a, &what);
    enum rrl_verdict verdict = rrl_judge(w->rrl, source, kind, what, w->udp->now);
    if (verdict == RRL_SEND)
        return false;
    stats_add(w->stats, verdict == RRL_SLIP ? COUNTER_RATE_SLIPPED : COUNTER_RATE_DROPPED, 1);
    if (verdict == RRL_SLIP)
        answer_empty(a, &w->scratch, facts, out, ANSWER_UDP_SIZE);
    return verdict == RRL_DROP;
}

/* May the datagram be looked at? Those that may not are counted and get nothing. */
static bool admit(struct worker *w, const struct ring *ring, unsigned slot)
{
    const unsigned char *query = ring->slot[slot].query;
    unsigned len = ring->head[slot].msg_len;
    enum counter reason = COUNTER_DROPPED;
    bool may = limit_may_answer(&ring->slot[slot].source);
    if (may && atomic_load_explicit(&w->shared->rings->poisoned, memory_order_relaxed) &&
        ring_is_poison(w->shared->rings, query, len, clk_mono_ns())) {
        reason = COUNTER_QUARANTINED;
        may = false;
    }
    if (!may)
        stats_add(w->stats, reason, 1);
    else if (w->shared->drills)
        drill_query(query, len);
    return may;
}

static void count_received(struct worker *w, const struct ring *ring, unsigned first,
                           unsigned count)
{
    uint64_t four = 0, bytes = 0;
    for (unsigned slot = first; slot < first + count; slot++) {
        four += ring->slot[slot].source.ss_family == AF_INET;
        bytes += ring->head[slot].msg_len;
    }
    stats_add(w->stats, COUNTER_UDP4_QUERIES, four);
    stats_add(w->stats, COUNTER_UDP6_QUERIES, count - four);
    stats_add(w->stats, COUNTER_RECEIVE_BYTES, bytes);
}

/* Says which slot is being worked on, should it be the end of this process. */
static inline void note_current(struct ring *ring, unsigned slot)
{
    atomic_store_explicit(&ring->current, slot + 1, memory_order_relaxed);
}

/* Answers `count` slots from `first` on, in steps: while the memory for one answer is on its way,
 * others are worked on. Returns how many answers there are to be sent. */
static unsigned answer_slots(struct worker *w, struct ring *ring, unsigned first, unsigned count,
                             const struct zone_table *zones)
{
    struct udp_batch *b = w->udp;
    const struct hash_key *key = &w->shared->key;
    struct answer_facts facts = {.now = w->now, .setting = &w->shared->setting};
    unsigned admitted = 0, out = 0;
    for (unsigned slot = first; slot < first + count; slot++) {
        note_current(ring, slot);
        facts.source = (const struct sockaddr *)&ring->slot[slot].source;
        if (!admit(w, ring, slot))
            continue;
        answer_begin(&b->item[admitted], &w->scratch, zones, key, ring->slot[slot].query,
                     ring->head[slot].msg_len, &facts);
        b->slot[admitted++] = (uint8_t)slot;
    }
    for (unsigned i = 0; i < admitted; i++) {
        note_current(ring, b->slot[i]);
        answer_fetch(&b->item[i]);
    }
    for (unsigned i = 0; i < admitted; i++) {
        struct answer *a = &b->item[i];
        const struct sockaddr_storage *source = &ring->slot[b->slot[i]].source;
        note_current(ring, b->slot[i]);
        facts.source = (const struct sockaddr *)source;
        answer_end(a, &w->scratch, zones, key, &facts, b->answer[out], ANSWER_UDP_SIZE);
        worker_count(w->stats, a);
        worker_follow_up(w, a, source);
        if (a->kind == ANSWER_NONE || (w->rrl && is_limited(w, source, a, &facts, b->answer[out])))
            continue;
        put_answer(b, ring, out++, b->slot[i], a->len);
    }
    count_received(w, ring, first, count);
    return out;
}

static void send_all(struct worker *w, int fd, unsigned count)
{
    struct udp_batch *b = w->udp;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += b->iov[i].iov_len;
    stats_add(w->stats, COUNTER_SEND_BYTES, bytes);
    for (unsigned done = 0; done < count;) {
        int n = sendmmsg(fd, b->head + done, count - done, MSG_DONTWAIT);
        if (n > 0) {
            done += (unsigned)n;
        } else if (errno != EINTR) {
            /* One destination that cannot be reached must not hold back the others. */
            stats_add(w->stats, COUNTER_SEND_ERRORS, 1);
            done++;
        }
    }
}

bool udp_serve(struct worker *w, unsigned i, const struct zone_table *zones)
{
    struct ring *ring = w->ring;
    struct udp_batch *b = w->udp;
    int fd = w->sockets[i].fd;
    ring_reset(ring, b->used, w->control);
    atomic_store_explicit(&ring->socket, fd, memory_order_release);
    int n = recvmmsg(fd, ring->head, RING_SLOTS, MSG_DONTWAIT, NULL);
    if (n <= 0) {
        b->used = 0;
        return false;
    }
    b->used = (unsigned)n;
    if (w->rrl)
        b->now = clk_mono_ns();
    send_all(w, fd, answer_slots(w, ring, 0, (unsigned)n, zones));
    atomic_store_explicit(&ring->sent, RING_SLOTS, memory_order_release);
    return n == RING_SLOTS;
}

void udp_replay(struct worker *w, struct ring *ring, unsigned slot, const struct zone_table *zones)
{
    unsigned len = ring_left(ring, slot);
    w->now = (uint32_t)clk_wall();
    w->udp->now = clk_mono_ns();
    int fd = atomic_load(&ring->socket);
    /* Its pointers are the dead process's: only the lengths and the slot itself are used. */
    struct msghdr *in = &ring->head[slot].msg_hdr;
    bool control = in->msg_control && in->msg_controllen <= RING_CONTROL;
    in->msg_name = &ring->slot[slot].source;
    in->msg_namelen = ring->slot[slot].source.ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                                   : sizeof(struct sockaddr_in6);
    in->msg_control = control ? ring->slot[slot].control : NULL;
    if (len)
        send_all(w, fd, answer_slots(w, ring, slot, 1, zones));
    stats_add(w->stats, COUNTER_REPLAYED, 1);
}

void udp_empty(struct worker *w, const struct zone_table *zones)
{
    for (unsigned i = 0; i < w->socket_count; i++) {
        for (int n = 0; !w->sockets[i].tcp && n < UDP_EMPTY_BATCHES && udp_serve(w, i, zones); n++)
            ;
    }
}

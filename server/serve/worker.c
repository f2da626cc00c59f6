#include "server/serve/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/serve/rrl.h"
#include "server/serve/tcp.h"
#include "server/serve/udp.h"

enum {
    EVENTS = 64,
    WAKE = UINT32_MAX,
    TICK_MS = 250,
    BATCHES = 16 /* from one socket before the others get a turn */
};

static bool is_wildcard(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return false;
    if (a.ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)(void *)&a)->sin6_addr);
    return a.ss_family == AF_INET &&
           ((struct sockaddr_in *)(void *)&a)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static void *map_zero(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

int worker_init(struct worker *w, struct worker_shared *shared, unsigned index,
                const struct serve_socket *sockets, unsigned count)
{
    w->shared = shared;
    w->index = index;
    w->now = (uint32_t)clk_wall();
    w->stats = &shared->stats->worker[shared->slot][index];
    w->ring = &shared->rings->ring[index];
    for (unsigned i = 0; i < count; i++) {
        if (sockets[i].worker != index)
            continue;
        if (w->socket_count == WORKER_SOCKETS)
            return ERR_LIMIT;
        w->control |= !sockets[i].tcp && is_wildcard(sockets[i].fd);
        w->sockets[w->socket_count++] = sockets[i];
    }
    w->tcp = tcp_pool_new(shared->tcp);
    w->udp = map_zero(sizeof *w->udp);
    if (rrl_is_on(shared->rrl))
        w->rrl = rrl_new(shared->rrl, &shared->key);
    if (!w->tcp || !w->udp || (rrl_is_on(shared->rrl) && !w->rrl))
        return ERR_MEMORY;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    /* Edge-triggered and never read: each write wakes every worker once. */
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = WAKE};
    return w->epoll < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, shared->wake, &e) < 0 ? ERR_SYSTEM
                                                                                    : ERR_OK;
}

const struct zone_table *worker_zones(struct worker *w)
{
    w->scratch.near = NULL;
    return publish_read(&w->shared->publish);
}

void worker_count(struct stats_worker *s, const struct answer *a)
{
    static const uint8_t by_rcode[] = {
        [RCODE_NOERROR] = COUNTER_NOERROR,
        [RCODE_FORMERR] = COUNTER_FORMERR,
        [RCODE_SERVFAIL] = COUNTER_SERVFAIL,
        [RCODE_NXDOMAIN] = COUNTER_NXDOMAIN,
        [RCODE_NOTIMP] = COUNTER_NOTIMP,
        [RCODE_REFUSED] = COUNTER_REFUSED,
        [RCODE_YXDOMAIN] = COUNTER_OTHER_RCODE,
        [7] = COUNTER_OTHER_RCODE,
        [8] = COUNTER_OTHER_RCODE,
        [RCODE_NOTAUTH] = COUNTER_NOTAUTH,
    };
    if (a->kind == ANSWER_NONE) {
        stats_add(s, COUNTER_DROPPED, 1);
        return;
    }
    if (a->kind != ANSWER_TRANSFER) {
        enum counter c = a->rcode == RCODE_BADVERS    ? COUNTER_BADVERS
                         : a->rcode < sizeof by_rcode ? (enum counter)by_rcode[a->rcode]
                                                      : COUNTER_OTHER_RCODE;
        stats_add(s, c, 1);
    }
    if (a->signer || a->signature != TSIG_GOOD)
        stats_add(s, a->signer ? COUNTER_TSIG_GOOD : COUNTER_TSIG_BAD, 1);
    if (a->edns)
        stats_add(s, COUNTER_EDNS, 1);
    if (a->dnssec_ok)
        stats_add(s, COUNTER_DO, 1);
    if (a->referral)
        stats_add(s, COUNTER_REFERRAL, 1);
    if (a->nodata)
        stats_add(s, COUNTER_NODATA, 1);
    if (a->truncated)
        stats_add(s, COUNTER_TRUNCATED, 1);
}

static void tell_main(struct worker *w)
{
    uint64_t one = 1;
    ssize_t written = write(w->shared->tell, &one, sizeof one);
    (void)written;
}

void worker_note(struct worker *w, const struct note *note)
{
    struct notes *n = &w->notes;
    uint32_t put = atomic_load_explicit(&n->put, memory_order_relaxed);
    if (put - atomic_load_explicit(&n->taken, memory_order_acquire) == WORKER_NOTES) {
        atomic_fetch_add_explicit(&n->lost, 1, memory_order_relaxed);
        return;
    }
    n->note[put % WORKER_NOTES] = *note;
    atomic_store_explicit(&n->put, put + 1, memory_order_release);
    tell_main(w);
}

void worker_follow_up(struct worker *w, const struct answer *a,
                      const struct sockaddr_storage *source)
{
    if (a->kind != ANSWER_NOTIFIED && !a->transfer_refused && !a->notify_refused)
        return;
    enum counter c = a->kind == ANSWER_NOTIFIED ? COUNTER_NOTIFY_IN
                     : a->notify_refused        ? COUNTER_NOTIFY_REFUSED
                                                : COUNTER_AXFR_REFUSED;
    stats_add(w->stats, c, 1);
    if (!a->zone || a->notify_refused)
        return;
    struct note note = {.kind = a->transfer_refused ? NOTE_XFR_REFUSED : NOTE_NOTIFY,
                        .row = a->zone->row,
                        .has_serial = a->query.has_serial,
                        .serial = a->query.serial,
                        .name_len = a->zone->name_len,
                        .source = *source};
    memcpy(note.name, zone_name(a->zone), a->zone->name_len);
    worker_note(w, &note);
}

static void watch_sockets(struct worker *w, bool udp, bool tcp, bool on)
{
    for (unsigned i = 0; i < w->socket_count; i++) {
        if (w->sockets[i].tcp ? !tcp : !udp)
            continue;
        struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
        epoll_ctl(w->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->sockets[i].fd, &e);
    }
    if (tcp)
        w->accepting = on;
}

static void serve_event(struct worker *w, const struct epoll_event *e,
                        const struct zone_table *zones)
{
    uint32_t i = (uint32_t)e->data.u64;
    if (i >= WORKER_SOCKETS) {
        tcp_ready(w, e->data.u64, e->events, zones);
    } else if (!w->sockets[i].tcp) {
        for (int n = 0; n < BATCHES && udp_serve(w, i, zones); n++)
            ;
    } else if (w->accepting && !tcp_accept(w, w->sockets[i].fd)) {
        watch_sockets(w, false, true, false); /* out of descriptors: again at the next tick */
    }
}

/* From WAIT to RUN to DRAIN, as the main thread says. */
static void follow_state(struct worker *w, int *state)
{
    int now = atomic_load_explicit(&w->shared->state, memory_order_acquire);
    if (now == *state)
        return;
    if (now == WORKER_RUN) {
        udp_attach(w);
        tcp_attach(w);
        watch_sockets(w, true, true, true);
    } else if (*state == WORKER_RUN) {
        watch_sockets(w, true, w->accepting, false);
        w->accepting = false;
        if (atomic_load_explicit(&w->shared->stats->stopping, memory_order_relaxed)) {
            publish_wake();
            udp_empty(w, worker_zones(w));
            publish_sleep();
        }
    }
    if (now == WORKER_DRAIN)
        atomic_store_explicit(&w->received, 0, memory_order_release);
    *state = now;
    tell_main(w);
}

static void heartbeat(struct worker *w, int64_t now)
{
    uint64_t beat = atomic_load_explicit(&w->stats->heartbeat, memory_order_relaxed);
    atomic_store_explicit(&w->stats->heartbeat, beat + 1, memory_order_relaxed);
    atomic_store_explicit(&w->stats->heartbeat_at, now, memory_order_relaxed);
}

static void tick(struct worker *w, int state, int64_t now, int64_t *last)
{
    if (now - *last < TICK_MS * CLK_MS)
        return;
    *last = now;
    if (state == WORKER_RUN && !w->accepting)
        watch_sockets(w, false, true, true);
    if (tcp_open(w))
        tcp_tick(w, state == WORKER_DRAIN);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[EVENTS];
    int state = WORKER_WAIT;
    int64_t last = clk_mono_ns();
    atomic_store(&w->stats->tid, (int32_t)syscall(SYS_gettid));
    publish_join();
    publish_sleep();
    for (follow_state(w, &state); state != WORKER_DRAIN || tcp_open(w); follow_state(w, &state)) {
        int n = epoll_wait(w->epoll, events, EVENTS, TICK_MS);
        int64_t now = clk_mono_ns();
        if (state != WORKER_WAIT) { /* until then the main thread may replay with this memory */
            w->now = (uint32_t)clk_wall();
            heartbeat(w, now);
        }
        publish_wake();
        const struct zone_table *zones = state == WORKER_WAIT ? NULL : worker_zones(w);
        for (int i = 0; zones && i < n; i++) {
            if (events[i].data.u64 != WAKE)
                serve_event(w, &events[i], zones);
        }
        publish_sleep();
        tick(w, state, now, &last);
    }
    publish_wake();
    publish_leave();
    atomic_store(&w->stats->heartbeat_at, 0);
    atomic_store_explicit(&w->received, 0, memory_order_release);
    atomic_store_explicit(&w->ended, 1, memory_order_release);
    tell_main(w);
    return NULL;
}

int worker_start(struct worker *w)
{
    atomic_store(&w->ended, 0);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, w);
    if (!error)
        pthread_detach(thread); /* it says itself when it has ended */
    errno = error;
    return error ? ERR_SYSTEM : ERR_OK;
}

#include "server/serve/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/base/title.h"
#include "server/dns/name_text.h"
#include "server/serve/orphan.h"
#include "server/serve/peer.h"
#include "server/serve/setting.h"
#include "server/serve/rrl.h"
#include "server/serve/takeover.h"
#include "server/serve/tcp.h"
#include "server/serve/zonefeed.h"

/* Strangers can ask for transfers as fast as they like: what is told of it is bounded. */
enum { TICK_MS = 200, FRAMES_A_ROUND = 100, REFUSED_A_SECOND = 5 };

static const int64_t forsaken_after = 500 * CLK_MS, unready_after = 5 * CLK_SECOND;

struct serve {
    struct start *start;
    const struct serve_start *whole;
    struct orphan orphan;
    int64_t orphaned_at; /* when the supervisor's channel closed; monotonic ns */
    bool adopted;        /* by another supervisor than the one that started us */
    struct stats *stats;
    unsigned slot;
    struct worker_shared shared;
    struct tcp_limits tcp;
    struct rrl_limits rrl;
    struct worker *workers;
    unsigned worker_count;
    struct zonefeed feed;
    int supervisor, keeper;
    int watch;        /* pidfd of the active process, -1 none */
    unsigned watched; /* its slot */
    bool ready, active, draining, drained, stop;
    int64_t refused_since; /* the second in which refused transfers are counted; monotonic ns */
    unsigned refused;
    struct channel_frame frame;
};

static void wake_workers(struct serve *s, enum worker_state state)
{
    uint64_t one = 1;
    atomic_store_explicit(&s->shared.state, state, memory_order_release);
    ssize_t written = write(s->shared.wake, &one, sizeof one);
    (void)written;
}

static void go(struct serve *s, bool replay, struct takeover_result *result)
{
    if (s->active)
        return;
    if (replay)
        takeover_replay(&s->workers[0], result);
    s->active = true;
    for (unsigned i = 0; i < s->worker_count; i++)
        atomic_store_explicit(&s->workers[i].received, 1, memory_order_relaxed);
    wake_workers(s, WORKER_RUN);
    title_set("serve");
}

static void close_watch(struct serve *s)
{
    if (s->watch >= 0)
        close(s->watch);
    s->watch = -1;
}

/* What killed the other process is kept on disk by the keeper. */
static void report_poison(struct serve *s, unsigned count)
{
    const struct rings *rings = s->shared.rings;
    uint32_t written = atomic_load(&rings->poisoned);
    for (uint32_t i = written - count; i != written; i++) {
        const struct ring_poison *p = &rings->poison[i % RING_POISON];
        size_t len = p->len < RING_POISON_BYTES ? p->len : RING_POISON_BYTES;
        if (s->keeper >= 0)
            channel_send(s->keeper, MSG_POISON, p->query, len, NULL, 0, 0);
    }
}

/* The active process is dead: go on in its place, unless somebody else does. */
static void take_over(struct serve *s)
{
    struct takeover_result result = {.dead_pid = atomic_load(&s->stats->process[s->watched].pid)};
    close_watch(s);
    if (!takeover_claim(s->stats, s->slot, s->watched))
        return;
    go(s, true, &result);
    report_poison(s, result.quarantined < RING_POISON ? result.quarantined : RING_POISON);
    struct msg_took_over m = {result.dead_pid, result.replayed, result.quarantined};
    channel_send(s->supervisor, MSG_TOOK_OVER, &m, sizeof m, NULL, 0, 1000);
}

/* The supervisor ended within a hand-over to us, after the other one was told to drain: nobody will
 * say GO any more, and the other one has stopped receiving by now. */
static bool is_forsaken(const struct serve *s)
{
    unsigned active = takeover_active(s->stats);
    if (s->supervisor >= 0 || clk_mono_ns() - s->orphaned_at < forsaken_after)
        return false;
    return active == s->slot || (active < STATS_SERVE && atomic_load(&s->stats->planned) == 1 &&
                                 atomic_load(&s->stats->process[active].state) == PROCESS_DRAINING);
}

/* Started by a supervisor that ended before it was given anything to do, or of a life that another
 * one has taken over: nobody will ever need it. */
static bool is_left_over(const struct serve *s)
{
    if (s->supervisor >= 0 || s->active || s->draining)
        return false;
    int64_t alone = clk_mono_ns() - s->orphaned_at;
    unsigned active = takeover_active(s->stats);
    return (alone > forsaken_after && active == STATS_SERVE) ||
           (alone > forsaken_after && atomic_load(&s->stats->planned) == 2) ||
           (alone > unready_after && !s->ready && active != s->slot);
}

/* A ready standby keeps an eye on whoever is active now. */
static void watch_active(struct serve *s)
{
    if (!s->ready || s->active || s->draining)
        return;
    unsigned active = takeover_active(s->stats);
    if (is_forsaken(s)) {
        struct takeover_result result = {0};
        atomic_store(&s->stats->planned, 0);
        if (active == s->slot || takeover_claim(s->stats, s->slot, active))
            go(s, true, &result);
        return;
    }
    if (s->watch >= 0 && active == s->watched)
        return;
    close_watch(s);
    s->watched = active;
    s->watch = takeover_watch(s->stats, s->slot);
    if (s->watch == -2) {
        s->watch = -1;
        take_over(s);
    }
}

static void say_ready(struct serve *s)
{
    if (s->ready || !s->feed.synced)
        return;
    unsigned bad = zonefeed_prove(&s->feed);
    if (bad) {
        log_line(LOG_ERROR, "%u zones do not answer for their SOA; not ready", bad);
        s->stop = true;
        return;
    }
    s->ready = true;
    channel_send(s->supervisor, MSG_READY, NULL, 0, NULL, 0, 1000);
}

static void new_keeper(struct serve *s, struct channel_frame *frame)
{
    if (!frame->nfds)
        return;
    if (s->keeper >= 0)
        close(s->keeper);
    s->keeper = frame->fds[0];
    frame->fds[0] = -1;
    zonefeed_restart(&s->feed);
}

static void take_command(struct serve *s, struct channel_frame *frame)
{
    const struct msg_go *m = (const void *)frame->payload;
    struct takeover_result result = {0};
    switch (frame->type) {
    case MSG_GO:
        close_watch(s);
        go(s, frame->len == sizeof *m && m->replay, &result);
        break;
    case MSG_DRAIN:
        s->draining = true;
        /* Another process goes on, with other stats: nobody of these may. */
        if (s->adopted)
            atomic_store(&s->stats->planned, 2);
        title_set("serve (draining)");
        wake_workers(s, WORKER_DRAIN);
        break;
    case MSG_STOP:
        s->stop = true;
        break;
    case MSG_KEEPER:
        new_keeper(s, frame);
        break;
    default:
        log_line(LOG_WARNING, "unexpected message %u from the supervisor", frame->type);
    }
    channel_discard(frame);
}

static void read_supervisor(struct serve *s)
{
    int n;
    while ((n = channel_receive(s->supervisor, &s->frame)) == 1)
        take_command(s, &s->frame);
    if (n == ERR_CLOSED) { /* it died: what is served goes on being served */
        close(s->supervisor);
        s->supervisor = -1;
        s->orphaned_at = clk_mono_ns();
        /* A hand-over it had planned does not take place: our standby may take over again. */
        if (s->active && !s->draining)
            atomic_store(&s->stats->planned, 0);
    }
}

static void follow_orphan(struct serve *s, bool knock)
{
    if (knock) {
        s->supervisor = orphan_accept(&s->orphan, s->whole);
        s->adopted |= s->supervisor >= 0;
    }
    orphan_follow(&s->orphan, s->stats->state_dir,
                  s->active && s->supervisor < 0 && !s->draining && !s->stop);
}

static void tell_bad_zone(void *ctx, const char *name, int err)
{
    struct serve *s = ctx;
    stats_event(s->stats, s->slot, err == ERR_MEMORY ? EVENT_MEMORY_OUT : EVENT_IMAGE_DAMAGED,
                err == ERR_SYSTEM ? errno : err, name, "the serve process could not take it: %s",
                err_text(err));
}

static void read_keeper(struct serve *s)
{
    int n = 0;
    uint32_t rows = atomic_load(&s->stats->zone_rows);
    s->feed.expected = rows < STATS_ZONES ? rows : STATS_ZONES;
    for (int i = 0; i < FRAMES_A_ROUND && (n = channel_receive(s->keeper, &s->frame)) == 1; i++) {
        int err = zonefeed_take(&s->feed, &s->frame);
        channel_discard(&s->frame);
        if (err)
            tell_bad_zone(s, "", err);
    }
    if (n < 0) {
        close(s->keeper);
        s->keeper = -1;
    }
    zonefeed_flush(&s->feed);
    struct msg_mark mark = {s->feed.mark};
    if (mark.number && s->keeper >= 0)
        channel_send(s->keeper, MSG_PASSED, &mark, sizeof mark, NULL, 0, 0);
    s->feed.mark = 0;
    say_ready(s);
}

static void forward_notify(struct serve *s, const struct note *note)
{
    struct msg_notify m = {.row = note->row,
                           .has_serial = note->has_serial,
                           .serial = note->serial,
                           .name_len = note->name_len,
                           .source = note->source};
    memcpy(m.name, note->name, note->name_len);
    if (s->keeper >= 0)
        channel_send(s->keeper, MSG_NOTIFY, &m, sizeof m, NULL, 0, 0);
}

/* The counter has them all; the log and the events have the first of each second. */
static bool may_tell_refused(struct serve *s)
{
    int64_t now = clk_mono_ns();
    if (now - s->refused_since >= CLK_SECOND) {
        s->refused_since = now;
        s->refused = 0;
    }
    return s->refused++ < REFUSED_A_SECOND;
}

static void take_note(struct serve *s, const struct note *note)
{
    static const enum event events[] = {[NOTE_XFR_DONE] = EVENT_XFR_OUT_DONE,
                                        [NOTE_XFR_ABORTED] = EVENT_XFR_OUT_ABORTED,
                                        [NOTE_XFR_REFUSED] = EVENT_XFR_OUT_REFUSED};
    if (note->kind == NOTE_NOTIFY) {
        forward_notify(s, note);
        return;
    }
    if (note->kind == NOTE_XFR_REFUSED && !may_tell_refused(s))
        return;
    char name[1024], peer[64];
    name_to_text(note->name, note->name_len, name);
    serve_peer_text(&note->source, peer, sizeof peer);
    if (note->kind == NOTE_XFR_REFUSED)
        stats_event(s->stats, s->slot, events[note->kind], 0, name, "to %s", peer);
    else
        stats_event(s->stats, s->slot, events[note->kind], 0, name,
                    "serial %u to %s: %llu records, %llu bytes", note->serial, peer,
                    (unsigned long long)note->records, (unsigned long long)note->bytes);
}

static void read_notes(struct serve *s)
{
    uint64_t drop;
    ssize_t n = read(s->shared.tell, &drop, sizeof drop);
    (void)n;
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct notes *notes = &s->workers[i].notes;
        uint32_t taken = atomic_load_explicit(&notes->taken, memory_order_relaxed);
        while (taken != atomic_load_explicit(&notes->put, memory_order_acquire)) {
            take_note(s, &notes->note[taken % WORKER_NOTES]);
            atomic_store_explicit(&notes->taken, ++taken, memory_order_release);
        }
    }
}

static bool all_workers(const struct serve *s, bool (*is)(const struct worker *))
{
    for (unsigned i = 0; i < s->worker_count; i++) {
        if (!is(&s->workers[i]))
            return false;
    }
    return true;
}

static bool has_stopped_receiving(const struct worker *w)
{
    return !atomic_load_explicit(&w->received, memory_order_acquire);
}

static bool has_ended(const struct worker *w)
{
    return atomic_load_explicit(&w->ended, memory_order_acquire);
}

/* Connections may go on for a minute, and an address given up meanwhile may be wanted again. */
static void close_sockets(const struct serve_start *start)
{
    for (unsigned i = 0; i < start->socket_count; i++)
        close(start->sockets[i].fd);
}

static void follow_drain(struct serve *s)
{
    if (!s->draining)
        return;
    if (!s->drained && all_workers(s, has_stopped_receiving)) {
        s->drained = true;
        close_sockets(s->whole);
        channel_send(s->supervisor, MSG_DRAINED, NULL, 0, NULL, 0, 1000);
    }
    if (s->drained && all_workers(s, has_ended))
        s->stop = true;
}

static void loop(struct serve *s)
{
    while (!s->stop) {
        struct pollfd p[] = {{s->supervisor, POLLIN, 0},
                             {s->keeper, POLLIN, 0},
                             {s->shared.tell, POLLIN, 0},
                             {s->watch, POLLIN, 0},
                             {s->orphan.listener, POLLIN, 0}};
        int n = poll(p, 5, TICK_MS);
        stats_heartbeat(s->stats, s->slot);
        if (n > 0 && p[3].revents)
            take_over(s);
        if (n > 0 && p[0].revents)
            read_supervisor(s);
        if (n > 0 && p[1].revents && s->keeper >= 0)
            read_keeper(s);
        zonefeed_rest(&s->feed, clk_mono_ns());
        if (n > 0 && p[2].revents)
            read_notes(s);
        follow_drain(s);
        watch_active(s);
        s->stop |= is_left_over(s);
        follow_orphan(s, n > 0 && p[4].revents);
    }
}

static unsigned share(unsigned all, unsigned workers)
{
    return (all + workers - 1) / workers;
}

static struct tcp_limits tcp_limits_of(const struct config *config, unsigned workers)
{
    return (struct tcp_limits){.connections = share(config->tcp.connections, workers),
                               .per_client = share(config->tcp.per_client, workers),
                               .idle = config->tcp.idle * CLK_SECOND,
                               .query = config->tcp.query * CLK_SECOND,
                               .send = config->tcp.send * CLK_SECOND};
}

static struct rrl_limits rrl_limits_of(const struct config_rate *rate)
{
    struct rrl_limits limits = {.rate = {[RRL_ANSWERS] = rate->answers,
                                         [RRL_NXDOMAIN] = rate->nxdomain,
                                         [RRL_ERRORS] = rate->errors},
                                .slip = rate->slip,
                                .bits4 = rate->bits4,
                                .bits6 = rate->bits6};
    for (size_t i = 0; i < rate->exempt.count && limits.exempt_count < MSG_ACL_MAX; i++) {
        const struct config_acl *from = &rate->exempt.items[i];
        struct msg_acl *to = &limits.exempt[limits.exempt_count++];
        *to = (struct msg_acl){.family = (uint16_t)from->family, .prefix = (uint16_t)from->prefix};
        memcpy(to->address, from->address, sizeof to->address);
    }
    return limits;
}

static int prepare(struct serve *s, struct serve_start *start)
{
    s->tcp = tcp_limits_of(s->start->config, start->workers);
    s->rrl = rrl_limits_of(&s->start->config->rate);
    s->shared = (struct worker_shared){.stats = s->stats,
                                       .slot = s->slot,
                                       .rings = rings_map(start->ring),
                                       .key = hash_key_from(s->stats->hash_key),
                                       .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                       .tell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                       .drills = s->start->config->drills,
                                       .tcp = &s->tcp,
                                       .rrl = &s->rrl};
    setting_read(&s->shared.setting, s->start->config, s->stats);
    s->worker_count = start->workers;
    s->workers = calloc(start->workers, sizeof *s->workers);
    if (!s->shared.rings || s->shared.wake < 0 || s->shared.tell < 0)
        return ERR_SYSTEM;
    if (!s->workers)
        return ERR_MEMORY;
    int err = zonefeed_init(&s->feed, &s->shared.publish, s->stats->hash_key);
    s->feed.bad = tell_bad_zone;
    s->feed.ctx = s;
    for (unsigned i = 0; i < start->workers && !err; i++)
        err = worker_init(&s->workers[i], &s->shared, i, start->sockets, start->socket_count);
    for (unsigned i = 0; i < start->workers && !err; i++) {
        err = worker_start(&s->workers[i]);
        if (err)
            stats_event(s->stats, s->slot, EVENT_THREAD, errno, "serve", "worker %u: %s", i,
                        strerror(errno));
    }
    return err;
}

int serve_main(struct serve_start *start)
{
    struct serve *s = calloc(1, sizeof *s);
    if (!s) {
        log_line(LOG_ERROR, "out of memory at start");
        return 1;
    }
    s->start = &start->common;
    s->whole = start;
    s->stats = start->common.stats;
    s->slot = start->common.slot;
    s->supervisor = start->common.supervisor;
    s->keeper = s->watch = s->orphan.listener = -1;
    title_set("serve (standby)");
    int err = prepare(s, start);
    if (err) {
        log_line(LOG_ERROR, "cannot start serving: %s: %s", err_text(err), strerror(errno));
        return 1;
    }
    takeover_mark_faults(s->shared.rings);
    loop(s);
    /* Threads and mappings go with the process: nothing is worth the time to free it. */
    _exit(0);
}

#include "backend/history/drain.h"

#include <stdio.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"

const char *drain_process(unsigned process)
{
    static const unsigned char roles[STATS_PROCESSES] = {
        [STATS_SUPERVISOR] = ROLE_SUPERVISOR,
        [STATS_KEEPER] = ROLE_KEEPER,
        [STATS_ENDPOINT] = ROLE_ENDPOINT,
    };
    if (process < STATS_SERVE)
        return role_name(ROLE_SERVE);
    return process < STATS_PROCESSES ? role_name(roles[process]) : "?";
}

static uint64_t ring_count(const struct stats *stats, unsigned process)
{
    return atomic_load_explicit(&stats->events[process].count, memory_order_acquire);
}

bool drain_read(const struct stats *stats, unsigned process, uint64_t n, struct stats_event *copy)
{
    const struct stats_events *ring = &stats->events[process];
    uint64_t count = ring_count(stats, process);
    if (n >= count || count - n > STATS_EVENTS)
        return false;
    bool whole = stats_read_event(&ring->row[n % STATS_EVENTS], copy);
    /* Its writer may have come round meanwhile. */
    return whole && ring_count(stats, process) - n <= STATS_EVENTS && copy->event < EVENT_COUNT;
}

static bool read_locked(struct drain *d, unsigned process, uint64_t n, struct stats_event *copy)
{
    pthread_mutex_t *lock = process == STATS_ENDPOINT ? d->own_ring : NULL;
    if (lock)
        pthread_mutex_lock(lock);
    bool there = drain_read(d->stats, process, n, copy);
    if (lock)
        pthread_mutex_unlock(lock);
    return there;
}

void drain_start(struct drain *d)
{
    struct stats_event e;
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        uint64_t count = ring_count(d->stats, p);
        uint64_t kept = atomic_load(&d->stats->events[p].kept);
        uint64_t place = history_place(d->history, d->stats->boot, p);
        d->next[p] = place > kept ? place : kept;
        if (d->next[p] > count)
            d->next[p] = count;
        uint64_t first = count > STATS_EVENTS ? count - STATS_EVENTS : 0;
        for (uint64_t n = first; d->watch && n < d->next[p]; n++) {
            if (read_locked(d, p, n, &e))
                d->watch(d->watch_arg, p, &e);
        }
    }
}

static int keep(struct drain *d, unsigned process, const struct stats_event *e)
{
    const struct event_info *info = &event_info[e->event];
    struct history_event h = {
        .number = info->number,
        .severity = info->severity,
        .error = e->error,
        .pid = e->pid,
        .subject = e->subject,
        .text = e->text,
        .process = drain_process(process),
        .boot = d->stats->boot,
        .first = e->at / CLK_SECOND,
        .last = e->at / CLK_SECOND,
        .count = 1,
    };
    return history_add(d->history, &h);
}

static int keep_loss(struct drain *d, unsigned process, uint64_t lost)
{
    struct stats_event e = {.event = EVENT_LOST, .at = clk_wall_ns()};
    snprintf(e.subject, sizeof e.subject, "%s", drain_process(process));
    snprintf(e.text, sizeof e.text, "%llu events were overwritten before they were kept",
             (unsigned long long)lost);
    return keep(d, process, &e);
}

/* The rings being read: for each the place and its next event, if one was read. */
struct heads {
    uint64_t next[STATS_PROCESSES];
    uint64_t lost[STATS_PROCESSES];
    bool full[STATS_PROCESSES];
    struct stats_event event[STATS_PROCESSES];
};

static void fill(struct drain *d, struct heads *h, unsigned p)
{
    while (!h->full[p]) {
        uint64_t count = ring_count(d->stats, p);
        if (h->next[p] >= count)
            return;
        if (count - h->next[p] > STATS_EVENTS) {
            h->lost[p] += count - h->next[p] - STATS_EVENTS;
            h->next[p] = count - STATS_EVENTS;
        }
        h->full[p] = read_locked(d, p, h->next[p], &h->event[p]);
        if (!h->full[p]) {
            h->lost[p]++;
            h->next[p]++;
        }
    }
}

/* The ring whose next event is the oldest; STATS_PROCESSES when all are empty. */
static unsigned oldest(struct drain *d, struct heads *h)
{
    unsigned best = STATS_PROCESSES;
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        fill(d, h, p);
        if (h->full[p] && (best == STATS_PROCESSES || h->event[p].at < h->event[best].at))
            best = p;
    }
    return best;
}

static int move_all(struct drain *d, struct heads *h, int *moved)
{
    enum { AT_ONCE = 2 * STATS_EVENTS * STATS_PROCESSES };
    int err = ERR_OK;
    unsigned p;
    while (!err && *moved < AT_ONCE && (p = oldest(d, h)) < STATS_PROCESSES) {
        err = keep(d, p, &h->event[p]);
        if (!err && d->watch)
            d->watch(d->watch_arg, p, &h->event[p]);
        h->full[p] = false;
        h->next[p]++;
        ++*moved;
    }
    for (p = 0; !err && p < STATS_PROCESSES; p++) {
        if (h->lost[p])
            err = keep_loss(d, p, h->lost[p]);
        if (!err && h->next[p] != d->next[p])
            err = history_set_place(d->history, d->stats->boot, p, h->next[p]);
    }
    return err;
}

static bool is_idle(const struct drain *d)
{
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        if (ring_count(d->stats, p) != d->next[p])
            return false;
    }
    return true;
}

void drain_mark(struct drain *d)
{
    if (!history_on_disk(d->history))
        return;
    for (unsigned p = 0; p < STATS_PROCESSES; p++)
        atomic_store(&d->stats->events[p].kept, d->next[p]);
}

static int attempt(struct drain *d, int *moved)
{
    struct heads h = {0};
    *moved = 0;
    for (unsigned p = 0; p < STATS_PROCESSES; p++)
        h.next[p] = d->next[p];
    int err = history_begin(d->history);
    if (!err)
        err = move_all(d, &h, moved);
    if (!err)
        err = history_commit(d->history);
    if (err) {
        history_rollback(d->history);
        return err;
    }
    for (unsigned p = 0; p < STATS_PROCESSES; p++)
        d->next[p] = h.next[p];
    drain_mark(d);
    return ERR_OK;
}

int drain_run(struct drain *d)
{
    if (is_idle(d))
        return 0;
    int moved = 0;
    int err = attempt(d, &moved);
    if (err && history_degrade(d->history, err) == ERR_OK)
        err = attempt(d, &moved);
    return err ? err : moved;
}

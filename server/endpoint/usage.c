#include "server/endpoint/usage.h"

#include <string.h>

#include "backend/base/clk.h"

enum { MAPS_EVERY_MS = 2000, COST_FACTOR = 50 };

void usage_init(struct usage *u)
{
    memset(u, 0, sizeof *u);
    pthread_mutex_init(&u->lock, NULL);
    pthread_mutex_init(&u->reading, NULL);
}

void usage_fini(struct usage *u)
{
    pthread_mutex_destroy(&u->lock);
    pthread_mutex_destroy(&u->reading);
}

static bool is_due(struct usage *u, unsigned process, int32_t pid)
{
    pthread_mutex_lock(&u->lock);
    const struct usage_slot *s = &u->slot[process];
    bool due = s->pid != pid || clk_mono_ns() >= s->next_at;
    pthread_mutex_unlock(&u->lock);
    return due;
}

static void refresh(struct usage *u, unsigned process, int32_t pid)
{
    if (!is_due(u, process, pid) || pthread_mutex_trylock(&u->reading))
        return;
    struct usage_slot fresh = {.pid = pid, .read_at = clk_mono_ns()};
    proc_read_maps(pid, &fresh.maps);
    int64_t now = clk_mono_ns();
    int64_t wait = (now - fresh.read_at) * COST_FACTOR;
    fresh.next_at = now + (wait > MAPS_EVERY_MS * CLK_MS ? wait : MAPS_EVERY_MS * CLK_MS);
    pthread_mutex_lock(&u->lock);
    u->slot[process] = fresh;
    pthread_mutex_unlock(&u->lock);
    pthread_mutex_unlock(&u->reading);
}

void usage_get(struct usage *u, const struct stats *stats, unsigned process,
               struct usage_process *out)
{
    const struct stats_process *row = &stats->process[process];
    unsigned state = atomic_load(&row->state);
    *out = (struct usage_process){
        .pid = atomic_load(&row->pid),
        .maps = {PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN},
        .basic = {PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN},
    };
    /* The number of a dead process may belong to a stranger by now. */
    bool expected = state != PROCESS_NONE && state != PROCESS_DEAD;
    out->alive = expected && proc_read_basic(out->pid, &out->basic);
    if (!out->alive)
        return;
    refresh(u, process, out->pid);
    pthread_mutex_lock(&u->lock);
    if (u->slot[process].pid == out->pid)
        out->maps = u->slot[process].maps;
    pthread_mutex_unlock(&u->lock);
}

uint64_t usage_memory(struct usage *u, const struct stats *stats)
{
    uint64_t sum = 0;
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        struct usage_process of;
        usage_get(u, stats, p, &of);
        if (of.alive)
            sum += of.maps.pss != PROC_UNKNOWN ? of.maps.pss : of.basic.rss;
    }
    return sum;
}

#include "server/endpoint/liveness.h"

#include <errno.h>
#include <signal.h>

#include "backend/base/clk.h"

static int64_t oldest_worker(const struct stats *stats, unsigned process)
{
    uint32_t workers = atomic_load(&stats->workers);
    int64_t oldest = 0;
    for (uint32_t w = 0; w < workers && w < STATS_WORKERS; w++) {
        int64_t at = atomic_load(&stats->worker[process][w].heartbeat_at);
        if (at && (!oldest || at < oldest))
            oldest = at;
    }
    return oldest;
}

int64_t liveness_age_ms(const struct stats *stats, unsigned process, int64_t now)
{
    const struct stats_process *row = &stats->process[process];
    int64_t oldest = atomic_load(&row->heartbeat_at);
    unsigned state = atomic_load(&row->state);
    /* Workers of a process that does not serve stand still by right. */
    if (process < STATS_SERVE && state == PROCESS_ACTIVE) {
        int64_t worker = oldest_worker(stats, process);
        if (worker && (!oldest || worker < oldest))
            oldest = worker;
    }
    if (!oldest)
        return -1;
    return now > oldest ? (now - oldest) / CLK_MS : 0;
}

bool liveness_is_stale(const struct stats *stats, unsigned process, int64_t now)
{
    return liveness_age_ms(stats, process, now) > LIVENESS_STALE_MS;
}

bool liveness_is_gone(const struct context *c, unsigned process)
{
    const struct stats_process *row = &c->stats->process[process];
    unsigned state = atomic_load(&row->state);
    if (state == PROCESS_NONE || state == PROCESS_DEAD || !atomic_load(&c->supervisor_gone))
        return false;
    int32_t pid = atomic_load(&row->pid);
    return process == STATS_SUPERVISOR || pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH);
}

unsigned liveness_active(const struct stats *stats, int64_t now)
{
    uint32_t active = atomic_load(&stats->active);
    if (active >= STATS_SERVE || atomic_load(&stats->process[active].state) != PROCESS_ACTIVE)
        return STATS_SERVE;
    int64_t age = liveness_age_ms(stats, active, now);
    return age >= 0 && age <= LIVENESS_STALE_MS ? active : STATS_SERVE;
}

const char *liveness_state(const struct stats *stats, int64_t now)
{
    if (atomic_load(&stats->stopping))
        return "stopping";
    if (liveness_active(stats, now) < STATS_SERVE)
        return "serving";
    bool none_yet = atomic_load(&stats->active) >= STATS_SERVE && !atomic_load(&stats->crashes);
    return none_yet ? "starting" : "not-serving";
}

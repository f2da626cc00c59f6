#include "server/supervisor/restart.h"

#include <stdio.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/supervisor/actions.h"
#include "server/supervisor/children.h"
#include "server/supervisor/reload.h"

static const int64_t ready_within = 30 * CLK_SECOND, standby_grace = 1 * CLK_SECOND;
static const int64_t drained_within = 2 * CLK_SECOND;
/* Connections that were open may finish. */
static const int64_t finish_within = 60 * CLK_SECOND, term_grace = 2 * CLK_SECOND;

void restart_activate(struct supervisor *sup, struct child *c, bool replay)
{
    struct stats *stats = sup->stats;
    uint64_t claim = atomic_load(&stats->claim);
    while (!atomic_compare_exchange_weak(&stats->claim, &claim, ((claim >> 8) + 1) << 8 | c->slot))
        ;
    atomic_store(&stats->active, c->slot);
    children_set_state(sup, c, PROCESS_ACTIVE);
    struct msg_go go = {.replay = replay};
    children_send(sup, c, MSG_GO, &go, sizeof go, NULL, 0);
    if (sup->started)
        return;
    sup->started = true;
    stats_event(stats, STATS_SUPERVISOR, EVENT_STARTED, 0, "", "version %s, %u workers",
                stats->version, sup->dns->workers);
}

static void finish(struct supervisor *sup, int status, const char *text)
{
    struct restart *r = &sup->restart;
    atomic_store(&sup->stats->planned, 0);
    if (status != ERR_OK) {
        if (r->listeners != sup->dns)
            listeners_close(r->listeners, sup->dns);
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_RESTART_FAILED, 0, role_name(ROLE_SERVE),
                    "%s", text);
    }
    struct request request = r->request;
    bool for_reload = r->for_reload;
    *r = (struct restart){.phase = RESTART_IDLE};
    if (for_reload)
        reload_restarted(sup, status, text);
    else
        actions_reply(sup, &request, status, "%s", text);
}

int restart_begin(struct supervisor *sup, const struct request *request, bool for_reload,
                  struct listeners *listeners)
{
    if (sup->restart.phase != RESTART_IDLE)
        return ERR_EXISTS;
    struct child *active = children_active(sup);
    if (!active || !child_alive(active))
        return ERR_MISSING;
    sup->restart = (struct restart){.phase = RESTART_PREPARE,
                                    .for_reload = for_reload,
                                    .listeners = listeners,
                                    .deadline = sup->now + ready_within};
    if (request)
        sup->restart.request = *request;
    return ERR_OK;
}

/* Starts the new process; when every row is taken, the oldest that only finishes connections has to
 * go. */
static void start_next(struct supervisor *sup)
{
    if (!backoff_due(&sup->backoff[ROLE_SERVE], sup->now))
        return;
    if (children_start(sup, ROLE_SERVE, sup->restart.listeners, &sup->restart.next) != ERR_LIMIT)
        return;
    struct child *oldest = NULL;
    for (unsigned i = 0; i < STATS_SERVE; i++) {
        struct child *c = &sup->child[i];
        if (child_alive(c) && c->expected && c != sup->restart.old &&
            (!oldest || c->spawned_at < oldest->spawned_at))
            oldest = c;
    }
    if (oldest)
        children_kill(sup, oldest);
}

static bool step_prepare(struct supervisor *sup)
{
    struct restart *r = &sup->restart;
    if (r->next && !child_alive(r->next)) {
        finish(sup, ERR_CLOSED, "the new process ended before it was ready");
        return false;
    }
    if (r->next && r->next->ready) {
        atomic_store(&sup->stats->planned, 1);
        for (unsigned i = 0; i < STATS_SERVE; i++) {
            struct child *c = &sup->child[i];
            if (c != r->next && c != children_active(sup) && !c->expected)
                children_stop(sup, c, standby_grace);
        }
        r->phase = RESTART_CLEAR;
        return true;
    }
    if (sup->now > r->deadline) {
        if (r->next)
            children_stop(sup, r->next, standby_grace);
        finish(sup, ERR_TIMEOUT, "the new process was not ready within 30 s");
        return false;
    }
    if (!r->next)
        start_next(sup);
    return false;
}

/* Is any process left that could take over by itself? It may also have done so just before it was
 * told to end. */
static bool is_cleared(struct supervisor *sup)
{
    for (unsigned i = 0; i < STATS_SERVE; i++) {
        struct child *c = &sup->child[i];
        bool finishes = c->drained;
        if (child_alive(c) && c != sup->restart.next && c != children_active(sup) && !finishes)
            return false;
    }
    return true;
}

/* The sockets of the new process are the ones from now on. */
static void adopt_listeners(struct supervisor *sup)
{
    struct listeners *set = sup->restart.listeners, *old = sup->dns;
    if (set == old)
        return;
    struct listeners_report report = reload_report(sup);
    listeners_bind_rest(set, &report);
    sup->dns = set;
    listeners_close(old, set);
    atomic_store(&sup->stats->workers, set->workers);
    if (set->workers > atomic_load(&sup->stats->most_workers))
        atomic_store(&sup->stats->most_workers, set->workers);
}

static bool step_clear(struct supervisor *sup)
{
    struct restart *r = &sup->restart;
    struct child *active = children_active(sup);
    if (active == r->next) {
        /* The old one died before the hand-over was planned, and the new one was the quicker heir.
         */
        adopt_listeners(sup);
        finish(sup, ERR_OK, "the old process died meanwhile; the new one took over");
        return false;
    }
    if (!child_alive(r->next)) {
        finish(sup, ERR_CLOSED, "the new process ended before it was ready");
        return false;
    }
    if (!is_cleared(sup))
        return false;
    r->old = active;
    r->drain_at = clk_mono_ns();
    r->deadline = sup->now + drained_within;
    if (child_alive(active)) {
        children_set_state(sup, active, PROCESS_DRAINING);
        children_send(sup, active, MSG_DRAIN, NULL, 0, NULL, 0);
    }
    r->phase = RESTART_DRAIN;
    return true;
}

static void hand_over(struct supervisor *sup)
{
    struct restart *r = &sup->restart;
    adopt_listeners(sup);
    restart_activate(sup, r->next, !r->old->drained);
    atomic_fetch_add(&sup->stats->restarts, 1);
    int ms = (int)((clk_mono_ns() - r->drain_at) / CLK_MS);
    if (child_alive(r->old)) {
        r->old->expected = true;
        r->old->term_at = sup->now + finish_within;
        r->old->kill_at = sup->now + finish_within + term_grace;
    }
    char text[MSG_TEXT_MAX];
    snprintf(text, sizeof text, "pid %d follows pid %d; the hand-over took %d ms",
             (int)r->next->pid, (int)r->old->last_pid, ms);
    stats_event(sup->stats, STATS_SUPERVISOR, EVENT_RESTARTED, 0, role_name(ROLE_SERVE), "%s",
                text);
    finish(sup, ERR_OK, text);
}

static bool step_drain(struct supervisor *sup)
{
    struct restart *r = &sup->restart;
    bool old_done = r->old->drained || !child_alive(r->old);
    if (!old_done && sup->now > r->deadline) {
        children_kill(sup, r->old);
        r->deadline = INT64_MAX;
    }
    /* There is no way back once the old one drains: a new process that fails is replaced. */
    if (r->next && !child_alive(r->next))
        r->next = NULL;
    if (!r->next)
        start_next(sup);
    if (!old_done || !r->next || !r->next->ready)
        return false;
    hand_over(sup);
    return false;
}

void restart_step(struct supervisor *sup)
{
    static bool (*const steps[])(struct supervisor *) = {[RESTART_PREPARE] = step_prepare,
                                                         [RESTART_CLEAR] = step_clear,
                                                         [RESTART_DRAIN] = step_drain};
    while (sup->restart.phase != RESTART_IDLE && steps[sup->restart.phase](sup))
        ;
}

void restart_cancel(struct supervisor *sup)
{
    if (sup->restart.phase != RESTART_IDLE)
        finish(sup, ERR_CLOSED, "the server is being stopped");
}

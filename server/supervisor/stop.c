#include "server/supervisor/stop.h"

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/supervisor/actions.h"
#include "server/supervisor/children.h"
#include "server/supervisor/restart.h"

static const int64_t serve_within = 10 * CLK_SECOND, standby_grace = 1 * CLK_SECOND;
static const int64_t keeper_grace = 5 * CLK_SECOND, endpoint_grace = 5 * CLK_SECOND;

static void kill_all(struct supervisor *sup)
{
    sup->stop.at_once = true;
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        sup->child[i].expected = true;
        children_kill(sup, &sup->child[i]);
    }
}

void stop_begin(struct supervisor *sup, const struct request *request)
{
    struct stop *s = &sup->stop;
    if (s->phase != STOP_NONE) {
        kill_all(sup);
        return;
    }
    *s = (struct stop){
        .phase = STOP_SERVE, .request = *request, .deadline = sup->now + serve_within};
    atomic_store(&sup->stats->stopping, 1);
    restart_cancel(sup);
    /* Nobody shall take over from the one that drains. */
    atomic_store(&sup->stats->planned, 1);
    for (unsigned i = 0; i < STATS_SERVE; i++) {
        struct child *c = &sup->child[i];
        if (!child_alive(c) || c == children_active(sup))
            continue;
        children_stop(sup, c, standby_grace);
    }
    struct child *active = children_active(sup);
    if (active && child_alive(active)) {
        children_set_state(sup, active, PROCESS_DRAINING);
        active->expected = true;
        active->kill_at = s->deadline;
        children_send(sup, active, MSG_DRAIN, NULL, 0, NULL, 0);
    }
}

static bool any_alive(const struct supervisor *sup, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        if (child_alive(&sup->child[i]))
            return true;
    }
    return false;
}

static const char *describe(struct supervisor *sup)
{
    const struct child *active = children_active(sup);
    if (sup->stop.at_once)
        return "at once, as asked";
    return active && active->exit_signal ? "connections that did not end within 10 s were cut"
                                         : "everything received was answered";
}

void stop_step(struct supervisor *sup)
{
    struct stop *s = &sup->stop;
    if (s->phase == STOP_SERVE && !any_alive(sup, 0, STATS_SERVE)) {
        actions_reply(sup, &s->request, ERR_OK, "the server has stopped");
        children_stop(sup, &sup->child[STATS_KEEPER], keeper_grace);
        s->phase = STOP_KEEPER;
    }
    if (s->phase == STOP_KEEPER && !child_alive(&sup->child[STATS_KEEPER])) {
        if (!sup->zones_bad)
            stats_event(sup->stats, STATS_SUPERVISOR, EVENT_STOPPED, 0, "", "%s", describe(sup));
        children_stop(sup, &sup->child[STATS_ENDPOINT], endpoint_grace);
        s->phase = STOP_ENDPOINT;
    }
    if (s->phase == STOP_ENDPOINT && !child_alive(&sup->child[STATS_ENDPOINT]))
        s->phase = STOP_DONE;
}

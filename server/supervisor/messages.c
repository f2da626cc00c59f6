#include "server/supervisor/messages.h"

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/supervisor/actions.h"
#include "server/supervisor/children.h"
#include "server/supervisor/restart.h"

/* Per turn of the loop, so that no child keeps the supervisor from the others. */
enum { FRAMES_A_TURN = 64 };

static void on_ready(struct supervisor *sup, struct child *c, const void *payload)
{
    (void)payload;
    c->ready = true;
    if (c->role != ROLE_SERVE) {
        sup->zones_good |= c->role == ROLE_KEEPER;
        children_set_state(sup, c, PROCESS_ACTIVE);
        return;
    }
    /* It may have taken over in the meantime. */
    if (supervisor_claim_slot(sup) == c->slot)
        return;
    children_set_state(sup, c, PROCESS_STANDBY);
    bool nobody_yet = supervisor_claim_slot(sup) == STATS_SERVE;
    if (nobody_yet && child_alive(c) && sup->stop.phase == STOP_NONE)
        restart_activate(sup, c, false);
}

static void on_drained(struct supervisor *sup, struct child *c, const void *payload)
{
    (void)sup;
    (void)payload;
    c->drained = true;
}

static void on_took_over(struct supervisor *sup, struct child *c, const void *payload)
{
    c->how = *(const struct msg_took_over *)payload;
    c->took_over = c->ready = true;
    children_set_state(sup, c, PROCESS_ACTIVE);
}

static void on_action(struct supervisor *sup, struct child *c, const void *payload)
{
    (void)c;
    actions_take(sup, payload);
}

static void on_result(struct supervisor *sup, struct child *c, const void *payload)
{
    (void)c;
    actions_keeper_result(sup, payload);
}

static const struct handler {
    enum role from;
    uint32_t type;
    uint32_t len;
    void (*handle)(struct supervisor *sup, struct child *c, const void *payload);
} handlers[] = {
    {ROLE_SERVE, MSG_READY, 0, on_ready},
    {ROLE_KEEPER, MSG_READY, 0, on_ready},
    {ROLE_ENDPOINT, MSG_READY, 0, on_ready},
    {ROLE_SERVE, MSG_DRAINED, 0, on_drained},
    {ROLE_SERVE, MSG_TOOK_OVER, sizeof(struct msg_took_over), on_took_over},
    {ROLE_ENDPOINT, MSG_ACTION, sizeof(struct msg_action), on_action},
    {ROLE_KEEPER, MSG_RESULT, sizeof(struct msg_result), on_result},
};

static int dispatch(struct supervisor *sup, struct child *c)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        const struct handler *h = &handlers[i];
        if (h->from != c->role || h->type != sup->frame.type)
            continue;
        if (h->len != sup->frame.len)
            return ERR_FORMAT;
        h->handle(sup, c, sup->frame.payload);
        return ERR_OK;
    }
    return ERR_FORMAT;
}

void messages_receive(struct supervisor *sup, struct child *c)
{
    for (int i = 0; i < FRAMES_A_TURN && c->channel >= 0; i++) {
        int err = channel_receive(c->channel, &sup->frame);
        if (err == 0 || err == ERR_CLOSED) {
            /* Closed: it is ending; one that only closed the channel is of no use. */
            if (err == ERR_CLOSED && c->kill_at == 0)
                c->kill_at = sup->now + CLK_SECOND;
            return;
        }
        if (err == 1) {
            channel_discard(&sup->frame);
            err = dispatch(sup, c);
        }
        if (err != ERR_OK) {
            log_line(LOG_ERROR, "%s (pid %d): bad message: %s; it is ended", role_name(c->role),
                     (int)c->pid, err_text(err));
            children_kill(sup, c);
            return;
        }
    }
}

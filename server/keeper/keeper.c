#include "server/keeper/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/keeper/zones.h"

static const int64_t heartbeat_every = CLK_SECOND / 2;

static void take_frame(struct keeper *k, struct channel_frame *f)
{
    /* The frame's memory is used for receiving elsewhere, but not while this runs. */
    struct msg_action action;
    switch (f->type) {
    case MSG_STOP:
        k->stopping = true;
        break;
    case MSG_SERVE:
        if (f->nfds == 1) {
            sync_add(k, f->fds[0]);
            f->fds[0] = -1;
        }
        break;
    case MSG_CONFIG:
    case MSG_ACTION:
        if (f->len != sizeof action)
            break;
        memcpy(&action, f->payload, sizeof action);
        if (f->type == MSG_ACTION)
            request_action(k, &action);
        else
            request_config(k, &action, f->nfds ? f->fds[0] : -1);
        break;
    default:
        log_line(LOG_WARNING, "a message of unknown type %u from the supervisor", f->type);
    }
}

static void on_supervisor(void *ctx, uint32_t events)
{
    struct keeper *k = ctx;
    int r;
    (void)events;
    while (!k->stopping && (r = channel_receive(k->supervisor, &k->frame)) != 0) {
        if (r < 0) {
            k->stopping = true;
            break;
        }
        take_frame(k, &k->frame);
        channel_discard(&k->frame);
    }
}

void keeper_link(struct keeper *k)
{
    while (!k->frame_waits && channel_receive(k->supervisor, &k->frame) == 1) {
        k->frame_waits = k->frame.type != MSG_SERVE;
        if (k->frame_waits)
            break;
        take_frame(k, &k->frame);
        channel_discard(&k->frame);
    }
    sync_step(k);
}

static void take_waiting(struct keeper *k)
{
    if (!k->frame_waits)
        return;
    k->frame_waits = false;
    take_frame(k, &k->frame);
    channel_discard(&k->frame);
}

static int begin(struct keeper *k)
{
    const char *state = k->config->state;
    if (loop_init(&k->loop))
        return ERR_SYSTEM;
    if (store_open(&k->store, state, k->stats->hash_key))
        stats_event(k->stats, k->slot, EVENT_STATE_DIR, errno, "", "%s/images: %s", state,
                    strerror(errno));
    asks_init(k);
    transfer_init(k);
    int err = load_init(k);
    if (!err)
        err = timers_init(k);
    if (!err)
        err = packs_init(k);
    if (!err)
        err = rows_init(k);
    if (!err)
        err = zones_start(k);
    if (!err)
        err = loop_watch(&k->loop, &k->supervisor_watch, k->supervisor, EPOLLIN, on_supervisor, k);
    if (!err)
        err = channel_send(k->supervisor, MSG_READY, NULL, 0, NULL, 0, 1000);
    if (!err)
        take_waiting(k);
    return err;
}

static void end(struct keeper *k)
{
    request_fini(k);
    if (k->timers.write.fire)
        timers_write(k);
    load_fini(k);
    transfer_fini(k);
    zones_fini(k);
    packs_fini(k);
    sync_fini(k);
    timers_fini(k);
    rows_fini(&k->rows);
    store_close(&k->store);
    loop_fini(&k->loop);
    free(k->by_row);
    free(k);
}

int keeper_main(struct start *start)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k || !(k->by_row = calloc(STATS_ZONES, sizeof(struct zone *)))) {
        free(k);
        return 1;
    }
    k->stats = start->stats;
    k->slot = start->slot;
    k->config = start->config;
    k->config_path = start->config_path;
    k->supervisor = start->supervisor;
    k->supervisor_watch.fd = -1;
    k->store.dir = -1;
    k->settled = atomic_load(&k->stats->zones_settled);
    signal(SIGPIPE, SIG_IGN);
    int err = begin(k);
    if (err)
        log_line(LOG_ERROR, "cannot start: %s%s%s", err_text(err), err == ERR_SYSTEM ? ": " : "",
                 err == ERR_SYSTEM ? strerror(errno) : "");
    while (!err && !k->stopping) {
        stats_heartbeat(k->stats, k->slot);
        err = loop_turn(&k->loop, heartbeat_every);
    }
    /* A reload put another configuration in the place of the one we were started with. */
    start->config = k->config;
    end(k);
    return err ? 1 : 0;
}

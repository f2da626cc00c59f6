#include "server/endpoint/endpoint.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/contract/message.h"
#include "server/endpoint/archive.h"
#include "server/endpoint/auth.h"
#include "server/endpoint/command.h"
#include "server/endpoint/context.h"
#include "server/endpoint/http.h"
#include "server/endpoint/mhd.h"
#include "server/endpoint/survey.h"
#include "server/endpoint/usage.h"
#include "server/endpoint/zones.h"

enum { TICK_MS = 1000, RETRY_SECONDS = 5, FLUSH_MS = 1000 };

struct endpoint {
    struct endpoint_start *start;
    struct context context;
    struct auth auth;
    struct survey survey;
    struct usage usage;
    struct http *http;
    int signals;
    bool stop, complete; /* asked to end; everything could be started */
    int64_t tick_at, retry_at;
    char reason[DL_REASON]; /* why it cannot start, when an error does not say it */
    struct channel_frame frame;
};

/* Ctrl-C reaches every process of the terminal, and a service manager's TERM every one of the
 * group: it is the supervisor that decides when we end. Without one, TERM does. */
static int open_signals(void)
{
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void read_signals(struct endpoint *e)
{
    struct signalfd_siginfo info;
    while (read(e->signals, &info, sizeof info) == (ssize_t)sizeof info)
        e->stop |= atomic_load(&e->context.supervisor_gone);
}

static void lose_supervisor(struct endpoint *e)
{
    atomic_store(&e->context.supervisor_gone, true);
    command_gone(e->context.command);
    log_line(LOG_WARNING, "the supervisor is gone; status and history are still served");
}

static void take_frame(struct endpoint *e, const struct channel_frame *f)
{
    if (f->type == MSG_STOP) {
        e->stop = true;
    } else if (f->type == MSG_RESULT && f->len == sizeof(struct msg_result)) {
        struct msg_result result;
        memcpy(&result, f->payload, sizeof result);
        archive_acted(e->context.archive);
        survey_drop(&e->survey);
        command_result(e->context.command, &result);
    } else {
        log_line(LOG_WARNING, "an unexpected message of type %u and %u bytes", f->type, f->len);
    }
}

static void read_supervisor(struct endpoint *e)
{
    int rc;
    while (!e->stop && (rc = channel_receive(e->start->supervisor, &e->frame)) != 0) {
        if (rc == ERR_FORMAT)
            continue;
        if (rc < 0) {
            lose_supervisor(e);
            return;
        }
        take_frame(e, &e->frame);
        channel_discard(&e->frame);
    }
}

/* Starts what could not be started before: a thread that the system refused is asked for again. */
static void complete(struct endpoint *e)
{
    int archive = archive_start(e->context.archive);
    int cause = errno;
    int listening = http_start(e->http);
    if (archive == ERR_OK)
        cause = errno;
    bool all = archive == ERR_OK && listening == (int)e->start->listener_count;
    if (!all && e->complete) {
        archive_event(e->context.archive, EVENT_THREAD, cause, "endpoint", strerror(cause));
        e->complete = false;
    }
    e->complete |= all;
    e->retry_at = clk_mono_ns() + RETRY_SECONDS * CLK_SECOND;
}

static void tick(struct endpoint *e)
{
    int64_t now = clk_mono_ns();
    if (now < e->tick_at)
        return;
    e->tick_at = now + TICK_MS * CLK_MS;
    stats_heartbeat(e->start->stats, e->start->slot);
    http_tick(e->http, now);
    command_tick(e->context.command, now);
    archive_tell(e->context.archive);
    if (!e->complete && now >= e->retry_at)
        complete(e);
}

static void loop(struct endpoint *e)
{
    while (!e->stop) {
        bool gone = atomic_load(&e->context.supervisor_gone);
        struct pollfd fds[2] = {{e->signals, POLLIN, 0},
                                {gone ? -1 : e->start->supervisor, POLLIN, 0}};
        int64_t wait = (e->tick_at - clk_mono_ns()) / CLK_MS + 1;
        poll(fds, 2, wait > 0 ? (int)wait : 0);
        if (fds[0].revents)
            read_signals(e);
        if (fds[1].revents)
            read_supervisor(e);
        tick(e);
    }
}

static int open_parts(struct endpoint *e)
{
    struct context *c = &e->context;
    context_init(c, e->start->stats);
    auth_init(&e->auth, e->start->token_file, e->start->operator_uid);
    survey_init(&e->survey);
    usage_init(&e->usage);
    c->auth = &e->auth;
    c->survey = &e->survey;
    c->usage = &e->usage;
    int err = e->start->listener_count ? mhd_load(e->reason) : ERR_OK;
    if (!err)
        err = command_new(&c->command, e->start->supervisor);
    if (!err)
        err = zone_order_new(&c->order);
    if (!err)
        err = archive_new(&c->archive, c->stats, c->state_dir);
    /* Before the first request; when it fails, complete() tries again. */
    if (!err)
        archive_start(c->archive);
    if (!err && http_new(&e->http, c, e->start->listeners, e->start->listener_count) == ERR_MEMORY)
        err = ERR_MEMORY;
    return err;
}

static void close_parts(struct endpoint *e)
{
    http_free(e->http, FLUSH_MS);
    archive_free(e->context.archive);
    zone_order_free(e->context.order);
    command_free(e->context.command);
    usage_fini(&e->usage);
    survey_fini(&e->survey);
    auth_fini(&e->auth);
    close(e->signals);
}

int endpoint_main(struct endpoint_start *start)
{
    struct endpoint *e = calloc(1, sizeof *e);
    if (!e) {
        log_line(LOG_ERROR, "out of memory");
        return 1;
    }
    e->start = start;
    e->complete = true;
    umask(077);
    e->signals = open_signals();
    int err = open_parts(e);
    if (err == ERR_OK) {
        complete(e);
        stats_heartbeat(start->stats, start->slot);
        channel_send(start->supervisor, MSG_READY, NULL, 0, NULL, 0, 1000);
        loop(e);
        command_gone(e->context.command);
    } else {
        log_line(LOG_ERROR, "cannot start: %s", *e->reason ? e->reason : err_text(err));
    }
    close_parts(e);
    free(e);
    return err ? 1 : 0;
}

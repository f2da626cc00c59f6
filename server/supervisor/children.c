#include "server/supervisor/children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/config/start.h"
#include "server/supervisor/actions.h"
#include "server/supervisor/messages.h"
#include "server/supervisor/reload.h"
#include "server/supervisor/spawn.h"

static const int64_t longest_pause = 30 * CLK_SECOND;
/* A process that got ready may serve: better a try every two seconds than silence. */
static const int64_t longest_ready_pause = 2 * CLK_SECOND;
static const int64_t successor_patience = 2 * CLK_SECOND;
static const int64_t start_patience = 500 * CLK_MS;

void children_init(struct supervisor *sup)
{
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        enum role role = i < STATS_SERVE         ? ROLE_SERVE
                         : i == STATS_SUPERVISOR ? ROLE_SUPERVISOR
                         : i == STATS_KEEPER     ? ROLE_KEEPER
                                                 : ROLE_ENDPOINT;
        sup->child[i] = (struct child){.slot = i, .role = role, .channel = -1};
        atomic_store(&sup->stats->process[i].role, role);
    }
}

static struct stats_process *row_of(struct supervisor *sup, const struct child *c)
{
    return &sup->stats->process[c->slot];
}

void children_set_state(struct supervisor *sup, struct child *c, enum process_state state)
{
    atomic_store(&row_of(sup, c)->state, state);
}

static bool is_in_state(struct supervisor *sup, const struct child *c, enum process_state state)
{
    return atomic_load(&row_of(sup, c)->state) == (uint32_t)state;
}

struct child *children_active(struct supervisor *sup)
{
    unsigned slot = supervisor_claim_slot(sup);
    return slot < STATS_SERVE ? &sup->child[slot] : NULL;
}

struct child *children_find(struct supervisor *sup, enum role role)
{
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        struct child *c = &sup->child[i];
        if (c->role == role && child_alive(c) && !c->expected)
            return c;
    }
    return NULL;
}

static struct child *find_free(struct supervisor *sup, enum role role)
{
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        struct child *c = &sup->child[i];
        if (c->role == role && c->pid == 0 && i != supervisor_claim_slot(sup))
            return c;
    }
    return NULL;
}

/* Gives a serve process and the keeper a channel to each other. */
static void link_to_keeper(struct supervisor *sup, struct child *serve)
{
    struct child *keeper = children_find(sup, ROLE_KEEPER);
    int pair[2];
    if (!keeper || channel_pair(pair) != ERR_OK)
        return;
    children_send(sup, serve, MSG_KEEPER, NULL, 0, &pair[0], 1);
    children_send(sup, keeper, MSG_SERVE, NULL, 0, &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
}

static void link_all(struct supervisor *sup, struct child *c)
{
    if (c->role == ROLE_SERVE)
        link_to_keeper(sup, c);
    for (unsigned i = 0; c->role == ROLE_KEEPER && i < STATS_SERVE; i++) {
        if (child_alive(&sup->child[i]) && !sup->child[i].expected)
            link_to_keeper(sup, &sup->child[i]);
    }
}

static void reset_row(struct supervisor *sup, struct child *c)
{
    struct stats_process *row = row_of(sup, c);
    atomic_store(&row->heartbeat_at, 0);
    for (unsigned w = 0; c->slot < STATS_SERVE && w < STATS_WORKERS; w++)
        atomic_store(&sup->stats->worker[c->slot][w].heartbeat_at, 0);
    atomic_store(&row->state, PROCESS_STARTING);
}

static pid_t run(struct supervisor *sup, struct child *c, const struct listeners *set, int channel,
                 int *gate)
{
    struct inherit in = {.role = c->role,
                         .slot = c->slot,
                         .stats = sup->stats_fd,
                         .channel = channel,
                         .config = sup->config_fd,
                         .ring = -1,
                         .workers = set ? set->workers : 0,
                         .operator_uid = sup->operator_uid,
                         .config_path = sup->config_path,
                         .token_file = sup->config->token_file};
    if (c->role == ROLE_SERVE)
        in.ring = sup->ring_fd;
    if (set && set->count > 0)
        in.sockets = calloc(set->count, sizeof *in.sockets);
    if (set && set->count > 0 && !in.sockets) {
        errno = ENOMEM;
        return ERR_MEMORY;
    }
    for (; set && in.socket_count < set->count; in.socket_count++) {
        const struct listener *l = &set->item[in.socket_count];
        in.sockets[in.socket_count] = (struct inherit_socket){l->fd, l->worker, l->tcp};
    }
    pid_t pid = spawn(&in, sup->program, &sup->identity, gate);
    int kept = errno;
    free(in.sockets);
    errno = kept;
    return pid;
}

static void announce(struct supervisor *sup, struct child *c, const char *successor);

static int cannot_start(struct supervisor *sup, struct child *c, int err)
{
    int error = err == ERR_SYSTEM ? errno : err;
    int64_t pause = backoff_ended(&sup->backoff[c->role], sup->now, 0, longest_pause);
    children_set_state(sup, c, PROCESS_DEAD);
    stats_event(sup->stats, STATS_SUPERVISOR, EVENT_THREAD, error, role_name(c->role),
                "cannot start the process: %s; tried again in %.1f s",
                err == ERR_SYSTEM ? strerror(error) : err_text(err), (double)pause / 1e9);
    return ERR_SYSTEM;
}

void children_note(struct supervisor *sup)
{
    pid_t pids[STATS_PROCESSES];
    unsigned n = 0;
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        if (child_alive(&sup->child[i]))
            pids[n++] = sup->child[i].pid;
    }
    bool stopping = sup->stop.phase != STOP_NONE;
    if (n == sup->noted_count && stopping == sup->noted_stopping &&
        !memcmp(pids, sup->noted, n * sizeof *pids))
        return;
    memcpy(sup->noted, pids, n * sizeof *pids);
    sup->noted_count = n;
    sup->noted_stopping = stopping;
    statedir_note(&sup->statedir, stopping, pids, n);
}

int children_start(struct supervisor *sup, enum role role, const struct listeners *dns,
                   struct child **started)
{
    struct child *c = find_free(sup, role);
    if (!c)
        return ERR_LIMIT;
    if (c->unannounced)
        announce(sup, c, "a new one is started");
    *c = (struct child){.slot = c->slot, .role = role, .channel = -1, .spawned_at = sup->now};
    int pair[2];
    if (channel_pair(pair) != ERR_OK)
        return cannot_start(sup, c, ERR_SYSTEM);
    reset_row(sup, c);
    const struct listeners *set = role == ROLE_SERVE      ? dns
                                  : role == ROLE_ENDPOINT ? sup->http
                                                          : NULL;
    int gate;
    pid_t pid = run(sup, c, set, pair[1], &gate);
    int kept = errno;
    close(pair[1]);
    errno = kept;
    if (pid < 0) {
        close(pair[0]);
        errno = kept;
        return cannot_start(sup, c, pid);
    }
    struct stats_process *row = row_of(sup, c);
    c->pid = c->last_pid = pid;
    c->channel = pair[0];
    atomic_store(&row->started_at, clk_wall());
    atomic_fetch_add(&row->starts, 1);
    /* Before the link: only a linked process can get ready, and who is ready may be watched. */
    atomic_store(&row->pid, pid);
    children_note(sup);
    spawn_open_gate(gate);
    link_all(sup, c);
    if (started)
        *started = c;
    return ERR_OK;
}

int children_send(struct supervisor *sup, struct child *c, uint32_t type, const void *payload,
                  size_t len, const int *fds, unsigned nfds)
{
    if (!child_alive(c) || c->channel < 0)
        return ERR_CLOSED;
    int err = channel_send(c->channel, type, payload, len, fds, nfds, 0);
    if (err == ERR_OK)
        return ERR_OK;
    log_line(LOG_WARNING, "%s (pid %d): cannot be told: %s", role_name(c->role), (int)c->pid,
             err_text(err));
    children_kill(sup, c);
    return ERR_CLOSED;
}

void children_stop(struct supervisor *sup, struct child *c, int64_t grace)
{
    if (!child_alive(c))
        return;
    c->expected = true;
    c->kill_at = sup->now + grace;
    children_send(sup, c, MSG_STOP, NULL, 0, NULL, 0);
}

void children_kill(struct supervisor *sup, struct child *c)
{
    (void)sup;
    if (!child_alive(c))
        return;
    kill(c->pid, SIGKILL);
    kill(-c->pid, SIGKILL);
}

/* "pid 123 was killed by signal 11 (Segmentation fault)" */
static void describe_end(const struct child *c, char *text, size_t size)
{
    if (c->exit_signal)
        snprintf(text, size, "pid %d was killed by signal %d (%s)", (int)c->last_pid,
                 c->exit_signal,
                 sigdescr_np(c->exit_signal) ? sigdescr_np(c->exit_signal) : "unknown");
    else if (c->adopted)
        snprintf(text, size, "pid %d, of the supervisor before, ended", (int)c->last_pid);
    else
        snprintf(text, size, "pid %d ended by itself with status %d", (int)c->last_pid,
                 c->exit_status);
}

static void announce(struct supervisor *sup, struct child *c, const char *successor)
{
    char end[128];
    describe_end(c, end, sizeof end);
    c->unannounced = false;
    stats_event(sup->stats, STATS_SUPERVISOR, EVENT_CRASH, c->exit_signal, role_name(c->role),
                "%s; %s", end, successor);
}

static void plan_next(struct supervisor *sup, struct child *c)
{
    struct backoff *b = &sup->backoff[c->role];
    bool may_serve = c->role == ROLE_SERVE && c->ready;
    int64_t pause = backoff_ended(b, sup->now, c->ended_at - c->spawned_at,
                                  may_serve ? longest_ready_pause : longest_pause);
    char successor[64] = "a new one is started";
    if (pause > 0)
        snprintf(successor, sizeof successor, "a new one is started in %.1f s",
                 (double)pause / 1e9);
    /* The end of the one that served is told with what came of it. */
    if (is_in_state(sup, c, PROCESS_ACTIVE) && c->role == ROLE_SERVE)
        c->unannounced = true;
    else
        announce(sup, c, successor);
    if (backoff_is_news(b))
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_RESTART_BACKOFF, 0, role_name(c->role),
                    "ended %u times in a row; starts are up to %d s apart until one lives for 60 s",
                    b->streak,
                    (int)((may_serve ? longest_ready_pause : longest_pause) / CLK_SECOND));
}

static void note_end(struct supervisor *sup, struct child *c, const siginfo_t *info)
{
    struct stats_process *row = row_of(sup, c);
    c->ended = true;
    messages_receive(sup, c);
    /* What it started must not go on beside what its successor starts. */
    kill(-c->pid, SIGKILL);
    close(c->channel);
    c->channel = -1;
    if (c->adopted)
        close(c->watch);
    c->ended_at = sup->now;
    c->exit_status = info->si_code == CLD_EXITED ? info->si_status : 0;
    c->exit_signal = info->si_code == CLD_EXITED ? 0 : info->si_status;
    /* One that has handed over ends when its connections do, which may be at once. */
    if (c->drained && !c->exit_status && !c->exit_signal)
        c->expected = true;
    if (c->role == ROLE_KEEPER && c->exit_status == START_BAD_CONFIG && !sup->zones_good &&
        supervisor_claim_slot(sup) == STATS_SERVE)
        sup->zones_bad = c->expected = true;
    atomic_store(&row->exit_status, c->exit_status);
    atomic_store(&row->exit_signal, c->exit_signal);
    atomic_store(&row->exit_at, clk_wall());
    if (!c->expected) {
        atomic_fetch_add(&sup->stats->crashes, 1);
        plan_next(sup, c);
    }
    children_set_state(sup, c, c->expected ? PROCESS_NONE : PROCESS_DEAD);
    if (c->role == ROLE_KEEPER) {
        actions_keeper_gone(sup);
        reload_keeper_gone(sup);
    }
}

static void release(struct supervisor *sup, struct child *c)
{
    if (c->slot == supervisor_claim_slot(sup) && sup->stop.phase == STOP_NONE)
        return;
    waitpid(c->pid, NULL, WNOHANG);
    c->pid = 0;
    c->ended = false;
    if (c->expected)
        atomic_store(&row_of(sup, c)->pid, 0);
}

/* Has it ended? It is not reaped. */
static bool has_ended(const struct child *c, siginfo_t *info)
{
    struct pollfd p = {c->watch, POLLIN, 0};
    if (!c->adopted)
        return waitid(P_PID, (id_t)c->pid, info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info->si_pid != 0;
    /* How, only its parent could have known. */
    return poll(&p, 1, 0) == 1;
}

void children_reap(struct supervisor *sup)
{
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        struct child *c = &sup->child[i];
        siginfo_t info = {0};
        if (child_alive(c) && has_ended(c, &info))
            note_end(sup, c, &info);
        if (c->ended)
            release(sup, c);
    }
}

static void announce_takeover(struct supervisor *sup, struct child *by)
{
    char successor[160];
    snprintf(successor, sizeof successor, "pid %d went on after %u replayed queries",
             (int)by->last_pid, by->how.replayed);
    for (unsigned i = 0; i < STATS_SERVE; i++) {
        struct child *c = &sup->child[i];
        if (c != by && c->unannounced && c->last_pid == by->how.dead_pid)
            announce(sup, c, successor);
    }
    if (by->how.quarantined > 0)
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_POISON, 0, role_name(ROLE_SERVE),
                    "%u queries that pid %d had received were quarantined", by->how.quarantined,
                    (int)by->how.dead_pid);
    by->took_over = false;
}

void children_announce(struct supervisor *sup)
{
    for (unsigned i = 0; i < STATS_SERVE; i++) {
        if (sup->child[i].took_over)
            announce_takeover(sup, &sup->child[i]);
    }
    for (unsigned i = 0; i < STATS_SERVE; i++) {
        struct child *c = &sup->child[i];
        if (c->unannounced && sup->now - c->ended_at > successor_patience)
            announce(sup, c, "no successor was ready; the next one to get ready takes over");
    }
}

static void send_due(struct child *c, int64_t now, int64_t *at, int signal)
{
    if (*at == 0 || now < *at)
        return;
    *at = 0;
    kill(c->pid, signal);
    if (signal == SIGKILL)
        kill(-c->pid, signal);
}

void children_signal(struct supervisor *sup)
{
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        struct child *c = &sup->child[i];
        if (!child_alive(c))
            continue;
        send_due(c, sup->now, &c->term_at, SIGTERM);
        send_due(c, sup->now, &c->abort_at, SIGABRT);
        send_due(c, sup->now, &c->kill_at, SIGKILL);
    }
}

static void ensure(struct supervisor *sup, enum role role)
{
    if (backoff_due(&sup->backoff[role], sup->now))
        children_start(sup, role, sup->dns, NULL);
}

/* At a start, for a moment, who serves and who loads zones have the processors for themselves. */
static bool is_urgent(const struct supervisor *sup)
{
    return !atomic_load(&sup->stats->zones_settled) && sup->now - sup->began < start_patience;
}

void children_ensure(struct supervisor *sup)
{
    if (sup->stop.phase != STOP_NONE)
        return;
    if (!sup->child[STATS_KEEPER].pid)
        ensure(sup, ROLE_KEEPER);
    if (!sup->child[STATS_ENDPOINT].pid && !is_urgent(sup))
        ensure(sup, ROLE_ENDPOINT);
    if (sup->restart.phase != RESTART_IDLE)
        return;
    for (unsigned i = 0; i < STATS_SERVE; i++) {
        struct child *c = &sup->child[i];
        if (child_alive(c) && !c->expected && i != supervisor_claim_slot(sup))
            return;
    }
    /* The first one is alone until it serves. */
    struct child *active = children_active(sup);
    if (active && child_alive(active) &&
        (is_urgent(sup) || !is_in_state(sup, active, PROCESS_ACTIVE)))
        return;
    ensure(sup, ROLE_SERVE);
}

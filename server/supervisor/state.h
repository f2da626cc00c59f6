/* What the supervisor knows: one struct, allocated at the start, passed to each part of the room.
 *
 * The parts: listeners (sockets), statedir, identity, policy (back-off), inherit and spawn (a
 * child's start), adoption (of what another supervisor left), children (each child's life), restart
 * (planned hand-over), reload (a new configuration), stop, actions (requests and their replies),
 * supervisor (start and loop). The loop works by level, not by edge: signals, messages and exits
 * only note facts, and each part then looks at the facts and takes its next step, so their order
 * does not matter. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/base/channel.h"
#include "backend/contract/message.h"
#include "backend/contract/stats.h"
#include "server/config/config.h"
#include "server/supervisor/identity.h"
#include "server/supervisor/listeners.h"
#include "server/supervisor/policy.h"
#include "server/supervisor/statedir.h"

/* Who waits for the outcome of an action; a signal waits for none. */
struct request {
    bool from_endpoint;
    uint64_t id;
};

/* A process in one row of the stats. Times are monotonic ns, 0 for none. */
struct child {
    unsigned slot;
    enum role role;
    pid_t pid;           /* 0 none */
    pid_t last_pid;      /* the same, kept after the end */
    int channel;         /* -1 none */
    bool ready, drained; /* it said so */
    bool expected;       /* its end is what we want */
    bool ended;          /* but not reaped yet: its pid must not be used again (children.h) */
    bool doomed;         /* it hangs and is being ended */
    bool unannounced;    /* its end is told with its successor */
    bool took_over;      /* it went on after another, which is not told yet */
    bool adopted;        /* started by the supervisor before, so it is not ours to wait for */
    int watch;           /* of an adopted one: pidfd */
    struct msg_took_over how;
    int exit_status, exit_signal;
    int64_t spawned_at, ended_at;
    int64_t term_at, abort_at, kill_at; /* when a signal is due */
};

enum restart_phase { RESTART_IDLE, RESTART_PREPARE, RESTART_CLEAR, RESTART_DRAIN };

struct restart {
    enum restart_phase phase;
    struct request request;
    bool for_reload;
    struct child *next;          /* the new process, NULL when it has to be started (again) */
    struct child *old;           /* the one that drains */
    struct listeners *listeners; /* for the new process; the current ones if nothing changes */
    int64_t deadline, drain_at;
};

struct reload {
    bool busy, again; /* again: a signal came meanwhile */
    struct request request;
    bool wait_keeper, wait_restart, endpoint_restart;
    int status;
    char text[MSG_TEXT_MAX];
};

enum stop_phase { STOP_NONE, STOP_SERVE, STOP_KEEPER, STOP_ENDPOINT, STOP_DONE };

struct stop {
    enum stop_phase phase;
    bool at_once;
    struct request request;
    int64_t deadline;
};

/* The service of a supervisor that ended, until one of our processes goes on in its place. */
struct adoption {
    struct child *orphan;        /* NULL none */
    struct listeners *listeners; /* for its successor, until the hand-over is begun */
};

enum { FORWARDS = 64 };

struct supervisor {
    struct stats *stats;
    int stats_fd, ring_fd;
    char program[PATH_MAX];
    char config_path[1024];
    struct identity identity;
    struct statedir statedir;
    uid_t operator_uid;

    struct config *config;
    int config_fd; /* sealed memfd with its text */
    struct listeners *dns, *http;

    struct child child[STATS_PROCESSES];
    struct backoff backoff[ROLE_COUNT];
    struct restart restart;
    struct reload reload;
    struct stop stop;
    struct adoption adoption;
    uint64_t forward[FORWARDS]; /* ids of actions the keeper works on, 0 free */

    int signals, timer;
    int64_t now;       /* of this turn of the loop */
    int64_t began;     /* the first one */
    int64_t hang_from; /* ages of heartbeats count from here at the earliest */
    int64_t memory_at;
    bool memory_over, started;
    /* The configuration's zones: a keeper got ready with them, or they were checked here; a keeper
     * found them wrong when nobody served yet. */
    bool zones_good, zones_bad;
    uint64_t ignored;           /* signals that were told of, a bit each */
    pid_t noted[STATEDIR_PIDS]; /* in the state directory */
    unsigned noted_count;
    bool noted_stopping;
    struct channel_frame frame;
};

/* The slot of the process that serves, STATS_SERVE for none; the claim's lower byte. */
static inline unsigned supervisor_claim_slot(const struct supervisor *sup)
{
    return (unsigned)(atomic_load(&sup->stats->claim) & 0xff);
}

static inline bool child_alive(const struct child *c)
{
    return c->pid != 0 && !c->ended;
}

/* The shared memory of one server: what each process says of itself and of its zones, readable by
 * all while any of them is dead.
 *
 * The supervisor makes it (a memfd) and every role maps it. Each cell or row has one writer, named
 * beside it. Counters are written with a relaxed load and store by their one writer, and read by
 * anyone. Rows of several fields are guarded by a sequence number: stats_row_begin / stats_row_end
 * around a write, stats_read_* for a consistent copy. The file is sparse: what no server uses takes
 * no memory.
 *
 * Limits: STATS_ZONES zones, STATS_WORKERS workers a serve process, STATS_SERVE serve processes at
 * once (active, standby, one starting, one draining). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "backend/contract/counters.h"
#include "backend/contract/events.h"
#include "backend/contract/states.h"

enum {
    STATS_SERVE = 4,
    STATS_PROCESSES = STATS_SERVE + 3,
    STATS_SUPERVISOR = STATS_SERVE, /* index of the supervisor's row; serve rows come first */
    STATS_KEEPER,
    STATS_ENDPOINT,
    STATS_WORKERS = 64,
    STATS_ZONES = 1 << 20,
    STATS_NAMES = 64 << 20,       /* bytes for zone names */
    STATS_TRANSFERS_IN = 1 << 20, /* rows: zone x primary, written by the keeper */
    STATS_TRANSFERS_OUT = 32,     /* rows a worker, used in turn */
    STATS_EVENTS = 256,           /* rows a process, used in turn */
    STATS_TEXT = 200
};

/* Writer: the supervisor, but for heartbeat and threads. */
struct stats_process {
    _Atomic uint32_t role;  /* enum role */
    _Atomic uint32_t state; /* enum process_state */
    _Atomic int32_t pid;
    _Atomic uint32_t starts;    /* how often a process was started in this row */
    _Atomic int64_t started_at; /* wall clock, s */
    _Atomic int64_t exit_at;    /* of the last process that ended in this row; 0 none */
    _Atomic int32_t exit_status, exit_signal;
    _Atomic uint64_t heartbeat;   /* writer: the process; grows while it lives */
    _Atomic int64_t heartbeat_at; /* the same; monotonic ns */
};

/* Writer: that worker thread of that serve process. */
struct stats_worker {
    _Alignas(64) _Atomic uint64_t counter[COUNTER_COUNT];
    _Atomic uint64_t heartbeat;
    _Atomic int64_t heartbeat_at; /* monotonic ns; 0 while the worker waits for GO */
    _Atomic uint32_t connections; /* TCP, now */
    _Atomic int32_t tid;
};

/* Writer: the keeper. Times are wall clock seconds, 0 for never. There may be a million rows, so
 * the text, which few have, lies elsewhere: struct stats_zone is a copy with it. */
struct stats_zone_row {
    _Atomic uint32_t seq;
    uint8_t state; /* enum zone_state */
    uint8_t role;  /* enum zone_role */
    uint16_t name_len;
    uint32_t name; /* offset in names; text form with a final dot */
    uint32_t serial;
    uint32_t transfer;                       /* first of its rows in transfers_in */
    uint16_t transfers;                      /* how many: one a primary */
    uint16_t progress;                       /* of a load, 1/1000 */
    uint32_t notify_targets, notify_pending; /* who is told of changes; who has not answered */
    int32_t error;                           /* enum err of the reason, 0 none */
    uint16_t event;                          /* enum event of the reason, 0 not known */
    uint16_t unwritten;    /* errno: why what is served is not in the state directory; 0 it is */
    uint16_t serial_event; /* enum event of a serial that was not raised, 0 it was */
    uint16_t has_reason;   /* its text in zone_reasons counts */
    uint32_t serial_known; /* the newest serial there was, while serial_event is set */
    uint64_t records;
    uint64_t bytes;                            /* of the image */
    int64_t load_ns;                           /* how long the last load or transfer took */
    int64_t loaded_at, since;                  /* of what is served; of the state */
    int64_t checked_at, refresh_at, expire_at; /* secondaries */
};

/* A copy of a row as stats_read_zone makes it: the fields of struct stats_zone_row, then the text.
 */
struct stats_zone {
    _Atomic uint32_t seq;
    uint8_t state, role;
    uint16_t name_len;
    uint32_t name, serial, transfer;
    uint16_t transfers, progress;
    uint32_t notify_targets, notify_pending;
    int32_t error;
    uint16_t event, unwritten, serial_event, has_reason;
    uint32_t serial_known;
    uint64_t records, bytes;
    int64_t load_ns, loaded_at, since, checked_at, refresh_at, expire_at;
    /* "file:line:column: what"; "" none. With an error of 0: what is to be known of a zone that is
     * fine else. */
    char reason[STATS_TEXT];
};
_Static_assert(offsetof(struct stats_zone, reason) == sizeof(struct stats_zone_row) &&
                   offsetof(struct stats_zone, expire_at) ==
                       offsetof(struct stats_zone_row, expire_at),
               "a copy begins with the row");

/* Writer: the keeper (inbound), a worker (outbound). */
struct stats_transfer {
    _Atomic uint32_t seq;
    uint8_t state;       /* enum transfer_state */
    uint8_t direction;   /* enum transfer_direction */
    uint8_t incremental; /* 1 IXFR */
    uint8_t used;
    uint32_t zone;  /* row in zones */
    uint32_t event; /* enum event of the reason, 0 not known; inbound */
    uint32_t serial_from, serial_to;
    uint32_t attempts, failures;       /* all; in a row */
    uint64_t bytes, records, messages; /* of the current or last transfer */
    int64_t started_at, ended_at;      /* wall clock ns */
    int64_t next_at, ok_at;            /* wall clock s: next try, last success */
    char peer[64];                     /* ADDRESS@PORT */
    char reason[STATS_TEXT];
};

/* Writer: the process of the ring. */
struct stats_event {
    _Atomic uint32_t seq; /* of the guard */
    uint32_t event;       /* enum event */
    int64_t at;           /* wall clock ns */
    int32_t error;        /* errno or enum err, 0 none */
    int32_t pid;
    char subject[256]; /* a zone, a process, an address; "" the server */
    char text[STATS_TEXT + 56];
};

struct stats_events {
    _Atomic uint64_t count; /* events ever written; row i is count i modulo STATS_EVENTS */
    _Atomic uint64_t kept;  /* writer: the history; how many of them are on disk */
    struct stats_event row[STATS_EVENTS];
};

struct stats {
    char magic[8];
    uint32_t format, size_mib;
    char boot[33]; /* random, hexadecimal: one life of the supervisor */
    char version[32];
    char host[256];
    char config[1024]; /* its absolute path */
    char state_dir[1024];
    int64_t started_at;   /* wall clock, s */
    int64_t started_mono; /* monotonic, ns */
    uint8_t hash_key[16]; /* of names in images (server/dns/hash.h); secret */
    /* Writer: the supervisor. */
    _Atomic uint32_t workers; /* worker threads of the active serve process */
    _Atomic uint32_t active;  /* index of the active serve process, STATS_SERVE for none */
    _Atomic uint64_t claim;   /* who may take over: see server/serve/takeover.h */
    _Atomic uint32_t planned; /* 1 while a planned hand-over runs; 2, written by the process that
                               * serves: another supervisor's process goes on */
    _Atomic uint64_t restarts, crashes, config_generation;
    _Atomic int64_t config_at, stopping; /* last good configuration; 1 while the server stops */
    _Atomic uint64_t memory_limit;       /* bytes, 0 none */
    _Atomic uint32_t most_workers;       /* the most there ever were: all these rows count */
    /* Writer: the keeper. */
    _Atomic uint32_t zone_rows; /* rows ever used; some may be ZONE_NONE again */
    _Atomic uint32_t names_used;
    _Atomic uint32_t transfer_rows;
    _Atomic uint32_t zone_changes; /* grows whenever a row of a zone or transfer changes */
    _Atomic uint32_t zones_by_state[ZONE_STATE_COUNT];
    _Atomic uint32_t zones_settled; /* 1 once every zone was loaded or has failed */
    struct stats_process process[STATS_PROCESSES];
    struct stats_events events[STATS_PROCESSES];
    struct stats_worker worker[STATS_SERVE][STATS_WORKERS];
    struct stats_transfer transfers_out[STATS_SERVE][STATS_WORKERS][STATS_TRANSFERS_OUT];
    struct stats_zone_row zones[STATS_ZONES];
    char zone_reasons[STATS_ZONES][STATS_TEXT];
    struct stats_transfer transfers_in[STATS_TRANSFERS_IN];
    char names[STATS_NAMES];
};

/* Makes the memory, all zero but for magic, format, boot and start times; *fd is close-on-exec.
 * NULL and errno when the system refuses. */
struct stats *stats_create(int *fd);
/* Maps what stats_create made; NULL when the descriptor is not that or is of another version. */
struct stats *stats_map(int fd);
void stats_unmap(struct stats *stats);

/* Adds to a counter of one's own. */
static inline void stats_add(struct stats_worker *w, enum counter c, uint64_t n)
{
    uint64_t v = atomic_load_explicit(&w->counter[c], memory_order_relaxed);
    atomic_store_explicit(&w->counter[c], v + n, memory_order_relaxed);
}

/* The sum of a counter over all workers of all serve processes, dead ones included. */
uint64_t stats_counter(const struct stats *stats, enum counter c);

/* Around the one writer's change of a row. */
void stats_row_begin(_Atomic uint32_t *seq);
void stats_row_end(_Atomic uint32_t *seq);
/* Consistent copies; false when the writer died within a change (the copy may be mixed then). */
bool stats_read_zone(const struct stats *stats, uint32_t row, struct stats_zone *copy);
bool stats_read_transfer(const struct stats_transfer *row, struct stats_transfer *copy);
bool stats_read_event(const struct stats_event *row, struct stats_event *copy);
/* The name of a zone row, NUL-terminated in `name`; "" for an empty row. */
void stats_zone_name(const struct stats *stats, const struct stats_zone *copy, char name[1024]);

/* Writes an event into the ring of one's own process and logs it. `subject` may be "". Only the
 * process's main thread may call. */
void stats_event(struct stats *stats, unsigned process, enum event event, int error,
                 const char *subject, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Says that a process is alive: its row's heartbeat. */
void stats_heartbeat(struct stats *stats, unsigned process);

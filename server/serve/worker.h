/* A worker: one thread that answers UDP and TCP on its own sockets.
 *
 * All its memory is made before it starts. It waits for the state RUN, serves, and on DRAIN stops
 * receiving datagrams and accepting, lets its TCP connections finish and ends. Between the worker
 * and the main thread there are only atomics and a queue of notes. */
#pragma once

#include <pthread.h>

#include "server/answer/answer.h"
#include "server/answer/transfer.h"
#include "server/serve/publish.h"
#include "server/serve/ring.h"
#include "server/serve/serve.h"

enum worker_state { WORKER_WAIT, WORKER_RUN, WORKER_DRAIN };
enum { WORKER_SOCKETS = 128, WORKER_NOTES = 256 };

/* What a worker tells the main thread, which may write events and talk to the keeper. */
enum note_kind { NOTE_NOTIFY, NOTE_XFR_DONE, NOTE_XFR_ABORTED, NOTE_XFR_REFUSED };

struct note {
    enum note_kind kind;
    uint32_t row;
    bool has_serial;
    uint32_t serial;
    uint64_t bytes, records;
    uint8_t name_len, name[NAME_MAX_LEN];
    struct sockaddr_storage source;
};

/* One writer (the worker), one reader (main); full: the note is lost and counted. */
struct notes {
    _Atomic uint32_t put, taken, lost;
    struct note note[WORKER_NOTES];
};

struct tcp_pool;
struct tcp_limits;
struct rrl;
struct rrl_limits;

/* What all workers of a process share. */
struct worker_shared {
    struct stats *stats;
    unsigned slot;
    struct rings *rings;
    struct publish publish;
    struct hash_key key;
    _Atomic int state; /* enum worker_state */
    int wake;          /* eventfd: the main thread has something to say (level) */
    int tell;          /* eventfd: a worker has notes */
    bool drills;
    const struct tcp_limits *tcp;
    const struct rrl_limits *rrl;
    struct answer_setting setting;
};

struct worker {
    struct worker_shared *shared;
    unsigned index;
    struct stats_worker *stats;
    struct ring *ring;
    struct serve_socket sockets[WORKER_SOCKETS];
    bool control; /* a wildcard socket: answers leave from the address they were sent to */
    unsigned socket_count;
    int epoll;
    uint32_t now; /* wall clock in seconds, once a round */
    bool accepting;
    struct answer_scratch scratch;
    struct tcp_pool *tcp;
    struct rrl *rrl; /* NULL: nothing is limited */
    struct udp_batch *udp;
    struct notes notes;
    _Atomic int received; /* 1 from before RUN is said until the worker has seen DRAIN: it may
                           * take datagrams */
    _Atomic int ended;
};

/* Makes the worker's memory and its epoll set. ERR_MEMORY, ERR_SYSTEM, ERR_LIMIT. */
int worker_init(struct worker *worker, struct worker_shared *shared, unsigned index,
                const struct serve_socket *sockets, unsigned count);
/* Starts the thread. ERR_SYSTEM with errno (event 111). */
int worker_start(struct worker *worker);
/* The zones of this moment; nothing older is remembered in the worker's memory. */
const struct zone_table *worker_zones(struct worker *worker);
/* Counts an answer (or none). */
void worker_count(struct stats_worker *stats, const struct answer *answer);
/* Leaves a note for the main thread. */
void worker_note(struct worker *worker, const struct note *note);
/* Notes what follows from an answer: NOTIFY, refused transfer. */
void worker_follow_up(struct worker *worker, const struct answer *answer,
                      const struct sockaddr_storage *source);

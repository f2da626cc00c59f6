/* Moves events from the rings of all processes (backend/contract/stats.h) into the history.
 *
 * The order is that of their times. Events that were overwritten before they could be kept are
 * counted and leave one EVENT_LOST. `kept` of a ring moves only when its events are on disk, so
 * that what an endpoint held in memory when it died is read again. One thread uses a drain. */
#pragma once

#include <pthread.h>

#include "backend/contract/stats.h"
#include "backend/history/history.h"

/* Called for each event when it is read; also once for each older one that is still in a ring when
 * the drain begins, so that the watcher knows what happened before. */
typedef void drain_watch(void *arg, unsigned process, const struct stats_event *event);

struct drain {
    struct stats *stats;
    struct history *history;
    pthread_mutex_t *own_ring; /* held while the ring of STATS_ENDPOINT is read; may be NULL */
    drain_watch *watch;        /* may be NULL */
    void *watch_arg;
    uint64_t next[STATS_PROCESSES]; /* count of the next event to read */
};

/* Finds the places where the last life of this process ended and shows older events to `watch`. */
void drain_start(struct drain *drain);
/* Moves what there is. Returns how many were kept, or a negative error when the store failed twice.
 */
int drain_run(struct drain *drain);
/* Says in the rings that everything read so far is kept, when the store is on disk. */
void drain_mark(struct drain *drain);
/* A consistent copy of event `n` of a ring; false when it is not there any more. */
bool drain_read(const struct stats *stats, unsigned process, uint64_t n, struct stats_event *copy);
/* The name of the process that writes a ring. */
const char *drain_process(unsigned process);

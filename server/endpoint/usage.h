/* Memory and processor time of the server's processes, as fresh as their cost allows.
 *
 * Any thread may ask. What is cheap is read each time; the memory maps at most every 2 s, and never
 * for more than 2 % of the time. A reader that is stuck in the kernel (the process it looks at
 * hangs with its maps locked) does not hold up the others: they get the values of before. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/contract/stats.h"
#include "server/endpoint/proc.h"

struct usage_slot {
    int32_t pid;
    int64_t read_at, next_at; /* monotonic ns; 0 never */
    struct proc_maps maps;
};

struct usage {
    pthread_mutex_t lock;    /* of the slots, held for a moment */
    pthread_mutex_t reading; /* held while maps are read */
    struct usage_slot slot[STATS_PROCESSES];
};

struct usage_process {
    int32_t pid;
    bool alive;
    struct proc_basic basic;
    struct proc_maps maps; /* PROC_UNKNOWN where not readable */
};

void usage_init(struct usage *usage);
void usage_fini(struct usage *usage);
/* What policy.memory-limit is compared with: the sum over the living processes of the memory each
 * has in proportion (PSS), of its resident memory where that cannot be read. */
uint64_t usage_memory(struct usage *usage, const struct stats *stats);
/* Of the process in a row of stats; all unknown when there is none alive. */
void usage_get(struct usage *usage, const struct stats *stats, unsigned process,
               struct usage_process *out);

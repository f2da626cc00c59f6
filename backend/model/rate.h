/* What happens per second, from two status sections of one life of a server.
 *
 * A rate is none until there are two samples; a counter that went back, another boot id or another
 * process id begins anew instead of showing a zero or a giant. */
#pragma once

#include "backend/model/model.h"

enum { SERIES_SLOTS = 240, SERIES_STEP = 10 };

/* The means of a value over steps of SERIES_STEP seconds, the newest last; fixed memory. */
struct series {
    int64_t sum, samples, step;      /* of the step that is running */
    struct value slot[SERIES_SLOTS]; /* a ring: slot of step s is s modulo SERIES_SLOTS */
};

/* Adds a sample of the epoch millisecond `time_ms`; steps without a sample stay none. */
void series_add(struct series *s, int64_t time_ms, struct value v);
/* The mean `back` whole steps before the running one; none when there was no sample. */
struct value series_at(const struct series *s, unsigned back);

struct rates {
    bool primed; /* `last` was filled */
    char boot[MODEL_BOOT];
    int64_t time_ms;
    struct value last[COUNTER_COUNT];
    struct {
        int64_t pid, cpu_us;
    } last_cpu[MODEL_PROCESSES];
    unsigned last_cpu_count;
    /* Results: thousandths a second, and processor use in 1/1000 of one core. */
    struct value counter[COUNTER_COUNT];
    struct value queries, answers;     /* sums of their counters */
    struct value cpu[MODEL_PROCESSES]; /* by index in the status section */
    struct value cpu_total;
    struct series queries_series, memory_series, cpu_series;
};

/* An empty one is {0}. Takes a new status section in. */
void rates_update(struct rates *r, const struct model_status *s);
/* The link is lost: rates that are data become stale. */
void rates_mark_stale(struct rates *r);

/* When a process that ended is started again: at once the first time, then after pauses that
 * double, until it has lived long enough to be trusted. Pure: the time is a parameter (monotonic
 * ns). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    unsigned streak; /* ends in a row, none of which lived long */
    int64_t next_at; /* not before */
};

/* Notes an end after `lived` ns; `longest` bounds the pause. Returns the pause in ns, 0 at once. */
int64_t backoff_ended(struct backoff *b, int64_t now, int64_t lived, int64_t longest);
/* May it be started now? */
bool backoff_due(const struct backoff *b, int64_t now);
/* Is the pause just given the first of its streak, the one to tell the operator of? */
bool backoff_is_news(const struct backoff *b);

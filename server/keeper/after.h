/* What is told to others only once the serve processes serve it: results of actions, NOTIFY, "all
 * zones loaded". Whoever hears of it and asks at once gets the new version.
 *
 * An item is the caller's storage and waits for a mark behind all that was said to the serve
 * processes when it was put in (sync.h). Items run in the order of putting, from within the call
 * that made them due; with no serve process they run at once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct keeper;

struct after {
    struct after *next;
    uint32_t mark;
    bool waits;
    void (*run)(struct keeper *k, struct after *after);
};

struct afters {
    struct after *first, **last;
};

/* Puts an item in; one that waits already waits for what has been said by now. */
void after_served(struct keeper *k, struct after *after,
                  void (*run)(struct keeper *k, struct after *after));
void after_cancel(struct keeper *k, struct after *after);
/* Runs what is due; `all` does not wait for the serve processes (the keeper stops). */
void after_run(struct keeper *k, bool all);

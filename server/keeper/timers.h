/* When each secondary zone was last confirmed, over restarts: STATE/timers.
 *
 * A small file with a checksum, written beside its place and renamed, some seconds after a change.
 * A missing or damaged one means that every zone is checked at once. */
#pragma once

#include <stdint.h>

#include "server/keeper/loop.h"

struct keeper;

struct timers {
    struct loop_timer write;
};

/* ERR_MEMORY. */
int timers_init(struct keeper *k);
/* Reads the file into the secondaries (server/keeper/refresh.h: `confirmed`, `next`). */
void timers_load(struct keeper *k);
/* Something changed: write soon. */
void timers_changed(struct keeper *k);
/* Writes now. ERR_SYSTEM, ERR_MEMORY. */
int timers_write(struct keeper *k);
void timers_fini(struct keeper *k);

/* Is a process alive, and does the server serve? Read from heartbeats, so the answer is right when
 * the supervisor is dead too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/contract/stats.h"
#include "server/endpoint/context.h"

/* A heart that did not beat for so long counts as stopped: three missed beats. */
enum { LIVENESS_STALE_MS = 3000 };

/* The age of a process's oldest heartbeat (its own and those of its workers); -1 when it has none.
 */
int64_t liveness_age_ms(const struct stats *stats, unsigned process, int64_t now);
/* Is there a heartbeat, and is it too old? */
bool liveness_is_stale(const struct stats *stats, unsigned process, int64_t now);
/* Is the process of a row gone although the row says that it runs? So once the supervisor is gone,
 * who would have written it down. */
bool liveness_is_gone(const struct context *context, unsigned process);
/* The index of the active serve process whose heart beats; STATS_SERVE when there is none. */
unsigned liveness_active(const struct stats *stats, int64_t now);
/* "serving", "not-serving", "starting", "stopping". */
const char *liveness_state(const struct stats *stats, int64_t now);

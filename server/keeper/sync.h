/* The channels to the serve processes: every zone once, MSG_SYNCED, then each change.
 *
 * Never blocks: what a channel has no room for now waits in a queue and is sent when there is room.
 * A zone waits in a queue once; what is sent is what it is at that time. */
#pragma once

#include <stdint.h>

#include "server/config/config.h"

struct keeper;
struct zone;

struct syncs {
    struct sync_channel *first;
};

/* A new serve process; the descriptor is taken. */
void sync_add(struct keeper *k, int fd);
void sync_fini(struct keeper *k);
/* A zone is new or has changed: image, state of expiry or access lists. */
void sync_zone(struct zone *z);
/* A zone went away. */
void sync_gone(struct keeper *k, uint32_t row, const struct config_zone *config);

/* The channels to the serve processes: every zone, MSG_SYNCED, then each change. Only while the
 * keeper starts may a zone that changes go before MSG_SYNCED more than once.
 *
 * Never blocks: what a channel has no room for now waits in a queue and is sent when there is room.
 * A zone waits in a queue once; what is sent is what it is at that time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/contract/feed.h"
#include "server/config/config.h"

struct keeper;
struct zone;

struct syncs {
    struct sync_channel *first;
    uint32_t marks; /* the last number given */
    bool held, starting;
    struct feed_writer out;
};

/* Until sync_started only primaries with an image are sent, when sync_step is called: of a
 * secondary it is not known yet whether it has expired. */
void sync_start(struct keeper *k);
/* Sends what there is room for. */
void sync_step(struct keeper *k);
void sync_started(struct keeper *k);
/* A new serve process; the descriptor is taken. */
void sync_add(struct keeper *k, int fd);
void sync_fini(struct keeper *k);
/* A zone is new or has changed: image, state of expiry or access lists. */
void sync_zone(struct zone *z);
/* From hold to release nothing is sent but by the loop and sync_step, so that many changes go in
 * one frame. */
void sync_hold(struct keeper *k);
void sync_release(struct keeper *k);
/* No image is missing any more: processes that wait for one are told that they have all. */
void sync_found(struct keeper *k);
/* Puts a mark behind all that was said so far to every serve process; returns its number. */
uint32_t sync_mark(struct keeper *k);
/* Is all that was said before a mark served, by every process that still lives? after_run is
 * called when that may have become true. */
bool sync_has_passed(const struct keeper *k, uint32_t number);
/* A zone went away. */
void sync_gone(struct keeper *k, uint32_t row, const struct config_zone *config);

/* The packs the keeper has mapped, and which zones have their image in one.
 *
 * A pack is kept for as long as somebody uses it, then removed from the state directory. One that
 * is mostly of images nobody uses any more is written anew, one a second, by the keeper itself:
 * that takes some milliseconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/keeper/loop.h"
#include "server/keeper/pack.h"

struct keeper;

struct pack {
    struct pack *next;
    struct image_file *file;
    struct pack_index index;
    uint32_t users; /* zones, and who holds it */
    int fd;
    bool stored; /* it is in the state directory */
};

struct packs {
    struct pack *first;
    struct loop_timer tidy;
};

/* ERR_MEMORY. */
int packs_init(struct keeper *k);
/* Takes the images of every pack in `ids` that are newer than what their zone has. When nobody
 * serves yet, they are sent after each pack (keeper_link). */
void packs_start(struct keeper *k, const uint64_t *ids, size_t count);
/* Maps a pack; the caller is its first user. On success the descriptor is taken. ERR_FORMAT,
 * ERR_VERSION, ERR_CHECKSUM, ERR_SYSTEM, ERR_MEMORY. */
int packs_take(struct keeper *k, int fd, bool stored, struct pack **pack);
void packs_put(struct keeper *k, struct pack *pack);
/* The same by who has gone through its images: they need not stay in memory. NULL is fine. */
void packs_done(struct keeper *k, struct pack *pack);
/* Zones left their packs: look soon whether one is worth writing anew. */
void packs_tidy(struct keeper *k);
void packs_fini(struct keeper *k);

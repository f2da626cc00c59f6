/* What the keeper says of zones, turned into what the workers read. Main thread only.
 *
 * The keeper sends every zone it knows, then MSG_SYNCED, then changes. A new keeper sends all
 * again: what it did not mention by then is gone. Zones go into the published table one by one;
 * what they replace is freed after the workers have let go of it, once a round. */
#pragma once

#include "backend/base/channel.h"
#include "server/serve/worker.h"

struct zonefeed {
    struct publish *publish;
    struct hash_key key;
    const uint8_t *key_bytes;
    uint32_t generation;   /* of the keeper's account */
    uint32_t mark;         /* last one taken, to be answered after zonefeed_flush; 0 none */
    bool synced;           /* at least once */
    struct zone **retired; /* replaced, to be freed */
    size_t retired_count, retired_cap;
    struct zone_table *retired_table;
};

/* `publish` gets an empty table. ERR_MEMORY. */
int zonefeed_init(struct zonefeed *feed, struct publish *publish, const uint8_t key[16]);
/* A new keeper begins its account. */
void zonefeed_restart(struct zonefeed *feed);
/* Takes one frame: MSG_ZONE, MSG_ZONE_GONE, MSG_SYNCED or MSG_MARK. ERR_FORMAT for a bad one, else
 * what went wrong with the zone; *name says which. */
int zonefeed_take(struct zonefeed *feed, struct channel_frame *frame, char name[1024]);
/* Frees what was replaced; call when no frame is left to take. */
void zonefeed_flush(struct zonefeed *feed);
/* Asks every zone that can be served for its SOA; returns how many did not answer as they must. */
unsigned zonefeed_prove(const struct zonefeed *feed);

/* What the keeper says of zones, turned into what the workers read. Main thread only.
 *
 * The keeper sends every zone it knows, then MSG_SYNCED, then changes. A new keeper sends all
 * again: what it did not mention by then is gone. Zones go into the published table one by one;
 * those that are gone leave it together, once a round; what was replaced is freed after the workers
 * have let go of it, once a round. Files with images and lists are shared by the zones that have
 * them in common. */
#pragma once

#include "backend/base/channel.h"
#include "backend/contract/feed.h"
#include "server/serve/worker.h"

enum { ZONEFEED_RULES = 256 };

struct zonefeed {
    struct publish *publish;
    struct hash_key key;
    const uint8_t *key_bytes;
    void (*bad)(void *ctx, const char *name, int err); /* a zone could not be taken */
    void *ctx;
    uint32_t expected;   /* zones there may be, as far as is known: room for them is made at once */
    uint32_t generation; /* of the keeper's account */
    uint32_t mark;       /* last one taken, to be answered after zonefeed_flush; 0 none */
    bool synced;         /* at least once */
    bool gone;           /* some zones in the table are */
    struct zone **retired; /* replaced, to be freed */
    size_t retired_count, retired_cap;
    struct zone_table *retired_table;
    struct image_file *files;                 /* all that zones may use */
    int64_t rested_at;                        /* monotonic, ns */
    struct zone_rules *rules[ZONEFEED_RULES]; /* by what they say */
    struct zone_rules **numbered;             /* those of the frame at hand */
    size_t numbered_cap;
    struct answer_scratch scratch;
};

/* `publish` gets an empty table. ERR_MEMORY. */
int zonefeed_init(struct zonefeed *feed, struct publish *publish, const uint8_t key[16]);
/* A new keeper begins its account. */
void zonefeed_restart(struct zonefeed *feed);
/* Takes one frame: MSG_ZONES, MSG_SYNCED or MSG_MARK. ERR_FORMAT for a bad one, ERR_MEMORY. A zone
 * that cannot be taken is told to `bad`; the others of the frame are taken. */
int zonefeed_take(struct zonefeed *feed, struct channel_frame *frame);
/* Lets go of what is gone and frees what was replaced; call when no frame is left to take. */
void zonefeed_flush(struct zonefeed *feed);
/* Asks every zone that can be served for its SOA, but those that answered when they were taken
 * before the first account was complete; returns how many did not answer as they must. */
unsigned zonefeed_prove(struct zonefeed *feed);
/* Gives back the pages of files whose zones were read: taking a zone reads its image, and so does
 * asking it; after that few of many zones are asked. Call often; it is done now and then, as zones
 * of one file may still be coming. `now` is monotonic, ns. */
void zonefeed_rest(struct zonefeed *feed, int64_t now);

/* The zone table, and the keeper itself: what its parts share.
 *
 * A zone's state is never set by hand: the parts say what happened (an image was taken, a load
 * began or failed, the zone expired), and zone_show derives the state from that, writes the stats
 * row and keeps the counts by state. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/channel.h"
#include "backend/contract/stats.h"
#include "server/config/config.h"
#include "server/image/node.h"
#include "server/keeper/after.h"
#include "server/keeper/load.h"
#include "server/keeper/loop.h"
#include "server/keeper/notify.h"
#include "server/keeper/packs.h"
#include "server/keeper/ask.h"
#include "server/keeper/refresh.h"
#include "server/keeper/request.h"
#include "server/keeper/row.h"
#include "server/keeper/store.h"
#include "server/keeper/sync.h"
#include "server/keeper/timers.h"

struct zone {
    struct keeper *keeper;
    const struct config_zone *config;
    uint32_t row;
    uint8_t state; /* enum zone_state; written by zone_show alone */

    bool has_image, expired; /* what is served */
    bool has_includes;       /* it was made from further files, which the image lists */
    bool in_file;            /* there is a file of its own in the store */
    int memory;              /* the image when it is not in a file; -1 */
    struct pack *pack;       /* the one it is in, at `base`; NULL none */
    const uint8_t *base;
    uint64_t size;
    struct image_summary summary;
    struct image_source source;
    int64_t built; /* the image; wall clock, ns */
    int64_t since;

    bool lost;          /* its image file is gone and is being made again */
    bool busy, waiting; /* a load or transfer runs; is asked for and has not begun */
    int error;          /* enum err: why the newest version is not served */
    enum event event;   /* of the error; EVENT_COUNT not known */
    char *reason;
    int unwritten;           /* errno: why what is served is not in the store */
    enum event serial_event; /* EVENT_SERIAL_SAME, EVENT_SERIAL_LOWER; EVENT_COUNT none */
    uint32_t serial_known;   /* the newest serial that secondaries may have, while there is one */
    int64_t load_ns;
    uint16_t progress;

    struct load_state load;
    struct secondary *secondary; /* NULL for a primary */
    struct notifier *notifier;   /* NULL until the first NOTIFY */
};

struct keeper {
    struct stats *stats;
    unsigned slot;
    struct config *config;
    const char *config_path;
    int supervisor;
    struct loop_watch supervisor_watch;
    struct loop loop;
    struct store store;
    struct packs packs;
    struct rows rows;
    struct zone **zones; /* one for each zone of config, in its order; NULL no room */
    size_t zone_count;
    struct zone *first; /* memory for the zones there were at the start */
    size_t first_count;
    struct zone **by_row; /* STATS_ZONES */
    struct loads loads;
    struct syncs syncs;
    size_t lost; /* zones that are */
    struct asks asks;
    struct transfers transfers;
    struct requests requests;
    struct afters afters;
    struct after settling; /* of the first load of all zones */
    struct timers timers;
    struct loop_timer check; /* whether zone files are what stored images were made from */
    size_t checked;          /* zones that were looked at */
    bool checking, settled, stopping;
    unsigned unwritten; /* zones that are */
    int64_t repeats_at; /* the second that `repeats` counts in */
    unsigned repeats;
    unsigned came, went;        /* told of in events since the configuration changed */
    struct channel_frame frame; /* for receiving */
    bool frame_waits;           /* it is full, until the start is over */
};

/* While the keeper starts: serve processes that have come get what there is so far; whatever else
 * the supervisor says waits. */
void keeper_link(struct keeper *k);

/* Makes the zones of the configuration, with their rows and stored images. Whether zone files have
 * changed since is looked at later, some zones a turn of the loop. ERR_MEMORY. */
int zones_start(struct keeper *k);
/* Changes to another configuration, which is taken; the zones that stay keep what they are. Tells
 * how many came and went. ERR_MEMORY: with *taken false nothing changed and `config` stays the
 * caller's, else some zone is missing. */
int zones_configure(struct keeper *k, struct config *config, unsigned *came, unsigned *went,
                    bool *taken);
void zones_fini(struct keeper *k);
/* The zone of a name in lower-case wire form, or NULL. */
struct zone *zones_find(const struct keeper *k, const uint8_t *wire, size_t len);

/* Takes the stored image of a zone, or the one in `memory` (-1 none), which is taken. `check`: read
 * all of it. Then it is what is served, and every serve process is told. ERR_MISSING, ERR_FORMAT,
 * ERR_VERSION, ERR_CHECKSUM, ERR_SYSTEM, ERR_MEMORY: nothing changed. */
int zone_take_image(struct zone *z, int memory, bool check);
/* The image that was in memory is in its file in the store now. */
void zone_use_stored(struct zone *z);
/* Takes an image of this zone that lies in a pack. */
void zone_take_packed(struct zone *z, struct pack *pack, const struct image *image);

/* What is served, opened. */
struct zone_image {
    const struct image *image;
    struct image packed, *opened;
    int fd; /* of the file it has for itself; -1: it is in a pack */
};
/* ERR_MISSING, ERR_FORMAT and so on: it cannot be had. */
int zone_open_image(const struct zone *z, struct zone_image *open);
void zone_close_image(struct zone_image *open);
/* Is what is served made from the zone file as it is now? */
bool zone_is_current(const struct zone *z);
/* Notes why the newest version is not served; NULL: nothing is wrong. */
void zone_fault(struct zone *z, int error, enum event event, const char *reason);
/* A primary got a new version: notes whether its secondaries will see it. `before` is the serial it
 * had, `changed` whether the content did. */
void zone_note_serial(struct zone *z, uint32_t before, bool changed);
/* What there is to say of the serial; "" nothing. */
void zone_serial_text(const struct zone *z, char text[160]);
/* May an event that was told already be told again, so that the history counts it? A few a second:
 * very many zones that fail must not push all other events out. */
bool keeper_may_repeat(struct keeper *k);
/* Derives the state and writes the row. */
void zone_show(struct zone *z);
/* Notes whether what is served is in the store. Tells EVENT_ZONE_UNWRITTEN once for each zone and
 * cause, of UNWRITTEN_TOLD zones at most; 0: it was written. */
void zone_unwritten(struct zone *z, int store_errno);

/* Publishing the zone table to the workers: liburcu's quiescent-state flavour.
 *
 * Workers read the table between two calls of publish_quiet and keep nothing of it beyond, but
 * zones they pinned. The one writer replaces zones and tables and frees old ones after
 * publish_wait. The only file that knows liburcu. */
#pragma once

#include "server/answer/zones.h"

struct publish {
    _Atomic(struct zone_table *) table;
};

/* Once a worker thread, before and after all else. */
void publish_join(void);
void publish_leave(void);
/* The worker holds nothing of the table now. */
void publish_quiet(void);
/* The worker goes to wait for the kernel, holding nothing; and is back. */
void publish_sleep(void);
void publish_wake(void);

const struct zone_table *publish_read(const struct publish *publish);
/* Replaces the table; the caller frees the old one after publish_wait. */
void publish_write(struct publish *publish, struct zone_table *table);
/* Waits until no worker can hold anything that was replaced before. */
void publish_wait(void);

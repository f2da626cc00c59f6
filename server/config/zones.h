/* The entries of `zones`: zones by name, and directories of zone files. */
#pragma once

#include "server/config/entries.h"
#include "server/config/readers.h"

/* What one entry is read into. */
struct zone_entry {
    struct config_zone zone;
    struct config_lists lists;
    char *directory;
};

schema_read read_zones;     /* the list */
schema_read read_zone_name; /* struct config_zone */

/* Takes an entry that stands in no tree (entries.h); `reader` is a struct schema_reader. False when
 * there is anything to say of it, which is for the other way to say. */
bool zones_take_plain(void *reader, const struct entry *entry);
/* Forgets the zones read so far. */
void zones_drop(struct schema_reader *r);
/* Sorts the zones read, reports those of one name, and moves them into the configuration. */
void zones_finish(struct schema_reader *r);

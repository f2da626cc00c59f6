/* The entries of `zones`: zones by name, and directories of zone files. */
#pragma once

#include "server/config/entries.h"
#include "server/config/readers.h"

/* What one entry is read into. */
struct zone_entry {
    struct config_zone zone;
    char *directory;
};

schema_read read_zones;     /* the list */
schema_read read_zone_name; /* struct config_zone */

/* Reads the entries that stand in no tree. */
void zones_take_entries(struct schema_reader *r, const struct entries *entries);
/* Sorts the zones read, reports those of one name, and moves them into the configuration. */
void zones_finish(struct schema_reader *r);

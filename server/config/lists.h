/* Readers of the lists of mappings beside the zones: keys and dependents. */
#pragma once

#include "server/config/readers.h"

/* A service that needs this server. */
struct dependent {
    char *name, *active_directory, *mx;
};

schema_read read_keys;       /* config->keys, config->tsig */
schema_read read_algorithm;  /* char * */
schema_read read_secret;     /* struct config_key */
schema_read read_dependents; /* checked only */

/* The key of a name, which was read before; reports that there is none and returns NULL. */
const struct tsig_key *lists_find_key(struct schema_reader *r, const struct schema_key *key,
                                      const struct tree_node *value, const char *name);

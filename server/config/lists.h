/* Readers of the lists of mappings beside the zones: keys and dependents. */
#pragma once

#include "server/config/readers.h"

/* A service that needs this server. */
struct dependent {
    char *name, *active_directory, *mx;
};

schema_read read_keys;       /* config->keys */
schema_read read_algorithm;  /* char * */
schema_read read_secret;     /* struct config_key */
schema_read read_dependents; /* checked only */

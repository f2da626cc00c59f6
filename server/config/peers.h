/* Readers of lists of servers: peers (where to fetch from, whom to notify) and access lists. Keys
 * that are named in them have been read before. */
#pragma once

#include "server/config/readers.h"

schema_read read_peers;        /* struct config_peers */
schema_read read_peer_address; /* struct config_peer */
schema_read read_peer_key;     /* struct config_peer */
schema_read read_acls;         /* struct config_acls */
schema_read read_addresses;    /* struct config_acls without keys */

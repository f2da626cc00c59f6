/* Readers of lists of servers: peers (where to fetch from, whom to notify) and access lists. */
#pragma once

#include "server/config/readers.h"

schema_read read_peers;        /* struct config_peers */
schema_read read_peer_address; /* struct config_peer */
schema_read read_peer_key;     /* refused: keys are not supported yet */
schema_read read_acls;         /* struct config_acls */

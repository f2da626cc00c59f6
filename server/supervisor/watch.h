/* Watches the living: hangs by their heartbeats, memory by /proc. */
#pragma once

#include "server/supervisor/state.h"

/* Ends processes and workers whose heartbeat stopped. */
void watch_heartbeats(struct supervisor *sup);
/* Tells when the group's memory crosses policy.memory-limit. */
void watch_memory(struct supervisor *sup);

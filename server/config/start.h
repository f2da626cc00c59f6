/* What a serve or keeper process is started with. The supervisor runs its own program again with
 * descriptors inherited; main.c turns them into this and calls the role's entry, whose return value
 * is the exit status. Everything in it belongs to the role. */
#pragma once

#include "backend/contract/stats.h"
#include "server/config/config.h"

enum { START_BAD_CONFIG = 3 }; /* exit status: the configuration is no good, as the log says */

struct start {
    struct stats *stats;
    unsigned slot;  /* index of this process in stats->process */
    int supervisor; /* channel to the supervisor (backend/contract/message.h) */
    struct config *config;
    const char *config_path;
};

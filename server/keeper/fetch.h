/* One inbound transfer, from connecting to the image; blocking, for a child process alone
 * (server/keeper/transfer.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/keeper/compile.h"
#include "server/keeper/transfer.h"

struct fetch_job {
    struct compile_job compile;
    const struct config_peer *peer;
    bool has_serial; /* only a newer version than `serial` is wanted */
    uint32_t serial;
    void (*progress)(void *ctx, uint64_t bytes, uint64_t records, uint64_t messages);
    void *ctx;
};

/* Fills both; the caller calls compile_fini on `result`. */
void fetch_zone(const struct fetch_job *job, struct transfer_outcome *outcome,
                struct compile_result *result);

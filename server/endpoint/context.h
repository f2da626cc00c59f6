/* What every part of the endpoint sees. Made by endpoint_main before the first request and
 * unchanged from then on; the parts guard themselves. The texts are copies, so that a process that
 * damages the shared memory does not take the endpoint with it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "backend/contract/stats.h"

struct archive;
struct auth;
struct command;
struct survey;
struct zone_order;
struct usage;

struct context {
    struct stats *stats;
    struct archive *archive;
    struct auth *auth;
    struct command *command;
    struct survey *survey;
    struct zone_order *order;
    struct usage *usage;
    _Atomic bool supervisor_gone;
    int64_t started_at, started_mono;
    char boot[33], version[32], host[256], config[1024], state_dir[1024];
};

/* Copies the texts. */
void context_init(struct context *context, struct stats *stats);

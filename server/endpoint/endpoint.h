/* The endpoint process: HTTP on sockets the supervisor opened (docs/http.md).
 *
 * Reads the shared stats and /proc, posts actions to the supervisor, keeps the history of events.
 * It knows nothing of zones or DNS and still answers when serve or keeper hangs, leaks or is gone.
 * Two threads: libmicrohttpd's (epoll) and the main one, which talks to the supervisor and writes
 * the history. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "backend/contract/stats.h"

struct endpoint_start {
    struct stats *stats;
    unsigned slot;        /* STATS_ENDPOINT */
    int supervisor;       /* channel */
    const int *listeners; /* listening sockets, unix or TCP, non-blocking */
    unsigned listener_count;
    const char *token_file; /* absolute; made by the supervisor, readable by this process */
    uid_t operator_uid; /* who may act over the unix socket beside root and this process's user */
};

/* Runs the role until MSG_STOP, or SIGTERM once the supervisor is gone; returns the exit status. */
int endpoint_main(struct endpoint_start *start);

/* A process that serves and whose supervisor ended goes on, and waits for the next supervisor on
 * STATE/adopt.sock: it hands it the receive rings and the listening sockets (struct msg_adopt) and
 * from then on takes its commands, as those of the one before. */
#pragma once

#include <stdbool.h>

#include "server/serve/serve.h"

struct orphan {
    int listener; /* -1 none */
    bool told;    /* that it cannot listen */
};

/* Listens, or no longer, as `wanted`; tried again with each call. */
void orphan_follow(struct orphan *orphan, const char *state_dir, bool wanted);
/* Takes a supervisor that connects: root or our own user, and hands it everything. Returns the
 * channel to it, -1 none. */
int orphan_accept(struct orphan *orphan, const struct serve_start *start);

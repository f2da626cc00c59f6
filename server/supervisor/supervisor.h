/* The supervisor: the process an operator starts. It holds the listening sockets and the shared
 * memory, starts the other roles and replaces them when they end or hang. It parses nothing from
 * the network and runs one thread with one poll loop. */
#pragma once

struct supervisor_start {
    const char *config_path; /* as given */
    int ring;                /* descriptor of the receive rings (server/serve/ring.h); taken */
};

/* Runs the server until it is stopped. Returns the exit status: 0 stopped, 1 failed, 2 bad
 * configuration. */
int supervisor_run(const struct supervisor_start *start);

/* The serve process: the data plane. Maps images, answers UDP and TCP, sends AXFR.
 *
 * It parses no zone file and writes no file. One main thread talks to the supervisor and the keeper
 * and publishes zones; one worker thread per processor answers. A standby is the same process
 * before GO. */
#pragma once

#include "server/config/start.h"

/* A socket the supervisor opened for one worker; inherited. */
struct serve_socket {
    int fd;
    unsigned worker;
    int tcp; /* 0 UDP, 1 a listening TCP socket */
};

struct serve_start {
    struct start common;
    int ring; /* descriptor of the receive rings (server/serve/ring.h) */
    unsigned workers;
    struct serve_socket *sockets;
    unsigned socket_count;
};

/* Runs the role; returns the exit status. */
int serve_main(struct serve_start *start);

/* DNS over TCP (RFC 7766): connections of one worker, pipelined queries, outbound AXFR.
 *
 * Connections and their buffers are made at the start; that of buffers is only touched by use and
 * given back when a connection that needed much of it closes. No allocation later. When all are in
 * use, or all that one client may have (server/serve/limit.h), the one of them that was idle
 * longest is closed for the new one. A query must be whole within a time from its first byte,
 * however its bytes drip; a client that does not read its answers is not read from, and closed
 * after a time without progress. */
#pragma once

#include "server/serve/worker.h"

/* Of one worker. */
struct tcp_limits {
    unsigned connections, per_client;
    int64_t idle, query, send; /* ns: without a query; for a whole query; without reading */
};

struct tcp_pool *tcp_pool_new(const struct tcp_limits *limits);
void tcp_pool_free(struct tcp_pool *pool);
/* Takes the memory of all connections, but for their buffers, so that it does not grow later; there
 * are none yet. */
void tcp_attach(struct worker *worker);

/* Accepts what waits on a listening socket. False when the process is out of descriptors: try
 * later. */
bool tcp_accept(struct worker *worker, int listener);
/* The connection that epoll knows as `data` is readable, writable or broken. One that was closed
 * since epoll told of it is not there any more, also when its place was given to another. */
void tcp_ready(struct worker *worker, uint64_t data, uint32_t events,
               const struct zone_table *zones);
/* Connections open now. */
unsigned tcp_open(const struct worker *worker);
/* Once a second or so: closes what was idle or stalled too long; while draining, what is idle.
 * Returns how many connections are left. */
unsigned tcp_tick(struct worker *worker, bool draining);

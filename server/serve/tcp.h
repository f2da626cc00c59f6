/* DNS over TCP (RFC 7766): connections of one worker, pipelined queries, outbound AXFR.
 *
 * Connections and their buffers are made at the start; their memory is only touched by use and
 * given back when a connection that needed much of it closes. No allocation later. When all are in
 * use the one that was idle longest is closed for a new one. */
#pragma once

#include "server/serve/worker.h"

enum { TCP_CONNECTIONS = 512, TCP_IDLE_MS = 10000, TCP_STALL_MS = 30000 };

struct tcp_pool *tcp_pool_new(void);
void tcp_pool_free(struct tcp_pool *pool);

/* Accepts what waits on a listening socket. False when the process is out of descriptors: try
 * later. */
bool tcp_accept(struct worker *worker, int listener);
/* Connection `index` is readable, writable or broken. */
void tcp_ready(struct worker *worker, unsigned index, uint32_t events,
               const struct zone_table *zones);
/* Connections open now. */
unsigned tcp_open(const struct worker *worker);
/* Once a second or so: closes what was idle or stalled too long; while draining, what is idle.
 * Returns how many connections are left. */
unsigned tcp_tick(struct worker *worker, bool draining);

/* UDP: batches from a socket into the ring, answers out (recvmmsg, sendmmsg). */
#pragma once

#include "server/serve/worker.h"

/* Answers in the making; private memory of the worker. */
struct udp_batch {
    struct mmsghdr head[RING_SLOTS];
    struct iovec iov[RING_SLOTS], receive[RING_SLOTS];
    unsigned char control[RING_SLOTS][RING_CONTROL];
    unsigned char answer[RING_SLOTS][ANSWER_UDP_SIZE + 48];
    struct answer item[RING_SLOTS];
    uint8_t slot[RING_SLOTS]; /* of each item */
    unsigned used;            /* slots the last batch filled */
    int64_t now;              /* of the batch; monotonic ns; only set when rates are limited */
};

/* Points the ring's heads at this process's view of its slots. */
void udp_attach(struct worker *worker);
/* Receives one batch from socket `i` of the worker and answers it. Returns whether there may be
 * more. */
bool udp_serve(struct worker *worker, unsigned i, const struct zone_table *zones);
/* Answers the datagram in one slot of a ring that a dead process left, and sends it from the ring's
 * socket. */
void udp_replay(struct worker *worker, struct ring *ring, unsigned slot,
                const struct zone_table *zones);
/* Answers what waits on the worker's sockets: before a stop, when nobody will read them after it.
 */
void udp_empty(struct worker *worker, const struct zone_table *zones);

/* Framed messages between the processes: one datagram of a SOCK_SEQPACKET socketpair is one frame,
 * {type, length, payload}, with up to CHANNEL_FDS file descriptors beside it.
 *
 * Both ends are ours, yet a frame is checked as if it were not: the other process may be damaged.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CHANNEL_PAYLOAD = 60000, CHANNEL_FDS = 8 };

struct channel_frame {
    uint32_t type;
    uint32_t len; /* of the payload */
    int fds[CHANNEL_FDS];
    unsigned nfds; /* received descriptors belong to the receiver, close-on-exec set */
    _Alignas(8) unsigned char payload[CHANNEL_PAYLOAD];
};

/* A connected pair, close-on-exec and non-blocking. ERR_SYSTEM. */
int channel_pair(int fds[2]);
/* Sends one frame with `nfds` descriptors, which stay the caller's. Waits up to `timeout_ms` for
 * room (-1 for ever, 0 not at all). ERR_TIMEOUT, ERR_CLOSED, ERR_SYSTEM, ERR_LIMIT. */
int channel_send(int fd, uint32_t type, const void *payload, size_t len, const int *send_fds,
                 unsigned nfds, int timeout_ms);
/* Receives one frame without waiting. Returns 1 a frame, 0 none now, ERR_CLOSED, ERR_FORMAT or
 * ERR_SYSTEM. */
int channel_receive(int fd, struct channel_frame *frame);
/* Closes the descriptors that came with a frame and were not taken (those not set to -1). */
void channel_discard(struct channel_frame *frame);

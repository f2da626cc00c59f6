/* The receive rings: shared memory in which every datagram is received, so that what a process had
 * read and not yet answered outlives it.
 *
 * One ring a worker. A batch is received straight into the slots (the kernel writes the lengths
 * into `head`), answered, and `sent` then says up to which slot everything is done. A successor
 * that finds slots with a length behind `sent` answers these first. SIGKILL acts only on the way
 * back to user mode, so a datagram taken off its socket always has its length here. Only one
 * process uses a ring at a time: the active one. What a dead process left is checked before use, as
 * it may have scribbled on it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "backend/contract/stats.h"

enum {
    RING_SLOTS = 64,
    RING_QUERY = 2048, /* longer queries over UDP are cut and so answered FORMERR */
    RING_CONTROL = 64,
    RING_POISON = 16,
    RING_POISON_BYTES = 512
};

struct ring_slot {
    struct sockaddr_storage source;
    _Alignas(8) unsigned char control[RING_CONTROL]; /* IP_PKTINFO of wildcard sockets */
    unsigned char query[RING_QUERY];
    unsigned char pad[64]; /* no power of two between slots: they would share cache sets */
};

struct ring {
    struct mmsghdr
        head[RING_SLOTS];     /* pointers are the writer's own; the successor reads msg_len */
    _Atomic int32_t socket;   /* descriptor, of the same number in every serve process;
                               * 0 never used */
    _Atomic uint32_t sent;    /* slots before this one need nothing more */
    _Atomic uint32_t current; /* slot being answered, plus 1 */
    _Atomic int32_t
        fault; /* of ring 0: the signal that is ending the process, 0 none (SIGKILL leaves none) */
    struct ring_slot slot[RING_SLOTS];
};

/* A query that killed a process: others of the same flags and question are dropped for a while. */
struct ring_poison {
    uint64_t hash;
    int64_t until; /* monotonic ns; 0 free */
    uint32_t len;
    unsigned char query[RING_POISON_BYTES]; /* its beginning */
};

struct rings {
    _Atomic uint32_t poisoned; /* entries ever written */
    struct ring_poison poison[RING_POISON];
    struct ring ring[STATS_WORKERS];
};

/* Makes the memory: a close-on-exec descriptor, or -1 and errno. */
int rings_create(void);
/* Maps it; NULL when it is not that. */
struct rings *rings_map(int fd);

/* Makes the slots ready for a batch: nothing received, nothing sent; `control`: with room for
 * IP_PKTINFO. */
void ring_reset(struct ring *ring, unsigned used, bool control);
/* How long the datagram in a slot that a dead process left is; 0 when there is none or it is
 * damaged. */
unsigned ring_left(const struct ring *ring, unsigned slot);

/* Is it like one that killed a process: the same flags and question? */
bool ring_is_poison(const struct rings *rings, const unsigned char *query, unsigned len,
                    int64_t now);
void ring_add_poison(struct rings *rings, const unsigned char *query, unsigned len, int64_t now);

/* Inbound AXFR: a queue of zones, at most TRANSFER_AT_ONCE children, one zone each.
 *
 * The child connects, reads, checks and compiles; a stream that is cut or wrong anywhere leaves the
 * version that is served as it is. A large image is served before it is on disk for good. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/contract/stats.h"

struct keeper;
struct zone;
struct transfer_job;

enum { TRANSFER_AT_ONCE = 8 };

enum transfer_verdict {
    TRANSFER_COMPLETE,
    TRANSFER_CURRENT, /* the primary has what is served */
    TRANSFER_OLDER,   /* it has less */
    TRANSFER_UNREACHABLE,
    TRANSFER_DECLINED,  /* it refused */
    TRANSFER_BAD,       /* what it sent is no good */
    TRANSFER_UNTRUSTED, /* it is not signed, or not well */
    TRANSFER_LOCAL      /* our own trouble: memory, processes */
};

struct transfer_outcome {
    enum transfer_verdict verdict;
    uint32_t serial;
    uint64_t bytes, records, messages;
    int64_t took_ns;
    char reason[STATS_TEXT];
};

/* In every secondary. */
struct transfer_place {
    struct zone *next;
    struct transfer_job *job;
    bool queued;
    unsigned primary;
};

struct transfers {
    struct zone *head, **tail;
    struct transfer_job *jobs;
    unsigned running;
};

void transfer_init(struct keeper *k);
void transfer_fini(struct keeper *k);
/* Asks for a transfer of a secondary from one of its primaries; refresh_transferred is told. */
void transfer_zone(struct zone *z, unsigned primary, bool urgent);
void transfer_pump(struct keeper *k);
/* The zone is not to be transferred as asked; an image that is there already is still stored. */
void transfer_cancel(struct zone *z);
/* The zone goes away. */
void transfer_forget(struct zone *z);
/* The row of a zone and primary in the shared stats. */
struct stats_transfer *transfer_row(const struct zone *z, unsigned primary);

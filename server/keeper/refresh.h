/* Secondary zones: when to ask a primary for its serial, when to transfer, when to expire
 * (RFC 1034 section 4.3.5, RFC 1996).
 *
 * A round asks each primary in turn until one has what is served or gives a newer version. Rounds
 * begin at the refresh time, at the retry time with growing pauses after failures, on NOTIFY and
 * when an operator asks. Each zone has its own timers, so one dead primary delays nobody else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/contract/message.h"
#include "backend/contract/stats.h"
#include "server/keeper/ask.h"
#include "server/keeper/loop.h"
#include "server/keeper/transfer.h"

struct keeper;
struct zone;

enum refresh_state { REFRESH_IDLE, REFRESH_ASKING, REFRESH_QUEUED, REFRESH_TRANSFERRING };

struct secondary {
    struct zone *zone;
    enum refresh_state state;
    struct loop_timer next, expire;
    struct ask ask;
    struct transfer_place transfer;
    unsigned first, tried;   /* of this round: the primary it began with, how many failed */
    bool force;              /* transfer whatever the serial */
    bool again, again_force; /* asked for while a round is under way */
    bool urgent;
    uint32_t asked_serial;                 /* what the primary said it has */
    uint32_t failures;                     /* rounds in a row */
    uint32_t started, done;                /* counts rounds */
    int64_t ended_mono;                    /* of the last round */
    int64_t confirmed, next_at, expire_at; /* wall clock, s; 0 never */
    uint16_t *told;   /* for each primary, the event of its present trouble + 1 */
    int error;        /* of the last primary that failed in this round */
    enum event event; /* the same */
    char reason[STATS_TEXT];
};

/* Makes a zone a secondary. `confirmed` and `next` are wall clock times from before a restart, 0
 * unknown: then it is checked at once. ERR_MEMORY. */
int refresh_add(struct zone *z);
/* Starts the timers of a zone that has its image, if there is one. */
void refresh_resume(struct zone *z, int64_t confirmed, int64_t next);
/* Begins a round, or another one after the one under way. */
void refresh_start(struct zone *z, bool force, bool urgent);
/* NOTIFY came from an address that may send it. */
void refresh_notified(struct zone *z, const struct msg_notify *notify);
/* The primaries in the configuration changed. ERR_MEMORY. */
int refresh_primaries(struct zone *z);
/* The zone has another configuration with the same primaries. */
void refresh_rekey(struct zone *z);
void refresh_forget(struct zone *z);
/* From transfer.c: a transfer began, or ended. */
void refresh_transferring(struct zone *z);
void refresh_transferred(struct zone *z, const struct transfer_outcome *outcome);
/* Seconds between two values of the SOA, kept within what is sensible. */
int64_t refresh_pause(uint32_t seconds, int64_t most);
/* The pause after `failures` rounds in a row that failed, for a SOA's refresh and retry. */
int64_t refresh_backoff(uint32_t refresh, uint32_t retry, uint32_t failures);

/* NOTIFY to the secondaries of a zone (RFC 1996): after each new version, and when asked for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/keeper/after.h"
#include "server/keeper/ask.h"

struct keeper;
struct zone;

struct notify_peer {
    struct notifier *notifier;
    struct ask ask;
    bool due;   /* goes out when the version is served */
    bool again; /* a newer version came while it is under way */
    bool told;  /* EVENT_NOTIFY_FAILED, for this streak */
    bool failed;
    char reason[160];
};

struct notifier {
    struct after after;
    struct zone *zone;
    struct notify_peer *peers;
    size_t count;
    unsigned pending;
    uint32_t started, done; /* counts rounds */
    bool urgent;
};

/* Sends to all, once the serve processes serve what they were told by now: a secondary asks at
 * once. `urgent` goes before what is queued. ERR_MEMORY. */
int notify_start(struct zone *z, bool urgent);
/* The zone has another configuration with the same peers. */
void notify_rekey(struct zone *z);
/* The zone goes away or its peers change. */
void notify_forget(struct zone *z);
/* How many have not acknowledged yet. */
unsigned notify_pending(const struct zone *z);

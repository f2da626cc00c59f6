/* NOTIFY to the secondaries of a zone (RFC 1996): after each new version, and when asked for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/keeper/ask.h"

struct keeper;
struct zone;

struct notify_peer {
    struct notifier *notifier;
    struct ask ask;
    bool again; /* a newer version came while it is under way */
    bool told;  /* EVENT_NOTIFY_FAILED, for this streak */
    bool failed;
    char reason[160];
};

struct notifier {
    struct zone *zone;
    struct notify_peer *peers;
    size_t count;
    unsigned pending;
    uint32_t started, done; /* counts rounds */
};

/* Sends to all; `urgent` goes before what is queued. ERR_MEMORY. */
int notify_start(struct zone *z, bool urgent);
/* The zone goes away or its peers change. */
void notify_forget(struct zone *z);
/* How many have not acknowledged yet. */
unsigned notify_pending(const struct zone *z);

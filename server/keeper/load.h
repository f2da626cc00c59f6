/* Compiling zone files in children: a queue of zones, many small ones a child, at most as many
 * children as processors. A child with many zones puts their images into packs (pack.h), which are
 * reported whole. A zone that crashes its child fails alone; others of the child that were not yet
 * reported are loaded by the next one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/keeper/loop.h"

struct keeper;
struct zone;

/* In every zone. */
struct load_state {
    struct zone *next, **link; /* in the queue; `link` is what points here */
    struct load_job *job;
    bool queued, again;     /* again: asked for while it runs */
    uint8_t kills;          /* children killed in a row while they loaded it */
    uint32_t started, done; /* counts loads: what was asked for at `started` is done by the next */
};

struct loads {
    struct zone *head, **tail;
    size_t queued;
    struct load_job *jobs;
    unsigned running, most;
    struct loop_timer retry; /* after a fork failed */
    bool told;               /* EVENT_THREAD, for this streak */
};

/* ERR_MEMORY. */
int load_init(struct keeper *k);
/* Kills the children. */
void load_fini(struct keeper *k);
/* Asks for a zone's file to be compiled; load_pump begins. */
void load_zone(struct zone *z);
void load_pump(struct keeper *k);
/* The zone goes away. */
void load_forget(struct zone *z);

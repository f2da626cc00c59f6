/* What is wrong, worst first, and the sums over all zones and transfers.
 *
 * The look over the zones is shared by all who ask within a second, or a tenth of one when a row
 * changed, or until an action ended; a hundred thousand zones cost it a few milliseconds.
 * Any thread may ask. */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "backend/contract/stats.h"
#include "server/endpoint/context.h"

enum { SURVEY_PROBLEMS = 20 };

struct problem {
    unsigned rank;     /* smaller is worse */
    unsigned severity; /* enum severity */
    enum event event;
    int64_t since;      /* 0 not known */
    const char *remedy; /* NULL: that of the event */
    char subject[256];
    char text[STATS_TEXT + 120];
};

struct problems {
    struct problem list[SURVEY_PROBLEMS];
    unsigned count;
    uint64_t total;
};

struct survey_sums {
    uint64_t zones, images, image_bytes;
    uint32_t in_running, in_failing, out_running;
};

struct survey {
    pthread_mutex_t lock;
    int64_t taken_at; /* monotonic ns; 0 never */
    uint32_t changes; /* stats.zone_changes then */
    struct problems zones;
    struct survey_sums sums;
};

void survey_init(struct survey *survey);
void survey_fini(struct survey *survey);
/* What was seen is out of date. */
void survey_drop(struct survey *survey);
/* Everything there is to worry about. */
void survey_problems(const struct context *context, struct problems *out);
void survey_sums(const struct context *context, struct survey_sums *out);
/* Puts a problem in its place; the least of them falls out when there are too many. */
void problems_add(struct problems *problems, const struct problem *problem);

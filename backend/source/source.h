/* Reads one server's endpoint again and again, beside everything else: never blocks, never gives
 * up, never fails for good.
 *
 * A round is GET /v1/status and then, one after another over the same connection, the lists that
 * are wanted. The caller polls the descriptors of source_fds until source_deadline and calls
 * source_step. The model stays when the server goes: its values become stale. A request has
 * HTTP_DEADLINE_MS; lost links are tried again after 1, 2, 3, 4, 5, 5, … seconds. Another boot id
 * is noted as a restart. One action at a time runs beside the rounds over a connection of its own.
 * One thread. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/model/model.h"
#include "backend/model/rate.h"
#include "backend/source/http.h"

enum { SOURCE_FDS = 16, SOURCE_WINDOW = 256 };

enum link_state {
    LINK_CONNECTING, /* no reply yet, none failed yet */
    LINK_UP,
    LINK_LOST
};

struct link {
    enum link_state state;
    int64_t since;        /* of the state, monotonic ns */
    int64_t retry_at;     /* while lost: next try, monotonic ns */
    unsigned failures;    /* in a row */
    char error[160];      /* of the last failure */
    bool was_serving;     /* what the last status said */
    int64_t restarted_at; /* wall clock s when another boot id was first seen; 0 never */
    uint64_t rounds;      /* finished with a status */
};

/* Which lists a round reads beside the status. */
struct source_want {
    bool zones, transfers, events, detail;
    char zone_sort[8];     /* "worst" or "name" */
    char zone_search[256]; /* "" all */
    unsigned zone_offset, zone_limit;
    unsigned event_limit;
    char zone[1024]; /* of the detail */
};

enum post_state { POST_NONE, POST_RUNNING, POST_ENDED };

struct source;

/* NULL when memory runs out. Nothing is asked before the first source_step. */
struct source *source_new(const struct http_address *address, int64_t interval_ns, int64_t now);
void source_free(struct source *s);
const struct http_address *source_address(const struct source *s);
/* The lists to read from now on; a changed wish begins a round at once. */
void source_want(struct source *s, const struct source_want *want);
void source_set_interval(struct source *s, int64_t interval_ns);
/* Begins no more rounds until resumed, but for those of source_sample. */
void source_pause(struct source *s, bool paused);
/* A round now. */
void source_sample(struct source *s);
/* Fills descriptors to poll; returns how many. */
unsigned source_fds(const struct source *s, struct pollfd fds[SOURCE_FDS]);
/* When source_step must be called though no descriptor is ready; INT64_MAX for never. */
int64_t source_deadline(const struct source *s);
/* Goes on as far as possible without waiting. True when the model, the link or the action changed
 * and no list of the round is still to come. */
bool source_step(struct source *s, const struct pollfd *fds, unsigned count, int64_t now);
const struct model *source_model(const struct source *s);
const struct rates *source_rates(const struct source *s);
const struct link *source_link(const struct source *s);

/* Posts to a path. ERR_EXISTS when one is running. */
int source_post(struct source *s, const char *path);
/* Where the posted request is; when ended, `reply` and `result` (of http_finish) are set and stay
 * until the next source_post. */
enum post_state source_post_state(const struct source *s, const struct http_reply **reply,
                                  int *result);

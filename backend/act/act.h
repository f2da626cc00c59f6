/* Actions as an operator means them: one action on one target, checked before it is offered, told
 * in words before it is confirmed, asked for once, and reported as done, failed or unknown.
 *
 * The target is captured by value when a menu opens, so that a list that moves meanwhile cannot
 * change what is acted on; act_check compares it with the server of now. An outcome that was lost
 * on the way is unknown: never done, never failed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/base/buf.h"
#include "backend/contract/actions.h"
#include "backend/model/model.h"
#include "backend/source/source.h"

struct act_target {
    char url[512];         /* which endpoint */
    char host[256];        /* as the server names itself */
    char boot[MODEL_BOOT]; /* which life of it */
    char zone[1024];       /* text form with a final dot; "" the service only */
    char role[16];         /* of the zone; "" not known */
    char state[16];
    struct value serial, zones, notify_targets;
};

enum act_outcome { ACT_DONE, ACT_FAILED, ACT_UNKNOWN };

struct act_result {
    enum act_outcome outcome;
    char text[700];   /* for a person; one line */
    char remedy[400]; /* what to do; "" */
};

/* Captures the server and, unless it is "", a zone of its model. */
void act_target_take(struct act_target *t, const struct http_address *address,
                     const struct model *m, const char *zone);
/* Up to the first dot: what an operator types to confirm. */
void act_short_host(const struct act_target *t, char *to, size_t size);
/* Whether the action fits the target; else why not. */
bool act_allowed(const struct act_target *t, enum action action, char *why, size_t size);
/* Whether the target is still what it was when it was captured; else why not. */
bool act_check(const struct act_target *t, const struct model *m, char *why, size_t size);
/* What will happen, to whom and with what consequence: lines of plain text. */
void act_confirm_text(const struct act_target *t, enum action action, struct buf *to);
/* "reload example.org." or "restart ns1.example.net". */
void act_name(const struct act_target *t, enum action action, char *to, size_t size);
/* The path to post to. */
void act_path(enum action action, const char *zone, struct buf *to);
/* What a reply, or its absence (`result` of http_finish), means. */
void act_result_read(struct act_result *to, const struct http_reply *reply, int result);
/* "DONE", "FAILED", "UNKNOWN". */
/* Whether the server only asks to come later: too many actions a second. */
bool act_is_early(const struct http_reply *reply);
/* {"action", "zone", "result", "text", "remedy"}. */
void act_result_json(enum action action, const char *zone, const struct act_result *result,
                     struct buf *to);
const char *act_outcome_name(enum act_outcome outcome);

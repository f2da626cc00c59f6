/* A request as the renderers see it, and the answer they give: plain data, so that each of them can
 * be tested without a connection.
 *
 * A short answer is whole in `body`. A long one has `more`: it is called with an empty buffer again
 * and again and appends the next part, until it returns false. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buf.h"
#include "server/endpoint/context.h"

struct request {
    const struct context *context;
    const char *zone; /* of the path, with a final dot; "" when the path has none */
    /* The value of an argument of the query string, NULL when it is not there. */
    const char *(*argument)(const void *cls, const char *name);
    const void *cls;
};

struct reply {
    unsigned status;
    const char *type;
    const char *allow; /* of a 405; NULL none */
    bool close;        /* the connection cannot go on after this */
    bool challenge;    /* a 401 that says how to authenticate */
    struct buf body;
    bool (*more)(void *state, struct buf *body);
    void (*done)(void *state); /* frees the state; also when the client went away */
    void *state;
};

extern const char reply_json[], reply_metrics[];

/* Starts a JSON object with what every reply carries; the caller goes on with `,"name":` ... */
void reply_open(struct reply *reply, const struct context *context, unsigned status);
/* ... and ends it. */
void reply_end(struct reply *reply);
/* Replaces what there is by an error. */
void reply_error(struct reply *reply, const struct context *context, unsigned status,
                 const char *error, const char *remedy);
/* Frees the body and the state. */
void reply_fini(struct reply *reply);

/* `,"name":` and a value; null when it is not known. */
void json_number(struct buf *b, const char *name, uint64_t value);
void json_signed(struct buf *b, const char *name, int64_t value);
void json_known(struct buf *b, const char *name, uint64_t value); /* PROC_UNKNOWN: null */
void json_epoch(struct buf *b, const char *name, int64_t value);  /* 0: null */
void json_text(struct buf *b, const char *name, const char *value);
void json_bool(struct buf *b, const char *name, bool value);

/* A number of the query string. False when it is there and is not a number; above `most` it is cut.
 */
bool request_number(const struct request *request, const char *name, uint64_t most,
                    uint64_t *value);
/* A text of the query string, "" when it is not there. */
const char *request_text(const struct request *request, const char *name);

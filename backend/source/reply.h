/* Replies of zonedeck's endpoint (docs/http.md) into sections of a model.
 *
 * Everything here comes from outside: a name that is missing or of another type leaves its value
 * none, an unknown name is passed over, a list longer than the model's limit is cut. A reply that
 * is not a JSON object gives ERR_FORMAT and leaves the section as it was. On success the section's
 * former content is freed. `taken` is the caller's monotonic clock. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/base/buf.h"
#include "backend/model/model.h"

int reply_status(struct model_status *to, const char *json, size_t len, int64_t taken);
int reply_zones(struct model_zones *to, const char *json, size_t len, int64_t taken);
int reply_transfers(struct model_transfers *to, const char *json, size_t len, int64_t taken);
int reply_events(struct model_events *to, const char *json, size_t len, int64_t taken);
int reply_detail(struct model_zone_detail *to, const char *json, size_t len, int64_t taken);
int reply_usage(struct model_usage *to, const char *json, size_t len, int64_t taken);

/* The outcome of an action, or an error reply: each text is "" when it was not told. */
struct reply_outcome {
    char result[16];
    char error[64];
    char text[600];
    char remedy[400];
};

int reply_outcome(struct reply_outcome *to, const char *json, size_t len);

/* Writes one JSON object of texts: name, text, name, text, …, NULL. Bytes of a text that is no
 * UTF-8 become '?'. */
void reply_write(struct buf *to, const char *const members[]);

/* Joins the pages of a list into one JSON object: the members of the first page's object, then the
 * rows of all. An empty joiner is {0}. */
struct reply_pages {
    struct buf out;
    bool rows;       /* one was written */
    int64_t matched; /* of the last page; -1 unknown */
    size_t added;    /* rows of the last page */
};

/* Adds a page whose rows are under `list`. ERR_FORMAT, ERR_MEMORY. */
int reply_pages_add(struct reply_pages *p, const char *list, const char *json, size_t len);
/* Closes the object; out then holds the whole text. ERR_MEMORY. */
int reply_pages_end(struct reply_pages *p);

/* A configuration whose plain zones are found without libyaml, and the same one read by libyaml
 * alone, must be the same, or have the same errors. Used by unit tests and the fuzz target. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"

static inline bool both_same_zone(const struct config_zone *a, const struct config_zone *b)
{
    return a->wire_len == b->wire_len && !memcmp(a->wire, b->wire, a->wire_len) &&
           !strcmp(a->name, b->name) && !a->file == !b->file &&
           (!a->file || !strcmp(a->file, b->file)) && a->line == b->line &&
           a->lists->primaries.count == b->lists->primaries.count &&
           a->lists->notify.count == b->lists->notify.count &&
           a->lists->allow_transfer.count == b->lists->allow_transfer.count &&
           a->lists->allow_notify.count == b->lists->allow_notify.count &&
           a->lists->allow_query.count == b->lists->allow_query.count &&
           a->lists->limits_queries == b->lists->limits_queries;
}

/* Behind one more line: a comment. One that might hide a line break from us makes all of the text
 * libyaml's. */
static inline struct config *both_parse(const char *path, bool slowly, const char *text, size_t len,
                                        struct buf *errors)
{
    const char *comment = slowly ? "# \xe2\x80\x93\n" : "# -\n";
    size_t more = strlen(comment);
    char *copy = malloc(len + more);
    if (!copy)
        abort();
    memcpy(copy, comment, more);
    if (len)
        memcpy(copy + more, text, len);
    struct config *config = config_parse(path, copy, len + more, errors);
    free(copy);
    return config;
}

/* NULL, or what differs; the errors' texts only matter with `texts`. `count` becomes how many zones
 * there are, 0 with errors. */
static inline const char *both_differ(const char *path, const char *text, size_t len, bool texts,
                                      size_t *count)
{
    struct buf errors = {0}, again = {0};
    const char *why = NULL;
    struct config *a = both_parse(path, false, text, len, &errors);
    struct config *b = both_parse(path, true, text, len, &again);
    *count = a ? a->zone_count : 0;
    if (!a != !b)
        why = "one has errors";
    else if (!a && texts && strcmp(errors.data ? errors.data : "", again.data ? again.data : ""))
        why = "the errors";
    else if (a && a->zone_count != b->zone_count)
        why = "the number of zones";
    for (size_t i = 0; !why && i < *count; i++) {
        if (!both_same_zone(&a->zones[i], &b->zones[i]))
            why = "a zone";
    }
    config_free(a);
    config_free(b);
    buf_fini(&errors);
    buf_fini(&again);
    return why;
}

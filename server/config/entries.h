/* Zones that are written plainly, found without libyaml.
 *
 * A server of very many zones has a configuration of little else than lines like
 *
 *     - {name: example.com., file: example.com.zone}
 *
 * or the same in two lines, of which libyaml makes a dozen events each. Such entries of the block
 * list `zones` are taken from the text; what is left is the same document without them, each line
 * at its place, for libyaml to read. Only what YAML cannot mean in another way is taken, and
 * nothing at all when anything around is unusual: then libyaml reads all of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { ENTRY_VALUE_MAX = 400 }; /* bytes; longer ones are left to libyaml */

/* A value and where it stands; lines and columns from 1. */
struct entry_value {
    const char *text; /* in the text that was given; no NUL behind it */
    unsigned len, line, column;
};

struct entry {
    unsigned line; /* of the mapping */
    struct entry_value name, file;
};

struct entries {
    /* Takes each entry while it is found; NULL by who wants the rest alone. False when it is none
     * to be taken: then nothing is, and what was taken before counts for nothing either. */
    bool (*take)(void *ctx, const struct entry *entry);
    void *ctx;
    size_t count; /* 0: nothing was taken */
    char *rest;   /* the text without them; NULL: nothing was taken */
    size_t rest_len;
};

/* Begin with all zero, but for `take` and `ctx`. False when memory runs out. */
bool entries_take(struct entries *entries, const char *text, size_t len);
void entries_fini(struct entries *entries);

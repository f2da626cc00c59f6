/* The keys of the configuration: one table that checks, fills and documents them.
 *
 * A row says in which mapping a key may stand, what its value is, and which reader (readers.h)
 * takes it. Readers report every error at its place and go on, so that one run tells all.
 * What they read is allocated in the configuration's arenas, the array of zones by itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/config/arena.h"
#include "server/config/config.h"
#include "server/config/report.h"
#include "server/config/tree.h"

enum { SCHEMA_PATH_MAX = 64 };

/* Where a zone was configured; a directory's zones have the place of the directory. */
struct schema_place {
    unsigned line, column;
};

struct schema_reader {
    struct report *report;
    struct arena *arena;
    struct arena *zone_arena; /* of the zones; NULL: they are passed over */
    const char *folder;       /* where relative paths start; absolute */
    struct config *config;
    const struct schema_key *rows; /* schema.c: those of the mapping read last */
    struct config_zone *zones;     /* in the order they were read in; malloc'ed */
    struct schema_place *places;   /* one for each */
    size_t zone_count, zone_cap;
};

struct schema_key {
    const char *in; /* the mapping it stands in: "", "server", "zones[]" */
    const char *name;
    const char *type;     /* what the value is, for a person */
    const char *fallback; /* what holds when it is left out */
    const char *example;
    const char *help;
    bool required;
    bool early; /* read before those of its mapping that stand before it: they may refer to it */
    /* `to` is the struct of the mapping plus `offset`. */
    void (*read)(struct schema_reader *r, const struct schema_key *key,
                 const struct tree_node *value, void *to);
    size_t offset;
    uint64_t least, most; /* for read_number */
};

/* Ends with a row whose name is NULL. */
extern const struct schema_key schema_keys[];

/* Reads a mapping by the rows that stand in `in`; `base` is what their offsets count from. */
void schema_read_map(struct schema_reader *r, const char *in, const struct tree_node *node,
                     void *base);
/* "server.listen": the key as a person writes of it. */
const char *schema_path(const struct schema_key *key, char out[SCHEMA_PATH_MAX]);
/* Reports a value: `why` says what is wrong with it and what to do, as in value.h. */
void schema_refuse(struct schema_reader *r, const struct schema_key *key,
                   const struct tree_node *value, const char *why);
/* Reports that the value is of the wrong kind or empty. */
void schema_refuse_kind(struct schema_reader *r, const struct schema_key *key,
                        const struct tree_node *value);
/* The text of a value that must be one: not empty, no control bytes. Else reports; NULL. */
const char *schema_text(struct schema_reader *r, const struct schema_key *key,
                        const struct tree_node *value);
/* The items of a list in turn, or a text alone as its only item: begin with `at` NULL, ends with
 * NULL. Reports a value that is neither. */
const struct tree_node *schema_next(struct schema_reader *r, const struct schema_key *key,
                                    const struct tree_node *value, const struct tree_node *at);

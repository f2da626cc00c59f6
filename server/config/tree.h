/* YAML text to a tree of nodes, each with its place, through libyaml's events.
 *
 * Only what a configuration needs is taken: one document of texts, lists and mappings. Aliases are
 * refused (a few lines of them expand to gigabytes), and so are tags, further documents and more
 * than TREE_DEPTH levels. What is wrong goes into the report; a part that is wrong becomes a node
 * of kind TREE_BAD, which later checks pass over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/config/arena.h"
#include "server/config/report.h"

enum { TREE_DEPTH = 16 };

enum tree_kind { TREE_BAD, TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree_node {
    enum tree_kind kind;
    unsigned line, column;          /* from 1 */
    struct tree_node *next;         /* of the same parent; in a mapping a key's next is its value */
    struct tree_node *first, *last; /* of a list or mapping */
    size_t count;                   /* of children; a mapping's keys and values both count */
    char *text;                     /* NUL-terminated; may hold NUL bytes too */
    size_t len;
};

/* The root, allocated in `arena`; NULL when the text is not a whole document (then something is
 * reported). */
struct tree_node *tree_parse(const char *text, size_t len, struct arena *arena,
                             struct report *report);
/* The value of a key of a mapping, or NULL. */
const struct tree_node *tree_get(const struct tree_node *map, const char *key);
/* "a text", "a list", "a mapping". */
const char *tree_kind_name(const struct tree_node *node);

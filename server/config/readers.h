/* The readers the schema's rows name: each takes the value of one key (schema.h).
 *
 * A reader reports what is wrong with its value and leaves the target as it was. */
#pragma once

#include "server/config/schema.h"

enum { READERS_PATH_MAX = 4095 };

typedef void schema_read(struct schema_reader *r, const struct schema_key *key,
                         const struct tree_node *value, void *to);

schema_read read_section;   /* a mapping whose rows stand in the key's name */
schema_read read_text;      /* char * */
schema_read read_told;      /* char *: at most CONFIG_TOLD_MAX bytes; "" for `none` */
schema_read read_path;      /* char *, made absolute */
schema_read read_bool;      /* bool */
schema_read read_number;    /* unsigned, from the row's least to its most */
schema_read read_size;      /* uint64_t */
schema_read read_listen;    /* config->listen */
schema_read read_endpoints; /* config->endpoint */
schema_read read_name_text; /* char *: a domain name, lower case, final dot */

/* An absolute path for one that may be relative; reports and returns NULL when it is too long. */
char *readers_path(struct schema_reader *r, const struct schema_key *key,
                   const struct tree_node *value, const char *text);
/* Walks a list of mappings: begin with `at` NULL, ends with NULL. Reports a value that is no list,
 * and items that are no mappings, which are passed over. An empty value is an empty list. */
const struct tree_node *readers_next_map(struct schema_reader *r, const struct schema_key *key,
                                         const struct tree_node *value, const struct tree_node *at);

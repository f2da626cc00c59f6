#include "server/config/lists.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config/value.h"

/* No real list is as long; these are searched linearly for what stands in them twice. */
enum { ITEMS_MAX = 1024 };

static bool too_long(struct schema_reader *r, const struct schema_key *key,
                     const struct tree_node *value)
{
    if (value->kind != TREE_LIST || value->count <= ITEMS_MAX)
        return false;
    char path[SCHEMA_PATH_MAX];
    report_add(r->report, value->line, value->column, "%s has more than %d entries; remove some",
               schema_path(key, path), ITEMS_MAX);
    return true;
}

void read_algorithm(struct schema_reader *r, const struct schema_key *key,
                    const struct tree_node *value, void *to)
{
    static const char *const known[] = {"hmac-md5",    "hmac-sha1",   "hmac-sha224",
                                        "hmac-sha256", "hmac-sha384", "hmac-sha512"};
    const char *text = schema_text(r, key, value);
    for (size_t i = 0; text && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(text, known[i]) == 0) {
            *(char **)to = arena_copy(r->arena, known[i], strlen(known[i]));
            return;
        }
    }
    if (text)
        schema_refuse(r, key, value,
                      "is not known; write hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, "
                      "hmac-sha384 or hmac-sha512");
}

void read_secret(struct schema_reader *r, const struct schema_key *key,
                 const struct tree_node *value, void *to)
{
    struct config_key *item = to;
    const char *text = schema_text(r, key, value);
    uint8_t *secret = text ? arena_alloc(r->arena, value->len) : NULL;
    const char *why = secret ? value_base64(text, value->len, secret, &item->secret_len) : NULL;
    char path[SCHEMA_PATH_MAX];
    /* A secret, even a mistyped one, is not for the log. */
    if (why)
        report_add(r->report, value->line, value->column, "%s %s", schema_path(key, path), why);
    else
        item->secret = secret;
}

static const char *twice = "stands in the list already; remove one";

static bool has_key(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->key_count; i++) {
        if (strcmp(config->keys[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A key that is not whole has been reported, and stands in for itself. */
static void prepare_key(const struct config_key *item, struct tsig_key *key)
{
    uint8_t wire[NAME_MAX_LEN];
    size_t len = 0;
    value_name(item->name, wire, &len);
    enum tsig_algorithm algorithm =
        item->algorithm ? tsig_algorithm_find(item->algorithm) : TSIG_SHA256;
    tsig_key_init(key, wire, len, algorithm, item->secret ? item->secret : wire, item->secret_len);
}

static void prepare_keys(struct schema_reader *r, struct config *config)
{
    struct tsig_key *keys = arena_alloc(r->arena, config->key_count * sizeof *keys);
    if (!keys)
        return;
    for (size_t i = 0; i < config->key_count; i++)
        prepare_key(&config->keys[i], &keys[i]);
    qsort(keys, config->key_count, sizeof *keys, tsig_key_compare);
    config->tsig = (struct tsig_keys){keys, config->key_count};
}

void read_keys(struct schema_reader *r, const struct schema_key *key, const struct tree_node *value,
               void *to)
{
    struct config *config = to;
    const struct tree_node *at = NULL;
    if (too_long(r, key, value))
        return;
    config->keys = arena_alloc(r->arena, value->count * sizeof *config->keys);
    while (config->keys && (at = readers_next_map(r, key, value, at))) {
        struct config_key *item = &config->keys[config->key_count];
        *item = (struct config_key){0};
        schema_read_map(r, "keys[]", at, item);
        if (!item->name)
            continue;
        if (has_key(config, item->name))
            schema_refuse(r, key, tree_get(at, "name"), twice);
        config->key_count++;
    }
    prepare_keys(r, config);
}

const struct tsig_key *lists_find_key(struct schema_reader *r, const struct schema_key *key,
                                      const struct tree_node *value, const char *name)
{
    uint8_t wire[NAME_MAX_LEN];
    size_t len = 0;
    const char *why = value_name(name, wire, &len);
    const struct tsig_key *found = why ? NULL : tsig_keys_find(&r->config->tsig, wire, len);
    if (!found)
        schema_refuse(r, key, value, why ? why : "is not among the keys; add it there");
    return found;
}

static bool has_dependent(const struct dependent *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0)
            return true;
    }
    return false;
}

void read_dependents(struct schema_reader *r, const struct schema_key *key,
                     const struct tree_node *value, void *to)
{
    (void)to;
    const struct tree_node *at = NULL;
    size_t count = 0;
    if (too_long(r, key, value))
        return;
    struct dependent *items = arena_alloc(r->arena, value->count * sizeof *items);
    while (items && (at = readers_next_map(r, key, value, at))) {
        items[count] = (struct dependent){0};
        schema_read_map(r, "dependents[]", at, &items[count]);
        if (!tree_get(at, "active-directory") == !tree_get(at, "mx"))
            report_add(r->report, at->line, at->column,
                       "a dependent needs one of active-directory and mx; write exactly one");
        if (!items[count].name)
            continue;
        if (has_dependent(items, count, items[count].name))
            schema_refuse(r, key, tree_get(at, "name"), twice);
        count++;
    }
}

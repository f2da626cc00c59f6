#include "server/config/readers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "server/config/value.h"
#include "server/dns/name_text.h"

enum {
    DNS_PORT = 53,
    /* No real list is as long; lists are searched linearly for what stands in them twice. */
    ITEMS_MAX = 1024
};

void read_section(struct schema_reader *r, const struct schema_key *key,
                  const struct tree_node *value, void *to)
{
    if (value->kind == TREE_MAP)
        schema_read_map(r, key->name, value, to);
    else if (key->required || value->kind != TREE_TEXT || value->len > 0)
        schema_refuse_kind(r, key, value);
}

void read_text(struct schema_reader *r, const struct schema_key *key, const struct tree_node *value,
               void *to)
{
    const char *text = schema_text(r, key, value);
    if (text)
        *(char **)to = arena_copy(r->arena, text, value->len);
}

void read_told(struct schema_reader *r, const struct schema_key *key, const struct tree_node *value,
               void *to)
{
    const char *text = schema_text(r, key, value);
    if (text && value->len > CONFIG_TOLD_MAX)
        schema_refuse(r, key, value, "is longer than 255 bytes; shorten it");
    else if (text)
        *(char **)to = arena_copy(r->arena, text, strcmp(text, "none") ? value->len : 0);
}

char *readers_path(struct schema_reader *r, const struct schema_key *key,
                   const struct tree_node *value, const char *text)
{
    size_t folder = text[0] == '/' ? 0 : strlen(r->folder) + 1, len = strlen(text);
    if (folder + len > READERS_PATH_MAX) {
        schema_refuse(r, key, value, "is too long for a path; shorten it");
        return NULL;
    }
    if (!folder)
        return arena_copy(r->arena, text, len);
    char *path = arena_alloc(r->arena, folder + len + 1);
    if (path)
        snprintf(path, folder + len + 1, "%s/%s", r->folder, text);
    return path;
}

void read_path(struct schema_reader *r, const struct schema_key *key, const struct tree_node *value,
               void *to)
{
    const char *text = schema_text(r, key, value);
    if (text)
        *(char **)to = readers_path(r, key, value, text);
}

void read_bool(struct schema_reader *r, const struct schema_key *key, const struct tree_node *value,
               void *to)
{
    const char *text = schema_text(r, key, value);
    const char *why = text ? value_bool(text, to) : NULL;
    if (why)
        schema_refuse(r, key, value, why);
}

void read_number(struct schema_reader *r, const struct schema_key *key,
                 const struct tree_node *value, void *to)
{
    const char *text = schema_text(r, key, value);
    uint64_t number = 0;
    char why[96];
    if (!text)
        return;
    if (!value_number(text, key->least, key->most, &number)) {
        *(unsigned *)to = (unsigned)number;
        return;
    }
    snprintf(why, sizeof why, "is not a number from %u to %u; write one, or leave the key out",
             (unsigned)key->least, (unsigned)key->most);
    schema_refuse(r, key, value, why);
}

void read_size(struct schema_reader *r, const struct schema_key *key, const struct tree_node *value,
               void *to)
{
    const char *text = schema_text(r, key, value);
    const char *why = text ? value_size(text, to) : NULL;
    if (why)
        schema_refuse(r, key, value, why);
}

/* Checks the length of a list and makes room for its items (a text alone is one). */
static void *alloc_items(struct schema_reader *r, const struct schema_key *key,
                         const struct tree_node *value, size_t most, size_t size)
{
    char path[SCHEMA_PATH_MAX];
    size_t count = value->kind == TREE_LIST ? value->count : 1;
    if (count == 0)
        report_add(r->report, value->line, value->column,
                   "%s is an empty list; write for example %s", schema_path(key, path),
                   key->example);
    else if (count > most)
        report_add(r->report, value->line, value->column,
                   "%s has %zu entries; at most %zu are possible", schema_path(key, path), count,
                   most);
    return count > most ? NULL : arena_alloc(r->arena, count * size);
}

static void refuse_twice(struct schema_reader *r, const struct schema_key *key,
                         const struct tree_node *value)
{
    schema_refuse(r, key, value, "stands in the list already; remove one");
}

static bool has_listen(const struct config_listen *items, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].text, text) == 0)
            return true;
    }
    return false;
}

static const char *parse_listen(const char *text, struct config_listen *item)
{
    return value_address(text, DNS_PORT, &item->address, &item->address_len, item->text);
}

void read_listen(struct schema_reader *r, const struct schema_key *key,
                 const struct tree_node *value, void *to)
{
    struct config *config = to;
    const struct tree_node *at = NULL;
    config->listen = alloc_items(r, key, value, ITEMS_MAX, sizeof *config->listen);
    while (config->listen && (at = schema_next(r, key, value, at))) {
        struct config_listen *item = &config->listen[config->listen_count];
        const char *text = schema_text(r, key, at);
        const char *why = text ? parse_listen(text, item) : NULL;
        if (why)
            schema_refuse(r, key, at, why);
        else if (text && has_listen(config->listen, config->listen_count, item->text))
            refuse_twice(r, key, at);
        else if (text)
            config->listen_count++;
    }
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    if (address->ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static bool parse_endpoint(struct schema_reader *r, const struct schema_key *key,
                           const struct tree_node *at, struct config_endpoint_listen *item)
{
    static const char unix_prefix[] = "unix:";
    const char *text = schema_text(r, key, at), *why = NULL;
    if (!text)
        return false;
    *item = (struct config_endpoint_listen){0};
    if (strncmp(text, unix_prefix, sizeof unix_prefix - 1) == 0) {
        const char *path = text + sizeof unix_prefix - 1;
        item->unix_path = *path ? readers_path(r, key, at, path) : NULL;
        if (!*path)
            why = "names no path; write unix:PATH";
        else if (item->unix_path &&
                 strlen(item->unix_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
            why = "is too long for a unix socket; its absolute path may have 107 bytes, shorten it";
    } else if (!strchr(text, '@')) {
        why = "has no port; write unix:PATH or a loopback ADDRESS@PORT such as 127.0.0.1@8053";
    } else {
        why = parse_listen(text, &item->address);
        if (!why && !is_loopback(&item->address.address))
            why = "is not a loopback address; it would need TLS, which is not available yet: use a "
                  "loopback address or unix:PATH";
    }
    if (why)
        schema_refuse(r, key, at, why);
    return !why && (item->unix_path || item->address.address_len > 0);
}

static bool has_endpoint(const struct config *config, const struct config_endpoint_listen *item)
{
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint_listen *other = &config->endpoint[i];
        if (item->unix_path && other->unix_path
                ? strcmp(item->unix_path, other->unix_path) == 0
                : !item->unix_path && !other->unix_path &&
                      strcmp(item->address.text, other->address.text) == 0)
            return true;
    }
    return false;
}

void read_endpoints(struct schema_reader *r, const struct schema_key *key,
                    const struct tree_node *value, void *to)
{
    struct config *config = to;
    const struct tree_node *at = NULL;
    config->endpoint = alloc_items(r, key, value, ITEMS_MAX, sizeof *config->endpoint);
    while (config->endpoint && (at = schema_next(r, key, value, at))) {
        struct config_endpoint_listen *item = &config->endpoint[config->endpoint_count];
        if (!parse_endpoint(r, key, at, item))
            continue;
        if (has_endpoint(config, item))
            refuse_twice(r, key, at);
        else
            config->endpoint_count++;
    }
}

const struct tree_node *readers_next_map(struct schema_reader *r, const struct schema_key *key,
                                         const struct tree_node *value, const struct tree_node *at)
{
    if (value->kind != TREE_LIST) {
        if (value->kind != TREE_TEXT || value->len > 0)
            schema_refuse_kind(r, key, value);
        return NULL;
    }
    at = at ? at->next : value->first;
    while (at && at->kind != TREE_MAP) {
        schema_refuse_kind(r, key, at);
        at = at->next;
    }
    return at;
}

void read_name_text(struct schema_reader *r, const struct schema_key *key,
                    const struct tree_node *value, void *to)
{
    uint8_t wire[NAME_WIRE_MAX];
    char name[NAME_TEXT_MAX];
    size_t len = 0;
    const char *text = schema_text(r, key, value);
    const char *why = text ? value_name(text, wire, &len) : NULL;
    if (why)
        schema_refuse(r, key, value, why);
    if (!text || why)
        return;
    name_to_text(wire, len, name);
    *(char **)to = arena_copy(r->arena, name, strlen(name));
}

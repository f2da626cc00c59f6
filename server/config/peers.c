#include "server/config/peers.h"

#include <string.h>

#include "backend/contract/message.h"
#include "server/config/lists.h"
#include "server/config/value.h"

enum { DNS_PORT = 53, LIST_MAX = MSG_ACL_MAX };

static void refuse_long(struct schema_reader *r, const struct schema_key *key,
                        const struct tree_node *value)
{
    char path[SCHEMA_PATH_MAX];
    report_add(r->report, value->line, value->column,
               "%s has more than %d entries; use prefixes or fewer addresses",
               schema_path(key, path), LIST_MAX);
}

void read_peer_address(struct schema_reader *r, const struct schema_key *key,
                       const struct tree_node *value, void *to)
{
    struct config_peer *peer = to;
    const char *text = schema_text(r, key, value);
    const char *why =
        text ? value_address(text, DNS_PORT, &peer->address, &peer->address_len, peer->text) : NULL;
    if (why) {
        schema_refuse(r, key, value, why);
        peer->text[0] = '\0';
    }
}

void read_peer_key(struct schema_reader *r, const struct schema_key *key,
                   const struct tree_node *value, void *to)
{
    struct config_peer *peer = to;
    const char *text = schema_text(r, key, value);
    if (text)
        peer->key = lists_find_key(r, key, value, text);
}

static bool has_peer(const struct config_peers *peers, const char *text)
{
    for (size_t i = 0; i < peers->count; i++) {
        if (strcmp(peers->items[i].text, text) == 0)
            return true;
    }
    return false;
}

static void read_peer(struct schema_reader *r, const struct schema_key *key,
                      const struct tree_node *at, struct config_peer *peer)
{
    *peer = (struct config_peer){0};
    if (at->kind == TREE_MAP)
        schema_read_map(r, "primaries[]", at, peer);
    else
        read_peer_address(r, key, at, peer);
}

void read_peers(struct schema_reader *r, const struct schema_key *key,
                const struct tree_node *value, void *to)
{
    struct config_peers *peers = to;
    size_t count = value->kind == TREE_LIST ? value->count : 1;
    if (count > LIST_MAX) {
        refuse_long(r, key, value);
        return;
    }
    peers->items = arena_alloc(r->arena, count * sizeof *peers->items);
    const struct tree_node *at = NULL;
    while (peers->items && (at = schema_next(r, key, value, at))) {
        struct config_peer *peer = &peers->items[peers->count];
        read_peer(r, key, at, peer);
        if (peer->text[0] == '\0')
            continue;
        if (has_peer(peers, peer->text))
            schema_refuse(r, key, at, "stands in the list already; remove one");
        else
            peers->count++;
    }
}

/* What one word of an access list stands for: up to two entries; -1 for an error, reported. */
static int read_acl(struct schema_reader *r, const struct schema_key *key,
                    const struct tree_node *at, struct config_acl acl[2])
{
    static const struct config_acl any[2] = {{.family = AF_INET}, {.family = AF_INET6}};
    const char *text = schema_text(r, key, at);
    if (!text)
        return -1;
    if (strcmp(text, "none") == 0)
        return 0;
    if (strcmp(text, "any") == 0) {
        memcpy(acl, any, sizeof any);
        return 2;
    }
    if (strncmp(text, "key:", 4) == 0) {
        const struct tsig_key *found = lists_find_key(r, key, at, text + 4);
        *acl = (struct config_acl){.kind = CONFIG_ACL_KEY, .key = found};
        return found ? 1 : -1;
    }
    const char *why = value_prefix(text, acl);
    if (why)
        schema_refuse(r, key, at, why);
    return why ? -1 : 1;
}

void read_acls(struct schema_reader *r, const struct schema_key *key, const struct tree_node *value,
               void *to)
{
    struct config_acls *acls = to;
    struct config_acl items[LIST_MAX + 2];
    const struct tree_node *at = NULL;
    size_t count = 0;
    while ((at = schema_next(r, key, value, at))) {
        int n = read_acl(r, key, at, &items[count]);
        if (n == 0 && value->kind == TREE_LIST && value->count > 1)
            schema_refuse(r, key, at, "stands beside other entries; write it alone or remove it");
        count += n > 0 ? (size_t)n : 0;
        if (count > LIST_MAX) {
            refuse_long(r, key, at);
            return;
        }
    }
    acls->items = arena_alloc(r->arena, count * sizeof *items);
    if (!acls->items)
        return;
    memcpy(acls->items, items, count * sizeof *items);
    acls->count = count;
}

void read_addresses(struct schema_reader *r, const struct schema_key *key,
                    const struct tree_node *value, void *to)
{
    struct config_acls *acls = to;
    read_acls(r, key, value, to);
    for (size_t i = 0; i < acls->count; i++) {
        if (acls->items[i].kind == CONFIG_ACL_KEY) {
            schema_refuse(r, key, value, "has a key; only addresses are possible here");
            return;
        }
    }
}

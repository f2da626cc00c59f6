/* The zones a serve process answers for, found by name.
 *
 * A struct zone does not change once it is in a table, but for its pins. A table is read by any
 * number of threads while one writer replaces zones in it (zone_table_put, an atomic store); adding
 * and removing names makes a new table. When an old zone or table may be freed is the publisher's
 * business (server/serve/publish.h). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "backend/contract/message.h"
#include "server/dns/name.h"
#include "server/dns/tsig.h"
#include "server/image/file.h"
#include "server/image/node.h"

/* Who may do what with a zone; zones of one server mostly share it. */
struct zone_rules {
    struct zone_rules *next; /* the owner's list */
    _Atomic uint32_t users;
    uint32_t transfer_count, notify_count, query_count;
    const struct msg_acl *allow_transfer, *allow_notify, *allow_query;
    struct msg_acl item[];
};

/* There may be a million: what the image has is not repeated. */
struct zone {
    struct image *image;     /* NULL: configured, but no version can be served */
    struct image own;        /* `image`, when it lies in `file` */
    struct image_file *file; /* NULL: the image is mapped for this zone alone */
    struct zone_rules *rules;
    uint64_t hash;
    uint32_t row;          /* in the shared stats */
    uint32_t generation;   /* the writer's: of the account it came with */
    _Atomic uint32_t pins; /* transfers that still read the image, and one for the table */
    uint8_t flags;         /* ZONE_* of backend/contract/message.h */
    uint8_t name_len, labels;
    bool proven;         /* the writer's: it has answered for its SOA */
    uint8_t bare_name[]; /* when there is no image: use zone_name */
};

/* In wire form, lower case. */
static inline const uint8_t *zone_name(const struct zone *zone)
{
    return zone->image ? zone->image->header->text : zone->bare_name;
}

struct zone_table {
    uint32_t slots; /* a power of two */
    uint32_t count;
    _Atomic uint64_t depths[2]; /* bit n: there is a zone of n labels */
    _Atomic(struct zone *) slot[];
};

/* Copies the lists: transfer_count items for transfers, and so on. The caller is the first user.
 * NULL when memory runs out. */
struct zone_rules *zone_rules_new(uint32_t transfer_count, uint32_t notify_count,
                                  uint32_t query_count, const struct msg_acl *items);
struct zone_rules *zone_rules_get(struct zone_rules *rules);
void zone_rules_put(struct zone_rules *rules);

/* What a zone is made from; `name` is in lower case. The image is of that name, was opened, and is
 * `image`, or `base` within `file`, or there is none. */
struct zone_parts {
    const uint8_t *name;
    uint8_t name_len, flags;
    uint32_t row;
    struct zone_rules *rules;
    struct image *image;
    struct image_file *file;
    const void *base;
};

/* Makes a zone; takes the image, and counts as a user of file and rules. NULL when memory runs out
 * (the image stays the caller's). The zone is pinned once. */
struct zone *zone_make(const struct zone_parts *parts, const struct hash_key *key);
/* The same for a zone that shares nothing. */
struct zone *zone_new(const struct msg_zone *message, struct image *image,
                      const struct hash_key *key);
void zone_pin(struct zone *zone);
/* Frees the zone and its image when this was the last pin; NULL is fine. */
void zone_unpin(struct zone *zone);

/* A table with room for `count` zones and a quarter more. NULL when memory runs out. */
struct zone_table *zone_table_new(uint32_t count);
/* Frees the table, not the zones. */
void zone_table_free(struct zone_table *table);
/* Puts a zone in; returns the one of that name it replaces, or NULL. The table must have room. */
struct zone *zone_table_put(struct zone_table *table, struct zone *zone);
/* The zone of exactly that name, or NULL. */
struct zone *zone_table_get(const struct zone_table *table, const uint8_t *name, size_t len,
                            uint64_t hash);
/* The zone with the longest name that `name` is within, from label `from` on; *at is the label
 * where the zone's name begins. NULL when there is none. */
struct zone *zone_table_find(const struct zone_table *table, const struct name *name,
                             const uint64_t *hash, unsigned from, unsigned *at);
/* The zone a question for `name` is answered from: the nearest, but DS belongs to the parent's side
 * of a cut (RFC 4035 section 3.1.4.1), when the parent is here too. NULL when there is none. `near`
 * is a zone of the table that may be it, or NULL: then less has to be hashed. Fills `hash` as
 * name_hash does, but only down from the zone's name, or from the root when there is none. */
const struct zone *zone_table_match(const struct zone_table *zones, const struct zone *near,
                                    const struct name *name, const struct hash_key *key,
                                    uint64_t hash[NAME_MAX_LABELS + 1], uint16_t qtype);
/* May queries for the zone come from the address, or whose key they are signed with (NULL none)?
 * AF_UNSPEC is this server itself. */
bool zone_may_ask(const struct zone *zone, const struct sockaddr *address,
                  const struct tsig_key *signer);
/* Does the list have the address, or the key? IPv4-mapped IPv6 addresses count as IPv4. */
bool zone_acl_has(const struct msg_acl *acl, uint32_t count, const struct sockaddr *address,
                  const struct tsig_key *signer);

#include "server/answer/zones.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "server/dns/wire.h"

struct zone_rules *zone_rules_new(uint32_t transfer_count, uint32_t notify_count,
                                  uint32_t query_count, const struct msg_acl *items)
{
    size_t count = (size_t)transfer_count + notify_count + query_count;
    struct zone_rules *rules = calloc(1, sizeof *rules + count * sizeof *items);
    if (!rules)
        return NULL;
    if (count)
        memcpy(rules->item, items, count * sizeof *items);
    rules->transfer_count = transfer_count;
    rules->notify_count = notify_count;
    rules->query_count = query_count;
    rules->allow_transfer = rules->item;
    rules->allow_notify = rules->item + transfer_count;
    rules->allow_query = rules->allow_notify + notify_count;
    atomic_init(&rules->users, 1);
    return rules;
}

struct zone_rules *zone_rules_get(struct zone_rules *rules)
{
    atomic_fetch_add(&rules->users, 1);
    return rules;
}

void zone_rules_put(struct zone_rules *rules)
{
    if (rules && atomic_fetch_sub(&rules->users, 1) == 1)
        free(rules);
}

static void zone_free(struct zone *zone)
{
    if (zone->image != &zone->own)
        image_close(zone->image);
    image_file_put(zone->file);
    zone_rules_put(zone->rules);
    free(zone);
}

struct zone *zone_make(const struct zone_parts *parts, const struct hash_key *key)
{
    struct name name;
    uint64_t hash[NAME_MAX_LABELS + 1];
    bool has_image = parts->image || parts->file;
    if (!parts->name_len || name_read(&name, parts->name, parts->name_len) != parts->name_len)
        return NULL;
    struct zone *zone = calloc(1, sizeof *zone + (has_image ? 0 : parts->name_len));
    if (!zone)
        return NULL;
    name_hash(&name, key, hash);
    *zone = (struct zone){.image = parts->image,
                          .own = {.base = parts->base},
                          .hash = hash[0],
                          .row = parts->row,
                          .flags = parts->flags,
                          .name_len = parts->name_len,
                          .labels = name.count};
    atomic_init(&zone->pins, 1);
    zone->rules = zone_rules_get(parts->rules);
    if (parts->file) {
        zone->file = image_file_get(parts->file);
        zone->image = &zone->own;
    }
    if (!has_image)
        memcpy(zone->bare_name, parts->name, parts->name_len);
    return zone;
}

struct zone *zone_new(const struct msg_zone *m, struct image *image, const struct hash_key *key)
{
    struct msg_acl items[3 * MSG_ACL_MAX];
    uint32_t transfer = m->transfer_count, notify = m->notify_count, query = m->query_count;
    if (transfer > MSG_ACL_MAX || notify > MSG_ACL_MAX || query > MSG_ACL_MAX)
        return NULL;
    memcpy(items, m->allow_transfer, transfer * sizeof *items);
    memcpy(items + transfer, m->allow_notify, notify * sizeof *items);
    memcpy(items + transfer + notify, m->allow_query, query * sizeof *items);
    struct zone_rules *rules = zone_rules_new(transfer, notify, query, items);
    struct zone_parts parts = {.name = m->name,
                               .name_len = m->name_len,
                               .flags = (uint8_t)m->flags,
                               .row = m->row,
                               .rules = rules,
                               .image = image};
    struct zone *zone = rules ? zone_make(&parts, key) : NULL;
    zone_rules_put(rules);
    return zone;
}

void zone_pin(struct zone *zone)
{
    atomic_fetch_add(&zone->pins, 1);
}

void zone_unpin(struct zone *zone)
{
    if (zone && atomic_fetch_sub(&zone->pins, 1) == 1)
        zone_free(zone);
}

struct zone_table *zone_table_new(uint32_t count)
{
    uint32_t slots = 8;
    while (slots < count + count / 4 + 4 || slots < count * 2)
        slots *= 2;
    struct zone_table *table = calloc(1, sizeof *table + slots * sizeof *table->slot);
    if (table)
        table->slots = slots;
    return table;
}

void zone_table_free(struct zone_table *table)
{
    free(table);
}

/* The slot of a name, or the free one where it would go. */
static uint32_t find_slot(const struct zone_table *table, const uint8_t *name, size_t len,
                          uint64_t hash)
{
    uint32_t mask = table->slots - 1, i = (uint32_t)hash & mask;
    for (;; i = (i + 1) & mask) {
        const struct zone *zone = atomic_load_explicit(&table->slot[i], memory_order_acquire);
        if (!zone || (zone->hash == hash && name_equal(zone_name(zone), zone->name_len, name, len)))
            return i;
    }
}

struct zone *zone_table_put(struct zone_table *table, struct zone *zone)
{
    uint32_t i = find_slot(table, zone_name(zone), zone->name_len, zone->hash);
    struct zone *old = atomic_load_explicit(&table->slot[i], memory_order_relaxed);
    if (!old)
        table->count++;
    atomic_fetch_or_explicit(&table->depths[zone->labels / 64], UINT64_C(1) << zone->labels % 64,
                             memory_order_relaxed);
    atomic_store_explicit(&table->slot[i], zone, memory_order_release);
    return old;
}

struct zone *zone_table_get(const struct zone_table *table, const uint8_t *name, size_t len,
                            uint64_t hash)
{
    uint32_t i = find_slot(table, name, len, hash);
    return atomic_load_explicit(&table->slot[i], memory_order_acquire);
}

struct zone *zone_table_find(const struct zone_table *table, const struct name *name,
                             const uint64_t *hash, unsigned from, unsigned *at)
{
    for (; from <= name->count; from++) {
        unsigned labels = name->count - from;
        uint64_t depths = atomic_load_explicit(&table->depths[labels / 64], memory_order_relaxed);
        if (!(depths >> labels % 64 & 1))
            continue;
        size_t skip = name->label[from];
        struct zone *zone = zone_table_get(table, name->wire + skip, name->len - skip, hash[from]);
        if (zone) {
            *at = from;
            return zone;
        }
    }
    return NULL;
}

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8))
        return false;
    unsigned char mask = (unsigned char)(0xff00 >> bits % 8);
    return !(bits % 8) || !((a[bits / 8] ^ b[bits / 8]) & mask);
}

/* The address in network order; NULL: of no family a list can have. */
static const unsigned char *address_bytes(const struct sockaddr *address, uint16_t *family)
{
    *family = address->sa_family;
    if (*family == AF_INET)
        return (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (*family != AF_INET6)
        return NULL;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(six))
        return six->s6_addr;
    *family = AF_INET;
    return six->s6_addr + 12;
}

bool zone_acl_has(const struct msg_acl *acl, uint32_t count, const struct sockaddr *address,
                  const struct tsig_key *signer)
{
    uint16_t family;
    const unsigned char *bytes = address_bytes(address, &family);
    for (uint32_t i = 0; i < count; i++) {
        if (acl[i].family == MSG_ACL_KEY) {
            if (signer && !memcmp(acl[i].address, signer->id, sizeof signer->id))
                return true;
        } else if (bytes && acl[i].family == family &&
                   acl[i].prefix <= (family == AF_INET ? 32 : 128) &&
                   same_bits(acl[i].address, bytes, acl[i].prefix)) {
            return true;
        }
    }
    return false;
}

/* Is there no zone of more labels than this that the name could be within? */
static bool is_deepest(const struct zone_table *zones, unsigned labels, unsigned name_labels)
{
    if (name_labels >= 64 || atomic_load_explicit(&zones->depths[1], memory_order_relaxed))
        return false;
    uint64_t deeper = atomic_load_explicit(&zones->depths[0], memory_order_relaxed) >> labels >> 1;
    return !(deeper & ((UINT64_C(1) << (name_labels - labels)) - 1));
}

static bool is_within(const struct name *name, const struct zone *zone)
{
    if (name->count < zone->labels)
        return false;
    size_t skip = name->label[name->count - zone->labels];
    return name_equal(name->wire + skip, name->len - skip, zone_name(zone), zone->name_len);
}

const struct zone *zone_table_match(const struct zone_table *zones, const struct zone *near,
                                    const struct name *name, const struct hash_key *key,
                                    uint64_t hash[NAME_MAX_LABELS + 1], uint16_t qtype)
{
    if (near && qtype != TYPE_DS && is_within(name, near) &&
        is_deepest(zones, near->labels, name->count)) {
        name_hash_below(name, key, name->count - near->labels, near->hash, hash);
        return near;
    }
    unsigned at;
    name_hash(name, key, hash);
    const struct zone *zone = zone_table_find(zones, name, hash, 0, &at);
    if (zone && at == 0 && qtype == TYPE_DS && name->count) {
        const struct zone *parent = zone_table_find(zones, name, hash, 1, &at);
        zone = parent ? parent : zone;
    }
    return zone;
}

bool zone_may_ask(const struct zone *zone, const struct sockaddr *address,
                  const struct tsig_key *signer)
{
    return !(zone->flags & ZONE_LIMITS_QUERIES) || address->sa_family == AF_UNSPEC ||
           zone_acl_has(zone->rules->allow_query, zone->rules->query_count, address, signer);
}

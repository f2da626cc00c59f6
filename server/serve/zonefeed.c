#include "server/serve/zonefeed.h"

#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/dns/name_text.h"
#include "server/dns/wire.h"

/* The generation of a zone that the keeper said is gone. */
static const uint32_t generation_gone = UINT32_MAX;
static const int64_t rest_every = CLK_SECOND / 2;

int zonefeed_init(struct zonefeed *f, struct publish *publish, const uint8_t key[16])
{
    *f = (struct zonefeed){.publish = publish, .key = hash_key_from(key), .key_bytes = key};
    struct zone_table *table = zone_table_new(0);
    publish_write(publish, table);
    return table ? ERR_OK : ERR_MEMORY;
}

static struct zone_table *current(const struct zonefeed *f)
{
    return (struct zone_table *)(uintptr_t)publish_read(f->publish);
}

void zonefeed_restart(struct zonefeed *f)
{
    f->generation++;
}

static void retire(struct zonefeed *f, struct zone *zone)
{
    if (!zone)
        return;
    if (f->retired_count == f->retired_cap) {
        size_t cap = f->retired_cap ? f->retired_cap * 2 : 64;
        struct zone **more = realloc(f->retired, cap * sizeof *more);
        if (!more) { /* no memory to wait with: wait now */
            publish_wait();
            zone_unpin(zone);
            return;
        }
        f->retired = more;
        f->retired_cap = cap;
    }
    f->retired[f->retired_count++] = zone;
}

static void free_retired(struct zonefeed *f)
{
    publish_wait();
    for (size_t i = 0; i < f->retired_count; i++)
        zone_unpin(f->retired[i]);
    free(f->retired);
    f->retired = NULL;
    f->retired_count = f->retired_cap = 0;
    zone_table_free(f->retired_table);
    f->retired_table = NULL;
}

/* A new table with room for `count`, with the zones of the current one that `keep` says yes to (all
 * for NULL). */
static int rebuild(struct zonefeed *f, uint32_t count,
                   bool (*keep)(const struct zone *, const void *), const void *arg)
{
    struct zone_table *old = current(f), *table = zone_table_new(count);
    if (!table)
        return ERR_MEMORY;
    if (f->retired_table) /* one at a time */
        free_retired(f);
    for (uint32_t i = 0; i < old->slots; i++) {
        struct zone *zone = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
        if (zone && (!keep || keep(zone, arg)))
            zone_table_put(table, zone);
        else
            retire(f, zone);
    }
    publish_write(f->publish, table);
    f->retired_table = old;
    return ERR_OK;
}

static bool is_here(const struct zone *zone, const void *arg)
{
    (void)arg;
    return zone->generation != generation_gone;
}

/* Files and lists that no zone uses any more. */
static void drop_unused(struct zonefeed *f)
{
    for (struct image_file **at = &f->files; *at;) {
        struct image_file *file = *at;
        if (atomic_load(&file->users) > 1) {
            at = &file->next;
            continue;
        }
        *at = file->next;
        image_file_put(file);
    }
    for (unsigned i = 0; i < ZONEFEED_RULES; i++) {
        for (struct zone_rules **at = &f->rules[i]; *at;) {
            struct zone_rules *rules = *at;
            if (atomic_load(&rules->users) > 1) {
                at = &rules->next;
                continue;
            }
            *at = rules->next;
            zone_rules_put(rules);
        }
    }
}

void zonefeed_flush(struct zonefeed *f)
{
    if (f->gone && rebuild(f, current(f)->count, is_here, NULL) == ERR_OK)
        f->gone = false;
    if (!f->retired_count && !f->retired_table)
        return;
    free_retired(f);
    drop_unused(f);
}

static struct zone *find(const struct zonefeed *f, const uint8_t *wire, size_t len)
{
    struct name name;
    uint64_t hash[NAME_MAX_LABELS + 1];
    if (name_read(&name, wire, len) != len)
        return NULL;
    name_hash(&name, &f->key, hash);
    return zone_table_get(current(f), wire, len, hash[0]);
}

static int put(struct zonefeed *f, struct zone *zone)
{
    struct zone_table *table = current(f);
    if ((table->count + 1) * 2 > table->slots &&
        !zone_table_get(table, zone_name(zone), zone->name_len, zone->hash)) {
        uint32_t count = table->count + 1 > f->expected ? table->count + 1 : f->expected;
        int err = rebuild(f, count, NULL, NULL);
        if (err)
            return err;
        table = current(f);
    }
    retire(f, zone_table_put(table, zone));
    return ERR_OK;
}

/* ---- what the zones of a frame share */

struct frame_files {
    struct image_file *file[CHANNEL_FDS]; /* NULL: for one zone, or it could not be mapped */
    int fd[CHANNEL_FDS];
    int err[CHANNEL_FDS];
    uint64_t id[CHANNEL_FDS];
    unsigned count;
};

static void take_file(struct zonefeed *f, const struct feed_item *item,
                      const struct channel_frame *frame, struct frame_files *files)
{
    unsigned i = files->count++;
    files->fd[i] = frame->fds[item->fd];
    files->id[i] = item->file.id;
    files->file[i] = NULL;
    files->err[i] = ERR_OK;
    if (!item->file.id)
        return;
    struct image_file *file = f->files;
    while (file && (file->id != item->file.id || file->size != item->file.size))
        file = file->next;
    if (!file) {
        files->err[i] = image_file_map(files->fd[i], item->file.id, item->file.size, &file);
        if (files->err[i])
            return;
        file->next = f->files;
        f->files = file;
    }
    files->file[i] = file;
}

static bool same_rules(const struct zone_rules *rules, const struct feed_rules *r,
                       const struct msg_acl *acl, size_t count)
{
    return rules->transfer_count == r->transfer_count && rules->notify_count == r->notify_count &&
           rules->query_count == r->query_count && !memcmp(rules->item, acl, count * sizeof *acl);
}

static struct zone_rules *find_rules(struct zonefeed *f, const struct feed_rules *r,
                                     const struct msg_acl *acl)
{
    size_t count = (size_t)r->transfer_count + r->notify_count + r->query_count;
    struct zone_rules **first = &f->rules[XXH3_64bits(acl, count * sizeof *acl) % ZONEFEED_RULES];
    for (struct zone_rules *rules = *first; rules; rules = rules->next) {
        if (same_rules(rules, r, acl, count))
            return rules;
    }
    struct zone_rules *rules =
        zone_rules_new(r->transfer_count, r->notify_count, r->query_count, acl);
    if (rules) {
        rules->next = *first;
        *first = rules;
    }
    return rules;
}

static int take_rules(struct zonefeed *f, const struct feed_item *item, unsigned number)
{
    if (number > f->numbered_cap) {
        size_t cap = f->numbered_cap ? f->numbered_cap * 2 : 64;
        struct zone_rules **more = realloc(f->numbered, cap * sizeof *more);
        if (!more)
            return ERR_MEMORY;
        f->numbered = more;
        f->numbered_cap = cap;
    }
    f->numbered[number - 1] = find_rules(f, &item->rules, item->acl);
    return f->numbered[number - 1] ? ERR_OK : ERR_MEMORY;
}

/* ---- zones */

/* The keeper has no image to send: the one that is served stays. */
static bool keeps_image(struct zonefeed *f, const struct feed_item *item)
{
    if (!(item->zone.flags & ZONE_KEEPS_IMAGE))
        return false;
    struct zone *old = find(f, item->name, item->name_len);
    if (!old || !old->image)
        return false;
    old->generation = f->generation;
    return true;
}

static int open_image(struct zonefeed *f, const struct feed_item *item,
                      const struct frame_files *files, struct zone_parts *parts)
{
    const struct feed_zone *z = &item->zone;
    struct image own;
    size_t len;
    if (!z->file)
        return ERR_FORMAT;
    struct image_file *file = files->file[z->file - 1];
    int err = files->err[z->file - 1];
    if (!err && !files->id[z->file - 1])
        err = image_open(files->fd[z->file - 1], z->image_offset, z->image_size, f->key_bytes,
                         false, &parts->image);
    else if (!err && (z->image_offset % 8 || z->image_offset > file->size ||
                      z->image_size > file->size - z->image_offset))
        err = ERR_FORMAT;
    else if (!err)
        err = image_at(file->base + z->image_offset, z->image_size, f->key_bytes, false, &own);
    if (err)
        return err;
    if (!parts->image) {
        parts->file = file;
        file->rested = false;
        parts->base = own.base;
    }
    const uint8_t *origin = image_get_origin(parts->image ? parts->image : &own, &len);
    return name_equal(origin, len, item->name, item->name_len) ? ERR_OK : ERR_FORMAT;
}

static bool answers_soa(const struct zone *zone, const struct zone_table *zones,
                        const struct hash_key *key, struct answer_scratch *scratch)
{
    uint8_t query[DNS_HEADER + NAME_MAX_LEN + 4] = {[5] = 1}, out[DNS_UDP_PLAIN * 8];
    memcpy(query + DNS_HEADER, zone_name(zone), zone->name_len);
    wire_put16(query + DNS_HEADER + zone->name_len, TYPE_SOA);
    wire_put16(query + DNS_HEADER + zone->name_len + 2, CLASS_IN);
    struct answer answer;
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct answer_facts facts = {.source = &nobody, .tcp = true};
    scratch->near = NULL;
    answer_query(&answer, scratch, zones, key, query, (size_t)DNS_HEADER + zone->name_len + 4,
                 &facts, out, sizeof out);
    return answer.kind == ANSWER_REPLY && answer.rcode == RCODE_NOERROR && !answer.nodata &&
           (wire_get16(out + 2) & FLAG_AA);
}

/* NULL when the keeper's word changes nothing, or with *err. */
static struct zone *make(struct zonefeed *f, const struct feed_item *item,
                         const struct frame_files *files, int *err)
{
    struct zone_parts parts = {.name = item->name,
                               .name_len = item->name_len,
                               .flags = item->zone.flags,
                               .row = item->zone.row,
                               .rules = f->numbered[item->zone.rules - 1]};
    *err = ERR_OK;
    if (keeps_image(f, item))
        return NULL;
    if (item->zone.flags & ZONE_HAS_IMAGE)
        *err = open_image(f, item, files, &parts);
    struct zone *zone = *err ? NULL : zone_make(&parts, &f->key);
    if (zone) {
        zone->generation = f->generation;
        return zone;
    }
    image_close(parts.image);
    *err = *err ? *err : ERR_MEMORY;
    return NULL;
}

static int place(struct zonefeed *f, struct zone *zone)
{
    int err = put(f, zone);
    if (err)
        zone_unpin(zone);
    else if (!f->synced && zone->image) /* while it is near; the keeper makes the next ones */
        zone->proven = answers_soa(zone, current(f), &f->key, &f->scratch);
    return err;
}

/* Zones of a frame that are taken together: of very many zones each is somewhere else in memory,
 * which is asked for some zones ahead. */
struct batch {
    unsigned count;
    struct feed_item item[16];
};

enum { BATCH = sizeof((struct batch *)0)->item / sizeof(struct feed_item) };

static void tell_bad(struct zonefeed *f, const struct feed_item *item, int err)
{
    char name[NAME_TEXT_MAX];
    if (!err || !f->bad)
        return;
    name_to_text(item->name, item->name_len, name);
    f->bad(f->ctx, name, err);
}

/* Brings near what the table's functions look at first for a hash. */
static void slot_ahead(const struct zone_table *table, uint64_t hash)
{
    __builtin_prefetch((const void *)&table->slot[(uint32_t)hash & (table->slots - 1)], 1);
}

static void take_batch(struct zonefeed *f, struct batch *b, const struct frame_files *files)
{
    struct zone *zone[BATCH];
    for (unsigned i = 0; i < b->count; i++) {
        int err;
        zone[i] = make(f, &b->item[i], files, &err);
        tell_bad(f, &b->item[i], err);
        if (zone[i])
            slot_ahead(current(f), zone[i]->hash);
    }
    for (unsigned i = 0; i < b->count; i++) {
        if (zone[i])
            tell_bad(f, &b->item[i], place(f, zone[i]));
    }
    b->count = 0;
}

static void add(struct zonefeed *f, struct batch *b, const struct feed_item *item,
                const struct frame_files *files)
{
    const struct feed_zone *z = &item->zone;
    const struct image_file *file = z->file ? files->file[z->file - 1] : NULL;
    if (file && z->image_offset < file->size)
        image_ahead(file->base + z->image_offset);
    if (z->flags & ZONE_KEEPS_IMAGE) /* perhaps that of one before it */
        take_batch(f, b, files);
    b->item[b->count++] = *item;
    if (b->count == BATCH)
        take_batch(f, b, files);
}

static void take_gone(struct zonefeed *f, const struct feed_item *item)
{
    struct zone *zone = find(f, item->name, item->name_len);
    if (zone) {
        zone->generation = generation_gone;
        f->gone = true;
    }
}

static int take_zones(struct zonefeed *f, const struct channel_frame *frame)
{
    struct frame_files files = {.count = 0};
    struct batch batch = {.count = 0};
    struct feed_reader reader;
    struct feed_item item;
    int r, err = ERR_OK;
    feed_read(&reader, frame);
    while (!err && (r = feed_next(&reader, &item)) == 1) {
        if (item.kind == FEED_ZONE)
            add(f, &batch, &item, &files);
        else if (item.kind == FEED_RULES)
            err = take_rules(f, &item, reader.rules);
        else if (item.kind == FEED_FILE)
            take_file(f, &item, frame, &files);
        else {
            take_batch(f, &batch, &files);
            take_gone(f, &item);
        }
    }
    take_batch(f, &batch, &files);
    return err ? err : r;
}

/* The zone in a slot of the table, and those some slots further on brought near. */
static struct zone *zone_in(const struct zone_table *table, uint32_t i)
{
    enum { AHEAD = 32 };
    const struct zone *next = NULL;
    if (i + AHEAD < table->slots)
        next = atomic_load_explicit(&table->slot[i + AHEAD], memory_order_relaxed);
    if (next)
        __builtin_prefetch(&next->generation);
    return atomic_load_explicit(&table->slot[i], memory_order_relaxed);
}

static bool is_current(const struct zone *zone, const void *generation)
{
    return zone->generation == *(const uint32_t *)generation;
}

static int take_synced(struct zonefeed *f)
{
    f->synced = true;
    struct zone_table *table = current(f);
    for (uint32_t i = 0; i < table->slots; i++) {
        const struct zone *zone = zone_in(table, i);
        if (zone && !is_current(zone, &f->generation))
            return rebuild(f, table->count, is_current, &f->generation);
    }
    return ERR_OK;
}

int zonefeed_take(struct zonefeed *f, struct channel_frame *frame)
{
    const struct msg_mark *mark = (const void *)frame->payload;
    switch (frame->type) {
    case MSG_ZONES:
        return take_zones(f, frame);
    case MSG_SYNCED:
        return take_synced(f);
    case MSG_MARK:
        f->mark = frame->len == sizeof *mark ? mark->number : 0;
        return f->mark ? ERR_OK : ERR_FORMAT;
    default:
        return ERR_FORMAT;
    }
}

unsigned zonefeed_prove(struct zonefeed *f)
{
    const struct zone_table *table = current(f);
    unsigned bad = 0;
    for (uint32_t i = 0; i < table->slots; i++) {
        const struct zone *zone = zone_in(table, i);
        if (zone && zone->image && !(zone->flags & ZONE_IS_EXPIRED) && !zone->proven)
            bad += !answers_soa(zone, table, &f->key, &f->scratch);
    }
    for (struct image_file *file = f->files; file; file = file->next)
        file->rested = false;
    return bad;
}

void zonefeed_rest(struct zonefeed *f, int64_t now)
{
    if (now - f->rested_at < rest_every)
        return;
    f->rested_at = now;
    for (struct image_file *file = f->files; file; file = file->next) {
        if (!file->rested)
            image_file_rest(file);
    }
}

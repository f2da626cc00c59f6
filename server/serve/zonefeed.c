#include "server/serve/zonefeed.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/dns/name_text.h"
#include "server/dns/wire.h"

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

void zonefeed_flush(struct zonefeed *f)
{
    if (!f->retired_count && !f->retired_table)
        return;
    publish_wait();
    for (size_t i = 0; i < f->retired_count; i++)
        zone_unpin(f->retired[i]);
    f->retired_count = 0;
    zone_table_free(f->retired_table);
    f->retired_table = NULL;
}

/* A new table with the zones of the current one that `keep` says yes to (all for NULL). */
static int rebuild(struct zonefeed *f, uint32_t count,
                   bool (*keep)(const struct zone *, const void *), const void *arg)
{
    struct zone_table *old = current(f), *table = zone_table_new(count);
    if (!table)
        return ERR_MEMORY;
    if (f->retired_table) /* one at a time */
        zonefeed_flush(f);
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

static int put(struct zonefeed *f, struct zone *zone)
{
    struct zone_table *table = current(f);
    bool is_new = !zone_table_get(table, zone->name, zone->name_len, zone->hash);
    if (is_new && (table->count + 1) * 2 > table->slots) {
        int err = rebuild(f, (table->count + 1) * 2, NULL, NULL);
        if (err)
            return err;
        table = current(f);
    }
    retire(f, zone_table_put(table, zone));
    return ERR_OK;
}

/* The keeper has no image to send: the one that is served stays. */
static bool keeps_image(struct zonefeed *f, const struct msg_zone *m)
{
    struct name name;
    uint64_t hash[NAME_MAX_LABELS + 1];
    if (!(m->flags & ZONE_KEEPS_IMAGE) || !name_read(&name, m->name, m->name_len))
        return false;
    name_hash(&name, &f->key, hash);
    struct zone *old = zone_table_get(current(f), m->name, m->name_len, hash[0]);
    if (!old || !old->image)
        return false;
    old->generation = f->generation;
    return true;
}

static int take_zone(struct zonefeed *f, const struct msg_zone *m, int fd)
{
    if (keeps_image(f, m))
        return ERR_OK;
    struct image *image = NULL;
    int err = ERR_OK;
    if (m->flags & ZONE_HAS_IMAGE)
        err = fd < 0 ? ERR_FORMAT
                     : image_open(fd, m->image_offset, m->image_size, f->key_bytes, false, &image);
    if (err)
        return err;
    struct zone *zone = zone_new(m, image, &f->key);
    if (!zone) {
        image_close(image);
        return ERR_MEMORY;
    }
    zone->generation = f->generation;
    err = put(f, zone);
    if (err)
        zone_unpin(zone);
    return err;
}

static bool is_other(const struct zone *zone, const void *name)
{
    const struct msg_zone *m = name;
    return !name_equal(zone->name, zone->name_len, m->name, m->name_len);
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
        const struct zone *zone = atomic_load_explicit(&table->slot[i], memory_order_relaxed);
        if (zone && !is_current(zone, &f->generation))
            return rebuild(f, table->count, is_current, &f->generation);
    }
    return ERR_OK;
}

int zonefeed_take(struct zonefeed *f, struct channel_frame *frame, char name[1024])
{
    name[0] = '\0';
    if (frame->type == MSG_SYNCED)
        return take_synced(f);
    const struct msg_mark *mark = (const void *)frame->payload;
    if (frame->type == MSG_MARK) {
        f->mark = frame->len == sizeof *mark ? mark->number : 0;
        return f->mark ? ERR_OK : ERR_FORMAT;
    }
    const struct msg_zone *m = (const void *)frame->payload;
    if (frame->len != sizeof *m || !name_length(m->name, m->name_len))
        return ERR_FORMAT;
    name_to_text(m->name, m->name_len, name);
    if (frame->type == MSG_ZONE_GONE)
        return rebuild(f, current(f)->count, is_other, m);
    return frame->type == MSG_ZONE ? take_zone(f, m, frame->nfds ? frame->fds[0] : -1) : ERR_FORMAT;
}

static bool answers_soa(const struct zone *zone, const struct zone_table *zones,
                        const struct hash_key *key, struct answer_scratch *scratch)
{
    uint8_t query[DNS_HEADER + NAME_MAX_LEN + 4] = {[5] = 1}, out[DNS_UDP_PLAIN * 8];
    memcpy(query + DNS_HEADER, zone->name, zone->name_len);
    wire_put16(query + DNS_HEADER + zone->name_len, TYPE_SOA);
    wire_put16(query + DNS_HEADER + zone->name_len + 2, CLASS_IN);
    struct answer answer;
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct answer_facts facts = {.source = &nobody, .tcp = true};
    answer_query(&answer, scratch, zones, key, query, (size_t)DNS_HEADER + zone->name_len + 4,
                 &facts, out, sizeof out);
    return answer.kind == ANSWER_REPLY && answer.rcode == RCODE_NOERROR && !answer.nodata &&
           (wire_get16(out + 2) & FLAG_AA);
}

unsigned zonefeed_prove(const struct zonefeed *f)
{
    const struct zone_table *table = current(f);
    struct answer_scratch *scratch = calloc(1, sizeof *scratch);
    unsigned bad = 0;
    for (uint32_t i = 0; scratch && i < table->slots; i++) {
        const struct zone *zone = atomic_load_explicit(&table->slot[i], memory_order_relaxed);
        if (zone && zone->image && !(zone->flags & ZONE_IS_EXPIRED))
            bad += !answers_soa(zone, table, &f->key, scratch);
    }
    free(scratch);
    return bad;
}

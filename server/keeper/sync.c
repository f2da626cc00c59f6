#include "server/keeper/sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/keeper/after.h"
#include "server/keeper/quarantine.h"
#include "server/keeper/zones.h"

/* Frames in one turn of the loop: a serve process that starts with very many zones must not keep
 * the others waiting. */
enum { TURN_MAX = 32 };

enum item_kind { ITEM_ZONE, ITEM_GONE, ITEM_SYNCED, ITEM_MARK };

struct item {
    enum item_kind kind;
    uint32_t row;  /* ITEM_MARK: its number */
    uint8_t *name; /* ITEM_GONE: length, then the wire form */
};

struct sync_channel {
    struct sync_channel *next;
    struct keeper *keeper;
    struct loop_watch watch;
    bool writing;     /* waits for room */
    bool owes_synced; /* MSG_SYNCED is held back: an image is being made again */
    struct item *items;
    size_t from, to, room;
    uint64_t *queued;        /* a bit a row: an ITEM_ZONE waits for it */
    uint32_t marked, passed; /* last mark put in, last one answered */
};

static void drop(struct sync_channel *c)
{
    struct keeper *k = c->keeper;
    int fd = c->watch.fd;
    struct sync_channel **at = &k->syncs.first;
    while (*at && *at != c)
        at = &(*at)->next;
    if (*at)
        *at = c->next;
    loop_unwatch(&k->loop, &c->watch);
    if (fd >= 0)
        close(fd);
    for (size_t i = c->from; i < c->to; i++)
        free(c->items[i].name);
    free(c->items);
    free(c->queued);
    free(c);
    after_run(k, false); /* nobody waits for it any more */
}

static bool grow(struct sync_channel *c)
{
    if (c->from > c->room / 2) {
        memmove(c->items, c->items + c->from, (c->to - c->from) * sizeof *c->items);
        c->to -= c->from;
        c->from = 0;
        return true;
    }
    size_t room = c->room ? c->room * 2 : 256;
    struct item *items = realloc(c->items, room * sizeof *items);
    if (!items)
        return false;
    c->items = items;
    c->room = room;
    return true;
}

static void set_writing(struct sync_channel *c, bool writing)
{
    if (c->writing == writing)
        return;
    c->writing = writing;
    loop_rewatch(&c->keeper->loop, &c->watch, writing ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool put(struct sync_channel *c, struct item item)
{
    uint64_t bit = UINT64_C(1) << (item.row & 63);
    if (item.kind == ITEM_ZONE && c->queued[item.row / 64] & bit)
        return true;
    if (c->to == c->room && !grow(c))
        return false;
    if (item.kind == ITEM_ZONE)
        c->queued[item.row / 64] |= bit;
    else if (item.kind == ITEM_GONE)
        c->queued[item.row / 64] &= ~bit;
    c->items[c->to++] = item;
    set_writing(c, true);
    return true;
}

static unsigned copy_acls(const struct config_acls *from, struct msg_acl to[MSG_ACL_MAX])
{
    unsigned n = 0;
    for (size_t i = 0; i < from->count && n < MSG_ACL_MAX; i++) {
        const struct config_acl *acl = &from->items[i];
        bool key = acl->kind == CONFIG_ACL_KEY;
        to[n].family = key ? MSG_ACL_KEY : (uint16_t)acl->family;
        to[n].prefix = (uint16_t)acl->prefix;
        memcpy(to[n++].address, key ? acl->key->id : acl->address, sizeof to->address);
    }
    return n;
}

/* A frame being filled. */
struct frame {
    struct feed_writer *out;
    const struct config_lists *alike; /* those that are rules number out->rules */
    int own[CHANNEL_FDS];             /* descriptors to be closed */
    unsigned own_count;
};

static bool same_list(const struct config_acls *a, const struct config_acls *b)
{
    return a->items == b->items && a->count == b->count;
}

/* The number of the zone's lists in the frame: mostly those of the zone before. */
static unsigned add_rules(struct frame *f, const struct config_zone *config)
{
    struct msg_acl items[3 * MSG_ACL_MAX];
    const struct config_lists *a = f->alike;
    const struct config_lists *b = config->lists;
    if (a == b || (a && same_list(&a->allow_transfer, &b->allow_transfer) &&
                   same_list(&a->allow_notify, &b->allow_notify) &&
                   same_list(&a->allow_query, &b->allow_query)))
        return f->out->rules;
    struct feed_rules r = {.transfer_count = copy_acls(&b->allow_transfer, items)};
    r.notify_count = copy_acls(&b->allow_notify, items + r.transfer_count);
    r.query_count = copy_acls(&b->allow_query, items + r.transfer_count + r.notify_count);
    f->alike = b;
    return feed_put_rules(f->out, &r, items);
}

/* The file vanished under us: serve keeps what it has mapped; a new process gets none. */
static void image_is_lost(struct zone *z)
{
    struct keeper *k = z->keeper;
    log_line(LOG_WARNING, "zone %s: its image is gone from the state directory", z->config->name);
    k->lost += !z->lost;
    z->lost = true;
    if (z->config->file)
        load_zone(z);
    else
        refresh_start(z, true, false);
}

/* Adds the file the zone's image is in; false when the frame has no room. */
static bool add_image(struct frame *f, struct zone *z, struct feed_zone *m)
{
    struct zone_image open;
    if (f->out->files == CHANNEL_FDS)
        return false;
    if (zone_open_image(z, &open)) {
        image_is_lost(z);
        m->flags |= ZONE_KEEPS_IMAGE;
        return true;
    }
    struct feed_file file = {.size = image_get_summary(open.image)->bytes};
    image_close(open.opened);
    f->own[f->own_count++] = open.fd;
    m->flags |= ZONE_HAS_IMAGE;
    m->image_size = file.size;
    m->file = (uint8_t)feed_put_file(f->out, &file, open.fd);
    return m->file;
}

static bool add_packed(struct frame *f, const struct zone *z, struct feed_zone *m)
{
    const struct pack *pack = z->pack;
    struct feed_file file = {.id = pack->index.id, .size = pack->file->size};
    m->flags |= ZONE_HAS_IMAGE;
    m->image_offset = (uint64_t)(z->base - pack->file->base);
    m->image_size = z->size;
    m->file = (uint8_t)feed_put_file(f->out, &file, pack->fd);
    return m->file;
}

static bool add_zone(struct frame *f, struct zone *z)
{
    const struct config_zone *config = z->config;
    struct feed_zone m = {.row = z->row};
    unsigned rules = add_rules(f, config);
    if (!rules)
        return false;
    m.rules = (uint16_t)rules;
    m.flags =
        (uint8_t)((z->secondary ? ZONE_IS_SECONDARY : 0) | (z->expired ? ZONE_IS_EXPIRED : 0) |
                  (config->lists->limits_queries ? ZONE_LIMITS_QUERIES : 0));
    return (!z->has_image || (z->pack ? add_packed(f, z, &m) : add_image(f, z, &m))) &&
           feed_put_zone(f->out, &m, config->wire, config->wire_len);
}

static bool add_item(struct frame *f, struct keeper *k, const struct item *item)
{
    if (item->kind == ITEM_GONE)
        return feed_put_gone(f->out, item->name + 1, item->name[0]);
    return !k->by_row[item->row] || add_zone(f, k->by_row[item->row]);
}

/* Sends as many zones as a frame has room for; *count says how many items that were. */
static int send_zones(struct sync_channel *c, size_t *count)
{
    struct keeper *k = c->keeper;
    struct frame f = {.out = &k->syncs.out};
    feed_clear(f.out);
    for (*count = 0; c->from + *count < c->to; ++*count) {
        struct item item = c->items[c->from + *count];
        size_t len = f.out->len;
        if (item.kind != ITEM_ZONE && item.kind != ITEM_GONE)
            break;
        if (!add_item(&f, k, &item)) {
            f.out->len = len;
            break;
        }
    }
    int err = feed_is_empty(f.out) ? ERR_OK : feed_send(f.out, c->watch.fd);
    for (unsigned i = 0; i < f.own_count; i++)
        close(f.own[i]);
    return err;
}

static int send_other(struct sync_channel *c, const struct item *item)
{
    struct keeper *k = c->keeper;
    struct msg_mark mark = {item->row};
    if (item->kind == ITEM_MARK)
        return channel_send(c->watch.fd, MSG_MARK, &mark, sizeof mark, NULL, 0, 0);
    /* A process that has not got a zone that others serve must not take their place. */
    c->owes_synced = k->lost > 0;
    return k->lost ? ERR_OK : channel_send(c->watch.fd, MSG_SYNCED, NULL, 0, NULL, 0, 0);
}

static void consume(struct sync_channel *c, size_t count)
{
    for (; count; count--) {
        struct item *item = &c->items[c->from++];
        free(item->name);
        if (item->kind == ITEM_ZONE)
            c->queued[item->row / 64] &= ~(UINT64_C(1) << (item->row & 63));
    }
    if (c->from < c->to)
        return;
    free(c->items);
    c->items = NULL;
    c->from = c->to = c->room = 0;
    set_writing(c, false);
}

/* Sends what there is room for. ERR_CLOSED and others: the channel is of no use any more. */
static int flush(struct sync_channel *c)
{
    for (int i = 0; i < TURN_MAX && c->from < c->to; i++) {
        enum item_kind kind = c->items[c->from].kind;
        size_t count = 1;
        int err = kind == ITEM_ZONE || kind == ITEM_GONE ? send_zones(c, &count)
                                                         : send_other(c, &c->items[c->from]);
        if (err == ERR_TIMEOUT)
            break;
        if (err)
            return err;
        consume(c, count);
    }
    return ERR_OK;
}

/* At once, so that a serve process hears of it without a turn of the loop. A channel that broke is
 * found, and dropped, by the loop. */
static void flush_now(struct sync_channel *c)
{
    if (!c->keeper->syncs.held)
        flush(c);
}

static void take_notify(struct keeper *k, const struct channel_frame *f)
{
    const struct msg_notify *m = (const void *)f->payload;
    if (f->len != sizeof *m)
        return;
    struct zone *z = zones_find(k, m->name, m->name_len);
    if (z && z->secondary)
        refresh_notified(z, m);
}

static void take_poison(struct keeper *k, const struct channel_frame *f)
{
    int err = quarantine_keep(k->stats->state_dir, f->payload, f->len);
    if (err)
        log_line(LOG_WARNING, "a query that killed a process could not be kept: %s",
                 err == ERR_SYSTEM ? strerror(errno) : err_text(err));
}

static void take_passed(struct sync_channel *c, const struct channel_frame *f)
{
    const struct msg_mark *m = (const void *)f->payload;
    if (f->len == sizeof *m)
        c->passed = m->number;
    after_run(c->keeper, false);
}

static void take_frame(struct sync_channel *c, const struct channel_frame *f)
{
    struct keeper *k = c->keeper;
    if (f->type == MSG_PASSED)
        take_passed(c, f);
    else if (f->type == MSG_NOTIFY)
        take_notify(k, f);
    else if (f->type == MSG_POISON)
        take_poison(k, f);
}

static void on_channel(void *ctx, uint32_t events)
{
    struct sync_channel *c = ctx;
    struct keeper *k = c->keeper;
    int r = 0;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        for (int i = 0; i < TURN_MAX && (r = channel_receive(c->watch.fd, &k->frame)) == 1; i++) {
            take_frame(c, &k->frame);
            channel_discard(&k->frame);
        }
    }
    if (r >= 0 && events & EPOLLOUT)
        r = flush(c);
    if (r < 0)
        drop(c);
}

/* May it be sent while the keeper starts? */
static bool is_early(const struct zone *z)
{
    return z->has_image && !z->secondary;
}

static bool put_zones(struct sync_channel *c, bool early)
{
    const struct keeper *k = c->keeper;
    bool ok = true;
    for (size_t i = 0; i < k->zone_count && ok; i++) {
        struct zone *z = k->zones[i];
        if (z && is_early(z) == early)
            ok = put(c, (struct item){ITEM_ZONE, z->row, NULL});
    }
    return ok;
}

/* What could not be sent early, and that this is all. */
static bool put_rest(struct sync_channel *c)
{
    c->owes_synced = false;
    return put_zones(c, false) && put(c, (struct item){ITEM_SYNCED, 0, NULL});
}

void sync_add(struct keeper *k, int fd)
{
    struct sync_channel *c = calloc(1, sizeof *c);
    uint64_t *queued = calloc(STATS_ZONES / 64, sizeof *queued);
    if (!c || !queued) {
        free(c);
        free(queued);
        close(fd);
        return;
    }
    *c = (struct sync_channel){
        .next = k->syncs.first, .keeper = k, .watch.fd = -1, .queued = queued};
    k->syncs.first = c;
    if (loop_watch(&k->loop, &c->watch, fd, EPOLLIN, on_channel, c)) {
        close(fd);
        drop(c);
        return;
    }
    if (!put_zones(c, true) || (!k->syncs.starting && !put_rest(c)))
        drop(c);
}

void sync_start(struct keeper *k)
{
    k->syncs.starting = k->syncs.held = true;
}

void sync_step(struct keeper *k)
{
    for (struct sync_channel *c = k->syncs.first; c; c = c->next)
        flush(c);
}

void sync_started(struct keeper *k)
{
    struct sync_channel *next;
    k->syncs.starting = k->syncs.held = false;
    for (struct sync_channel *c = k->syncs.first; c; c = next) {
        next = c->next;
        if (!put_rest(c))
            drop(c);
        else
            flush(c);
    }
}

void sync_fini(struct keeper *k)
{
    while (k->syncs.first)
        drop(k->syncs.first);
}

void sync_zone(struct zone *z)
{
    struct sync_channel *next;
    if (z->keeper->syncs.starting && !is_early(z))
        return;
    for (struct sync_channel *c = z->keeper->syncs.first; c; c = next) {
        next = c->next;
        if (!put(c, (struct item){ITEM_ZONE, z->row, NULL}))
            drop(c);
        else
            flush_now(c);
    }
}

void sync_hold(struct keeper *k)
{
    k->syncs.held = true;
}

void sync_release(struct keeper *k)
{
    k->syncs.held = false;
    for (struct sync_channel *c = k->syncs.first; c; c = c->next)
        flush_now(c);
}

void sync_found(struct keeper *k)
{
    struct sync_channel *next;
    if (k->syncs.starting)
        return;
    for (struct sync_channel *c = k->syncs.first; c; c = next) {
        next = c->next;
        if (c->owes_synced && !put(c, (struct item){ITEM_SYNCED, 0, NULL}))
            drop(c);
    }
}

uint32_t sync_mark(struct keeper *k)
{
    uint32_t number = ++k->syncs.marks;
    struct sync_channel *next;
    for (struct sync_channel *c = k->syncs.first; c; c = next) {
        next = c->next;
        c->marked = number;
        if (!put(c, (struct item){ITEM_MARK, number, NULL}))
            drop(c);
        else
            flush_now(c);
    }
    return number;
}

bool sync_has_passed(const struct keeper *k, uint32_t number)
{
    for (const struct sync_channel *c = k->syncs.first; c; c = c->next) {
        /* A channel that came later got the zones as they were by then. */
        if ((int32_t)(c->marked - number) >= 0 && (int32_t)(c->passed - number) < 0)
            return false;
    }
    return true;
}

void sync_gone(struct keeper *k, uint32_t row, const struct config_zone *config)
{
    struct sync_channel *next;
    for (struct sync_channel *c = k->syncs.first; c; c = next) {
        next = c->next;
        uint8_t *name = malloc(1u + config->wire_len);
        if (name) {
            name[0] = config->wire_len;
            memcpy(name + 1, config->wire, config->wire_len);
        }
        if (!name || !put(c, (struct item){ITEM_GONE, row, name})) {
            free(name);
            drop(c);
        }
    }
}

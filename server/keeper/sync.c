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

/* Frames sent in one turn of the loop: a serve process that starts with very many zones must not
 * keep the others waiting. */
enum { TURN_MAX = 256 };

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

static int send_zone(struct sync_channel *c, struct zone *z)
{
    struct keeper *k = z->keeper;
    const struct config_zone *config = z->config;
    struct msg_zone m = {.row = z->row, .name_len = config->wire_len};
    struct image *image = NULL;
    int fd = -1;
    memcpy(m.name, config->wire, config->wire_len);
    m.transfer_count = copy_acls(&config->allow_transfer, m.allow_transfer);
    m.query_count = copy_acls(&config->allow_query, m.allow_query);
    m.notify_count = copy_acls(&config->allow_notify, m.allow_notify);
    m.flags = (z->secondary ? ZONE_IS_SECONDARY : 0) | (z->expired ? ZONE_IS_EXPIRED : 0) |
              (config->limits_queries ? ZONE_LIMITS_QUERIES : 0);
    if (z->has_image && zone_open_image(z, &image, &fd) == 0) {
        m.flags |= ZONE_HAS_IMAGE;
        m.version = image_get_version(image);
        m.image_size = image_get_summary(image)->bytes;
        image_close(image);
    } else if (z->has_image) {
        /* The file vanished under us: serve keeps what it has mapped; a new process gets none. */
        log_line(LOG_WARNING, "zone %s: its image is gone from the state directory", config->name);
        m.flags |= ZONE_KEEPS_IMAGE;
        k->lost += !z->lost;
        z->lost = true;
        if (config->file)
            load_zone(z);
        else
            refresh_start(z, true, false);
    }
    int err = channel_send(c->watch.fd, MSG_ZONE, &m, sizeof m, &fd, fd >= 0 ? 1 : 0, 0);
    if (fd >= 0)
        close(fd);
    return err;
}

static int send_gone(struct sync_channel *c, const struct item *item)
{
    struct msg_zone m = {.row = item->row, .name_len = item->name[0]};
    memcpy(m.name, item->name + 1, item->name[0]);
    return channel_send(c->watch.fd, MSG_ZONE_GONE, &m, sizeof m, NULL, 0, 0);
}

static int send_item(struct sync_channel *c, const struct item *item)
{
    struct keeper *k = c->keeper;
    struct msg_mark mark = {item->row};
    if (item->kind == ITEM_MARK)
        return channel_send(c->watch.fd, MSG_MARK, &mark, sizeof mark, NULL, 0, 0);
    /* A process that has not got a zone that others serve must not take their place. */
    if (item->kind == ITEM_SYNCED) {
        c->owes_synced = k->lost > 0;
        return k->lost ? ERR_OK : channel_send(c->watch.fd, MSG_SYNCED, NULL, 0, NULL, 0, 0);
    }
    if (item->kind == ITEM_GONE)
        return send_gone(c, item);
    return k->by_row[item->row] ? send_zone(c, k->by_row[item->row]) : ERR_OK;
}

/* Sends what there is room for. ERR_CLOSED and others: the channel is of no use any more. */
static int flush(struct sync_channel *c)
{
    for (int i = 0; i < TURN_MAX && c->from < c->to; i++) {
        struct item item = c->items[c->from];
        int err = send_item(c, &item);
        if (err == ERR_TIMEOUT)
            break;
        if (err)
            return err;
        free(item.name);
        c->from++;
        if (item.kind == ITEM_ZONE)
            c->queued[item.row / 64] &= ~(UINT64_C(1) << (item.row & 63));
    }
    if (c->from == c->to) {
        c->from = c->to = 0;
        set_writing(c, false);
    }
    return ERR_OK;
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
    bool ok = true;
    for (size_t i = 0; i < k->zone_count && ok; i++)
        ok = !k->zones[i] || put(c, (struct item){ITEM_ZONE, k->zones[i]->row, NULL});
    if (!ok || !put(c, (struct item){ITEM_SYNCED, 0, NULL}))
        drop(c);
}

void sync_fini(struct keeper *k)
{
    while (k->syncs.first)
        drop(k->syncs.first);
}

void sync_zone(struct zone *z)
{
    struct sync_channel *next;
    for (struct sync_channel *c = z->keeper->syncs.first; c; c = next) {
        next = c->next;
        if (!put(c, (struct item){ITEM_ZONE, z->row, NULL}))
            drop(c);
        else
            /* At once, so that who asked for a reload hears of it after the serve process. A
             * channel that broke is found, and dropped, by the loop. */
            flush(c);
    }
}

void sync_found(struct keeper *k)
{
    struct sync_channel *next;
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
            flush(c);
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

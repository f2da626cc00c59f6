#include "backend/contract/feed.h"

#include <string.h>

#include "backend/base/err.h"

/* Before each item. */
struct head {
    uint16_t kind;
    uint16_t name_len;
    uint32_t size; /* of the item with this, a multiple of 8 */
};

void feed_clear(struct feed_writer *w)
{
    w->len = w->rules = w->files = 0;
}

bool feed_is_empty(const struct feed_writer *w)
{
    return !w->len;
}

static bool put(struct feed_writer *w, enum feed_kind kind, const void *item, size_t len,
                const void *tail, size_t tail_len, uint8_t name_len)
{
    struct head h = {(uint16_t)kind, name_len, 0};
    size_t size = (sizeof h + len + tail_len + 7) & ~(size_t)7;
    unsigned char *to = w->bytes + w->len;
    if (size > sizeof w->bytes - w->len)
        return false;
    h.size = (uint32_t)size;
    memset(to + size - 8, 0, 8);
    memcpy(to, &h, sizeof h);
    if (len)
        memcpy(to + sizeof h, item, len);
    if (tail_len)
        memcpy(to + sizeof h + len, tail, tail_len);
    w->len += size;
    return true;
}

unsigned feed_put_rules(struct feed_writer *w, const struct feed_rules *rules,
                        const struct msg_acl *items)
{
    size_t count = (size_t)rules->transfer_count + rules->notify_count + rules->query_count;
    if (w->rules == UINT16_MAX ||
        !put(w, FEED_RULES, rules, sizeof *rules, items, count * sizeof *items, 0))
        return 0;
    return ++w->rules;
}

unsigned feed_put_file(struct feed_writer *w, const struct feed_file *file, int fd)
{
    for (unsigned i = 0; file->id && i < w->files; i++) {
        if (w->id[i] == file->id)
            return i + 1;
    }
    if (w->files == CHANNEL_FDS || !put(w, FEED_FILE, file, sizeof *file, NULL, 0, 0))
        return 0;
    w->fd[w->files] = fd;
    w->id[w->files] = file->id;
    return ++w->files;
}

unsigned feed_put_zone(struct feed_writer *w, const struct feed_zone *zone, const uint8_t *name,
                       uint8_t name_len)
{
    return put(w, FEED_ZONE, zone, sizeof *zone, name, name_len, name_len);
}

unsigned feed_put_gone(struct feed_writer *w, const uint8_t *name, uint8_t name_len)
{
    return put(w, FEED_GONE, NULL, 0, name, name_len, name_len);
}

int feed_send(const struct feed_writer *w, int channel)
{
    return channel_send(channel, MSG_ZONES, w->bytes, w->len, w->fd, w->files, 0);
}

void feed_read(struct feed_reader *r, const struct channel_frame *frame)
{
    *r = (struct feed_reader){
        .at = frame->payload, .end = frame->payload + frame->len, .fds = frame->nfds};
}

static bool take(const unsigned char *at, size_t size, void *to, size_t len)
{
    if (size < len)
        return false;
    memcpy(to, at, len);
    return true;
}

static bool take_rules(struct feed_reader *r, const unsigned char *at, size_t size,
                       struct feed_item *item)
{
    const struct feed_rules *rules = &item->rules;
    if (!take(at, size, &item->rules, sizeof item->rules) || rules->transfer_count > MSG_ACL_MAX ||
        rules->notify_count > MSG_ACL_MAX || rules->query_count > MSG_ACL_MAX)
        return false;
    size_t count = (size_t)rules->transfer_count + rules->notify_count + rules->query_count;
    item->acl = (const void *)(at + sizeof *rules);
    r->rules++;
    return (size - sizeof *rules) / sizeof *item->acl >= count;
}

static bool take_file(struct feed_reader *r, const unsigned char *at, size_t size,
                      struct feed_item *item)
{
    item->fd = r->files++;
    return take(at, size, &item->file, sizeof item->file) && item->fd < r->fds;
}

/* Labels, each with its length before it, up to the root's. */
static bool is_name(const uint8_t *name, size_t len)
{
    size_t at = 0;
    while (at < len && name[at] && name[at] < 64)
        at += name[at] + 1u;
    return len <= MSG_NAME_MAX && at + 1 == len && !name[at];
}

static bool take_name(const unsigned char *at, size_t size, size_t len, struct feed_item *item)
{
    item->name = at;
    item->name_len = (uint8_t)len;
    return len <= size && is_name(at, len);
}

static bool take_zone(struct feed_reader *r, const unsigned char *at, size_t size, size_t name_len,
                      struct feed_item *item)
{
    return take(at, size, &item->zone, sizeof item->zone) && item->zone.rules > 0 &&
           item->zone.rules <= r->rules && item->zone.file <= r->files &&
           take_name(at + sizeof item->zone, size - sizeof item->zone, name_len, item);
}

static bool take_item(struct feed_reader *r, const struct head *h, struct feed_item *item)
{
    const unsigned char *at = r->at + sizeof *h;
    size_t size = h->size - sizeof *h;
    item->kind = (enum feed_kind)h->kind;
    switch (item->kind) {
    case FEED_RULES:
        return take_rules(r, at, size, item);
    case FEED_FILE:
        return take_file(r, at, size, item);
    case FEED_ZONE:
        return take_zone(r, at, size, h->name_len, item);
    case FEED_GONE:
        return take_name(at, size, h->name_len, item);
    }
    return false;
}

int feed_next(struct feed_reader *r, struct feed_item *item)
{
    struct head h;
    size_t left = (size_t)(r->end - r->at);
    if (!left)
        return 0;
    if (!take(r->at, left, &h, sizeof h) || h.size > left || h.size < sizeof h || h.size % 8 ||
        !take_item(r, &h, item)) {
        r->at = r->end;
        return ERR_FORMAT;
    }
    r->at += h.size;
    return 1;
}

#include "server/keeper/packs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/dns/name.h"
#include "server/image/node.h"
#include "server/keeper/zones.h"

static const int64_t tidy_every = CLK_SECOND, retry_after = 60 * CLK_SECOND;

static void on_tidy(void *ctx);

int packs_init(struct keeper *k)
{
    return loop_add_timer(&k->loop, &k->packs.tidy, on_tidy, k);
}

int packs_take(struct keeper *k, int fd, bool stored, struct pack **pack)
{
    struct stat st;
    struct pack *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_MEMORY;
    int err = fstat(fd, &st) < 0 ? ERR_SYSTEM : ERR_OK;
    if (!err && (!S_ISREG(st.st_mode) || !st.st_size))
        err = ERR_FORMAT;
    if (!err)
        err = image_file_map(fd, 1, (uint64_t)st.st_size, &p->file);
    if (!err)
        err = pack_read(p->file->base, p->file->size, k->store.key, &p->index);
    if (err) {
        image_file_put(p->file);
        free(p);
        return err;
    }
    p->file->id = p->index.id;
    p->fd = fd;
    p->stored = stored;
    p->users = 1;
    p->next = k->packs.first;
    k->packs.first = p;
    *pack = p;
    return ERR_OK;
}

static void drop(struct keeper *k, struct pack *pack)
{
    struct pack **at = &k->packs.first;
    while (*at != pack)
        at = &(*at)->next;
    *at = pack->next;
    close(pack->fd);
    image_file_put(pack->file);
    free(pack);
}

void packs_put(struct keeper *k, struct pack *pack)
{
    if (!pack || --pack->users)
        return;
    if (pack->stored && !k->stopping)
        store_remove_pack(&k->store, pack->index.id);
    drop(k, pack);
}

void packs_done(struct keeper *k, struct pack *pack)
{
    if (pack)
        image_file_rest(pack->file);
    packs_put(k, pack);
}

/* The zone of a name, which mostly follows the one found before. */
static struct zone *find_next(const struct keeper *k, const uint8_t *wire, size_t len, size_t *next)
{
    const struct config *c = k->config;
    if (*next >= c->zone_count ||
        !name_equal(c->zones[*next].wire, c->zones[*next].wire_len, wire, len)) {
        const struct config_zone *found = config_find_zone(c, wire, len);
        if (!found)
            return NULL;
        *next = (size_t)(found - c->zones);
    }
    return k->zones[(*next)++];
}

/* The image of a transfer is of no use to a zone that has a file now, and the other way round. */
static bool is_of_its_kind(const struct zone *z, const struct image *image)
{
    const struct image_source *s = image_get_source(image);
    return (s->size || s->mtime_ns) == !z->secondary;
}

static void take_images(struct keeper *k, struct pack *pack)
{
    size_t next = 0, len;
    unsigned damaged = 0;
    for (uint32_t i = 0; i < pack->index.count; i++) {
        const uint8_t *base = pack->file->base + (uint64_t)pack->index.entries[i].at * 8;
        struct image image;
        if (image_at(base, pack->index.entries[i].size, k->store.key, true, &image)) {
            damaged++;
            continue;
        }
        const uint8_t *origin = image_get_origin(&image, &len);
        struct zone *z = find_next(k, origin, len, &next);
        if (z && is_of_its_kind(z, &image) && (!z->has_image || z->built < image_get_built(&image)))
            zone_take_packed(z, pack, &image);
    }
    if (damaged)
        stats_event(k->stats, k->slot, EVENT_IMAGE_DAMAGED, ERR_CHECKSUM, "",
                    "%u images of the pack %016" PRIx64, damaged, pack->index.id);
}

void packs_start(struct keeper *k, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[PACK_NAME_MAX];
        struct pack *pack;
        pack_name(ids[i], name);
        int fd = openat(k->store.dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        int err = fd < 0 ? ERR_SYSTEM : packs_take(k, fd, true, &pack);
        if (!err && pack->index.id != ids[i]) { /* a copy */
            drop(k, pack);
            fd = -1;
            err = ERR_FORMAT;
        }
        if (err) {
            stats_event(k->stats, k->slot, EVENT_IMAGE_DAMAGED, err, "", "%s: %s", name,
                        err == ERR_SYSTEM ? strerror(errno) : err_text(err));
            store_remove_pack(&k->store, ids[i]);
            if (fd >= 0)
                close(fd);
            continue;
        }
        take_images(k, pack);
        packs_done(k, pack);
        /* Who serves already has the zones, and a pack may have an image older than another's. */
        if (atomic_load(&k->stats->active) == STATS_SERVE)
            keeper_link(k);
        stats_heartbeat(k->stats, k->slot);
    }
    packs_tidy(k);
}

void packs_tidy(struct keeper *k)
{
    if (!k->packs.tidy.place)
        loop_set_timer(&k->loop, &k->packs.tidy, clk_mono_ns() + tidy_every);
}

/* Less than half of it is used, or it is not where it should be. */
static bool is_worth_it(const struct keeper *k, const struct pack *pack)
{
    return pack->users < pack->index.count / 2 || (!pack->stored && k->store.dir >= 0);
}

static bool uses(const struct keeper *k, const struct pack *pack, const struct image *image,
                 struct zone **z, size_t *next)
{
    size_t len;
    const uint8_t *origin = image_get_origin(image, &len);
    *z = find_next(k, origin, len, next);
    return *z && (*z)->pack == pack && (*z)->base == image->base;
}

static bool gather(struct keeper *k, struct pack *pack, struct pack_writer *w, struct zone **zones)
{
    size_t next = 0;
    for (uint32_t i = 0; i < pack->index.count; i++) {
        const struct pack_entry *e = &pack->index.entries[i];
        struct image image = {.base = pack->file->base + (uint64_t)e->at * 8};
        struct zone *z;
        if (image_at(image.base, e->size, k->store.key, false, &image) ||
            !uses(k, pack, &image, &z, &next))
            continue;
        if (!pack_add(w, image.base, e->size))
            return false;
        zones[w->count - 1] = z;
    }
    return w->count > 0;
}

static void move(struct keeper *k, struct pack *to, struct zone **zones)
{
    sync_hold(k);
    for (uint32_t i = 0; i < to->index.count; i++) {
        const struct pack_entry *e = &to->index.entries[i];
        struct image image;
        if (image_at(to->file->base + (uint64_t)e->at * 8, e->size, k->store.key, false, &image))
            continue;
        zone_take_packed(zones[i], to, &image);
        if (zones[i]->unwritten) {
            zone_unwritten(zones[i], 0);
            zone_show(zones[i]);
        }
    }
    sync_release(k);
}

/* False when it stays as it is for now. */
static bool rewrite(struct keeper *k, struct pack *pack)
{
    struct pack_writer w = {0};
    struct zone **zones = calloc(pack->index.count, sizeof(struct zone *));
    struct pack *to = NULL;
    uint64_t id, size;
    int fd = -1, store_errno = 0;
    bool ok = zones && gather(k, pack, &w, zones) &&
              store_put_pack(&k->store, &w, &fd, &id, &size, &store_errno) == ERR_OK &&
              !store_errno && packs_take(k, fd, true, &to) == ERR_OK;
    if (ok)
        move(k, to, zones);
    else if (fd >= 0)
        close(fd);
    packs_done(k, to);
    pack_writer_fini(&w);
    free(zones);
    return ok;
}

static void on_tidy(void *ctx)
{
    struct keeper *k = ctx;
    for (struct pack *p = k->packs.first; p; p = p->next) {
        if (!is_worth_it(k, p))
            continue;
        bool done = rewrite(k, p);
        loop_set_timer(&k->loop, &k->packs.tidy, clk_mono_ns() + (done ? tidy_every : retry_after));
        return;
    }
}

void packs_fini(struct keeper *k)
{
    loop_remove_timer(&k->loop, &k->packs.tidy);
    while (k->packs.first)
        drop(k, k->packs.first);
}

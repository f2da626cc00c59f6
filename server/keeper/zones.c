#include "server/keeper/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/keeper/axfr.h"
#include "server/keeper/compile.h"
#include "server/keeper/pages.h"
#include "server/keeper/sources.h"

enum {
    VERIFY_BYTES = 1 << 20, /* larger images are checked by their checksum alone */
    UNWRITTEN_TOLD = 50,    /* more of the same at once would push all other events out */
    CHANGES_TOLD = 20,
    CHECKED_A_TURN = 1000, /* a stat each: some milliseconds */
    REPEATS_A_SECOND = 5
};

struct zone *zones_find(const struct keeper *k, const uint8_t *wire, size_t len)
{
    const struct config_zone *c = config_find_zone(k->config, wire, len);
    return c ? k->zones[c - k->config->zones] : NULL;
}

static uint8_t derive_state(const struct zone *z)
{
    if (z->expired)
        return ZONE_EXPIRED;
    if (z->has_image)
        return z->busy || z->waiting ? ZONE_RELOADING : z->error ? ZONE_STALE : ZONE_OK;
    if (z->busy)
        return ZONE_LOADING;
    return z->error && !z->waiting ? ZONE_FAILED : ZONE_QUEUED;
}

static void tell_settled(struct keeper *k, struct after *after)
{
    const _Atomic uint32_t *by = k->stats->zones_by_state;
    uint32_t failed = atomic_load(&by[ZONE_FAILED]) + atomic_load(&by[ZONE_EXPIRED]);
    (void)after;
    stats_event(k->stats, k->slot, EVENT_ZONES_LOADED, 0, "",
                "%zu zones, %u of them not served, %u stale", k->zone_count, failed,
                atomic_load(&by[ZONE_STALE]));
    atomic_store(&k->stats->zones_settled, 1);
}

static void check_settled(struct keeper *k)
{
    const _Atomic uint32_t *by = k->stats->zones_by_state;
    if (k->settled || k->checking || atomic_load(&by[ZONE_NONE]) || atomic_load(&by[ZONE_QUEUED]) ||
        atomic_load(&by[ZONE_LOADING]) || atomic_load(&by[ZONE_RELOADING]))
        return;
    k->settled = true;
    after_served(k, &k->settling, tell_settled);
}

void zone_show(struct zone *z)
{
    struct keeper *k = z->keeper;
    uint8_t state = derive_state(z);
    if (state != z->state) {
        atomic_fetch_add(&k->stats->zones_by_state[state], 1);
        atomic_fetch_sub(&k->stats->zones_by_state[z->state], 1);
        /* A keeper that was started again does not make an old state new. */
        if (z->state != ZONE_NONE || !z->since || k->stats->zones[z->row].state != state)
            z->since = clk_wall();
        z->state = state;
    }
    row_write(z);
    if (z->lost && !z->busy && !z->waiting) {
        z->lost = false;
        if (--k->lost == 0)
            sync_found(k);
    }
    check_settled(k);
}

void zone_fault(struct zone *z, int error, enum event event, const char *reason)
{
    z->event = reason ? event : EVENT_COUNT;
    free(z->reason);
    z->reason = reason ? strdup(reason) : NULL;
    z->error = error;
}

bool keeper_may_repeat(struct keeper *k)
{
    int64_t now = clk_wall();
    if (k->repeats_at != now)
        k->repeats = 0;
    k->repeats_at = now;
    return k->repeats++ < REPEATS_A_SECOND;
}

void zone_unwritten(struct zone *z, int store_errno)
{
    struct keeper *k = z->keeper;
    bool news = store_errno && store_errno != z->unwritten;
    k->unwritten += !!store_errno;
    k->unwritten -= !!z->unwritten;
    z->unwritten = store_errno;
    if (news && k->unwritten <= UNWRITTEN_TOLD)
        stats_event(k->stats, k->slot, EVENT_ZONE_UNWRITTEN, store_errno, z->config->name,
                    "%s/images: %s", k->config->state, strerror(store_errno));
}

void zone_serial_text(const struct zone *z, char text[160])
{
    text[0] = '\0';
    if (z->serial_event == EVENT_SERIAL_SAME)
        snprintf(text, 160,
                 "the content changed but the serial %u did not; secondaries will not see it",
                 z->summary.serial);
    else if (z->serial_event == EVENT_SERIAL_LOWER)
        snprintf(text, 160, "the serial %u is older than %u was; secondaries keep what they have",
                 z->summary.serial, z->serial_known);
}

void zone_note_serial(struct zone *z, uint32_t before, bool changed)
{
    struct keeper *k = z->keeper;
    uint32_t known = z->serial_event == EVENT_SERIAL_LOWER ? z->serial_known : before;
    char text[160];
    if (axfr_is_newer(z->summary.serial, known)) {
        z->serial_event = EVENT_COUNT;
    } else if (changed) {
        z->serial_event = z->summary.serial == known ? EVENT_SERIAL_SAME : EVENT_SERIAL_LOWER;
        z->serial_known = known;
        zone_serial_text(z, text);
        stats_event(k->stats, k->slot, z->serial_event, 0, z->config->name, "%s", text);
    }
}

int zone_open_image(const struct zone *z, struct zone_image *o)
{
    *o = (struct zone_image){.fd = -1};
    if (z->pack) {
        o->packed.base = z->base;
        o->image = &o->packed;
        return ERR_OK;
    }
    int err = ERR_SYSTEM;
    if (z->memory < 0)
        err = store_get(&z->keeper->store, z->config, false, &o->opened, &o->fd);
    else if ((o->fd = dup(z->memory)) >= 0)
        err = store_open_image(&z->keeper->store, z->config, o->fd, false, &o->opened);
    o->image = o->opened;
    if (err && o->fd >= 0 && z->memory >= 0)
        close(o->fd);
    return err;
}

void zone_close_image(struct zone_image *o)
{
    image_close(o->opened);
    if (o->fd >= 0)
        close(o->fd);
}

static bool includes_are_current(const struct zone *z)
{
    struct zone_image open;
    size_t len;
    if (zone_open_image(z, &open))
        return false;
    const void *files = image_get_files(open.image, &len);
    bool current = sources_are_current(files, len);
    zone_close_image(&open);
    return current;
}

bool zone_is_current(const struct zone *z)
{
    struct image_source now;
    return z->has_image && z->config->file && sources_read(z->config->file, &now) &&
           !memcmp(&now, &z->source, sizeof now) && (!z->has_includes || includes_are_current(z));
}

static bool has_files(const struct image *image)
{
    size_t len;
    image_get_files(image, &len);
    return len > 0;
}

/* The zone has another image: that of `image`, which lies where the caller says. */
static void take(struct zone *z, const struct image *image, int memory, struct pack *pack)
{
    struct pack *old = z->pack;
    z->summary = *image_get_summary(image);
    z->source = *image_get_source(image);
    z->has_includes = has_files(image);
    z->size = z->summary.bytes;
    z->built = image_get_built(image);
    z->has_image = true;
    z->expired = false;
    if (z->memory >= 0)
        close(z->memory);
    z->memory = memory;
    z->pack = pack;
    z->base = pack ? image->base : NULL;
    if (old)
        packs_put(z->keeper, old);
    if (old)
        packs_tidy(z->keeper);
    sync_zone(z);
}

int zone_take_image(struct zone *z, int memory, bool check)
{
    struct store *store = &z->keeper->store;
    struct image *image = NULL;
    int fd = -1;
    int err = memory >= 0 ? store_open_image(store, z->config, memory, check, &image)
                          : store_get(store, z->config, check, &image, &fd);
    if (!err && check && image_get_summary(image)->bytes <= VERIFY_BYTES)
        err = image_verify(image);
    if (!err) {
        take(z, image, memory, NULL);
        z->in_file |= memory < 0;
    } else if (memory >= 0) {
        close(memory);
    }
    image_close(image);
    if (fd >= 0)
        close(fd);
    return err;
}

void zone_take_packed(struct zone *z, struct pack *pack, const struct image *image)
{
    pack->users++;
    take(z, image, -1, pack);
    if (z->in_file)
        store_remove(&z->keeper->store, z->config);
    z->in_file = false;
}

void zone_use_stored(struct zone *z)
{
    if (z->memory >= 0)
        close(z->memory);
    z->memory = -1;
    z->in_file = true;
}

static void take_stored(struct zone *z)
{
    struct keeper *k = z->keeper;
    int err = zone_take_image(z, -1, true);
    if (!err || err == ERR_MISSING)
        return;
    stats_event(k->stats, k->slot, EVENT_IMAGE_DAMAGED, err, z->config->name, "%s", err_text(err));
    store_remove(&k->store, z->config);
}

/* One of the first block cannot be freed by itself: it is zeroed, so that whoever still uses it is
 * found out. */
static void zone_drop(struct zone *z)
{
    struct keeper *k = z->keeper;
    if (z >= k->first && z < k->first + k->first_count)
        memset(z, 0, sizeof *z);
    else
        free(z);
}

static void zone_free(struct zone *z)
{
    if (!z)
        return;
    z->keeper->unwritten -= !!z->unwritten;
    load_forget(z);
    notify_forget(z);
    refresh_forget(z);
    if (z->memory >= 0)
        close(z->memory);
    if (z->pack)
        packs_put(z->keeper, z->pack);
    free(z->reason);
    zone_drop(z);
}

/* Makes a zone of zeroed memory (NULL when there was none), with its row, not yet shown. */
static struct zone *zone_make(struct keeper *k, struct zone *z, const struct config_zone *config)
{
    if (!z)
        return NULL;
    z->keeper = k;
    z->config = config;
    z->memory = -1;
    z->event = z->serial_event = EVENT_COUNT;
    if (rows_take(z)) {
        zone_drop(z);
        return NULL;
    }
    if (!config->file && refresh_add(z)) {
        rows_give(z);
        zone_drop(z);
        return NULL;
    }
    return z;
}

static void begin(struct zone *z)
{
    if (z->secondary) {
        refresh_resume(z, z->secondary->confirmed, z->secondary->next_at);
        zone_show(z);
    } else if (z->has_image) {
        zone_show(z);
    } else {
        load_zone(z);
    }
}

/* Some zones of many: is what is served what the file says? */
static void on_check(void *ctx)
{
    struct keeper *k = ctx;
    size_t end = k->checked + CHECKED_A_TURN;
    for (; k->checked < k->zone_count && k->checked < end; k->checked++) {
        struct zone *z = k->zones[k->checked];
        if (z && !z->secondary && z->has_image && !z->busy && !z->waiting && !zone_is_current(z))
            load_zone(z);
    }
    k->checking = k->checked < k->zone_count;
    /* Of very many zones what is kept is to be served first. */
    int64_t pause = k->checked == CHECKED_A_TURN ? 100 * CLK_MS : 0;
    if (k->checking)
        loop_set_timer(&k->loop, &k->check, clk_mono_ns() + pause);
    else
        check_settled(k);
}

static void check_files(struct keeper *k)
{
    k->checked = 0;
    k->checking = true;
    loop_set_timer(&k->loop, &k->check, clk_mono_ns());
}

/* Of every zone the image that was built last: from its own file, or from a pack. */
static void take_all_stored(struct keeper *k)
{
    struct store_list list;
    store_list(&k->store, &list);
    for (size_t i = 0; i < k->zone_count; i++) {
        if (store_list_has(&list, k->zones[i]->config))
            take_stored(k->zones[i]);
        if (i % CHECKED_A_TURN == 0)
            stats_heartbeat(k->stats, k->slot);
    }
    packs_start(k, list.packs, list.pack_count);
    store_list_fini(&list);
}

/* The memory of all zones at once, which others make ready ahead of us. */
static int make_all(struct keeper *k)
{
    size_t count = k->config->zone_count;
    uint32_t row = atomic_load(&k->stats->zone_rows);
    struct pages pages = {0};
    k->zones = calloc(count + 1, sizeof(struct zone *));
    k->first = calloc(count + 1, sizeof *k->first);
    if (!k->zones || !k->first)
        return ERR_MEMORY;
    k->first_count = count;
    pages_add(&pages, k->first, count * sizeof *k->first);
    if (!row && count <= STATS_ZONES) /* a keeper that was started again finds them there */
        pages_add(&pages, k->stats->zones, count * sizeof *k->stats->zones);
    pages_start(&pages);
    while (k->zone_count < count) {
        size_t i = k->zone_count;
        k->zones[i] = zone_make(k, &k->first[i], &k->config->zones[i]);
        if (!k->zones[i])
            break;
        if (k->zone_count++ % CHECKED_A_TURN == 0)
            stats_heartbeat(k->stats, k->slot); /* very many zones take their time */
    }
    pages_end(&pages);
    return k->zone_count < count ? ERR_MEMORY : ERR_OK;
}

int zones_start(struct keeper *k)
{
    if (loop_add_timer(&k->loop, &k->check, on_check, k) || make_all(k))
        return ERR_MEMORY;
    sync_start(k);
    take_all_stored(k);
    rows_settle(k);
    timers_load(k);
    check_files(k);
    for (size_t i = 0; i < k->zone_count; i++) {
        begin(k->zones[i]);
        if (i % CHECKED_A_TURN == 0)
            keeper_link(k);
    }
    sync_started(k);
    return ERR_OK;
}

static bool same_key(const struct tsig_key *a, const struct tsig_key *b)
{
    return a && b ? tsig_key_equal(a, b) : a == b;
}

static bool same_peers(const struct config_peers *a, const struct config_peers *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = !strcmp(a->items[i].text, b->items[i].text) &&
               same_key(a->items[i].key, b->items[i].key);
    return same;
}

static bool same_acls(const struct config_acls *a, const struct config_acls *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        const struct config_acl *x = &a->items[i], *y = &b->items[i];
        same = x->kind == y->kind && x->family == y->family && x->prefix == y->prefix &&
               !memcmp(x->address, y->address, sizeof x->address) && same_key(x->key, y->key);
    }
    return same;
}

/* The zone goes on under its new configuration. */
static void zone_configure(struct zone *z, const struct config_zone *now)
{
    const struct config_lists *was = z->config->lists, *next = now->lists;
    bool peers = !same_peers(&was->notify, &next->notify);
    bool primaries = !same_peers(&was->primaries, &next->primaries);
    bool acls = !same_acls(&was->allow_transfer, &next->allow_transfer) ||
                !same_acls(&was->allow_query, &next->allow_query) ||
                was->limits_queries != next->limits_queries ||
                !same_acls(&was->allow_notify, &next->allow_notify);
    if (peers) {
        notify_forget(z);
        request_done(z, REQUEST_NOTIFY, REQUEST_ALL, ERR_CLOSED,
                     "the zone's secondaries were changed meanwhile");
    }
    z->config = now;
    notify_rekey(z);
    refresh_rekey(z);
    if (primaries && z->secondary && !rows_resize(z))
        refresh_primaries(z);
    if (acls)
        sync_zone(z);
}

static void zone_remove(struct zone *z)
{
    struct keeper *k = z->keeper;
    if (k->went++ < CHANGES_TOLD)
        stats_event(k->stats, k->slot, EVENT_ZONE_REMOVED, 0, z->config->name, "%s",
                    z->config->file ? z->config->file : "a secondary");
    request_forget(z);
    if (z->lost && --k->lost == 0)
        sync_found(k);
    sync_gone(k, z->row, z->config);
    rows_give(z);
    if (z->in_file)
        store_remove(&k->store, z->config);
    if (z->pack)
        packs_tidy(k);
    zone_free(z);
}

/* The zone that goes on as `config`: a zone that changes between primary and secondary begins anew.
 */
static struct zone *survivor(const struct keeper *k, const struct config_zone *config)
{
    struct zone *z = zones_find(k, config->wire, config->wire_len);
    return z && !z->secondary == !!config->file ? z : NULL;
}

static int add_missing(struct keeper *k)
{
    int err = ERR_OK;
    sync_hold(k);
    for (size_t i = 0; i < k->zone_count; i++) {
        if (k->zones[i])
            continue;
        struct zone *z = zone_make(k, calloc(1, sizeof *z), &k->config->zones[i]);
        if (!z) {
            log_line(LOG_ERROR, "no room for zone %s", k->config->zones[i].name);
            err = ERR_MEMORY;
            continue;
        }
        if (k->came++ < CHANGES_TOLD)
            stats_event(k->stats, k->slot, EVENT_ZONE_ADDED, 0, z->config->name, "%s",
                        z->config->file ? z->config->file : "a secondary");
        k->zones[i] = z;
        take_stored(z);
        stats_heartbeat(k->stats, k->slot);
        begin(z);
        sync_zone(z);
    }
    sync_release(k);
    check_files(k);
    return err;
}

static void tell_rest(struct keeper *k)
{
    if (k->came > CHANGES_TOLD)
        stats_event(k->stats, k->slot, EVENT_ZONE_ADDED, 0, "", "%u more zones",
                    k->came - CHANGES_TOLD);
    if (k->went > CHANGES_TOLD)
        stats_event(k->stats, k->slot, EVENT_ZONE_REMOVED, 0, "", "%u more zones",
                    k->went - CHANGES_TOLD);
}

int zones_configure(struct keeper *k, struct config *config, unsigned *came, unsigned *went,
                    bool *taken)
{
    struct zone **zones = calloc(config->zone_count + 1, sizeof(struct zone *));
    *taken = zones != NULL;
    if (!zones)
        return ERR_MEMORY;
    *came = *went = k->came = k->went = 0;
    for (size_t i = 0; i < config->zone_count; i++)
        zones[i] = survivor(k, &config->zones[i]);
    for (size_t i = 0; i < k->zone_count; i++) {
        if (!k->zones[i])
            continue;
        const struct config_zone *c = k->zones[i]->config;
        const struct config_zone *now = config_find_zone(config, c->wire, c->wire_len);
        if (now && zones[now - config->zones] == k->zones[i])
            continue;
        zone_remove(k->zones[i]);
    }
    for (size_t i = 0; i < config->zone_count; i++) {
        if (zones[i])
            zone_configure(zones[i], &config->zones[i]);
    }
    free(k->zones);
    config_free(k->config);
    k->config = config;
    k->zones = zones;
    k->zone_count = config->zone_count;
    int err = add_missing(k);
    tell_rest(k);
    *came = k->came;
    *went = k->went;
    return err;
}

void zones_fini(struct keeper *k)
{
    k->stopping = true; /* what is stored stays */
    for (size_t i = 0; i < k->zone_count; i++)
        zone_free(k->zones[i]);
    free(k->zones);
    free(k->first);
    k->zones = NULL;
    k->first = NULL;
    k->zone_count = k->first_count = 0;
    loop_remove_timer(&k->loop, &k->check);
}

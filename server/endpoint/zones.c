#include "server/endpoint/zones.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/endpoint/transfers.h"

enum { LIMIT = 1000, LIMIT_MOST = 10000, ORDER_SECONDS = 60, PART = 16384 };

/* Worst first. */
static const unsigned char rank_of[ZONE_STATE_COUNT] = {
    [ZONE_EXPIRED] = 0, [ZONE_FAILED] = 1,    [ZONE_STALE] = 2, [ZONE_LOADING] = 3,
    [ZONE_QUEUED] = 4,  [ZONE_RELOADING] = 5, [ZONE_OK] = 6,    [ZONE_NONE] = 7,
};
enum { RANKS = 7 };

struct zone_order {
    pthread_mutex_t lock;
    uint32_t *row;
    uint32_t count, rows, names; /* how many; what they were made from */
    int64_t made_at;
};

int zone_order_new(struct zone_order **order)
{
    struct zone_order *o = calloc(1, sizeof *o);
    if (!o)
        return ERR_MEMORY;
    pthread_mutex_init(&o->lock, NULL);
    *order = o;
    return ERR_OK;
}

void zone_order_free(struct zone_order *o)
{
    if (!o)
        return;
    pthread_mutex_destroy(&o->lock);
    free(o->row);
    free(o);
}

/* A name where it lies; its bytes never change once they are written. */
struct name {
    const char *text;
    size_t len;
};

static struct name name_of(const struct stats *stats, uint32_t row)
{
    const struct stats_zone_row *z = &stats->zones[row];
    struct name n = {stats->names, 0};
    uint32_t at = z->name;
    size_t len = z->name_len;
    if (z->state != ZONE_NONE && len < 1024 && at + len <= STATS_NAMES)
        n = (struct name){stats->names + at, len};
    return n;
}

static int by_name(const void *x, const void *y, void *arg)
{
    struct name a = name_of(arg, *(const uint32_t *)x), b = name_of(arg, *(const uint32_t *)y);
    int c = memcmp(a.text, b.text, a.len < b.len ? a.len : b.len);
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int make_order(struct zone_order *o, const struct stats *stats)
{
    uint32_t rows = atomic_load(&stats->zone_rows), names = atomic_load(&stats->names_used);
    if (rows > STATS_ZONES)
        rows = STATS_ZONES;
    int64_t now = clk_mono_ns();
    if (o->row && o->rows == rows && o->names == names &&
        now - o->made_at < ORDER_SECONDS * CLK_SECOND)
        return ERR_OK;
    uint32_t *row = realloc(o->row, (rows + 1) * sizeof *row);
    if (!row)
        return ERR_MEMORY;
    o->row = row;
    o->count = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (stats->zones[i].state != ZONE_NONE)
            o->row[o->count++] = i;
    }
    qsort_r(o->row, o->count, sizeof *o->row, by_name, (void *)(uintptr_t)stats);
    o->rows = rows;
    o->names = names;
    o->made_at = now;
    return ERR_OK;
}

/* What a request wants, and the page being written. */
struct page {
    const struct stats *stats;
    unsigned state; /* ZONE_STATE_COUNT: any */
    bool by_name;
    char search[256];
    uint64_t offset, limit, matched, total;
    uint32_t *row;
    uint32_t count, at;
};

static bool contains(struct name n, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; len && i + len <= n.len; i++) {
        size_t k = 0;
        while (k < len && tolower((unsigned char)n.text[i + k]) == text[k])
            k++;
        if (k == len)
            return true;
    }
    return !len;
}

/* The rank of a row in the order asked for; RANKS when it is not wanted. */
static unsigned rank(const struct page *p, uint32_t row)
{
    unsigned state = p->stats->zones[row].state;
    if (state == ZONE_NONE || state >= ZONE_STATE_COUNT ||
        (p->state != ZONE_STATE_COUNT && state != p->state) ||
        (p->search[0] && !contains(name_of(p->stats, row), p->search)))
        return RANKS;
    return p->by_name ? 0 : rank_of[state];
}

/* Two passes: how many of each rank there are, then those that fall into the page. */
static void choose(struct page *p, const uint32_t *order, uint32_t count)
{
    uint64_t place[RANKS + 1] = {0};
    for (uint32_t i = 0; i < count; i++)
        place[rank(p, order[i])]++;
    uint64_t before = 0;
    for (int r = 0; r < RANKS; r++) {
        uint64_t n = place[r];
        place[r] = before;
        before += n;
    }
    p->matched = before;
    p->total = count;
    uint64_t end = p->offset + p->limit < before ? p->offset + p->limit : before;
    p->count = end > p->offset ? (uint32_t)(end - p->offset) : 0;
    for (uint32_t i = 0; i < p->count; i++)
        p->row[i] = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        unsigned r = rank(p, order[i]);
        uint64_t at = r < RANKS ? place[r]++ : UINT64_MAX;
        if (at >= p->offset && at - p->offset < p->count)
            p->row[at - p->offset] = order[i];
    }
}

static void render_zone(struct buf *b, const struct stats *stats, const struct stats_zone *z)
{
    char name[1024];
    stats_zone_name(stats, z, name);
    bool served = z->loaded_at > 0;
    buf_puts(b, "{\"name\":");
    buf_json(b, name);
    json_text(b, "role", zone_role_name(z->role));
    json_text(b, "state", zone_state_name(z->state));
    json_number(b, "severity", zone_state_severity(z->state));
    if (served)
        json_number(b, "serial", z->serial);
    else
        buf_puts(b, ",\"serial\":null");
    json_number(b, "records", z->records);
    json_number(b, "bytes", z->bytes);
    json_signed(b, "load_us", z->load_ns / 1000);
    json_epoch(b, "loaded", z->loaded_at);
    json_signed(b, "since", z->since);
    json_number(b, "progress", z->progress);
    json_epoch(b, "checked", z->checked_at);
    json_epoch(b, "refresh", z->refresh_at);
    json_epoch(b, "expire", z->expire_at);
    json_number(b, "notify_targets", z->notify_targets);
    json_number(b, "notify_pending", z->notify_pending);
    if (z->error)
        json_text(b, "error", err_name(z->error));
    else
        buf_puts(b, ",\"error\":null");
    json_text(b, "reason", z->reason);
    buf_puts(b, "}");
}

static bool more_zones(void *state, struct buf *body)
{
    struct page *p = state;
    while (p->at < p->count && body->len < PART) {
        struct stats_zone z;
        uint32_t row = p->row[p->at++];
        if (row >= STATS_ZONES)
            continue;
        stats_read_zone(p->stats, row, &z);
        if (z.state == ZONE_NONE)
            continue;
        if (body->len == 0 || body->data[body->len - 1] != '[')
            buf_puts(body, ",");
        render_zone(body, p->stats, &z);
    }
    if (p->at < p->count)
        return true;
    buf_puts(body, "]}\n");
    return false;
}

static void free_page(void *state)
{
    struct page *p = state;
    free(p->row);
    free(p);
}

static bool read_arguments(const struct request *q, struct page *p, const char **wrong)
{
    p->limit = LIMIT;
    *wrong = "offset and limit must be numbers";
    if (!request_number(q, "offset", UINT32_MAX, &p->offset) ||
        !request_number(q, "limit", LIMIT_MOST, &p->limit))
        return false;
    const char *sort = request_text(q, "sort"), *state = request_text(q, "state");
    *wrong = "sort must be worst or name";
    p->by_name = !strcmp(sort, "name");
    if (*sort && !p->by_name && strcmp(sort, "worst"))
        return false;
    *wrong = "there is no such zone state";
    for (p->state = ZONE_NONE + 1; p->state < ZONE_STATE_COUNT; p->state++) {
        if (!strcmp(state, zone_state_name(p->state)))
            break;
    }
    if (*state && p->state == ZONE_STATE_COUNT)
        return false;
    const char *search = request_text(q, "search");
    *wrong = "search is too long";
    if (strlen(search) >= sizeof p->search)
        return false;
    for (size_t i = 0; search[i]; i++)
        p->search[i] = (char)tolower((unsigned char)search[i]);
    return true;
}

static int fill_page(struct page *p, struct zone_order *o)
{
    p->row = calloc(p->limit + 1, sizeof *p->row);
    if (!p->row)
        return ERR_MEMORY;
    pthread_mutex_lock(&o->lock);
    int err = make_order(o, p->stats);
    if (!err)
        choose(p, o->row, o->count);
    pthread_mutex_unlock(&o->lock);
    return err;
}

void zones_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    struct page *p = calloc(1, sizeof *p);
    const char *wrong = "";
    if (p)
        p->stats = c->stats;
    if (p && !read_arguments(q, p, &wrong)) {
        free_page(p);
        reply_error(r, c, 400, wrong, "See docs/http.md.");
        return;
    }
    if (!p || fill_page(p, c->order)) {
        if (p)
            free_page(p);
        reply_error(r, c, 503, "out of memory", event_info[EVENT_MEMORY_OUT].remedy);
        return;
    }
    reply_open(r, c, 200);
    json_number(&r->body, "total", p->total);
    json_number(&r->body, "matched", p->matched);
    json_number(&r->body, "offset", p->offset);
    buf_puts(&r->body, ",\"zones\":[");
    r->more = more_zones;
    r->done = free_page;
    r->state = p;
}

bool zone_find(const struct stats *stats, const char *name, uint32_t *row, struct stats_zone *copy)
{
    size_t len = strlen(name);
    uint32_t rows = atomic_load(&stats->zone_rows);
    for (uint32_t i = 0; i < rows && i < STATS_ZONES; i++) {
        if (stats->zones[i].name_len != len)
            continue;
        struct name n = name_of(stats, i);
        if (n.len != len || strncasecmp(n.text, name, len))
            continue;
        stats_read_zone(stats, i, copy);
        *row = i;
        return copy->state != ZONE_NONE;
    }
    return false;
}

void zone_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    struct stats_zone z;
    uint32_t row;
    if (!zone_find(c->stats, q->zone, &row, &z)) {
        reply_error(r, c, 404, "no such zone", "See the zones there are with: zonedeck zones.");
        return;
    }
    reply_open(r, c, 200);
    buf_puts(&r->body, ",\"zone\":");
    render_zone(&r->body, c->stats, &z);
    buf_puts(&r->body, ",\"transfers\":[");
    transfers_of_zone(c->stats, row, &z, &r->body);
    buf_puts(&r->body, "]");
    reply_end(r);
}

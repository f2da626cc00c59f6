#include "server/endpoint/transfers.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/clk.h"

enum { LIMIT = 1000, LIMIT_MOST = 10000, PART = 16384 };

/* A row is named by its number: first those of transfers_in, then those of transfers_out. */
enum { OUT_NONE = STATS_TRANSFERS_IN + STATS_SERVE * STATS_WORKERS * STATS_TRANSFERS_OUT };

static uint32_t in_rows(const struct stats *stats)
{
    uint32_t n = atomic_load(&stats->transfer_rows);
    return n < STATS_TRANSFERS_IN ? n : STATS_TRANSFERS_IN;
}

/* How many rows of transfers_out there are to look at. A row that nobody wrote must not be read:
 * the file is sparse, and reading makes a page of it real. */
static uint32_t out_rows(const struct stats *stats)
{
    uint32_t workers = atomic_load(&stats->workers);
    return STATS_SERVE * (workers < STATS_WORKERS ? workers : STATS_WORKERS) * STATS_TRANSFERS_OUT;
}

/* The row number of the i-th of them; OUT_NONE when its process never was. */
static uint32_t out_row(const struct stats *stats, uint32_t i)
{
    uint32_t each = out_rows(stats) / STATS_SERVE;
    uint32_t process = i / each;
    if (atomic_load(&stats->process[process].starts) == 0)
        return OUT_NONE;
    return STATS_TRANSFERS_IN + process * STATS_WORKERS * STATS_TRANSFERS_OUT + i % each;
}

static const struct stats_transfer *row_of(const struct stats *stats, uint32_t n)
{
    if (n < STATS_TRANSFERS_IN)
        return &stats->transfers_in[n];
    n -= STATS_TRANSFERS_IN;
    return &stats->transfers_out[n / (STATS_WORKERS * STATS_TRANSFERS_OUT)]
                                [n / STATS_TRANSFERS_OUT % STATS_WORKERS][n % STATS_TRANSFERS_OUT];
}

/* What a process was doing when it ended, it does no longer. */
static void mend(const struct stats *stats, uint32_t n, struct stats_transfer *t)
{
    if (n < STATS_TRANSFERS_IN || t->state != TRANSFER_RUNNING)
        return;
    unsigned process = (n - STATS_TRANSFERS_IN) / (STATS_WORKERS * STATS_TRANSFERS_OUT);
    unsigned state = atomic_load(&stats->process[process].state);
    if (state == PROCESS_NONE || state == PROCESS_DEAD) {
        t->state = TRANSFER_FAILED;
        if (!t->reason[0])
            snprintf(t->reason, sizeof t->reason, "the process that sent it ended");
    }
}

static bool read_row(const struct stats *stats, uint32_t n, struct stats_transfer *t)
{
    if (n == OUT_NONE || !row_of(stats, n)->used)
        return false;
    const struct stats_transfer *row = row_of(stats, n);
    stats_read_transfer(row, t);
    mend(stats, n, t);
    return t->used && t->state != TRANSFER_NONE;
}

/* How a row stands in the list: failing, running, the rest; within these the newest. */
struct place {
    uint32_t row, rank;
    int64_t at;
};

static int compare(const struct place *a, const struct place *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->at != b->at)
        return a->at > b->at ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static int compare_places(const void *a, const void *b)
{
    return compare(a, b);
}

static void place_of(const struct stats_transfer *t, uint32_t row, struct place *p)
{
    bool failing = t->state == TRANSFER_FAILED || t->state == TRANSFER_REFUSED || t->failures;
    bool running = t->state == TRANSFER_RUNNING || t->state == TRANSFER_CHECKING;
    *p = (struct place){.row = row, .rank = failing ? 0 : running ? 1 : 2};
    p->at = t->ended_at > t->started_at ? t->ended_at : t->started_at;
    if (!p->at)
        p->at = t->ok_at * CLK_SECOND;
}

/* The best `cap` places seen, as a heap whose root is the last of them. */
struct best {
    struct place *place;
    size_t count, cap;
};

static void sink(struct best *b)
{
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= b->count)
            return;
        if (child + 1 < b->count && compare(&b->place[child], &b->place[child + 1]) < 0)
            child++;
        if (compare(&b->place[i], &b->place[child]) >= 0)
            return;
        struct place t = b->place[i];
        b->place[i] = b->place[child];
        b->place[child] = t;
        i = child;
    }
}

static void rise(struct best *b)
{
    for (size_t i = b->count - 1; i && compare(&b->place[(i - 1) / 2], &b->place[i]) < 0;) {
        struct place t = b->place[i];
        b->place[i] = b->place[(i - 1) / 2];
        b->place[(i - 1) / 2] = t;
        i = (i - 1) / 2;
    }
}

static void offer(struct best *b, const struct place *p)
{
    if (b->count < b->cap) {
        b->place[b->count++] = *p;
        rise(b);
    } else if (b->cap && compare(p, &b->place[0]) < 0) {
        b->place[0] = *p;
        sink(b);
    }
}

static void render(struct buf *b, const struct stats *stats, const struct stats_transfer *t)
{
    struct stats_zone z = {0};
    char name[1024] = "";
    if (t->zone < STATS_ZONES) {
        stats_read_zone(stats, t->zone, &z);
        stats_zone_name(stats, &z, name);
    }
    int64_t end = t->ended_at ? t->ended_at : clk_wall_ns();
    bool known =
        t->started_at > 0 && (t->ended_at >= t->started_at || t->state == TRANSFER_RUNNING);
    buf_puts(b, "{\"zone\":");
    buf_json(b, name);
    json_text(b, "direction", transfer_direction_name(t->direction));
    json_text(b, "peer", t->peer);
    json_text(b, "kind", t->incremental ? "IXFR" : "AXFR");
    json_text(b, "state", transfer_state_name(t->state));
    json_epoch(b, "serial_from", t->serial_from);
    json_epoch(b, "serial_to", t->serial_to);
    json_number(b, "bytes", t->bytes);
    json_number(b, "records", t->records);
    json_number(b, "messages", t->messages);
    json_epoch(b, "started", t->started_at / CLK_SECOND);
    json_epoch(b, "ended", t->ended_at / CLK_SECOND);
    if (known && end >= t->started_at)
        json_signed(b, "duration_us", (end - t->started_at) / 1000);
    else
        buf_puts(b, ",\"duration_us\":null");
    json_number(b, "attempts", t->attempts);
    json_number(b, "failures", t->failures);
    json_epoch(b, "next", t->next_at);
    json_epoch(b, "ok", t->ok_at);
    json_text(b, "reason", t->reason);
    buf_puts(b, "}");
}

struct list {
    const struct stats *stats;
    struct best best;
    size_t at;
};

static bool more(void *state, struct buf *body)
{
    struct list *l = state;
    while (l->at < l->best.count && body->len < PART) {
        struct stats_transfer t;
        if (!read_row(l->stats, l->best.place[l->at++].row, &t))
            continue;
        if (body->len == 0 || body->data[body->len - 1] != '[')
            buf_puts(body, ",");
        render(body, l->stats, &t);
    }
    if (l->at < l->best.count)
        return true;
    buf_puts(body, "]}\n");
    return false;
}

static void free_list(void *state)
{
    struct list *l = state;
    free(l->best.place);
    free(l);
}

static uint64_t gather(struct list *l)
{
    uint64_t total = 0;
    uint32_t in = in_rows(l->stats), all = in + out_rows(l->stats);
    for (uint32_t i = 0; i < all; i++) {
        struct stats_transfer t;
        struct place p;
        uint32_t n = i < in ? i : out_row(l->stats, i - in);
        if (!read_row(l->stats, n, &t))
            continue;
        total++;
        place_of(&t, n, &p);
        offer(&l->best, &p);
    }
    qsort(l->best.place, l->best.count, sizeof *l->best.place, compare_places);
    return total;
}

void transfers_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    uint64_t limit = LIMIT;
    if (!request_number(q, "limit", LIMIT_MOST, &limit)) {
        reply_error(r, c, 400, "limit must be a number", "See docs/http.md.");
        return;
    }
    struct list *l = calloc(1, sizeof *l);
    if (l) {
        l->stats = c->stats;
        l->best.cap = limit;
        l->best.place = calloc(limit + 1, sizeof *l->best.place);
    }
    if (!l || !l->best.place) {
        free(l);
        reply_error(r, c, 503, "out of memory", event_info[EVENT_MEMORY_OUT].remedy);
        return;
    }
    uint64_t total = gather(l);
    reply_open(r, c, 200);
    json_number(&r->body, "total", total);
    buf_puts(&r->body, ",\"transfers\":[");
    r->more = more;
    r->done = free_list;
    r->state = l;
}

static void append(struct buf *body, const struct stats *stats, const struct stats_transfer *t)
{
    if (body->len && body->data[body->len - 1] != '[')
        buf_puts(body, ",");
    render(body, stats, t);
}

void transfers_of_zone(const struct stats *stats, uint32_t row, const struct stats_zone *zone,
                       struct buf *body)
{
    struct stats_transfer t;
    for (uint32_t i = 0; i < zone->transfers; i++) {
        uint32_t n = zone->transfer + i;
        if (n < in_rows(stats) && read_row(stats, n, &t) && t.zone == row)
            append(body, stats, &t);
    }
    for (uint32_t i = 0; i < out_rows(stats); i++) {
        if (read_row(stats, out_row(stats, i), &t) && t.zone == row)
            append(body, stats, &t);
    }
}

uint32_t transfers_out_running(const struct stats *stats)
{
    struct stats_transfer t;
    uint32_t running = 0;
    for (uint32_t i = 0; i < out_rows(stats); i++) {
        if (read_row(stats, out_row(stats, i), &t))
            running += t.state == TRANSFER_RUNNING;
    }
    return running;
}

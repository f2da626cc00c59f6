#include "server/keeper/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/keeper/zones.h"

enum { NO_ROW = UINT32_MAX };

static const char *old_name(const struct stats *s, uint32_t row, size_t *len)
{
    const struct stats_zone_row *z = &s->zones[row];
    bool good =
        z->name_len > 0 && z->name_len < 1024 && z->name <= (uint32_t)STATS_NAMES - z->name_len;
    *len = good ? z->name_len : 0;
    return s->names + (good ? z->name : 0);
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

static int compare_rows(const void *a, const void *b, void *stats)
{
    size_t a_len, b_len;
    const char *a_name = old_name(stats, *(const uint32_t *)a, &a_len);
    const char *b_name = old_name(stats, *(const uint32_t *)b, &b_len);
    return compare_names(a_name, a_len, b_name, b_len);
}

static int add_spare(struct rows *r, uint32_t row)
{
    if (r->spare_count == r->spare_room) {
        size_t room = r->spare_room ? r->spare_room * 2 : 64;
        uint32_t *spare = realloc(r->spare, room * sizeof *spare);
        if (!spare)
            return ERR_MEMORY;
        r->spare = spare;
        r->spare_room = room;
    }
    r->spare[r->spare_count++] = row;
    return ERR_OK;
}

static void add_block(struct rows *r, uint32_t first, uint32_t count)
{
    if (!count)
        return;
    if (r->block_count == r->block_room) {
        size_t room = r->block_room ? r->block_room * 2 : 64;
        struct row_block *blocks = realloc(r->blocks, room * sizeof *blocks);
        if (!blocks)
            return; /* rows that nobody uses again: harmless */
        r->blocks = blocks;
        r->block_room = room;
    }
    r->blocks[r->block_count++] = (struct row_block){first, count};
}

int rows_init(struct keeper *k)
{
    struct rows *r = &k->rows;
    *r = (struct rows){0};
    uint32_t rows = atomic_load(&k->stats->zone_rows);
    rows = rows > STATS_ZONES ? STATS_ZONES : rows;
    for (int i = 0; i < ZONE_STATE_COUNT; i++)
        atomic_store(&k->stats->zones_by_state[i], 0);
    if (!rows)
        return ERR_OK;
    r->old = malloc(rows * sizeof *r->old);
    if (!r->old)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < rows; i++) {
        if (k->stats->zones[i].state != ZONE_NONE)
            r->old[r->old_count++] = i;
        else if (add_spare(r, i))
            return ERR_MEMORY;
    }
    qsort_r(r->old, r->old_count, sizeof *r->old, compare_rows, k->stats);
    return ERR_OK;
}

static void clear_transfers(struct stats *s, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count && i < STATS_TRANSFERS_IN; i++) {
        struct stats_transfer *t = &s->transfers_in[i];
        stats_row_begin(&t->seq);
        memset((char *)t + sizeof t->seq, 0, sizeof *t - sizeof t->seq);
        stats_row_end(&t->seq);
    }
}

static void empty_row(struct keeper *k, uint32_t row)
{
    struct stats_zone_row *z = &k->stats->zones[row];
    clear_transfers(k->stats, z->transfer, z->transfers);
    add_block(&k->rows, z->transfer, z->transfers);
    stats_row_begin(&z->seq);
    z->state = ZONE_NONE;
    z->transfers = 0;
    stats_row_end(&z->seq);
    add_spare(&k->rows, row);
}

void rows_settle(struct keeper *k)
{
    for (size_t i = 0; i < k->rows.old_count; i++) {
        if (!k->by_row[k->rows.old[i]])
            empty_row(k, k->rows.old[i]);
    }
    free(k->rows.old);
    k->rows.old = NULL;
    k->rows.old_count = 0;
}

void rows_fini(struct rows *rows)
{
    free(rows->old);
    free(rows->spare);
    free(rows->blocks);
    *rows = (struct rows){0};
}

static uint32_t find_old(const struct keeper *k, const char *name)
{
    size_t low = 0, high = k->rows.old_count, len = strlen(name), at_len;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const char *at = old_name(k->stats, k->rows.old[mid], &at_len);
        int order = compare_names(name, len, at, at_len);
        if (order == 0)
            return k->by_row[k->rows.old[mid]] ? NO_ROW : k->rows.old[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NO_ROW;
}

/* The name goes to where the row's last one was when it fits: names come and go, the space stays.
 */
static int set_name(struct stats *s, uint32_t row, const char *name)
{
    struct stats_zone_row *z = &s->zones[row];
    uint32_t used = atomic_load(&s->names_used), len = (uint32_t)strlen(name), at = z->name;
    if (len > z->name_len) {
        if (used > STATS_NAMES || len > STATS_NAMES - used)
            return ERR_LIMIT;
        at = used;
        atomic_store(&s->names_used, used + len);
    }
    memcpy(s->names + at, name, len);
    stats_row_begin(&z->seq);
    z->name = at;
    z->name_len = (uint16_t)len;
    stats_row_end(&z->seq);
    return ERR_OK;
}

static int take_transfers(struct zone *z, uint32_t count, uint32_t *first)
{
    struct rows *r = &z->keeper->rows;
    struct stats *s = z->keeper->stats;
    for (size_t i = 0; i < r->block_count; i++) {
        if (r->blocks[i].count < count)
            continue;
        *first = r->blocks[i].first;
        r->blocks[i].first += count;
        r->blocks[i].count -= count;
        if (!r->blocks[i].count)
            r->blocks[i] = r->blocks[--r->block_count];
        return ERR_OK;
    }
    uint32_t used = atomic_load(&s->transfer_rows);
    if (used > STATS_TRANSFERS_IN || count > STATS_TRANSFERS_IN - used)
        return ERR_LIMIT;
    *first = used;
    atomic_store(&s->transfer_rows, used + count);
    return ERR_OK;
}

static void name_transfer(struct zone *z, uint32_t row, const char *peer)
{
    struct stats_transfer *t = &z->keeper->stats->transfers_in[row];
    bool same = t->used && t->zone == z->row && !strcmp(t->peer, peer);
    stats_row_begin(&t->seq);
    if (!same) {
        memset((char *)t + sizeof t->seq, 0, sizeof *t - sizeof t->seq);
        snprintf(t->peer, sizeof t->peer, "%s", peer);
        t->direction = TRANSFER_IN;
        t->zone = z->row;
        t->used = 1;
    }
    if (!same || t->state == TRANSFER_QUEUED || t->state == TRANSFER_CHECKING ||
        t->state == TRANSFER_RUNNING)
        t->state = TRANSFER_IDLE;
    stats_row_end(&t->seq);
}

int rows_resize(struct zone *z)
{
    struct keeper *k = z->keeper;
    struct stats_zone_row *row = &k->stats->zones[z->row];
    uint32_t count = (uint32_t)z->config->lists->primaries.count, first = row->transfer;
    if (count > UINT16_MAX)
        return ERR_LIMIT;
    if (count != row->transfers) {
        clear_transfers(k->stats, row->transfer, row->transfers);
        add_block(&k->rows, row->transfer, row->transfers);
        stats_row_begin(&row->seq);
        row->transfers = 0;
        stats_row_end(&row->seq);
        int err = count ? take_transfers(z, count, &first) : ERR_OK;
        if (err)
            return err;
    }
    for (uint32_t i = 0; i < count; i++)
        name_transfer(z, first + i, z->config->lists->primaries.items[i].text);
    stats_row_begin(&row->seq);
    row->transfer = first;
    row->transfers = (uint16_t)count;
    stats_row_end(&row->seq);
    return ERR_OK;
}

/* That the serial was not raised is not forgotten with the keeper that saw it. */
static void take_serial_event(struct zone *z, const struct stats_zone_row *row)
{
    if (z->config->file &&
        (row->serial_event == EVENT_SERIAL_SAME || row->serial_event == EVENT_SERIAL_LOWER)) {
        z->serial_event = (enum event)row->serial_event;
        z->serial_known = row->serial_known;
    }
}

int rows_take(struct zone *z)
{
    struct keeper *k = z->keeper;
    uint32_t row = find_old(k, z->config->name);
    bool known = row != NO_ROW;
    if (!known && k->rows.spare_count) {
        row = k->rows.spare[--k->rows.spare_count];
    } else if (!known) {
        row = atomic_load(&k->stats->zone_rows);
        if (row >= STATS_ZONES)
            return ERR_LIMIT;
    }
    int err = known ? ERR_OK : set_name(k->stats, row, z->config->name);
    z->row = row;
    if (!err)
        err = rows_resize(z);
    if (err)
        return err;
    k->by_row[row] = z;
    z->state = ZONE_NONE;
    z->since = known ? k->stats->zones[row].since : 0;
    if (known)
        take_serial_event(z, &k->stats->zones[row]);
    atomic_fetch_add(&k->stats->zones_by_state[ZONE_NONE], 1);
    if (row >= atomic_load(&k->stats->zone_rows))
        atomic_store(&k->stats->zone_rows, row + 1);
    return ERR_OK;
}

void rows_give(struct zone *z)
{
    struct keeper *k = z->keeper;
    if (k->by_row[z->row] != z)
        return;
    atomic_fetch_sub(&k->stats->zones_by_state[z->state], 1);
    k->by_row[z->row] = NULL;
    empty_row(k, z->row);
}

void row_write(struct zone *z)
{
    struct stats_zone_row *row = &z->keeper->stats->zones[z->row];
    const struct secondary *s = z->secondary;
    char *text = z->keeper->stats->zone_reasons[z->row];
    bool noted = !z->reason && z->has_image && z->serial_event != EVENT_COUNT;
    enum event event = noted ? z->serial_event : z->event;
    char note[160];
    stats_row_begin(&row->seq);
    row->state = z->state;
    row->role = s ? ZONE_SECONDARY : ZONE_PRIMARY;
    row->serial = z->has_image ? z->summary.serial : 0;
    row->records = z->has_image ? z->summary.records : 0;
    row->bytes = z->has_image ? z->size : 0;
    row->progress = z->progress;
    row->notify_targets = (uint32_t)z->config->lists->notify.count;
    row->notify_pending = notify_pending(z);
    row->error = z->error;
    row->load_ns = z->load_ns;
    row->loaded_at = z->has_image ? z->built / CLK_SECOND : 0;
    row->since = z->since;
    row->checked_at = s ? s->confirmed : 0;
    row->refresh_at = s ? s->next_at : 0;
    row->expire_at = s ? s->expire_at : 0;
    row->event = event == EVENT_COUNT ? 0 : (uint16_t)event;
    row->unwritten = (uint16_t)z->unwritten;
    row->serial_event = z->serial_event == EVENT_COUNT ? 0 : (uint16_t)z->serial_event;
    row->serial_known = z->serial_known;
    row->has_reason = z->reason || noted;
    if (noted)
        zone_serial_text(z, note);
    if (row->has_reason)
        snprintf(text, STATS_TEXT, "%s", noted ? note : z->reason);
    stats_row_end(&row->seq);
    atomic_fetch_add(&z->keeper->stats->zone_changes, 1);
}

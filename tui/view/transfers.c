/* View 3: zone transfers in and out. */
#include <stdio.h>
#include <string.h>

#include "tui/view/list.h"

enum { ZONE, DIRECTION, PEER, KIND, STATE, SERIALS, SIZE, TOOK, NEXT, ENDED, REASON, COLUMNS };

static const struct column columns[COLUMNS] = {
    [ZONE] = {"ZONE", 14, false, 40, 0, "the zone"},
    [DIRECTION] = {"DIR", 3, false, 0, 0, "in: from a primary; out: to a secondary"},
    [PEER] = {"PEER", 17, false, 25, 60, "the other server"},
    [KIND] = {"KIND", 4, false, 0, 60, "AXFR the whole zone, IXFR what changed"},
    [STATE] = {"STATE", 10, false, 0, 0, "with the failures in a row"},
    [SERIALS] = {"SERIAL", 11, true, 0, 100, "of the version transferred"},
    [SIZE] = {"SIZE", 6, true, 0, 50, "bytes transferred"},
    [TOOK] = {"TOOK", 6, true, 0, 70, "how long it took"},
    [NEXT] = {"NEXT", 7, true, 0, 78, "until the next try or check"},
    [ENDED] = {"ENDED", 13, true, 0, 140, "when it ended"},
    [REASON] = {"REASON", 20, false, TABLE_REST, 110, "why it failed or was refused"},
};

static unsigned count(const struct shown *s)
{
    return s->model->transfers.count;
}

static void state_cell(const struct model_transfer *t, struct table_cell *out, bool stale)
{
    int64_t failures = value_or(t->failures, 0);
    if (failures > 1)
        snprintf(out->text, sizeof(out->text), "%s%.20s %lldx", stale ? "~" : "", t->state,
                 (long long)failures);
    else
        snprintf(out->text, sizeof(out->text), "%s%.20s", stale ? "~" : "", t->state);
    out->attr = stale ? ATTR_DIM : severity_attr(model_transfer_severity(t));
}

static void cell(const void *ctx, unsigned row, unsigned column, struct table_cell *out)
{
    const struct shown *s = ctx;
    const struct model_transfer *t = &s->model->transfers.rows[row];
    switch (column) {
    case ZONE:
        cell_text(out, t->zone);
        break;
    case DIRECTION:
        cell_text(out, t->direction);
        break;
    case PEER:
        cell_text(out, t->peer);
        break;
    case KIND:
        cell_text(out, t->kind);
        break;
    case STATE:
        state_cell(t, out, s->model->transfers.stamp.stale);
        break;
    case SERIALS:
        cell_number(out, t->serial_to, format_value(t->serial_to, UNIT_EXACT));
        break;
    case SIZE:
        cell_number(out, t->bytes, format_value(t->bytes, UNIT_BYTES));
        break;
    case TOOK:
        cell_number(out, t->duration_us, format_value(t->duration_us, UNIT_MICROS));
        break;
    case NEXT:
        cell_number(out, t->next, format_until(t->next, s->wall));
        break;
    case ENDED:
        cell_number(out, t->ended, format_when(t->ended, s->wall));
        break;
    default:
        cell_text(out, t->reason);
        break;
    }
}

/* Outbound rows of one zone and peer are told apart by when they began. */
static void identity(const struct shown *s, unsigned row, char *to, size_t size)
{
    const struct model_transfer *t = &s->model->transfers.rows[row];
    snprintf(to, size, "%.3s|%.80s|%lld|%.1060s", t->direction, t->peer,
             !strcmp(t->direction, "out") ? (long long)value_or(t->started, 0) : 0, t->zone);
}

static void say(const struct shown *s, unsigned row, struct buf *to)
{
    buf_puts(to, s->model->transfers.rows[row].reason);
}

static const char *zone(const struct shown *s, unsigned row)
{
    return s->model->transfers.rows[row].zone;
}

void transfer_lines(const struct shown *s, const struct model_transfer *t, struct buf *to)
{
    detail_line(to, "transfer", "%s %s %s %s", t->zone, t->direction, t->kind, t->peer);
    if (t->reason[0])
        detail_line(to, "reason", "%s", t->reason);
    if (value_or(t->failures, 0) > 0)
        detail_line(to, "state", "%s, the last %s tries failed", t->state,
                    format_value(t->failures, UNIT_EXACT).text);
    else
        detail_line(to, "state", "%s", t->state);
    detail_line(to, "serial", "%s to %s", format_value(t->serial_from, UNIT_EXACT).text,
                format_value(t->serial_to, UNIT_EXACT).text);
    detail_line(to, "size", "%s, %s records, %s messages", format_value(t->bytes, UNIT_BYTES).text,
                format_value(t->records, UNIT_EXACT).text,
                format_value(t->messages, UNIT_EXACT).text);
    detail_line(to, "began", "%s, took %s; transfers begun so far: %s",
                format_when(t->started, s->wall).text,
                format_value(t->duration_us, UNIT_MICROS).text,
                format_value(t->attempts, UNIT_EXACT).text);
    if (!strcmp(t->direction, "in"))
        detail_line(to, "last good", "%s ago; next try in %s", format_since(t->ok, s->wall).text,
                    format_until(t->next, s->wall).text);
}

static void detail(const struct shown *s, const char *wanted, struct buf *to)
{
    int row = list_find(&view_transfers, s, wanted);
    if (row >= 0)
        transfer_lines(s, &s->model->transfers.rows[row], to);
    else
        buf_puts(to, "the server does not list this transfer any more\n");
}

static void summary(const struct shown *s, struct line *l)
{
    const struct model_flow *f = &s->model->status.transfers;
    if (value_known(f->in_running))
        line_add(l, value_attr(f->in_running), " in %s running",
                 format_value(f->in_running, UNIT_COUNT).text);
    if (value_known(f->in_failing))
        line_add(l, f->in_failing.n ? ATTR_BAD : value_attr(f->in_failing), " %s failing",
                 format_value(f->in_failing, UNIT_COUNT).text);
    if (value_known(f->out_running))
        line_add(l, value_attr(f->out_running), "  out %s running",
                 format_value(f->out_running, UNIT_COUNT).text);
}

static void want(const struct ui *ui, const struct shown *s, struct source_want *w)
{
    (void)ui;
    (void)s;
    w->transfers = true;
}

const struct view_ops view_transfers = {
    .name = "Transfers",
    .label = "Xfr",
    .help = "States: idle nothing to do; queued, checking, running on its way; done a new version "
            "came;\n"
            "in-sync nothing new; failed, refused see the reason. \"failed 4x\": four times in a "
            "row.\n",
    .order = "failing first",
    .columns = columns,
    .column_count = COLUMNS,
    .count = count,
    .cell = cell,
    .identity = identity,
    .zone = zone,
    .say = say,
    .detail = detail,
    .summary = summary,
    .want = want,
};

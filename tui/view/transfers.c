/* View 3: zone transfers in and out. */
#include <stdio.h>
#include <string.h>

#include "backend/model/format.h"
#include "tui/view/ui.h"

enum { ZONE, DIRECTION, PEER, KIND, STATE, SERIALS, SIZE, TOOK, NEXT, ENDED, REASON, COLUMNS };

static const struct column columns[COLUMNS] = {
    [ZONE] = {"ZONE", 14, false, true, 0, "the zone"},
    [DIRECTION] = {"DIR", 3, false, false, 0, "in: from a primary; out: to a secondary"},
    [PEER] = {"PEER", 17, false, false, 60, "the other server"},
    [KIND] = {"KIND", 4, false, false, 60, "AXFR the whole zone, IXFR what changed"},
    [STATE] = {"STATE", 9, false, false, 0, "with the failures in a row"},
    [SERIALS] = {"SERIAL", 10, true, false, 100, "of the version transferred"},
    [SIZE] = {"SIZE", 5, true, false, 50, "bytes transferred"},
    [TOOK] = {"TOOK", 6, true, false, 70, "how long it took"},
    [NEXT] = {"NEXT", 6, true, false, 78, "until the next try or check"},
    [ENDED] = {"ENDED", 12, true, false, 100, "when it ended"},
    [REASON] = {"REASON", 20, false, false, 118, "why it failed or was refused"},
};

static unsigned count(const struct shown *s)
{
    return s->model->transfers.count;
}

static void number(struct table_cell *out, struct value v, struct short_text text)
{
    out->sort = v;
    out->attr = value_attr(v);
    snprintf(out->text, sizeof(out->text), "%s", text.text);
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

static void copy_text(struct table_cell *out, const char *text)
{
    snprintf(out->text, sizeof(out->text), "%.*s", TABLE_TEXT - 1, text);
}

static void cell(const void *ctx, unsigned row, unsigned column, struct table_cell *out)
{
    const struct shown *s = ctx;
    const struct model_transfer *t = &s->model->transfers.rows[row];
    switch (column) {
    case ZONE:
        copy_text(out, t->zone);
        break;
    case DIRECTION:
        copy_text(out, t->direction);
        break;
    case PEER:
        copy_text(out, t->peer);
        break;
    case KIND:
        copy_text(out, t->kind);
        break;
    case STATE:
        state_cell(t, out, s->model->transfers.stamp.stale);
        break;
    case SERIALS:
        number(out, t->serial_to, format_value(t->serial_to, UNIT_EXACT));
        break;
    case SIZE:
        number(out, t->bytes, format_value(t->bytes, UNIT_BYTES));
        break;
    case TOOK:
        number(out, t->duration_us, format_value(t->duration_us, UNIT_MICROS));
        break;
    case NEXT:
        number(out, t->next, format_until(t->next, s->wall));
        break;
    case ENDED:
        number(out, t->ended, format_when(t->ended, s->wall));
        break;
    default:
        copy_text(out, t->reason);
        break;
    }
}

/* Outbound rows of one zone and peer are told apart by when they began. */
static void identity_of(const struct model_transfer *t, char *to, size_t size)
{
    snprintf(to, size, "%.3s|%.80s|%lld|%.1060s", t->direction, t->peer,
             !strcmp(t->direction, "out") ? (long long)value_or(t->started, 0) : 0, t->zone);
}

static void identity(const struct shown *s, unsigned row, char *to, size_t size)
{
    identity_of(&s->model->transfers.rows[row], to, size);
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
    detail_line(to, "state", "%s, %s attempts, %s failures in a row", t->state,
                format_value(t->attempts, UNIT_EXACT).text,
                format_value(t->failures, UNIT_EXACT).text);
    detail_line(to, "serial", "%s to %s", format_value(t->serial_from, UNIT_EXACT).text,
                format_value(t->serial_to, UNIT_EXACT).text);
    detail_line(to, "size", "%s, %s records, %s messages", format_value(t->bytes, UNIT_BYTES).text,
                format_value(t->records, UNIT_EXACT).text,
                format_value(t->messages, UNIT_EXACT).text);
    detail_line(to, "began", "%s, took %s", format_when(t->started, s->wall).text,
                format_value(t->duration_us, UNIT_MICROS).text);
    if (!strcmp(t->direction, "in"))
        detail_line(to, "last good", "%s ago; next try in %s", format_since(t->ok, s->wall).text,
                    format_until(t->next, s->wall).text);
}

static void detail(const struct shown *s, const char *wanted, struct buf *to)
{
    char id[UI_IDENTITY];
    for (unsigned i = 0; i < s->model->transfers.count; i++) {
        identity(s, i, id, sizeof(id));
        if (!strcmp(id, wanted)) {
            transfer_lines(s, &s->model->transfers.rows[i], to);
            return;
        }
    }
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
    .detail = detail,
    .summary = summary,
    .want = want,
};

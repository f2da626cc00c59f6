/* View 4: numbered events, the newest first. */
#include <stdio.h>
#include <string.h>

#include "tui/view/list.h"

enum { LAST, NUMBER, SEVERITY, SUBJECT, COUNT, TEXT, COLUMNS };

static const struct column columns[COLUMNS] = {
    [LAST] = {"LAST", 13, false, 0, 0, "when it happened, the last time if more than once"},
    [NUMBER] = {"EVENT", 5, true, 0, 30, "number of the event in the catalogue"},
    [SEVERITY] = {"SEV", 4, false, 0, 60, "info, warn, ERR"},
    [SUBJECT] = {"SUBJECT", 14, false, 25, 60, "the zone or process it is about"},
    [COUNT] = {"X", 4, true, 0, 70, "how often"},
    [TEXT] = {"TEXT", 10, false, TABLE_REST, 0,
              "what happened: the event's title and what is special"},
};

static unsigned count(const struct shown *s)
{
    return s->model->events.count;
}

static void cell(const void *ctx, unsigned row, unsigned column, struct table_cell *out)
{
    static const char *const severities[] = {"info", "warn", "ERR"};
    const struct shown *s = ctx;
    const struct model_event *e = &s->model->events.rows[row];
    unsigned severity = model_event_severity(e);
    struct buf text = {0};
    out->attr = s->model->events.stamp.stale ? ATTR_DIM : 0;
    switch (column) {
    case LAST:
        out->sort = e->last;
        cell_text(out, format_when(e->last, s->wall).text);
        break;
    case NUMBER:
        out->sort = e->number;
        cell_text(out, format_value(e->number, UNIT_EXACT).text);
        break;
    case SEVERITY:
        out->attr |= severity_attr(severity);
        out->sort = value_of(-(int)severity);
        cell_text(out, severities[severity]);
        break;
    case SUBJECT:
        cell_text(out, e->subject);
        break;
    case COUNT:
        out->sort = e->count;
        if (value_or(e->count, 1) > 1)
            cell_text(out, format_value(e->count, UNIT_COUNT).text);
        break;
    default:
        model_event_text(e, &text);
        cell_text(out, text.data ? text.data : "");
        break;
    }
    buf_fini(&text);
}

static void identity(const struct shown *s, unsigned row, char *to, size_t size)
{
    snprintf(to, size, "%lld", (long long)value_or(s->model->events.rows[row].id, 0));
}

static void say(const struct shown *s, unsigned row, struct buf *to)
{
    model_event_text(&s->model->events.rows[row], to);
}

static const char *zone(const struct shown *s, unsigned row)
{
    const char *subject = s->model->events.rows[row].subject;
    size_t len = strlen(subject);
    return len && subject[len - 1] == '.' ? subject : "";
}

static void event_lines(const struct shown *s, const struct model_event *e, struct buf *to)
{
    detail_line(to, "event", "%s %s: %s", format_value(e->number, UNIT_EXACT).text, e->severity,
                e->title);
    detail_line(to, "what to do", "%s", e->remedy);
    if (e->subject[0])
        detail_line(to, "about", "%s", e->subject);
    detail_line(to, "text", "%s", e->text);
    if (value_known(e->last) && e->last.n >= 0)
        detail_line(to, "last", "%s, %s ago", format_date(e->last.n).text,
                    format_since(e->last, s->wall).text);
    if (value_or(e->count, 1) > 1)
        detail_line(to, "first", "%s; %s times", format_date(e->first.n).text,
                    format_value(e->count, UNIT_EXACT).text);
    detail_line(to, "process", "%s, pid %s", e->process, format_value(e->pid, UNIT_EXACT).text);
    if (value_known(e->error))
        detail_line(to, "error", "%s", format_value(e->error, UNIT_EXACT).text);
}

static void detail(const struct shown *s, const char *wanted, struct buf *to)
{
    int row = list_find(&view_events, s, wanted);
    if (row >= 0)
        event_lines(s, &s->model->events.rows[row], to);
    else
        buf_puts(to, "the event is not among the newest any more\n");
}

static void summary(const struct shown *s, struct line *l)
{
    if (!s->model->events.stamp.present)
        line_add(l, ATTR_DIM, " no list yet");
}

static void want(const struct ui *ui, const struct shown *s, struct source_want *w)
{
    (void)ui;
    (void)s;
    w->events = true;
    w->event_limit = 200;
}

const struct view_ops view_events = {
    .name = "Events",
    .label = "Evt",
    .help = "Numbers below 8000 are those of Microsoft's DNS server where the meaning is the same. "
            "An event\n"
            "that repeats is counted, not listed again. Events of earlier lives of the server are "
            "kept.\n",
    .order = "newest first",
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

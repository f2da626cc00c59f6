/* View 2: the zones, worst first. */
#include <stdio.h>
#include <string.h>

#include "tui/view/list.h"

enum { ZONE, ROLE, STATE, SERIAL, SINCE, CHECK, EXPIRE, RECORDS, BYTES, LOAD, REASON, COLUMNS };

static const struct column columns[COLUMNS] = {
    [ZONE] = {"ZONE", 17, false, 40, 0, "name; selected by >"},
    [ROLE] = {"ROLE", 4, false, 0, 60, "prim: from a file; sec: from another server"},
    [STATE] = {"STATE", 10, false, 0, 0, "of what is served; OK means it was just confirmed"},
    [SERIAL] = {"SERIAL", 11, true, 0, 40, "of the version that is served"},
    [SINCE] = {"SINCE", 7, true, 0, 70, "how long in this state"},
    [CHECK] = {"CHECK", 7, true, 0, 100, "since a primary last confirmed the version"},
    [EXPIRE] = {"EXPIRE", 7, true, 0, 78, "until the zone must no longer be served"},
    [RECORDS] = {"RECS", 6, true, 0, 70, "records"},
    [BYTES] = {"MEM", 6, true, 0, 78, "bytes of the compiled zone"},
    [LOAD] = {"LOAD", 7, true, 0, 130, "how long the last load or transfer took"},
    [REASON] = {"REASON", 20, false, TABLE_REST, 118, "why the state is not ok"},
};

static unsigned count(const struct shown *s)
{
    return s->model->zones.count;
}

static void state_cell(const struct model_zone *z, struct table_cell *out, bool stale)
{
    unsigned severity = model_zone_severity(z);
    snprintf(out->text, sizeof(out->text), "%s%.30s", stale ? "~" : "", z->state);
    for (char *p = out->text; severity && *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    out->attr = stale ? ATTR_DIM : severity_attr(severity);
}

static void cell(const void *ctx, unsigned row, unsigned column, struct table_cell *out)
{
    const struct shown *s = ctx;
    const struct model_zone *z = &s->model->zones.rows[row];
    switch (column) {
    case ZONE:
        cell_text(out, z->name);
        break;
    case ROLE:
        cell_text(out, !strcmp(z->role, "primary")     ? "prim"
                       : !strcmp(z->role, "secondary") ? "sec"
                                                       : z->role);
        break;
    case STATE:
        state_cell(z, out, s->model->zones.stamp.stale);
        break;
    case SERIAL:
        cell_number(out, z->serial, format_value(z->serial, UNIT_EXACT));
        break;
    case SINCE:
        cell_number(out, z->since, format_since(z->since, s->wall));
        break;
    case CHECK:
        cell_number(out, z->checked, format_since(z->checked, s->wall));
        break;
    case EXPIRE:
        cell_number(out, z->expire, format_until(z->expire, s->wall));
        break;
    case RECORDS:
        cell_number(out, z->records, format_value(z->records, UNIT_COUNT));
        break;
    case BYTES:
        cell_number(out, z->bytes, format_value(z->bytes, UNIT_BYTES));
        break;
    case LOAD:
        cell_number(out, z->load_us, format_value(z->load_us, UNIT_MICROS));
        break;
    default:
        cell_text(out, z->reason);
        break;
    }
}

static void identity(const struct shown *s, unsigned row, char *to, size_t size)
{
    snprintf(to, size, "%s", s->model->zones.rows[row].name);
}

static const char *zone(const struct shown *s, unsigned row)
{
    return s->model->zones.rows[row].name;
}

static void say(const struct shown *s, unsigned row, struct buf *to)
{
    buf_puts(to, s->model->zones.rows[row].reason);
}

static const struct model_zone *find(const struct shown *s, const char *name)
{
    const struct model *m = s->model;
    int row = list_find(&view_zones, s, name);
    if (row >= 0)
        return &m->zones.rows[row];
    if (m->detail.stamp.present && !m->detail.missing && !strcmp(m->detail.zone.name, name))
        return &m->detail.zone;
    return NULL;
}

static void detail(const struct shown *s, const char *name, struct buf *to)
{
    const struct model_zone_detail *d = &s->model->detail;
    const struct model_zone *z = find(s, name);
    bool own = d->stamp.present && !strcmp(d->zone.name, name);
    if (!z) {
        buf_printf(to, "%s: %s\n", name,
                   own && d->missing ? "the server has no such zone" : "not known here any more");
        return;
    }
    detail_line(to, "zone", "%s", z->name);
    if (z->reason[0] || z->error[0])
        detail_line(to, "reason", "%s", z->reason[0] ? z->reason : z->error);
    detail_line(to, "state", "%s for %s", z->state, format_since(z->since, s->wall).text);
    detail_line(to, "role", "%s", z->role);
    detail_line(to, "serial", "%s", format_value(z->serial, UNIT_EXACT).text);
    detail_line(to, "records", "%s", format_value(z->records, UNIT_EXACT).text);
    detail_line(to, "memory", "%s", format_value(z->bytes, UNIT_BYTES).text);
    detail_line(to, "loaded", "%s, in %s", format_when(z->loaded, s->wall).text,
                format_value(z->load_us, UNIT_MICROS).text);
    if (!strcmp(z->role, "secondary")) {
        detail_line(to, "checked", "%s ago", format_since(z->checked, s->wall).text);
        detail_line(to, "next check", "in %s", format_until(z->refresh, s->wall).text);
        detail_line(to, "expires", "in %s", format_until(z->expire, s->wall).text);
    }
    if (value_or(z->notify_pending, 0))
        detail_line(to, "notify", "%s secondaries have not acknowledged",
                    format_value(z->notify_pending, UNIT_EXACT).text);
    for (unsigned i = 0; own && i < d->count; i++) {
        buf_puts(to, "\n");
        transfer_lines(s, &d->rows[i], to);
    }
}

static void summary(const struct shown *s, struct line *l)
{
    const struct model_zones *z = &s->model->zones;
    if (value_known(z->matched) && z->matched.n > (int64_t)z->count)
        line_add(l, ATTR_DIM, " window of %s zones", format_value(z->matched, UNIT_EXACT).text);
    else if (!z->stamp.present)
        line_add(l, ATTR_DIM, " no list yet");
}

static void want(const struct ui *ui, const struct shown *s, struct source_want *w)
{
    const struct place *p = &ui->places[1];
    bool large = value_or(s->model->status.zones_total, 0) > SOURCE_WINDOW;
    w->zones = true;
    w->zone_limit = SOURCE_WINDOW;
    w->zone_offset = p->offset;
    snprintf(w->zone_sort, sizeof(w->zone_sort), "%s", p->sort == ZONE ? "name" : "worst");
    /* A list that fits is filtered here, by any column; of a longer one the server finds names. */
    if (large && p->filter.text[0] != '!')
        snprintf(w->zone_search, sizeof(w->zone_search), "%s", p->filter.text);
}

const struct view_ops view_zones = {
    .name = "Zones",
    .label = "Zon",
    .help = "States: ok served and current; reloading served, a new version is on its way; stale "
            "the last\n"
            "good version is served, the new one failed; failed, expired not served; queued, "
            "loading not\n"
            "served yet. Times: d days, h hours, m minutes, s seconds.\n",
    .order = "worst first",
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

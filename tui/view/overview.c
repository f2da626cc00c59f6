/* View 1: the whole server on one screen; what matters most comes first and stays on the smallest.
 */
#include <stdio.h>
#include <string.h>

#include "backend/model/format.h"
#include "tui/view/ui.h"
#include "tui/widget/gauge.h"

enum { LABEL = 4 };

static const struct model_status *status(const struct shown *s)
{
    return &s->model->status;
}

static struct value process_memory(const struct model_process *p)
{
    return value_known(p->pss) ? p->pss : p->rss;
}

static bool alive(const struct model_process *p)
{
    return strcmp(p->state, "dead") != 0 && strcmp(p->state, "none") != 0;
}

/* What a process is called where all of them share a line. */
static const char *short_name(const struct model_process *p, int cols)
{
    enum { WIDE = 100 };
    if (!strcmp(p->state, "standby"))
        return p->state;
    return cols < WIDE && !strcmp(p->role, "supervisor") ? "super" : p->role;
}

static void label(struct canvas *c, int row, const char *text)
{
    canvas_put(c, row, 0, LABEL, ATTR_BOLD, text);
}

static void draw_memory(const struct shown *s, struct canvas *c, int row)
{
    const struct model_status *st = status(s);
    struct value used = value_known(st->memory.pss) ? st->memory.pss : st->memory.rss;
    struct value limit =
        value_known(st->server.memory_limit) ? st->server.memory_limit : st->memory.system_total;
    struct value share = value_permille(used, limit);
    struct line l = line_begin(c, row, LABEL, c->cols);
    enum { GAUGE = 22 };
    label(c, row, "MEM");
    if (!value_known(used))
        return;
    line_add(&l, value_attr(used), "%s", format_value(used, UNIT_BYTES).text);
    if (value_known(limit))
        line_add(&l, value_attr(limit), "/%s%s", format_number(limit.n, UNIT_BYTES).text,
                 value_known(st->server.memory_limit) ? "" : " (RAM)");
    if (value_known(share) && l.col + 1 + GAUGE + 20 <= c->cols) {
        gauge_draw(c, row, l.col + 1, GAUGE, share);
        l.col += 1 + GAUGE;
    }
    line_add(&l, value_attr(share), "  %s", format_value(share, UNIT_PERMILLE).text);
    if (value_known(st->memory.system_available))
        line_add(&l, value_attr(st->memory.system_available), "   system free %s of %s",
                 format_value(st->memory.system_available, UNIT_BYTES).text,
                 format_value(st->memory.system_total, UNIT_BYTES).text);
}

static void draw_roles(const struct shown *s, struct canvas *c, int row)
{
    const struct model_status *st = status(s);
    struct line l = line_begin(c, row, LABEL, c->cols);
    for (unsigned i = 0; i < st->process_count; i++) {
        const struct model_process *p = &st->processes[i];
        struct value used = process_memory(p);
        if (alive(p) && value_known(used))
            line_add(&l, value_attr(used), "%s %s  ", short_name(p, c->cols),
                     format_value(used, UNIT_BYTES).text);
    }
    line_add(&l, ATTR_DIM, "%s", value_known(st->memory.pss) ? "(PSS)" : "(RSS)");
}

static void draw_series(struct canvas *c, int row, const struct series *series, enum unit unit)
{
    enum { TAIL = 14, WIDEST = 180 };
    int width = c->cols - LABEL - TAIL;
    char text[64];
    if (width < 10)
        return;
    width = width > WIDEST ? WIDEST : width;
    snprintf(text, sizeof(text), "%s",
             format_number((int64_t)width * SERIES_STEP, UNIT_SECONDS).text);
    text[3] = '\0';
    canvas_put(c, row, 0, LABEL - 1, ATTR_DIM, text);
    canvas_put(c, row, LABEL - 1, LABEL, ATTR_DIM, "|");
    struct value top = spark_draw(c, row, LABEL, width, series);
    if (value_known(top))
        canvas_printf(c, row, LABEL + width, c->cols, ATTR_DIM, "| max %s",
                      format_number(top.n, unit).text);
}

static void draw_cpu(const struct shown *s, struct canvas *c, int row)
{
    const struct model_status *st = status(s);
    const struct rates *r = s->rates;
    struct line l = line_begin(c, row, LABEL, c->cols);
    label(c, row, "CPU");
    if (!value_known(r->cpu_total)) {
        line_add(&l, ATTR_DIM, "needs two samples");
        return;
    }
    line_add(&l, value_attr(r->cpu_total), "%s", format_value(r->cpu_total, UNIT_PERMILLE).text);
    if (value_known(st->server.cores))
        line_add(&l, ATTR_DIM, "/%lld%%", (long long)st->server.cores.n * 100);
    for (unsigned i = 0; i < st->process_count; i++) {
        if (alive(&st->processes[i]) && value_known(r->cpu[i]))
            line_add(&l, value_attr(r->cpu[i]), "  %s %s", short_name(&st->processes[i], c->cols),
                     format_value(r->cpu[i], UNIT_PERMILLE).text);
    }
}

static void add_share(struct line *l, const struct rates *r, enum counter counter, const char *name,
                      unsigned severity)
{
    struct value share = value_permille(r->counter[counter], r->answers);
    if (!value_known(share))
        return;
    uint32_t attr = share.state == VALUE_STALE ? ATTR_DIM
                    : share.n >= 10            ? severity_attr(severity)
                                               : 0;
    line_add(l, attr, "  %s %s", name, format_value(share, UNIT_PERMILLE).text);
}

static void draw_queries(const struct shown *s, struct canvas *c, int row)
{
    const struct rates *r = s->rates;
    struct line l = line_begin(c, row, LABEL, c->cols);
    label(c, row, "QRY");
    if (!value_known(r->queries)) {
        line_add(&l, ATTR_DIM, "needs two samples");
        return;
    }
    line_add(&l, value_attr(r->queries) | ATTR_BOLD, "%s",
             format_value(r->queries, UNIT_MILLI_RATE).text);
    add_share(&l, r, COUNTER_NXDOMAIN, "NXDOMAIN", 0);
    add_share(&l, r, COUNTER_SERVFAIL, "SERVFAIL", 2);
    add_share(&l, r, COUNTER_REFUSED, "REFUSED", 1);
    struct value dropped = r->counter[COUNTER_DROPPED];
    if (value_known(dropped))
        line_add(&l, dropped.n ? ATTR_WARN : value_attr(dropped), "  drop %s",
                 format_value(dropped, UNIT_MILLI_RATE).text);
    struct value tcp = status(s)->tcp_connections;
    if (value_known(tcp))
        line_add(&l, value_attr(tcp), "  TCP %s", format_value(tcp, UNIT_COUNT).text);
    add_share(&l, r, COUNTER_FORMERR, "FORMERR", 1);
    add_share(&l, r, COUNTER_NODATA, "NODATA", 0);
    add_share(&l, r, COUNTER_TRUNCATED, "TC", 0);
}

static void draw_zones(const struct shown *s, struct canvas *c, int row)
{
    static const enum zone_state order[] = {ZONE_OK,     ZONE_FAILED,  ZONE_EXPIRED,  ZONE_STALE,
                                            ZONE_QUEUED, ZONE_LOADING, ZONE_RELOADING};
    const struct model_status *st = status(s);
    struct line l = line_begin(c, row, LABEL, c->cols);
    label(c, row, "ZON");
    if (!value_known(st->zones_total))
        return;
    line_add(&l, value_attr(st->zones_total),
             "%s:", format_value(st->zones_total, UNIT_EXACT).text);
    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        struct value v = st->zones_by_state[order[i]];
        if (!value_known(v) || (v.n == 0 && order[i] != ZONE_OK))
            continue;
        uint32_t attr =
            v.state == VALUE_STALE ? ATTR_DIM : severity_attr(zone_state_severity(order[i]));
        line_add(&l, attr, " %s %s ", format_value(v, UNIT_EXACT).text, zone_state_name(order[i]));
    }
    if (value_known(st->zones_settled) && !st->zones_settled.n)
        line_add(&l, ATTR_WARN, " still loading");
}

static void draw_transfers(const struct shown *s, struct canvas *c, int row)
{
    const struct model_flow *f = &status(s)->transfers;
    const struct rates *r = s->rates;
    struct line l = line_begin(c, row, LABEL, c->cols);
    label(c, row, "XFR");
    if (value_known(f->in_running))
        line_add(&l, value_attr(f->in_running), "in %s running",
                 format_value(f->in_running, UNIT_COUNT).text);
    if (value_known(f->in_failing))
        line_add(&l,
                 f->in_failing.state == VALUE_DATA && f->in_failing.n ? ATTR_BAD
                                                                      : value_attr(f->in_failing),
                 ", %s failing", format_value(f->in_failing, UNIT_COUNT).text);
    if (value_known(f->out_running))
        line_add(&l, value_attr(f->out_running), "   out %s running",
                 format_value(f->out_running, UNIT_COUNT).text);
    struct value done = status(s)->counters[COUNTER_AXFR_OUT];
    if (value_known(done))
        line_add(&l, value_attr(done), ", %s done", format_value(done, UNIT_COUNT).text);
    struct value refused = r->last[COUNTER_AXFR_REFUSED];
    if (value_known(refused) && refused.n)
        line_add(&l, value_attr(refused), ", %s refused",
                 format_number(refused.n, UNIT_COUNT).text);
    struct value notify = status(s)->counters[COUNTER_NOTIFY_IN];
    if (value_known(notify))
        line_add(&l, value_attr(notify), "   NOTIFY in %s", format_value(notify, UNIT_COUNT).text);
}

/* The process that ended last. */
static const struct model_process *last_death(const struct model_status *st)
{
    const struct model_process *last = NULL;
    for (unsigned i = 0; i < st->process_count; i++) {
        const struct model_process *p = &st->processes[i];
        if (value_known(p->last_exit.at) && (!last || p->last_exit.at.n > last->last_exit.at.n))
            last = p;
    }
    return last;
}

static void exit_text(const struct model_exit *e, char *to, size_t size)
{
    if (value_or(e->signal, 0))
        snprintf(to, size, "signal %lld", (long long)e->signal.n);
    else
        snprintf(to, size, "status %s", format_value(e->status, UNIT_EXACT).text);
}

static void draw_runs(const struct shown *s, struct canvas *c, int row)
{
    const struct model_status *st = status(s);
    const struct model_process *dead = last_death(st);
    struct line l = line_begin(c, row, LABEL, c->cols);
    char text[48];
    label(c, row, "RUN");
    if (value_known(st->server.restarts))
        line_add(&l, value_attr(st->server.restarts), "restarts %s",
                 format_value(st->server.restarts, UNIT_EXACT).text);
    if (value_known(st->server.crashes))
        line_add(&l,
                 st->server.crashes.state == VALUE_DATA && st->server.crashes.n
                     ? ATTR_BAD
                     : value_attr(st->server.crashes),
                 "  crashes %s", format_value(st->server.crashes, UNIT_EXACT).text);
    if (dead) {
        exit_text(&dead->last_exit, text, sizeof(text));
        line_add(&l, value_attr(dead->last_exit.at), "  last exit %s %s %s", dead->role,
                 format_when(dead->last_exit.at, s->wall).text, text);
    }
    if (value_known(st->server.workers))
        line_add(&l, value_attr(st->server.workers), "  workers %s",
                 format_value(st->server.workers, UNIT_EXACT).text);
}

enum { ROLE, STATE, PID, UP, THREADS, RSS, PSS, CPU, BEAT, STARTS, EXIT, PROCESS_COLUMNS };

static const struct column process_columns[PROCESS_COLUMNS] = {
    [ROLE] = {"PROCESS", 10, false, 40, 0, NULL},    [STATE] = {"STATE", 9, false, 0, 0, NULL},
    [PID] = {"PID", 8, true, 0, 50, NULL},           [UP] = {"UP", 7, true, 0, 0, NULL},
    [THREADS] = {"THR", 4, true, 0, 70, NULL},       [RSS] = {"RSS", 6, true, 0, 0, NULL},
    [PSS] = {"PSS", 6, true, 0, 60, NULL},           [CPU] = {"CPU", 6, true, 0, 50, NULL},
    [BEAT] = {"BEAT", 7, true, 0, 78, NULL},         [STARTS] = {"STARTS", 6, true, 0, 100, NULL},
    [EXIT] = {"LAST EXIT", 24, false, 0, 110, NULL},
};

static void beat_cell(const struct model_process *p, struct table_cell *out)
{
    enum { LATE_MS = 2000 };
    struct value us = {p->heartbeat_age_ms.n * 1000, p->heartbeat_age_ms.state};
    snprintf(out->text, sizeof(out->text), "%s", format_value(us, UNIT_MICROS).text);
    out->attr =
        us.state == VALUE_DATA && p->heartbeat_age_ms.n > LATE_MS ? ATTR_BAD : value_attr(us);
}

static void process_cell(const void *ctx, unsigned row, unsigned column, struct table_cell *out)
{
    const struct shown *s = ctx;
    const struct model_process *p = &status(s)->processes[row];
    const struct {
        struct value v;
        enum unit unit;
    } numbers[PROCESS_COLUMNS] = {
        [PID] = {p->pid, UNIT_EXACT},         [UP] = {p->uptime, UNIT_SECONDS},
        [THREADS] = {p->threads, UNIT_EXACT}, [RSS] = {p->rss, UNIT_BYTES},
        [PSS] = {p->pss, UNIT_BYTES},         [CPU] = {s->rates->cpu[row], UNIT_PERMILLE},
        [STARTS] = {p->starts, UNIT_EXACT},
    };
    char text[48];
    if (column == ROLE) {
        snprintf(out->text, sizeof(out->text), "%.200s", p->role);
    } else if (column == STATE) {
        snprintf(out->text, sizeof(out->text), "%s%.200s", status(s)->stamp.stale ? "~" : "",
                 p->state);
        out->attr = status(s)->stamp.stale ? ATTR_DIM : alive(p) ? 0 : ATTR_WARN;
    } else if (column == BEAT) {
        beat_cell(p, out);
    } else if (column == EXIT) {
        if (!value_known(p->last_exit.at))
            return;
        exit_text(&p->last_exit, text, sizeof(text));
        snprintf(out->text, sizeof(out->text), "%s %s", format_when(p->last_exit.at, s->wall).text,
                 text);
    } else {
        snprintf(out->text, sizeof(out->text), "%s",
                 format_value(numbers[column].v, numbers[column].unit).text);
        out->attr = value_attr(numbers[column].v);
    }
}

static void draw_processes(const struct shown *s, struct canvas *c, struct area a)
{
    unsigned order[MODEL_PROCESSES];
    struct table t = {.columns = process_columns,
                      .column_count = PROCESS_COLUMNS,
                      .order = order,
                      .selected = -1,
                      .sorted = -1,
                      .ctx = s,
                      .cell = process_cell};
    for (unsigned i = 0; i < status(s)->process_count; i++)
        order[t.rows++] = i;
    table_draw(c, a, &t);
}

static void draw_zone_line(const struct shown *s, struct canvas *c, int row,
                           const struct model_zone *z)
{
    struct line l = line_begin(c, row, 0, c->cols);
    bool stale = s->model->zones.stamp.stale;
    uint32_t attr = stale ? ATTR_DIM : severity_attr(model_zone_severity(z));
    line_add(&l, attr, "%s%-9s", stale ? "~" : "", z->state);
    line_add(&l, ATTR_BOLD, " %-20s", z->name);
    line_add(&l, 0, " %s", format_since(z->since, s->wall).text);
    l.col++;
    line_rest(&l, stale ? ATTR_DIM : 0, z->reason);
}

/* How many zones are not as they should be, also of those that were not read. */
static int64_t bad_zones(const struct shown *s)
{
    int64_t n = 0;
    for (unsigned i = 0; i < ZONE_STATE_COUNT; i++)
        n += zone_state_severity(i) > 0 ? value_or(status(s)->zones_by_state[i], 0) : 0;
    return n;
}

static void draw_worst(const struct shown *s, struct canvas *c, struct area a)
{
    const struct model_zones *z = &s->model->zones;
    int64_t more = bad_zones(s) - (a.rows - 1);
    char title[64] = "zones, worst first";
    int row = a.row + 1;
    if (more > 0)
        snprintf(title, sizeof(title), "zones, worst first; %lld more: press 2", (long long)more);
    line_title(c, a.row, title);
    for (unsigned i = 0; i < z->count && row < a.row + a.rows; i++) {
        if (model_zone_severity(&z->rows[i]) > 0)
            draw_zone_line(s, c, row++, &z->rows[i]);
    }
    if (row == a.row + 1 && row < a.row + a.rows && z->stamp.present)
        canvas_put(c, row, 0, c->cols, ATTR_DIM,
                   z->stamp.stale ? "not known now" : "every zone is served and current");
}

/* How many rows draw_worst can use. */
static int worst_rows(const struct shown *s)
{
    int rows = 1;
    for (unsigned i = 0; i < s->model->zones.count; i++)
        rows += model_zone_severity(&s->model->zones.rows[i]) > 0;
    return rows > 1 ? rows : 2;
}

static void draw_events(const struct shown *s, struct canvas *c, struct area a)
{
    const struct model_events *e = &s->model->events;
    line_title(c, a.row, "events");
    for (unsigned i = 0; i < e->count && (int)i + 1 < a.rows; i++) {
        const struct model_event *event = &e->rows[i];
        struct line l = line_begin(c, a.row + 1 + (int)i, 0, c->cols);
        struct buf text = {0};
        uint32_t attr = e->stamp.stale ? ATTR_DIM : severity_attr(model_event_severity(event));
        line_add(&l, e->stamp.stale ? ATTR_DIM : 0, "%s", format_when(event->last, s->wall).text);
        line_add(&l, attr, " %4s", format_value(event->number, UNIT_EXACT).text);
        if (event->subject[0])
            line_add(&l, attr | ATTR_BOLD, " %s", event->subject);
        l.col++;
        model_event_text(event, &text);
        line_rest(&l, attr, text.data ? text.data : "");
        buf_fini(&text);
    }
}

/* The fixed rows in the order of their weight; a small screen has the first ones. */
static int draw_rows(const struct shown *s, struct canvas *c, struct area a)
{
    static void (*const small[])(const struct shown *, struct canvas *, int) = {
        draw_memory, draw_queries, draw_zones, draw_transfers, draw_runs, draw_cpu};
    enum { SMALL = sizeof(small) / sizeof(small[0]), FULL = 9, TALL = 30 };
    int row = a.row;
    if (a.rows < FULL + 2) {
        for (int i = 0; i < SMALL && i < a.rows; i++)
            small[i](s, c, row++);
        return row;
    }
    draw_memory(s, c, row++);
    draw_roles(s, c, row++);
    draw_series(c, row++, &s->rates->memory_series, UNIT_BYTES);
    draw_cpu(s, c, row++);
    if (a.rows >= TALL)
        draw_series(c, row++, &s->rates->cpu_series, UNIT_PERMILLE);
    draw_queries(s, c, row++);
    draw_series(c, row++, &s->rates->queries_series, UNIT_MILLI_RATE);
    draw_zones(s, c, row++);
    draw_transfers(s, c, row++);
    draw_runs(s, c, row++);
    return row;
}

static void draw(const struct ui *ui, const struct shown *s, struct canvas *c, struct area a)
{
    (void)ui;
    if (!status(s)->stamp.present)
        return;
    int row = draw_rows(s, c, a), left = a.row + a.rows - row;
    if (left < 2)
        return;
    int processes = 1 + (int)status(s)->process_count;
    if (processes > left)
        processes = left;
    draw_processes(s, c, (struct area){row, 0, processes, a.cols});
    row += processes;
    left -= processes;
    /* What is wrong now goes before what happened: on a small screen one event is enough. */
    enum { FEW = 4 };
    int most = left / 2 >= FEW ? left / 2 : left - 2 < FEW ? left - 2 : FEW;
    int worst = left < 4 ? 0 : worst_rows(s) < most ? worst_rows(s) : most;
    if (worst)
        draw_worst(s, c, (struct area){row, 0, worst, a.cols});
    if (left - worst >= 2)
        draw_events(s, c, (struct area){row + worst, 0, left - worst, a.cols});
}

static void want(const struct ui *ui, const struct shown *s, struct source_want *w)
{
    (void)ui;
    (void)s;
    w->zones = true;
    w->zone_limit = 20;
    snprintf(w->zone_sort, sizeof(w->zone_sort), "worst");
    w->events = true;
    w->event_limit = 20;
}

const struct view_ops view_overview = {
    .name = "Overview",
    .label = "Ovr",
    .help = "MEM proportional (PSS) or resident (RSS) memory of all processes against the limit; "
            "CPU 100%\n"
            "is one core; QRY queries a second and shares of the answers; ZON zones by state; XFR "
            "transfers;\n"
            "RUN lossless restarts and crashes; BEAT since the process last said that it lives. "
            "The graphs\n"
            "step every 10 seconds. ~ marks a value from before the link was lost, - one that is "
            "not known.\n",
    .draw = draw,
    .want = want,
};

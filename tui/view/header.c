/* Lines 1 to 3 of every view: who, serving or not, how old; then the two worst problems. */
#include <stdio.h>
#include <string.h>

#include "backend/base/clk.h"
#include "backend/model/format.h"
#include "tui/view/ui.h"

enum { RESTART_SHOWN = 60 };

static bool fresh(const struct shown *s)
{
    const struct model_stamp *stamp = &s->model->status.stamp;
    return s->link->state == LINK_UP && (s->now - stamp->taken) <= 2 * s->interval + CLK_SECOND;
}

static void upper(char *to, size_t size, const char *from)
{
    size_t i = 0;
    for (; from[i] && i + 1 < size; i++)
        to[i] = (char)(from[i] >= 'a' && from[i] <= 'z' ? from[i] - 32 : from[i]);
    to[i] = '\0';
}

/* The server's own name; on a narrow screen up to its first dot. */
static void put_host(const struct shown *s, struct line *l, uint32_t attr)
{
    enum { NARROW = 60 };
    const char *name = s->model->status.server.name;
    size_t len = l->canvas->cols < NARROW ? strcspn(name, ".") : strlen(name);
    if (len > (size_t)l->end / 2)
        len = (size_t)l->end / 2;
    line_add(l, attr, " %.*s", (int)len, name);
}

static void draw_lost(const struct shown *s, struct canvas *c)
{
    const struct model_status *st = &s->model->status;
    const struct link *l = s->link;
    int64_t since = st->stamp.present ? st->stamp.taken : l->since;
    int64_t retry = l->retry_at > s->now ? (l->retry_at - s->now + CLK_SECOND - 1) / CLK_SECOND : 0;
    char state[32];
    canvas_fill(c, 0, 0, c->cols, ATTR_REVERSE, ' ');
    struct line line = line_begin(c, 0, 0, c->cols);
    if (st->stamp.present)
        put_host(s, &line, ATTR_REVERSE);
    else
        line_add(&line, ATTR_REVERSE, " %s", s->address->url);
    line_add(&line, ATTR_REVERSE | ATTR_BAD, "  NO ANSWER %s",
             format_stopwatch((s->now - since) / CLK_SECOND).text);
    upper(state, sizeof(state), st->server.state[0] ? st->server.state : "?");
    if (st->stamp.present)
        line_add(&line, ATTR_REVERSE, ", was %s pid %lld", state,
                 (long long)value_or(st->server.pid, 0));
    line_add(&line, ATTR_REVERSE, "; retry %llds", (long long)retry);
    line.col += 2;
    line_rest(&line, ATTR_REVERSE, l->error);
    if (!st->stamp.present && c->rows >= UI_HEADER) {
        canvas_put(c, 1, 1, c->cols, ATTR_WARN, l->error);
        canvas_put(c, 2, 1, c->cols, 0,
                   "Is zonedeckd running there? Another server is given with -s URL.");
    }
}

static void draw_state(const struct shown *s, struct line *line)
{
    const struct model_status *st = &s->model->status;
    char state[32];
    upper(state, sizeof(state), st->server.state);
    bool serving = !strcmp(st->server.state, "serving");
    if (!fresh(s))
        line_add(line, ATTR_WARN | ATTR_BOLD, "  %s?", state);
    else
        line_add(line, serving ? ATTR_GOOD | ATTR_BOLD : ATTR_BAD | ATTR_REVERSE, "  %s", state);
}

static bool restarted_lately(const struct shown *s)
{
    int64_t at = s->link->restarted_at;
    return at && s->wall >= at && s->wall - at < RESTART_SHOWN;
}

static void draw_up(const struct shown *s, struct canvas *c)
{
    const struct model_status *st = &s->model->status;
    int64_t age = (s->now - st->stamp.taken) / (CLK_SECOND / 10);
    struct line line = line_begin(c, 0, 0, c->cols);
    struct line right = line_begin(c, 0, 40, c->cols);
    if (c->cols >= 100)
        line_right(&right, 0, format_date(s->wall).text);
    else if (c->cols >= 70)
        line_right(&right, 0, format_clock(s->wall).text);
    line.end = right.end;
    put_host(s, &line, ATTR_BOLD);
    draw_state(s, &line);
    if (s->paused)
        line_add(&line, ATTR_WARN | ATTR_REVERSE, "  PAUSED");
    if (restarted_lately(s))
        line_add(&line, ATTR_WARN | ATTR_BOLD, "  RESTARTED %s",
                 format_clock(s->link->restarted_at).text);
    if (s->servers > 1)
        line_add(&line, 0, "  %u of %u", s->server + 1, s->servers);
    line_add(&line, 0, "  up %s", format_value(st->server.uptime, UNIT_SECONDS).text);
    line_add(&line, fresh(s) || s->paused ? 0 : ATTR_WARN, "  age %lld.%llds", (long long)age / 10,
             (long long)age % 10);
    line_add(&line, 0, "  pid %s", format_value(st->server.pid, UNIT_EXACT).text);
    line_add(&line, ATTR_DIM, "  %s", s->address->socket[0] ? "local" : "remote");
    if (st->server.version[0])
        line_add(&line, ATTR_DIM, "  v%s", st->server.version);
}

static void draw_connecting(const struct shown *s, struct canvas *c)
{
    struct line line = line_begin(c, 0, 0, c->cols);
    line_add(&line, ATTR_BOLD, " %s", s->address->url);
    line_add(&line, ATTR_WARN, "  CONNECTING %s",
             format_stopwatch((s->now - s->link->since) / CLK_SECOND).text);
}

/* Whether a text begins with the subject, final dot or not: then it need not be said twice. */
static bool names(const char *text, const char *subject)
{
    size_t len = strlen(subject);
    return !strncmp(text, subject, len && subject[len - 1] == '.' ? len - 1 : len);
}

static void draw_problem(const struct shown *s, struct canvas *c, int row,
                         const struct model_problem *p, int64_t more)
{
    bool error = !strcmp(p->severity, "error");
    uint32_t attr = s->model->status.stamp.stale ? ATTR_DIM : error ? ATTR_BAD : ATTR_WARN;
    struct line line = line_begin(c, row, 0, c->cols);
    char text[32];
    if (more > 0) {
        snprintf(text, sizeof(text), "+%lld more", (long long)more);
        line_right(&line, ATTR_BOLD, text);
    }
    line_add(&line, attr | ATTR_BOLD, "%s!",
             s->model->status.stamp.stale ? "~"
             : error                      ? "!"
                                          : " ");
    if (value_known(p->event) && c->cols >= 60)
        line_add(&line, attr, " %s", format_number(p->event.n, UNIT_EXACT).text);
    if (p->subject[0] && !names(p->text, p->subject))
        line_add(&line, attr | ATTR_BOLD, " %s", p->subject);
    line.col++;
    line_rest(&line, attr, p->text);
}

static void draw_problems(const struct shown *s, struct canvas *c)
{
    const struct model_status *st = &s->model->status;
    int64_t total = value_or(st->problems_total, st->problem_count);
    if (!st->stamp.present)
        return;
    if (!st->problem_count && fresh(s)) {
        canvas_put(c, 1, 1, c->cols, ATTR_DIM, "no problems known");
        return;
    }
    for (int i = 0; i < 2 && (unsigned)i < st->problem_count && i + 1 < c->rows; i++)
        draw_problem(s, c, i + 1, &st->problems[i], i == 1 ? total - 2 : 0);
    if (st->problem_count == 1)
        canvas_put(c, 2, 3, c->cols, ATTR_DIM, st->problems[0].remedy);
}

void header_draw(const struct shown *s, struct canvas *c)
{
    if (s->link->state == LINK_LOST)
        draw_lost(s, c);
    else if (s->model->status.stamp.present)
        draw_up(s, c);
    else
        draw_connecting(s, c);
    if (c->rows >= UI_HEADER)
        draw_problems(s, c);
}

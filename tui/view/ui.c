#include "tui/view/ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/clk.h"
#include "backend/model/format.h"
#include "tui/input/keymap.h"
#include "tui/view/list.h"
#include "tui/widget/box.h"

const struct view_ops *const views[UI_VIEWS] = {&view_overview, &view_zones, &view_transfers,
                                                &view_events};

void ui_init(struct ui *ui)
{
    memset(ui, 0, sizeof(*ui));
    for (unsigned i = 0; i < UI_VIEWS; i++)
        ui->places[i].sort = -1;
}

void ui_fini(struct ui *ui)
{
    free(ui->order);
    ui->order = NULL;
}

void ui_forget(struct ui *ui)
{
    unsigned view = ui->view;
    ui_fini(ui);
    ui_init(ui);
    ui->view = view;
}

void ui_say(struct ui *ui, uint32_t attr, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(ui->status, sizeof(ui->status), format, ap);
    va_end(ap);
    ui->status_attr = attr;
}

uint32_t severity_attr(unsigned severity)
{
    static const uint32_t attrs[] = {0, ATTR_WARN, ATTR_BAD | ATTR_BOLD};
    return attrs[severity > 2 ? 2 : severity];
}

uint32_t value_attr(struct value v)
{
    return v.state == VALUE_DATA ? 0 : ATTR_DIM;
}

void detail_line(struct buf *to, const char *name, const char *format, ...)
{
    va_list ap;
    buf_printf(to, "%-11s ", name);
    va_start(ap, format);
    buf_vprintf(to, format, ap);
    va_end(ap);
    buf_puts(to, "\n");
}

void ui_want(const struct ui *ui, const struct shown *s, struct source_want *want)
{
    memset(want, 0, sizeof(*want));
    views[ui->view]->want(ui, s, want);
    if (ui->overlay == OVERLAY_DETAIL && ui->view == 1) {
        want->detail = true;
        snprintf(want->zone, sizeof(want->zone), "%.1023s", ui->detail);
    }
}

static void open_overlay(struct ui *ui, enum overlay overlay)
{
    ui->below = ui->overlay;
    ui->overlay = overlay;
    ui->scroll = 0;
    ui->choice = 0;
}

static void open_detail(struct ui *ui, const struct shown *s)
{
    const struct view_ops *view = views[ui->view];
    int index = ui->places[ui->view].index;
    if (!view->columns || index >= (int)ui->order_count)
        return;
    view->identity(s, ui->order[index], ui->detail, sizeof(ui->detail));
    open_overlay(ui, OVERLAY_DETAIL);
}

/* A new filter begins empty; the one of before is kept for Up. */
static void open_filter(struct ui *ui)
{
    struct place *p = &ui->places[ui->view];
    if (p->filter.text[0])
        p->recall = p->filter;
    p->filter.text[0] = '\0';
    p->offset = 0;
    open_overlay(ui, OVERLAY_FILTER);
}

static void open_sort(struct ui *ui)
{
    open_overlay(ui, OVERLAY_SORT);
    ui->choice = ui->places[ui->view].sort + 1;
}

static void go_to(struct ui *ui, unsigned view)
{
    ui->view = view % UI_VIEWS;
    ui->overlay = ui->below = OVERLAY_NONE;
}

static void go_back(struct ui *ui)
{
    struct place *p = &ui->places[ui->view];
    if (p->filter.text[0])
        p->recall = p->filter;
    p->filter.text[0] = '\0';
    p->offset = 0;
}

static enum ui_effect do_request(struct ui *ui, const struct shown *s, enum request request,
                                 int key)
{
    static const struct {
        enum request request;
        enum ui_effect effect;
    } effects[] = {{REQUEST_QUIT, UI_QUIT},       {REQUEST_INTERRUPT, UI_QUIT},
                   {REQUEST_PAUSE, UI_PAUSE},     {REQUEST_SLOWER, UI_SLOWER},
                   {REQUEST_FASTER, UI_FASTER},   {REQUEST_SAMPLE, UI_SAMPLE},
                   {REQUEST_REPAINT, UI_REPAINT}, {REQUEST_NEXT_SERVER, UI_NEXT_SERVER}};
    struct place *place = &ui->places[ui->view];
    bool list = views[ui->view]->columns;
    for (unsigned i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
        if (effects[i].request == request)
            return effects[i].effect;
    }
    if (list && list_move(ui, s, (int)request))
        return UI_NOTHING;
    if (request == REQUEST_VIEW)
        go_to(ui, (unsigned)(key - '1'));
    else if (request == REQUEST_NEXT_VIEW)
        go_to(ui, ui->view + 1);
    else if (request == REQUEST_PREVIOUS_VIEW)
        go_to(ui, ui->view + UI_VIEWS - 1);
    else if (request == REQUEST_OPEN)
        open_detail(ui, s);
    else if (request == REQUEST_BACK)
        go_back(ui);
    else if (request == REQUEST_FILTER && list)
        open_filter(ui);
    else if (request == REQUEST_SORT && list)
        open_sort(ui);
    else if (request == REQUEST_INVERT)
        place->invert = !place->invert;
    else if (request == REQUEST_ACTIONS)
        overlay_open_menu(ui, s);
    else if (request == REQUEST_HELP)
        open_overlay(ui, OVERLAY_HELP);
    return UI_NOTHING;
}

enum ui_effect ui_key(struct ui *ui, const struct shown *s, int key)
{
    ui->status[0] = '\0';
    ui_arrange(ui, s);
    if (ui->overlay != OVERLAY_NONE)
        return overlay_key(ui, s, key);
    return do_request(ui, s, keymap_find(key), key);
}

static void draw_keys(const struct ui *ui, struct canvas *c)
{
    struct line l = line_begin(c, c->rows - 1, 0, c->cols);
    for (unsigned i = 0; i < UI_VIEWS; i++)
        line_add(&l, i == ui->view ? ATTR_REVERSE : 0, "%u%s", i + 1, views[i]->label), l.col++;
    line_add(&l, ATTR_DIM, "  x action");
    line_add(&l, ATTR_DIM, "  ? help");
    line_add(&l, ATTR_DIM, "  q quit");
    line_add(&l, ATTR_DIM, "  / filter  s sort  Enter detail");
}

/* At the foot, as many rows as it needs. */
static void draw_message(const struct ui *ui, struct canvas *c)
{
    int lines = box_lines(ui->status, c->cols);
    if (lines > c->rows - 1)
        lines = c->rows - 1;
    for (int row = c->rows - lines; row < c->rows; row++)
        canvas_fill(c, row, 0, c->cols, ui->status_attr, ' ');
    box_text(c, (struct area){c->rows - lines, 0, lines, c->cols}, ui->status_attr, ui->status, 0);
}

static void draw_status(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    int row = c->rows - 1;
    char name[1400];
    if (ui->status[0]) {
        draw_message(ui, c);
    } else if (ui->acting) {
        act_name(&ui->target, ui->action, name, sizeof(name));
        canvas_printf(c, row, 0, c->cols, ATTR_WARN, " %s: asked, no answer yet, %s", name,
                      format_stopwatch((s->now - ui->acting_since) / CLK_SECOND).text);
    } else {
        draw_keys(ui, c);
    }
}

void ui_draw(struct ui *ui, const struct shown *s, struct canvas *c)
{
    enum { SMALLEST_ROWS = 4, SMALLEST_COLS = 20 };
    canvas_clear(c);
    ui_arrange(ui, s);
    header_draw(s, c);
    if (c->rows < SMALLEST_ROWS || c->cols < SMALLEST_COLS)
        return;
    struct area body = {UI_HEADER, 0, c->rows - UI_HEADER - 1, c->cols};
    const struct view_ops *view = views[ui->view];
    if (view->draw)
        view->draw(ui, s, c, body);
    else
        list_draw(ui, s, c, body);
    if (s->model->status.stamp.stale)
        canvas_mark(c, body, ATTR_DIM);
    draw_status(ui, s, c);
    if (ui->overlay != OVERLAY_NONE)
        overlay_draw(ui, s, c);
}

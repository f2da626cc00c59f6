/* What lies over a view: help, details, the filter, the sort and action menus, and the dialogs that
 * confirm an action. */
#include <stdio.h>
#include <string.h>

#include "backend/base/clk.h"
#include "tui/input/keymap.h"
#include "tui/term/key.h"
#include "tui/view/list.h"
#include "tui/widget/box.h"

/* The letters of the action menu. */
static const struct {
    enum action action;
    char letter;
} actions[ACTION_COUNT] = {
    {ACTION_ZONE_RELOAD, 'r'},  {ACTION_ZONE_RETRANSFER, 't'}, {ACTION_ZONE_REFRESH, 'f'},
    {ACTION_ZONE_NOTIFY, 'n'},  {ACTION_SERVICE_RELOAD, 'c'},  {ACTION_SERVICE_RESTART, 's'},
    {ACTION_SERVICE_STOP, 'o'},
};

static void close_overlay(struct ui *ui)
{
    ui->overlay = ui->below;
    ui->below = OVERLAY_NONE;
}

static int first_allowed(const struct act_target *target)
{
    char why[200];
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (act_allowed(target, actions[i].action, why, sizeof(why)))
            return i;
    }
    return 0;
}

void overlay_open_menu(struct ui *ui, const struct shown *s)
{
    const char *zone =
        ui->overlay == OVERLAY_DETAIL && ui->view == 1 ? ui->detail : ui_selected_zone(ui, s);
    if (ui->acting) {
        ui_say(ui, ATTR_WARN, " the last action has not been answered yet");
        return;
    }
    act_target_take(&ui->target, s->address, s->model, zone);
    ui->below = ui->overlay;
    ui->overlay = OVERLAY_MENU;
    ui->choice = first_allowed(&ui->target);
}

static void open_confirm(struct ui *ui, const struct shown *s, enum action action)
{
    char why[200];
    if (!act_allowed(&ui->target, action, why, sizeof(why))) {
        ui_say(ui, ATTR_WARN, " %s is not possible: %s", action_info[action].verb, why);
        return;
    }
    ui->action = action;
    ui->opened = s->now;
    ui->typed.text[0] = '\0';
    ui->overlay = action_info[action].typed ? OVERLAY_TYPED : OVERLAY_CONFIRM;
}

static enum ui_effect post(struct ui *ui, const struct shown *s)
{
    char why[200];
    ui->overlay = ui->below;
    ui->below = OVERLAY_NONE;
    if (act_check(&ui->target, s->model, why, sizeof(why)))
        return UI_POST;
    ui_say(ui, ATTR_BAD, " nothing was asked: %s", why);
    return UI_NOTHING;
}

static enum ui_effect cancel(struct ui *ui)
{
    close_overlay(ui);
    ui_say(ui, 0, " cancelled; nothing was asked");
    return UI_NOTHING;
}

/* Whether a key came before the dialog could have been read; giving up is never too early. */
static bool deaf(const struct ui *ui, const struct shown *s, int key)
{
    return key != KEY_CODE_ESC && key != KEY_CTRL('c') &&
           s->now - ui->opened < UI_DIALOG_DEAF_MS * CLK_MS;
}

static enum ui_effect key_confirm(struct ui *ui, const struct shown *s, int key)
{
    if (deaf(ui, s, key))
        return UI_NOTHING;
    return key == 'y' ? post(ui, s) : cancel(ui);
}

static enum ui_effect key_typed(struct ui *ui, const struct shown *s, int key)
{
    char name[256];
    if (deaf(ui, s, key) || lineedit_key(&ui->typed, key))
        return UI_NOTHING;
    if (key == KEY_CODE_ESC || key == KEY_CTRL('c'))
        return cancel(ui);
    if (key != KEY_CODE_ENTER)
        return UI_NOTHING;
    act_short_host(&ui->target, name, sizeof(name));
    if (name[0] && !strcmp(ui->typed.text, name))
        return post(ui, s);
    close_overlay(ui);
    ui_say(ui, ATTR_WARN, " \"%s\" is not the server's name \"%s\"; nothing was asked",
           ui->typed.text, name);
    return UI_NOTHING;
}

static bool closes(int key)
{
    enum request request = keymap_find(key);
    return request == REQUEST_BACK || request == REQUEST_QUIT || request == REQUEST_INTERRUPT;
}

static void move_choice(struct ui *ui, int key, int count)
{
    enum request request = keymap_find(key);
    int by = request == REQUEST_UP ? -1 : request == REQUEST_DOWN ? 1 : 0;
    ui->choice = (ui->choice + by + count) % count;
}

static enum ui_effect key_menu(struct ui *ui, const struct shown *s, int key)
{
    if (closes(key)) {
        close_overlay(ui);
        return UI_NOTHING;
    }
    move_choice(ui, key, ACTION_COUNT);
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (key == actions[i].letter || (key == KEY_CODE_ENTER && i == ui->choice)) {
            ui->choice = i;
            open_confirm(ui, s, actions[i].action);
            break;
        }
    }
    return UI_NOTHING;
}

static bool whole_list(const struct ui *ui, const struct shown *s)
{
    return views[ui->view] != &view_zones ||
           value_or(s->model->zones.matched, 0) <= (int64_t)s->model->zones.count;
}

static enum ui_effect key_sort(struct ui *ui, const struct shown *s, int key)
{
    const struct view_ops *view = views[ui->view];
    int count = (int)view->column_count + 1;
    if (closes(key)) {
        close_overlay(ui);
        return UI_NOTHING;
    }
    move_choice(ui, key, count);
    if (key != KEY_CODE_ENTER)
        return UI_NOTHING;
    /* The server sorts by name and by what is worst; other columns only where we hold every row. */
    if (ui->choice > 1 && !whole_list(ui, s)) {
        ui_say(ui, ATTR_WARN, " that column sorts lists of up to %d rows; filter with / first",
               SOURCE_WINDOW);
        return UI_NOTHING;
    }
    ui->places[ui->view].sort = ui->choice - 1;
    ui->places[ui->view].offset = 0;
    close_overlay(ui);
    return UI_NOTHING;
}

static enum ui_effect key_filter(struct ui *ui, const struct shown *s, int key)
{
    struct place *p = &ui->places[ui->view];
    if (key == KEY_CODE_ESC || key == KEY_CTRL('c'))
        p->filter.text[0] = '\0';
    if (key == KEY_CODE_UP && !p->filter.text[0] && p->recall.text[0]) {
        lineedit_set(&p->filter, p->recall.text);
        return UI_NOTHING;
    }
    if (key == KEY_CODE_ESC || key == KEY_CTRL('c') || key == KEY_CODE_ENTER)
        close_overlay(ui);
    else if (!lineedit_key(&p->filter, key))
        list_move(ui, s, (int)keymap_find(key));
    p->offset = 0;
    return UI_NOTHING;
}

static enum ui_effect key_page(struct ui *ui, const struct shown *s, int key)
{
    static const struct {
        enum request request;
        int by;
    } moves[] = {{REQUEST_UP, -1},        {REQUEST_DOWN, 1},         {REQUEST_PAGE_UP, -15},
                 {REQUEST_PAGE_DOWN, 15}, {REQUEST_FIRST, -1000000}, {REQUEST_LAST, 1000000}};
    enum request request = keymap_find(key);
    if (closes(key) || (request == REQUEST_HELP && ui->overlay == OVERLAY_HELP))
        close_overlay(ui);
    else if (request == REQUEST_ACTIONS && ui->overlay == OVERLAY_DETAIL)
        overlay_open_menu(ui, s);
    else if (request == REQUEST_REPAINT)
        return UI_REPAINT;
    for (unsigned i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (moves[i].request == request)
            ui->scroll += moves[i].by;
    }
    ui->scroll = ui->scroll < 0 ? 0 : ui->scroll > 1000 ? 1000 : ui->scroll;
    return UI_NOTHING;
}

enum ui_effect overlay_key(struct ui *ui, const struct shown *s, int key)
{
    static enum ui_effect (*const handlers[])(struct ui *, const struct shown *, int) = {
        [OVERLAY_HELP] = key_page,   [OVERLAY_DETAIL] = key_page, [OVERLAY_FILTER] = key_filter,
        [OVERLAY_SORT] = key_sort,   [OVERLAY_MENU] = key_menu,   [OVERLAY_CONFIRM] = key_confirm,
        [OVERLAY_TYPED] = key_typed,
    };
    return handlers[ui->overlay](ui, s, key);
}

static void help_text(const struct ui *ui, struct buf *to)
{
    const struct view_ops *view = views[ui->view];
    buf_printf(to, "%s\n%s\n", view->name, view->help);
    for (unsigned i = 0; i < view->column_count; i++)
        buf_printf(to, "  %-10s %s\n", view->columns[i].title, view->columns[i].help);
    buf_puts(to, "\nKeys\n");
    keymap_help(to);
}

static void draw_page(const struct ui *ui, struct canvas *c, const char *title, const char *text)
{
    int rows = c->rows - UI_HEADER - 3, cols = c->cols - 4;
    int lines = box_lines(text, cols);
    int from = ui->scroll > lines - rows ? lines - rows : ui->scroll;
    struct area in = box_draw(c, title, rows, cols, 0);
    box_text(c, in, 0, text, from < 0 ? 0 : from);
    canvas_printf(c, c->rows - 1, 0, c->cols, ATTR_DIM, "%-*s", c->cols,
                  lines > rows ? " Esc back   j k PgUp PgDn scroll" : " Esc back");
}

static void draw_help(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    struct buf text = {0};
    (void)s;
    help_text(ui, &text);
    draw_page(ui, c, "help", text.data ? text.data : "");
    buf_fini(&text);
}

static void draw_detail(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    struct buf text = {0};
    views[ui->view]->detail(s, ui->detail, &text);
    draw_page(ui, c, views[ui->view]->name, text.data ? text.data : "");
    buf_fini(&text);
}

static void draw_filter(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    int row = c->rows - 1;
    (void)s;
    canvas_fill(c, row, 0, c->cols, 0, ' ');
    c->cursor_col = canvas_printf(c, row, 0, c->cols, ATTR_BOLD, "filter: %s",
                                  ui->places[ui->view].filter.text);
    c->cursor_row = row;
}

static void draw_choice(struct canvas *c, struct area in, int row, bool chosen, uint32_t attr,
                        const char *text)
{
    if (row < 0 || row >= in.rows)
        return;
    uint32_t a = chosen ? ATTR_REVERSE : attr;
    canvas_fill(c, in.row + row, in.col, in.col + in.cols, a, ' ');
    canvas_put(c, in.row + row, in.col, in.col + in.cols, a, text);
    if (chosen) {
        c->cursor_row = in.row + row;
        c->cursor_col = in.col;
    }
}

static void draw_sort(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    const struct view_ops *view = views[ui->view];
    struct area in = box_draw(c, "sort by", (int)view->column_count + 1, 24, 0);
    int top = ui->choice >= in.rows ? ui->choice - in.rows + 1 : 0;
    (void)s;
    draw_choice(c, in, -top, ui->choice == 0, 0, view->order);
    for (unsigned i = 0; i < view->column_count; i++)
        draw_choice(c, in, (int)i + 1 - top, ui->choice == (int)i + 1, 0, view->columns[i].title);
}

static void draw_menu(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    struct area in = box_draw(c, "action", ACTION_COUNT + 2, 70, 0);
    char text[600], why[200];
    int top = ui->choice + 1 >= in.rows ? ui->choice + 2 - in.rows : 0;
    (void)s;
    snprintf(text, sizeof(text), "%s%s%.200s", ui->target.host, ui->target.zone[0] ? "  zone " : "",
             ui->target.zone);
    draw_choice(c, in, -top, false, ATTR_BOLD, text);
    for (int i = 0; i < ACTION_COUNT; i++) {
        enum action action = actions[i].action;
        const struct action_info *info = &action_info[action];
        bool allowed = act_allowed(&ui->target, action, why, sizeof(why));
        snprintf(text, sizeof(text), "%c  %-10s %-7s %s%s", actions[i].letter, info->verb,
                 info->zone ? "zone" : "service", allowed ? info->help : "blocked: ", why);
        draw_choice(c, in, i + 1 - top, ui->choice == i, allowed ? 0 : ATTR_DIM, text);
    }
}

static void draw_confirm(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    struct buf text = {0};
    char host[256];
    (void)s;
    act_short_host(&ui->target, host, sizeof(host));
    act_confirm_text(&ui->target, ui->action, &text);
    if (ui->overlay == OVERLAY_CONFIRM)
        buf_printf(&text, "\n%s now?  y = yes, any other key = no\n", action_info[ui->action].verb);
    else
        buf_printf(&text, "\ntype %s and Enter to %s, Esc = no: %s\n", host,
                   action_info[ui->action].verb, ui->typed.text);
    int cols = c->cols - 4 < 70 ? c->cols - 4 : 70;
    struct area in = box_draw(c, action_info[ui->action].verb,
                              box_lines(text.data ? text.data : "", cols), cols, ATTR_WARN);
    box_text(c, in, 0, text.data ? text.data : "", 0);
    c->cursor_row = in.row + in.rows - 1;
    c->cursor_col = in.col;
    buf_fini(&text);
}

void overlay_draw(const struct ui *ui, const struct shown *s, struct canvas *c)
{
    static void (*const drawers[])(const struct ui *, const struct shown *, struct canvas *) = {
        [OVERLAY_HELP] = draw_help,     [OVERLAY_DETAIL] = draw_detail,
        [OVERLAY_FILTER] = draw_filter, [OVERLAY_SORT] = draw_sort,
        [OVERLAY_MENU] = draw_menu,     [OVERLAY_CONFIRM] = draw_confirm,
        [OVERLAY_TYPED] = draw_confirm,
    };
    drawers[ui->overlay](ui, s, c);
}

#include "tui/view/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tui/input/keymap.h"
#include "tui/widget/box.h"

struct sort_key {
    unsigned row;
    bool numeric, inverted;
    int64_t number;
    char text[48];
};

static const struct place *place_of(const struct ui *ui)
{
    return &ui->places[ui->view];
}

static bool row_has(const struct view_ops *view, const struct shown *s, unsigned row,
                    const char *text)
{
    for (unsigned i = 0; i < view->column_count; i++) {
        struct table_cell cell = {.text = ""};
        view->cell(s, row, i, &cell);
        if (strcasestr(cell.text, text))
            return true;
    }
    return false;
}

static bool passes(const struct view_ops *view, const struct shown *s, unsigned row,
                   const char *filter)
{
    bool inverse = filter[0] == '!';
    const char *text = filter + inverse;
    return !text[0] || row_has(view, s, row, text) != inverse;
}

static int compare_keys(const void *a, const void *b)
{
    const struct sort_key *x = a, *y = b;
    int sign = x->inverted ? -1 : 1;
    if (x->numeric != y->numeric)
        return x->numeric ? -1 : 1;
    if (x->numeric && x->number != y->number)
        return x->number < y->number ? -sign : sign;
    int order = x->numeric ? 0 : strcasecmp(x->text, y->text) * sign;
    return order ? order : x->row < y->row ? -1 : 1;
}

static void sort_rows(struct ui *ui, const struct view_ops *view, const struct shown *s)
{
    const struct place *p = place_of(ui);
    struct sort_key *keys = text_calloc(ui->order_count, sizeof(*keys));
    for (unsigned i = 0; i < ui->order_count; i++) {
        struct table_cell cell = {.text = ""};
        view->cell(s, ui->order[i], (unsigned)p->sort, &cell);
        keys[i].row = ui->order[i];
        keys[i].inverted = p->invert;
        keys[i].numeric = value_known(cell.sort);
        keys[i].number = cell.sort.n;
        snprintf(keys[i].text, sizeof(keys[i].text), "%.47s", cell.text);
    }
    qsort(keys, ui->order_count, sizeof(*keys), compare_keys);
    for (unsigned i = 0; i < ui->order_count; i++)
        ui->order[i] = keys[i].row;
    free(keys);
}

static void reverse_rows(struct ui *ui)
{
    for (unsigned i = 0; i < ui->order_count / 2; i++) {
        unsigned other = ui->order_count - 1 - i, row = ui->order[i];
        ui->order[i] = ui->order[other];
        ui->order[other] = row;
    }
}

int list_find(const struct view_ops *view, const struct shown *s, const char *identity)
{
    char id[UI_IDENTITY];
    for (unsigned i = 0; i < view->count(s); i++) {
        view->identity(s, i, id, sizeof(id));
        if (!strcmp(id, identity))
            return (int)i;
    }
    return -1;
}

void cell_text(struct table_cell *out, const char *text)
{
    snprintf(out->text, sizeof(out->text), "%.*s", TABLE_TEXT - 1, text);
}

void cell_number(struct table_cell *out, struct value v, struct short_text text)
{
    out->sort = v;
    out->attr = value_attr(v);
    cell_text(out, text.text);
}

static void find_selected(struct ui *ui, const struct view_ops *view, const struct shown *s)
{
    struct place *p = &ui->places[ui->view];
    char identity[UI_IDENTITY];
    for (unsigned i = 0; p->selected[0] && i < ui->order_count; i++) {
        view->identity(s, ui->order[i], identity, sizeof(identity));
        if (!strcmp(identity, p->selected)) {
            p->index = (int)i;
            return;
        }
    }
    if (p->index >= (int)ui->order_count)
        p->index = (int)ui->order_count - 1;
    if (p->index < 0)
        p->index = 0;
}

void ui_arrange(struct ui *ui, const struct shown *s)
{
    const struct view_ops *view = views[ui->view];
    ui->order_count = 0;
    if (!view->columns)
        return;
    unsigned count = view->count(s);
    if (count > ui->order_size) {
        free(ui->order);
        ui->order = text_calloc(count, sizeof(*ui->order));
        ui->order_size = count;
    }
    for (unsigned row = 0; row < count; row++) {
        if (passes(view, s, row, place_of(ui)->filter.text))
            ui->order[ui->order_count++] = row;
    }
    if (place_of(ui)->sort >= 0)
        sort_rows(ui, view, s);
    else if (place_of(ui)->invert)
        reverse_rows(ui);
    find_selected(ui, view, s);
}

const char *ui_selected_zone(const struct ui *ui, const struct shown *s)
{
    const struct view_ops *view = views[ui->view];
    int index = place_of(ui)->index;
    if (!view->zone || index >= (int)ui->order_count)
        return "";
    return view->zone(s, ui->order[index]);
}

static void remember(struct ui *ui, const struct shown *s)
{
    struct place *p = &ui->places[ui->view];
    p->selected[0] = '\0';
    if (p->index < (int)ui->order_count)
        views[ui->view]->identity(s, ui->order[p->index], p->selected, sizeof(p->selected));
}

/* The server's list may be longer than the window we have: move the window when the selection
 * reaches its end. */
static void move_window(struct ui *ui, const struct shown *s, int request)
{
    struct place *p = &ui->places[ui->view];
    const struct model_zones *z = &s->model->zones;
    unsigned matched = (unsigned)value_or(z->matched, 0), half = SOURCE_WINDOW / 2;
    if (views[ui->view] != &view_zones || matched <= SOURCE_WINDOW)
        return;
    unsigned last = matched - SOURCE_WINDOW;
    bool at_end = p->index == (int)ui->order_count - 1, at_start = p->index == 0;
    if (request == REQUEST_FIRST)
        p->offset = 0;
    else if (request == REQUEST_LAST)
        p->offset = last;
    else if (at_end && (request == REQUEST_DOWN || request == REQUEST_PAGE_DOWN))
        p->offset = p->offset + half < last ? p->offset + half : last;
    else if (at_start && (request == REQUEST_UP || request == REQUEST_PAGE_UP))
        p->offset = p->offset > half ? p->offset - half : 0;
}

bool list_move(struct ui *ui, const struct shown *s, int request)
{
    enum { PAGE = 15 };
    static const struct {
        int request, by;
    } moves[] = {{REQUEST_UP, -1},
                 {REQUEST_DOWN, 1},
                 {REQUEST_PAGE_UP, -PAGE},
                 {REQUEST_PAGE_DOWN, PAGE},
                 {REQUEST_FIRST, -MODEL_ROWS},
                 {REQUEST_LAST, MODEL_ROWS}};
    struct place *p = &ui->places[ui->view];
    for (unsigned i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (moves[i].request != request)
            continue;
        ui_arrange(ui, s);
        int last = (int)ui->order_count - 1;
        p->index += moves[i].by;
        p->index = p->index > last ? last : p->index;
        p->index = p->index < 0 ? 0 : p->index;
        remember(ui, s);
        move_window(ui, s, request);
        return true;
    }
    return false;
}

static void draw_foot(const struct ui *ui, const struct shown *s, struct canvas *c, int row)
{
    const struct place *p = place_of(ui);
    const struct view_ops *view = views[ui->view];
    struct line l = line_begin(c, row, 0, c->cols);
    unsigned first = p->offset + (unsigned)p->index + 1;
    char text[64];
    snprintf(text, sizeof(text), "%u of %u", ui->order_count ? first : 0,
             p->offset + ui->order_count);
    line_right(&l, ATTR_DIM, text);
    if (p->filter.text[0])
        line_add(&l, ATTR_WARN | ATTR_BOLD, " filter %s ", p->filter.text);
    line_add(&l, ATTR_DIM, " %s%s ", p->sort >= 0 ? view->columns[p->sort].title : view->order,
             p->invert ? " inverted" : "");
    view->summary(s, &l);
}

static void draw_explained(const struct ui *ui, const struct shown *s, struct canvas *c,
                           struct area a)
{
    const struct view_ops *view = views[ui->view];
    struct buf text = {0};
    char identity[UI_IDENTITY];
    int index = place_of(ui)->index;
    if (a.rows < 1 || index >= (int)ui->order_count)
        return;
    view->identity(s, ui->order[index], identity, sizeof(identity));
    if (a.rows > 1)
        line_title(c, a.row, "selected");
    view->detail(s, identity, &text);
    if (text.data && a.rows > 1)
        box_text(c, (struct area){a.row + 1, a.col, a.rows - 1, a.cols}, 0, text.data, 0);
    buf_fini(&text);
}

/* The lines that say of the selected row what does not fit into it. One is always kept free, so
 * that the rows above stay where they are. */
static int draw_said(const struct ui *ui, const struct shown *s, struct canvas *c, struct area a)
{
    enum { MOST = 2 };
    struct buf text = {0};
    int index = place_of(ui)->index;
    if (index < (int)ui->order_count)
        views[ui->view]->say(s, ui->order[index], &text);
    const char *said = text.data ? text.data : "";
    int lines = box_lines(said, a.cols - 1);
    lines = lines < 1 ? 1 : lines > MOST ? MOST : lines;
    box_text(c, (struct area){a.row + a.rows - lines, a.col + 1, lines, a.cols - 1}, 0, said, 0);
    buf_fini(&text);
    return lines;
}

/* Moves the part of the list that is shown to where the selected row is. */
static void scroll_to(struct place *p, int count, int visible)
{
    if (p->index < p->top)
        p->top = p->index;
    if (visible > 0 && p->index >= p->top + visible)
        p->top = p->index - visible + 1;
    if (p->top + visible > count)
        p->top = count > visible ? count - visible : 0;
}

void list_draw(struct ui *ui, const struct shown *s, struct canvas *c, struct area area)
{
    enum { DETAILS_FROM = 30, DETAILS = 12, SAYS_FROM = 10, FOOT_FROM = 4 };
    struct place *p = &ui->places[ui->view];
    const struct view_ops *view = views[ui->view];
    int explained = area.rows >= DETAILS_FROM ? DETAILS : 0;
    int foot = area.rows >= FOOT_FROM ? 1 : 0;
    struct area rows = {area.row, 0, area.rows - explained - foot, area.cols};
    /* From now on the operator sees that row as the selected one: it stays so when rows move. */
    remember(ui, s);
    if (!explained && area.rows >= SAYS_FROM)
        rows.rows -= draw_said(ui, s, c, rows);
    scroll_to(p, (int)ui->order_count, rows.rows - 1);
    struct table t = {.columns = view->columns,
                      .column_count = view->column_count,
                      .rows = ui->order_count,
                      .top = p->top,
                      .selected = ui->order_count ? p->index : -1,
                      .sorted = p->sort,
                      .inverted = p->invert,
                      .ctx = s,
                      .order = ui->order,
                      .cell = view->cell};
    table_draw(c, rows, &t);
    draw_explained(ui, s, c, (struct area){rows.row + rows.rows, 0, explained, area.cols});
    if (foot)
        draw_foot(ui, s, c, area.row + area.rows - 1);
}

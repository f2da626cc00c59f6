#include "tui/widget/table.h"

#include <stdio.h>
#include <string.h>

enum { MARK = 1 };

/* How wide the cells of a column are. Of a long table only the first rows are looked at, so that it
 * costs little and scrolling does not move the columns. */
static int needed(const struct table *t, unsigned column)
{
    enum { LOOKED_AT = 1000 };
    int most = 0;
    for (unsigned i = 0; i < t->rows && i < LOOKED_AT; i++) {
        struct table_cell cell = {.text = ""};
        t->cell(t->ctx, t->order[i], column, &cell);
        int width = canvas_width(cell.text);
        most = width > most ? width : most;
    }
    return most;
}

/* What a column that grows can use beyond its width, of what is left. */
static int growth(const struct table *t, unsigned column, int cols, int left)
{
    const struct column *c = &t->columns[column];
    int most = cols * c->grow / 100 - c->width;
    if (most <= 0 || left <= 0)
        return 0;
    int more = needed(t, column) - c->width;
    more = more > most ? most : more;
    return more < 0 ? 0 : more > left ? left : more;
}

/* Widths of the columns, 0 for one that is not shown. */
static void lay_out(const struct table *t, int cols, int widths[TABLE_COLUMNS])
{
    int used = MARK, first = -1, rest = -1;
    for (unsigned i = 0; i < t->column_count; i++) {
        const struct column *column = &t->columns[i];
        bool fits = cols >= column->from && (i == 0 || used + column->width <= cols);
        widths[i] = fits ? column->width : 0;
        used += fits ? column->width + 1 : 0;
        if (fits && column->grow == TABLE_REST)
            rest = (int)i;
        else if (fits && column->grow && first < 0)
            first = (int)i;
    }
    int left = cols - (used - 1);
    for (unsigned i = 0; i < t->column_count; i++) {
        if (!widths[i] || !t->columns[i].grow || (int)i == rest)
            continue;
        int more = growth(t, i, cols, left);
        widths[i] += more;
        left -= more;
    }
    if (left > 0 && (rest >= 0 || first >= 0))
        widths[rest >= 0 ? rest : first] += left;
}

static void put_cell(struct canvas *c, int row, int col, int width, bool right, uint32_t attr,
                     const char *text)
{
    int need = canvas_width(text);
    if (need > width) {
        canvas_put(c, row, col, col + width, attr, text);
        canvas_put(c, row, col + width - 1, col + width, attr, ">");
        return;
    }
    canvas_put(c, row, right ? col + width - need : col, col + width, attr, text);
}

static void draw_titles(struct canvas *c, struct area a, const struct table *t, const int *widths)
{
    int col = a.col + MARK;
    canvas_fill(c, a.row, a.col, a.col + a.cols, ATTR_BOLD, ' ');
    for (unsigned i = 0; i < t->column_count; i++) {
        char title[32];
        if (!widths[i])
            continue;
        snprintf(title, sizeof(title), "%s%s", t->columns[i].title,
                 t->sorted != (int)i ? ""
                 : t->inverted       ? "v"
                                     : "^");
        put_cell(c, a.row, col, widths[i], t->columns[i].right, ATTR_BOLD, title);
        col += widths[i] + 1;
    }
}

static void draw_row(struct canvas *c, struct area a, int row, const struct table *t,
                     const int *widths, unsigned index)
{
    bool selected = (int)index == t->selected;
    uint32_t mark = selected ? ATTR_REVERSE : 0;
    int col = a.col + MARK;
    canvas_fill(c, row, a.col, a.col + a.cols, mark, ' ');
    if (selected) {
        canvas_put(c, row, a.col, a.col + 1, mark, ">");
        c->cursor_row = row;
        c->cursor_col = a.col;
    }
    for (unsigned i = 0; i < t->column_count; i++) {
        struct table_cell cell = {.text = ""};
        if (!widths[i])
            continue;
        t->cell(t->ctx, t->order[index], i, &cell);
        put_cell(c, row, col, widths[i], t->columns[i].right, selected ? mark : cell.attr,
                 cell.text);
        col += widths[i] + 1;
    }
}

void table_draw(struct canvas *c, struct area area, const struct table *t)
{
    int widths[TABLE_COLUMNS];
    if (area.rows < 1 || area.cols < 1)
        return;
    lay_out(t, area.cols, widths);
    draw_titles(c, area, t, widths);
    for (int i = 0; i + 1 < area.rows; i++) {
        if (t->top + i >= 0 && (unsigned)(t->top + i) < t->rows)
            draw_row(c, area, area.row + 1 + i, t, widths, (unsigned)(t->top + i));
    }
}

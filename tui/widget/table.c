#include "tui/widget/table.h"

#include <stdio.h>
#include <string.h>

enum { MARK = 1 };

/* Widths of the columns, 0 for one that is not shown. */
static void lay_out(const struct table *t, int cols, int widths[TABLE_COLUMNS])
{
    int used = MARK, flex = -1;
    for (unsigned i = 0; i < t->column_count; i++) {
        const struct column *column = &t->columns[i];
        bool fits = cols >= column->from && (i == 0 || used + column->width <= cols);
        widths[i] = fits ? column->width : 0;
        used += fits ? column->width + 1 : 0;
        if (fits && column->flex && flex < 0)
            flex = (int)i;
    }
    if (flex >= 0 && used - 1 < cols)
        widths[flex] += cols - (used - 1);
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

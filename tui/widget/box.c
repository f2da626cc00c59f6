#include "tui/widget/box.h"

#include <stdio.h>
#include <string.h>

/* Length of the next line of at most `cols` columns; *next is where the one after it begins. */
static size_t next_line(const char *text, int cols, const char **next)
{
    size_t line = strcspn(text, "\n");
    if (line <= (size_t)cols) {
        *next = text + line + (text[line] == '\n');
        return line;
    }
    size_t cut = (size_t)cols;
    while (cut > 0 && text[cut] != ' ')
        cut--;
    if (cut == 0) {
        *next = text + cols;
        return (size_t)cols;
    }
    *next = text + cut + 1;
    return cut;
}

int box_lines(const char *text, int cols)
{
    int n = 0;
    for (const char *next; cols > 0 && *text; text = next) {
        next_line(text, cols, &next);
        n++;
    }
    return n;
}

int box_text(struct canvas *c, struct area a, uint32_t attr, const char *text, int from)
{
    int n = 0;
    for (const char *next; a.cols > 0 && *text; text = next, n++) {
        size_t len = next_line(text, a.cols, &next);
        if (n < from || n - from >= a.rows)
            continue;
        canvas_printf(c, a.row + n - from, a.col, a.col + a.cols, attr, "%.*s", (int)len, text);
    }
    return n;
}

static void side(struct canvas *c, int row, struct area a, uint32_t attr)
{
    canvas_put(c, row, a.col, a.col + 1, attr, "+");
    canvas_fill(c, row, a.col + 1, a.col + a.cols - 1, attr, '-');
    canvas_put(c, row, a.col + a.cols - 1, a.col + a.cols, attr, "+");
}

struct area box_draw(struct canvas *c, const char *title, int rows, int cols, uint32_t attr)
{
    struct area a = {0, 0, rows + 2, cols + 4};
    if (a.rows > c->rows)
        a.rows = c->rows;
    if (a.cols > c->cols)
        a.cols = c->cols;
    a.row = (c->rows - a.rows) / 2;
    a.col = (c->cols - a.cols) / 2;
    for (int row = a.row; row < a.row + a.rows; row++) {
        canvas_fill(c, row, a.col, a.col + a.cols, 0, ' ');
        canvas_put(c, row, a.col, a.col + 1, attr, "|");
        canvas_put(c, row, a.col + a.cols - 1, a.col + a.cols, attr, "|");
    }
    side(c, a.row, a, attr);
    side(c, a.row + a.rows - 1, a, attr);
    canvas_printf(c, a.row, a.col + 2, a.col + a.cols - 2, attr | ATTR_BOLD, " %s ", title);
    return (struct area){a.row + 1, a.col + 2, a.rows - 2, a.cols - 4};
}

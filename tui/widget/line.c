#include "tui/widget/line.h"

#include <stdio.h>
#include <string.h>

struct line line_begin(struct canvas *c, int row, int col, int end)
{
    return (struct line){c, row, col, end < c->cols ? end : c->cols, false};
}

void line_add(struct line *l, uint32_t attr, const char *format, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    int width = canvas_width(text);
    /* Blanks that lead to the next segment may be cut off. */
    size_t len = strlen(text);
    while (len && text[len - 1] == ' ') {
        len--;
        width--;
    }
    if (l->full || l->col + width > l->end) {
        l->full = true;
        return;
    }
    l->col = canvas_put(l->canvas, l->row, l->col, l->end, attr, text);
}

void line_rest(struct line *l, uint32_t attr, const char *text)
{
    if (!l->full)
        l->col = canvas_put(l->canvas, l->row, l->col, l->end, attr, text);
    l->full = true;
}

void line_right(struct line *l, uint32_t attr, const char *text)
{
    int width = canvas_width(text);
    if (l->end - width <= l->col)
        return;
    canvas_put(l->canvas, l->row, l->end - width, l->end, attr, text);
    l->end -= width + 1;
}

void line_title(struct canvas *c, int row, const char *title)
{
    int col = canvas_printf(c, row, 0, c->cols, ATTR_DIM, "-- ");
    col = canvas_put(c, row, col, c->cols, ATTR_BOLD, title);
    col = canvas_put(c, row, col, c->cols, ATTR_DIM, " ");
    canvas_fill(c, row, col, c->cols, ATTR_DIM, '-');
}

#include "tui/term/canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int limit(int n, int most)
{
    return n < 1 ? 1 : n > most ? most : n;
}

void canvas_resize(struct canvas *c, int rows, int cols)
{
    rows = limit(rows, CANVAS_MAX_ROWS);
    cols = limit(cols, CANVAS_MAX_COLS);
    if (!c->cells || rows != c->rows || cols != c->cols) {
        free(c->cells);
        c->cells = malloc((size_t)rows * (size_t)cols * sizeof(*c->cells));
        if (!c->cells)
            abort();
    }
    c->rows = rows;
    c->cols = cols;
    canvas_clear(c);
}

void canvas_fini(struct canvas *c)
{
    free(c->cells);
    *c = (struct canvas){0};
}

void canvas_clear(struct canvas *c)
{
    for (size_t i = 0; i < (size_t)c->rows * (size_t)c->cols; i++)
        c->cells[i] = (struct cell){' ', 0};
    c->cursor_row = c->cursor_col = 0;
}

static void set(struct canvas *c, int row, int col, uint32_t attr, uint32_t ch)
{
    if (row < 0 || row >= c->rows || col < 0 || col >= c->cols)
        return;
    c->cells[(size_t)row * (size_t)c->cols + (size_t)col] = (struct cell){ch, attr};
}

static const char *escape(unsigned char byte, char out[8])
{
    if (byte >= 0x20 && byte < 0x7f)
        snprintf(out, 8, "%c", byte);
    else
        snprintf(out, 8, "\\x%02x", byte);
    return out;
}

int canvas_width(const char *text)
{
    int width = 0;
    char out[8];
    for (const char *p = text; *p; p++)
        width += (int)strlen(escape((unsigned char)*p, out));
    return width;
}

int canvas_put(struct canvas *c, int row, int col, int end, uint32_t attr, const char *text)
{
    char out[8];
    if (end > c->cols)
        end = c->cols;
    for (const char *p = text; *p && col < end; p++) {
        for (const char *q = escape((unsigned char)*p, out); *q && col < end; q++)
            set(c, row, col++, attr, (unsigned char)*q);
    }
    return col;
}

int canvas_printf(struct canvas *c, int row, int col, int end, uint32_t attr, const char *format,
                  ...)
{
    char text[CANVAS_MAX_COLS + 1];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    return canvas_put(c, row, col, end, attr, text);
}

void canvas_fill(struct canvas *c, int row, int col, int end, uint32_t attr, char ch)
{
    for (; col < end && col < c->cols; col++)
        set(c, row, col, attr, (unsigned char)ch);
}

void canvas_bar(struct canvas *c, int row, int col, uint32_t attr, int level)
{
    static const char ascii[SPARK_LEVELS + 1] = {' ', '_', '.', ':', '-', '=', '+', '*', '#'};
    int n = level < 0 ? 0 : level > SPARK_LEVELS ? SPARK_LEVELS : level;
    bool block = c->utf8 && n > 0;
    set(c, row, col, attr, block ? 0x2580U + (uint32_t)n : (unsigned char)ascii[n]);
}

void canvas_mark(struct canvas *c, struct area area, uint32_t attr)
{
    for (int row = area.row; row < area.row + area.rows; row++) {
        for (int col = area.col; col < area.col + area.cols; col++) {
            if (row >= 0 && row < c->rows && col >= 0 && col < c->cols)
                c->cells[(size_t)row * (size_t)c->cols + (size_t)col].attr |= attr;
        }
    }
}

static void dump_char(struct buf *to, uint32_t ch)
{
    char utf8[4] = {(char)(0xe0 | ch >> 12), (char)(0x80 | (ch >> 6 & 0x3f)),
                    (char)(0x80 | (ch & 0x3f)), 0};
    if (ch < 0x80)
        buf_printf(to, "%c", (int)ch);
    else
        buf_puts(to, utf8);
}

static char attr_letter(uint32_t attr)
{
    static const struct {
        uint32_t attr;
        char letter;
    } letters[] = {{ATTR_REVERSE, 'R'}, {ATTR_BAD, 'b'},  {ATTR_WARN, 'w'}, {ATTR_GOOD, 'g'},
                   {ATTR_INFO, 'i'},    {ATTR_BOLD, 'B'}, {ATTR_DIM, 'd'}};
    for (unsigned i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        if (attr & letters[i].attr)
            return letters[i].letter;
    }
    return ' ';
}

static void trim(struct buf *to, size_t from)
{
    while (to->len > from && to->data[to->len - 1] == ' ')
        to->data[--to->len] = '\0';
}

void canvas_dump(const struct canvas *c, bool attrs, struct buf *to)
{
    for (int row = 0; row < c->rows; row++) {
        const struct cell *cells = &c->cells[(size_t)row * (size_t)c->cols];
        size_t from = to->len;
        for (int col = 0; col < c->cols; col++)
            dump_char(to, cells[col].ch);
        trim(to, from);
        buf_puts(to, "\n");
        if (!attrs)
            continue;
        buf_puts(to, "@");
        from = to->len;
        for (int col = 0; col < c->cols; col++)
            buf_printf(to, "%c", attr_letter(cells[col].attr));
        trim(to, from);
        buf_puts(to, "\n");
    }
}

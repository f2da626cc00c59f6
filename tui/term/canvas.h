/* A grid of cells that views and widgets draw into; it knows no terminal.
 *
 * Everything put into it is clipped to it, so drawing needs no size checks to be safe. Text is
 * taken as bytes from outside: what is not printable ASCII appears as \xNN, so nothing that a
 * server says can move the cursor or lie about its width. Graph glyphs alone are beyond ASCII, and
 * only when `utf8` is set. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buf.h"

/* Bits of an attribute; at most one colour. */
enum {
    ATTR_BOLD = 1,
    ATTR_DIM = 2,
    ATTR_REVERSE = 4,
    ATTR_GOOD = 8,
    ATTR_WARN = 16,
    ATTR_BAD = 32,
    ATTR_INFO = 64
};

enum { CANVAS_MAX_ROWS = 500, CANVAS_MAX_COLS = 1000, SPARK_LEVELS = 8 };

struct cell {
    uint32_t ch;
    uint32_t attr;
};

struct canvas {
    int rows, cols;
    bool utf8;
    int cursor_row, cursor_col; /* where the terminal's cursor is parked */
    struct cell *cells;
};

/* A rectangle of a canvas. */
struct area {
    int row, col, rows, cols;
};

/* An empty canvas is {0}. Gives it a size, at most the limits above, and blanks it; aborts the
 * program when memory runs out. */
void canvas_resize(struct canvas *c, int rows, int cols);
void canvas_fini(struct canvas *c);
void canvas_clear(struct canvas *c);
/* Puts text from `col` on, up to but not beyond column `end`; returns the column behind it. */
int canvas_put(struct canvas *c, int row, int col, int end, uint32_t attr, const char *text);
int canvas_printf(struct canvas *c, int row, int col, int end, uint32_t attr, const char *format,
                  ...) __attribute__((format(printf, 6, 7)));
/* Fills a row from `col` up to `end` with one character. */
void canvas_fill(struct canvas *c, int row, int col, int end, uint32_t attr, char ch);
/* A bar of level 0 (nothing) to SPARK_LEVELS. */
void canvas_bar(struct canvas *c, int row, int col, uint32_t attr, int level);
/* Adds an attribute to cells that are there. */
void canvas_mark(struct canvas *c, struct area area, uint32_t attr);
/* How many columns canvas_put would use without an end. */
int canvas_width(const char *text);
/* The grid as lines of text without trailing blanks; with `attrs` each line is followed by one of
 * letters for the attributes when it has any. For tests. */
void canvas_dump(const struct canvas *c, bool attrs, struct buf *to);

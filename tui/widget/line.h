/* A row that is filled from left to right with segments, each shown whole or not at all: what
 * matters most comes first, and a narrow screen loses the end, not the middle of a number. */
#pragma once

#include "tui/term/canvas.h"

struct line {
    struct canvas *canvas;
    int row, col, end;
    bool full; /* a segment did not fit; those after it are left out as well */
};

struct line line_begin(struct canvas *c, int row, int col, int end);
/* Adds a segment if it fits. */
void line_add(struct line *l, uint32_t attr, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds what fits of the last segment. */
void line_rest(struct line *l, uint32_t attr, const char *text);
/* Puts a segment at the end of the row if there is room; the line ends before it then. Call first.
 */
void line_right(struct line *l, uint32_t attr, const char *text);
/* A rule with a title. */
void line_title(struct canvas *c, int row, const char *title);

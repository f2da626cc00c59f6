/* Rows and columns. Columns appear as the screen gets wider and never change their order. One that
 * grows gets as wide as its cells need, up to a share of the screen; what is left then goes to the
 * one that takes the rest or, when that is not shown, to the first that grows. */
#pragma once

#include "backend/model/value.h"
#include "tui/term/canvas.h"

enum { TABLE_TEXT = 256, TABLE_COLUMNS = 20, TABLE_REST = 100 };

struct column {
    const char *title;
    int width;
    bool right; /* numbers */
    int grow;   /* up to so many hundredths of the screen, at least `width`; TABLE_REST */
    int from;   /* shown from this screen width on; 0 always */
    const char *help;
};

struct table_cell {
    char text[TABLE_TEXT];
    uint32_t attr;
    struct value sort; /* numbers are ordered by this, the rest by text */
};

struct table {
    const struct column *columns;
    unsigned column_count;
    unsigned rows;
    const unsigned *order; /* which row of the ctx stands where */
    int top, selected;     /* first row shown; -1 for no selection */
    int sorted;            /* column that orders the rows, -1 none */
    bool inverted;
    const void *ctx;
    void (*cell)(const void *ctx, unsigned row, unsigned column, struct table_cell *out);
};

/* Draws the titles and as many rows as the area has below them. The cursor is parked on the
 * selected row. */
void table_draw(struct canvas *c, struct area area, const struct table *t);

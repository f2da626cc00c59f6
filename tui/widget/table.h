/* Rows and columns. Columns appear as the screen gets wider and never change their order; the first
 * flexible one takes what is left. */
#pragma once

#include "backend/model/value.h"
#include "tui/term/canvas.h"

enum { TABLE_TEXT = 256, TABLE_COLUMNS = 20 };

struct column {
    const char *title;
    int width;
    bool right; /* numbers */
    bool flex;  /* takes the rest, at least `width` */
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

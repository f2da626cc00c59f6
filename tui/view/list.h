/* Views that are lists: order, filter, selection, window, drawing, and what their cells share.
 *
 * A list is a view_ops with columns; it says how many rows there are, what a cell holds, what
 * identifies a row and what is to be said of it. All the rest is here, once. */
#pragma once

#include "tui/view/ui.h"

/* Filters and sorts the rows of the current view, and finds the selected one again. */
void ui_arrange(struct ui *ui, const struct shown *s);
/* The zone of the selected row, "" for none. */
const char *ui_selected_zone(const struct ui *ui, const struct shown *s);
void list_draw(struct ui *ui, const struct shown *s, struct canvas *c, struct area area);
/* Moves the selection; false when the request is not about moving. */
bool list_move(struct ui *ui, const struct shown *s, int request);
/* The row of that identity; -1 when the list does not have it (any more). */
int list_find(const struct view_ops *view, const struct shown *s, const char *identity);

/* A cell of text, and one of a number that is sorted by its value and dim when it is not fresh. */
void cell_text(struct table_cell *out, const char *text);
void cell_number(struct table_cell *out, struct value v, struct short_text text);

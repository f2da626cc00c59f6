/* A frame with lines of text over whatever is below it: dialogs, menus and pages. */
#pragma once

#include "tui/term/canvas.h"

/* How many rows `text` takes when broken at `cols`. */
int box_lines(const char *text, int cols);
/* Puts lines of text, broken at blanks, from line `from` on; returns how many lines there are. */
int box_text(struct canvas *c, struct area area, uint32_t attr, const char *text, int from);
/* Draws an empty frame of that inner size in the middle, as far as the screen allows; returns what
 * is inside. */
struct area box_draw(struct canvas *c, const char *title, int rows, int cols, uint32_t attr);

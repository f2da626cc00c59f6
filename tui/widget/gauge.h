/* A bar of how full something is, and a line of little bars of how it went. */
#pragma once

#include "backend/model/rate.h"
#include "tui/term/canvas.h"

/* "[#####...]" over `width` columns; nothing when the value is none. From 800/1000 on it warns,
 * from 950 on it is bad. */
void gauge_draw(struct canvas *c, int row, int col, int width, struct value permille);
/* The last `width` steps of a series, the newest right, scaled from 0 to the highest shown, which
 * is returned (none when there is nothing). */
struct value spark_draw(struct canvas *c, int row, int col, int width, const struct series *s);

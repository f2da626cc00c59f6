/* Which key asks for what. One table; help is printed from it.
 *
 * No key here changes a server: the action menu is the only door to that, and it is opened by a
 * request like any other. */
#pragma once

#include <stddef.h>

#include "backend/base/buf.h"

enum request {
    REQUEST_NONE,
    REQUEST_QUIT,
    REQUEST_INTERRUPT,
    REQUEST_HELP,
    REQUEST_VIEW, /* the key is the view's digit */
    REQUEST_NEXT_VIEW,
    REQUEST_PREVIOUS_VIEW,
    REQUEST_UP,
    REQUEST_DOWN,
    REQUEST_PAGE_UP,
    REQUEST_PAGE_DOWN,
    REQUEST_FIRST,
    REQUEST_LAST,
    REQUEST_OPEN,
    REQUEST_BACK,
    REQUEST_FILTER,
    REQUEST_SORT,
    REQUEST_INVERT,
    REQUEST_ACTIONS,
    REQUEST_PAUSE,
    REQUEST_SLOWER,
    REQUEST_FASTER,
    REQUEST_SAMPLE,
    REQUEST_NEXT_SERVER,
    REQUEST_REPAINT
};

struct binding {
    int key;
    const char *label; /* the key as help shows it */
    enum request request;
    const char *help; /* NULL for another key of the row above */
};

/* Ends with a key of 0. */
extern const struct binding keymap[];

enum request keymap_find(int key);
/* Lines "  KEYS   what they do" of the whole table. */
void keymap_help(struct buf *to);

/* One line of typed text: a filter, or a name that confirms. */
#pragma once

#include <stdbool.h>

enum { LINEEDIT_MAX = 255 };

struct lineedit {
    char text[LINEEDIT_MAX + 1];
};

void lineedit_set(struct lineedit *e, const char *text);
/* Takes a key in; true when it changed the text. Backspace deletes the last character, Ctrl-U all.
 */
bool lineedit_key(struct lineedit *e, int key);

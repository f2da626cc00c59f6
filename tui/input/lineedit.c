#include "tui/input/lineedit.h"

#include <string.h>

#include "tui/term/key.h"

void lineedit_set(struct lineedit *e, const char *text)
{
    size_t len = strnlen(text, LINEEDIT_MAX);
    memcpy(e->text, text, len);
    e->text[len] = '\0';
}

bool lineedit_key(struct lineedit *e, int key)
{
    size_t len = strlen(e->text);
    if ((key == KEY_CODE_BACKSPACE || key == KEY_CTRL('u')) && len) {
        e->text[key == KEY_CODE_BACKSPACE ? len - 1 : 0] = '\0';
        return true;
    }
    if (key < 0x20 || key > 0x7e || len == LINEEDIT_MAX)
        return false;
    e->text[len] = (char)key;
    e->text[len + 1] = '\0';
    return true;
}

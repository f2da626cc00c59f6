#include "tui/input/keymap.h"

#include "tui/term/key.h"

const struct binding keymap[] = {
    {'1', "1 2 3 4", REQUEST_VIEW, "the view of that number"},
    {'2', NULL, REQUEST_VIEW, NULL},
    {'3', NULL, REQUEST_VIEW, NULL},
    {'4', NULL, REQUEST_VIEW, NULL},
    {KEY_CODE_TAB, "Tab", REQUEST_NEXT_VIEW, "next view"},
    {KEY_CODE_BACK_TAB, "Shift-Tab", REQUEST_PREVIOUS_VIEW, "previous view"},
    {KEY_CODE_UP, "Up", REQUEST_UP, "one row up"},
    {'k', "k", REQUEST_UP, NULL},
    {KEY_CODE_DOWN, "Down", REQUEST_DOWN, "one row down"},
    {'j', "j", REQUEST_DOWN, NULL},
    {KEY_CODE_PAGE_UP, "PgUp", REQUEST_PAGE_UP, "one page up"},
    {KEY_CTRL('b'), "Ctrl-B", REQUEST_PAGE_UP, NULL},
    {KEY_CODE_PAGE_DOWN, "PgDn", REQUEST_PAGE_DOWN, "one page down"},
    {KEY_CTRL('f'), "Ctrl-F", REQUEST_PAGE_DOWN, NULL},
    {'g', "g", REQUEST_FIRST, "first row"},
    {KEY_CODE_HOME, "Home", REQUEST_FIRST, NULL},
    {'G', "G", REQUEST_LAST, "last row"},
    {KEY_CODE_END, "End", REQUEST_LAST, NULL},
    {KEY_CODE_ENTER, "Enter", REQUEST_OPEN, "everything about the selected row"},
    {KEY_CODE_ESC, "Esc", REQUEST_BACK, "back; clears the filter"},
    {'/', "/", REQUEST_FILTER, "show only rows with a text; !text those without; Up the last one"},
    {'s', "s", REQUEST_SORT, "choose the column to sort by"},
    {KEY_CODE_F6, "F6", REQUEST_SORT, NULL},
    {'I', "I", REQUEST_INVERT, "turn the order round"},
    {'x', "x", REQUEST_ACTIONS, "actions on the selected zone or the service; each is confirmed"},
    {KEY_CODE_F9, "F9", REQUEST_ACTIONS, NULL},
    {'z', "z", REQUEST_PAUSE, "pause, go on"},
    {'+', "+", REQUEST_SLOWER, "ask the server less often"},
    {'-', "-", REQUEST_FASTER, "ask the server more often"},
    {'t', "t", REQUEST_SAMPLE, "ask the server now"},
    {'n', "n", REQUEST_NEXT_SERVER, "next server, when several were given with -s"},
    {KEY_CTRL('l'), "Ctrl-L", REQUEST_REPAINT, "draw the whole screen again"},
    {'?', "?", REQUEST_HELP, "this help"},
    {KEY_CODE_F1, "F1", REQUEST_HELP, NULL},
    {'q', "q", REQUEST_QUIT, "close what is open, else quit; the server goes on"},
    {KEY_CTRL('c'), "Ctrl-C", REQUEST_INTERRUPT, "cancel what is open, else quit"},
    {0, NULL, REQUEST_NONE, NULL},
};

enum request keymap_find(int key)
{
    for (const struct binding *b = keymap; b->key; b++) {
        if (b->key == key)
            return b->request;
    }
    return REQUEST_NONE;
}

void keymap_help(struct buf *to)
{
    for (const struct binding *b = keymap; b->key; b++) {
        struct buf keys = {0};
        if (!b->help)
            continue;
        buf_puts(&keys, b->label);
        for (const struct binding *more = b + 1; more->key && !more->help; more++) {
            if (more->label)
                buf_printf(&keys, " %s", more->label);
        }
        buf_printf(to, "  %-16s %s\n", keys.data ? keys.data : "", b->help);
        buf_fini(&keys);
    }
    buf_printf(to, "  %-16s %s\n", "Ctrl-Z", "suspend; come back with fg");
}

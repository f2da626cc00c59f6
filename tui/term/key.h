/* What a key press is to the rest of the console: a printable character, a control character, or
 * one of these. */
#pragma once

enum key {
    KEY_CODE_NONE = 0,
    KEY_CODE_TAB = 9,
    KEY_CODE_ENTER = 10,
    KEY_CODE_ESC = 27,
    KEY_CODE_BACKSPACE = 127,
    KEY_CODE_UP = 0x1000,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_DELETE,
    KEY_CODE_BACK_TAB,
    KEY_CODE_F1,
    KEY_CODE_F6,
    KEY_CODE_F9,
    KEY_CODE_OTHER
};

/* Ctrl with a letter. */
#define KEY_CTRL(letter) ((letter)&0x1f)

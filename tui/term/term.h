/* The terminal: the only room that knows ncurses, termios and terminal signals.
 *
 * term_push draws a canvas. ncurses works out what changed and writes it into a memory file; one
 * write sends it to the terminal. The terminal is opened a second time without blocking, so one
 * that takes no bytes (a dead ssh) never stops the program: term_wants_write is then true, and
 * frames are dropped until it takes bytes again. A terminal that cannot move its cursor (TERM=dumb)
 * gets whole pages of plain text, at most two per key and one per TERM_PLAIN_SECONDS.
 *
 * The terminal is restored on every way out: term_close; and, from a handler that only writes a
 * prepared string and restores the modes before the signal ends the program, on SEGV, BUS, FPE,
 * ILL, ABRT, TERM, HUP, INT, QUIT. One terminal per program, as the handler has to find it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tui/term/canvas.h"

enum { TERM_PLAIN_SECONDS = 10 };

enum term_event {
    TERM_EVENT_NONE,
    TERM_EVENT_KEY,
    TERM_EVENT_RESIZE,
    TERM_EVENT_SUSPEND, /* the caller should call term_suspend */
    TERM_EVENT_LOST     /* the terminal is gone: leave at once */
};

struct terminal;

/* Takes the terminal over. ERR_USAGE when stdin or stdout is not one, ERR_SYSTEM, ERR_MEMORY; `why`
 * then says so. */
int term_open(struct terminal **to, char *why, size_t size);
void term_close(struct terminal *t);
/* Whether graph glyphs beyond ASCII can be shown. */
bool term_utf8(const struct terminal *t);
void term_size(const struct terminal *t, int *rows, int *cols);
/* Descriptors to poll: for reading, and the terminal for writing while term_wants_write. */
int term_key_fd(const struct terminal *t);
int term_signal_fd(const struct terminal *t);
int term_write_fd(const struct terminal *t);
bool term_wants_write(const struct terminal *t);
/* Goes on writing what the terminal did not take. */
void term_flush(struct terminal *t);
/* The next thing that happened, without waiting; `key` is set for TERM_EVENT_KEY. */
enum term_event term_next(struct terminal *t, int *key);
/* Draws. `urgent` is set after a key: a plain terminal then shows the page at once. */
void term_push(struct terminal *t, const struct canvas *c, bool urgent);
/* The next term_push draws every cell. */
void term_repaint(struct terminal *t);
/* Restores the terminal, stops the program's process group, and takes the terminal back. */
void term_suspend(struct terminal *t);
/* Bytes and writes sent to the terminal so far. */
void term_sent(const struct terminal *t, size_t *bytes, size_t *writes);

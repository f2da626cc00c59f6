/* Gives the terminal back, whatever happens: a prepared string and the saved modes, used by
 * term_close and by the handler of the signals that end the program.
 *
 * The handler calls nothing but write, tcsetattr, sigaction and raise. Its state is the room's only
 * global, as a signal handler has no argument. */
#pragma once

#include <stdbool.h>
#include <termios.h>

/* Prepares everything and catches the signals. Call after setupterm or newterm. `plain` terminals
 * get a line feed only. */
void rescue_arm(int tty, const struct termios *saved, bool plain);
/* Restores the terminal; a second time does nothing until rescue_return. */
void rescue_restore(void);
/* Takes the terminal's second page and keypad again after rescue_restore, and is armed again. */
void rescue_return(void);

/* The console: one poll loop over the keyboard, the signals and the server's sockets.
 *
 * It paints before it asks, draws when something changed or a second has passed, and sleeps in
 * between. */
#pragma once

#include "backend/source/http.h"

enum { CONSOLE_SERVERS = 32 };

/* Runs until the operator quits or the terminal is gone. Returns an exit status: 0, 1, or 2 when
 * there is no terminal. */
int console_run(const struct http_address *servers, unsigned count);

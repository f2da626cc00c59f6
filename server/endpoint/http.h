/* The HTTP server: libmicrohttpd on the listening sockets, one thread each, with what it leaves
 * open closed here.
 *
 * - Its timeout begins anew with every byte: each connection has a deadline of ours too, for a
 * request to be complete and for a reply to be taken.
 * - Without descriptors left it would spin on its listening socket: the number of connections is
 * fitted to the descriptors there are.
 * - It accepts ambiguous requests: guard.h. Its parser of form bodies is never used.
 *
 * Handlers run in libmicrohttpd's threads; the calls below are for the main thread. */
#pragma once

#include <stdint.h>

#include "server/endpoint/context.h"

struct http;

/* Listens on the sockets, which stay the caller's and open. Returns how many could be started (0
 * when none), with errno of the last that could not; ERR_MEMORY. libmicrohttpd is loaded before
 * (mhd.h). */
int http_new(struct http **http, const struct context *context, const int *listeners,
             unsigned count);
/* Starts those that could not be started before. */
int http_start(struct http *http);
/* Ends connections past their deadline; once a second. */
void http_tick(struct http *http, int64_t now);
/* Accepts nothing more, lets replies under way go out for up to `ms`, then ends. */
void http_free(struct http *http, int ms);

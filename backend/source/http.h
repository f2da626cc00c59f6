/* Where a server's endpoint is and how to call it: the one place that sets libcurl's options.
 *
 * No proxy, no redirect, no signal, no reply above HTTP_REPLY_MAX, no request without a deadline.
 * TLS is initialised only when an https address is used. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/base/buf.h"

#define HTTP_LOCAL "unix:/run/zonedeck/endpoint.sock"

enum { HTTP_REPLY_MAX = 8 << 20, HTTP_DEADLINE_MS = 3000, HTTP_ACTION_DEADLINE_MS = 65000 };

struct http_address {
    char url[512];    /* as the operator wrote it; the server's identity for the console */
    char base[512];   /* what paths are appended to */
    char socket[108]; /* path of a unix socket; "" for TCP */
    bool tls;
    char token[256]; /* bearer token; "" none */
};

/* One reply. `status` is 0 when there was none; `sent` says that the request may have reached the
 * server. */
struct http_reply {
    struct buf body;
    long status;
    bool sent;
    bool too_long;
    char error[160]; /* why there is no reply; "" */
};

/* Reads "unix:PATH", "http://HOST[:PORT]" or "https://…". ERR_USAGE, or ERR_LIMIT for one that is
 * too long. */
int http_address_parse(struct http_address *a, const char *url);
/* Reads the token from the first line of a file. ERR_SYSTEM (errno), ERR_FORMAT. */
int http_token_read(struct http_address *a, const char *path);
/* Once per program, before any other call that takes an address. ERR_MEMORY. */
int http_init(const struct http_address *addresses, unsigned count);
void http_exit(void);
/* The characters of a zone name that mean something in a path become %XX. */
void http_escape(struct buf *to, const char *name);
/* A zone's name as the segment of a path. The root zone is "@": a segment that is a dot is dropped
 * on the way. */
void http_zone(struct buf *to, const char *name);
/* Prepares an easy handle for one request; `reply` is emptied and must outlive the transfer.
 * `headers` is kept by the caller. ERR_MEMORY. */
int http_prepare(CURL *easy, const struct http_address *a, bool post, const char *path,
                 struct http_reply *reply, struct curl_slist **headers);
/* Notes what came of a transfer. Returns 0 when there is a whole reply, else ERR_TIMEOUT,
 * ERR_LIMIT, ERR_REFUSED (nothing was sent) or ERR_CLOSED. */
int http_finish(CURL *easy, CURLcode code, struct http_reply *reply);
/* A request that waits for its reply; for the command line. As http_finish. */
int http_call(const struct http_address *a, bool post, const char *path, struct http_reply *reply);
void http_reply_fini(struct http_reply *reply);

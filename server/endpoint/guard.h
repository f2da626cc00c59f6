/* What a request must be before anything is done for it: the checks libmicrohttpd leaves out, and
 * those against a browser that was sent here by a stranger (DNS rebinding, forged requests).
 *
 * Pure functions over the request's parts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUARD_BODY_MOST = 65536 };

/* The headers that matter; NULL when absent, `*_count` how often it was there. */
struct guard_headers {
    const char *host, *origin, *fetch_site, *content_type, *content_length;
    unsigned host_count, origin_count, fetch_site_count, content_type_count, content_length_count;
    unsigned transfer_encoding_count, authorization_count;
    const char *authorization;
};

/* Where the request came in. */
struct guard_place {
    bool is_unix;
    char address[64]; /* of a TCP listener: "127.0.0.1", "::1" */
    const char *host; /* the machine's name */
};

struct guard_verdict {
    unsigned status; /* 0: go on */
    bool close;      /* the bytes that follow cannot be trusted to be a request */
    const char *error, *remedy;
};

/* Notes a header; names are compared without case. */
void guard_note(struct guard_headers *headers, const char *name, const char *value);
/* A path that was decoded: absolute, printable, without empty, "." or ".." segments (but for the
 * root zone's name in its place). */
bool guard_path(const char *path);
/* Is the host of a Host header one of ours? Any port is: a tunnel has another. */
bool guard_host(const struct guard_place *place, const char *host);
/* Framing, Host, Origin and Sec-Fetch-Site; for a POST also the size of the body. */
struct guard_verdict guard_check(const struct guard_headers *headers,
                                 const struct guard_place *place, const char *version,
                                 const char *path, bool post);
/* The type of an action's body; looked at once it is known that the path is an action's. */
struct guard_verdict guard_type(const struct guard_headers *headers);
/* Decodes %XX in place. False when there is a %00 or a broken escape; *len is then 0. */
bool guard_unescape(char *text, size_t *len);
/* Takes bytes of a body of which only white space and one {} are allowed; `state` begins with 0. */
bool guard_body(unsigned *state, const char *data, size_t len);
bool guard_body_ends(unsigned state);

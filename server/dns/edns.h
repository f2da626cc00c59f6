/* The options of an OPT record (RFC 6891 section 6.1.2): those a server has an answer to are
 * noted, all others are passed over. Pure; bytes are untrusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EDNS_NSID = 3,       /* RFC 5001 */
    EDNS_EXPIRE = 9,     /* RFC 7314 */
    EDNS_COOKIE = 10,    /* RFC 7873 */
    EDNS_KEEPALIVE = 11, /* RFC 7828 */
    EDNS_PADDING = 12,   /* RFC 7830 */
    EDNS_ERROR = 15,     /* RFC 8914 */
    EDNS_OPTION_HEAD = 4
};

/* Lengths of a cookie: the client's part, with the shortest and the longest server's part. */
enum { EDNS_COOKIE_CLIENT = 8, EDNS_COOKIE_SHORT = 16, EDNS_COOKIE_LONG = 40 };

struct edns_options {
    bool nsid, expire, keepalive, padding;
    uint8_t cookie_len; /* 0 none, EDNS_COOKIE_CLIENT, or SHORT to LONG */
    const uint8_t *cookie;
};

/* Reads the `len` bytes of an OPT's RDATA. False: an option reaches beyond them, or a cookie has a
 * length that no cookie has. */
bool edns_read(struct edns_options *options, const uint8_t *rdata, size_t len);

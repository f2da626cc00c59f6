/* Server cookies (RFC 7873) in the form that servers of any make share (RFC 9018): version, time
 * and a SipHash-2-4 over them, the client's part and its address.
 *
 * A client that shows a good one receives what is sent to its address. Any server with the same
 * secrets can check it, and nothing is kept per client. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/dns/edns.h"
#include "server/dns/hash.h"

enum { COOKIE_SECRETS = 8, COOKIE_SECRET = 16, COOKIE_LEN = 24 };
enum {
    COOKIE_AGE = 3600,    /* older is not accepted (RFC 9018 section 4.3) */
    COOKIE_RENEW = 1800,  /* older is accepted, and a new one given */
    COOKIE_AHEAD = 5 * 60 /* how far the clocks of servers that share a secret may differ */
};

/* The first makes cookies; each is accepted. With none there are no cookies. */
struct cookie_secrets {
    unsigned count;
    struct hash_key key[COOKIE_SECRETS];
};

/* Reads the text of a secrets file: 32 hexadecimal digits a line; empty lines and what follows a #
 * are passed over. ERR_FORMAT: something else stands there, or nothing, or more than
 * COOKIE_SECRETS; then there are no secrets. */
int cookie_secrets_read(struct cookie_secrets *secrets, const char *text, size_t len);

enum cookie_verdict {
    COOKIE_BAD, /* none of ours, forged, too old, or of the future */
    COOKIE_AGED,
    COOKIE_FRESH /* may be given back as it is */
};

/* Judges a cookie of `len` bytes, client's part and server's part, at `now` (seconds of the wall
 * clock; they wrap as RFC 1982 says, so that 2038 and 2106 are times like any other). */
enum cookie_verdict cookie_check(const struct cookie_secrets *secrets,
                                 const struct sockaddr *source, const uint8_t *cookie, size_t len,
                                 uint32_t now);
/* Makes a cookie for a client's part. */
void cookie_make(const struct cookie_secrets *secrets, const struct sockaddr *source,
                 const uint8_t client[EDNS_COOKIE_CLIENT], uint32_t now, uint8_t out[COOKIE_LEN]);

#include "server/dns/edns.h"

#include "server/dns/wire.h"

static bool read_cookie(struct edns_options *o, const uint8_t *data, size_t len)
{
    if (o->cookie_len) /* RFC 7873 section 5.2: only the first counts */
        return true;
    if (len != EDNS_COOKIE_CLIENT && (len < EDNS_COOKIE_SHORT || len > EDNS_COOKIE_LONG))
        return false; /* RFC 7873 section 5.2.2: FORMERR */
    o->cookie = data;
    o->cookie_len = (uint8_t)len;
    return true;
}

bool edns_read(struct edns_options *o, const uint8_t *rdata, size_t len)
{
    *o = (struct edns_options){0};
    size_t at = 0;
    while (at + EDNS_OPTION_HEAD <= len) {
        unsigned code = wire_get16(rdata + at);
        size_t size = wire_get16(rdata + at + 2);
        at += EDNS_OPTION_HEAD;
        if (size > len - at)
            return false;
        /* What these carry in a query means nothing: asked is asked. */
        o->nsid |= code == EDNS_NSID;
        o->expire |= code == EDNS_EXPIRE;
        o->keepalive |= code == EDNS_KEEPALIVE;
        o->padding |= code == EDNS_PADDING;
        if (code == EDNS_COOKIE && !read_cookie(o, rdata + at, size))
            return false;
        at += size;
    }
    return at == len;
}

#include "server/answer/edns.h"

#include "server/answer/sign.h"
#include "server/dns/wire.h"

enum { EXPIRE_LEN = 4, KEEPALIVE_LEN = 2, ERROR_LEN = 2 };

static bool gives_cookie(const struct answer *a, const struct answer_facts *facts)
{
    return a->query.options.cookie_len && facts->setting && facts->setting->cookies.count;
}

static bool gives_keepalive(const struct answer *a, const struct answer_facts *facts)
{
    return a->query.options.keepalive && facts->tcp && facts->keepalive;
}

/* RFC 7830 section 6: where there is nothing to hide it would only make answers longer. */
static bool gives_padding(const struct answer *a, const struct answer_facts *facts)
{
    return a->query.options.padding && facts->encrypted && a->kind != ANSWER_TRANSFER;
}

void edns_judge(struct answer *a, const struct answer_facts *facts)
{
    const struct edns_options *o = &a->query.options;
    if (gives_cookie(a, facts))
        a->cookie = cookie_check(&facts->setting->cookies, facts->source, o->cookie, o->cookie_len,
                                 facts->now);
}

size_t edns_room(const struct answer *a, const struct answer_facts *facts)
{
    size_t room = REPLY_EDNS;
    if (gives_cookie(a, facts))
        room += EDNS_OPTION_HEAD + COOKIE_LEN;
    if (a->query.options.expire)
        room += EDNS_OPTION_HEAD + EXPIRE_LEN;
    if (gives_keepalive(a, facts))
        room += EDNS_OPTION_HEAD + KEEPALIVE_LEN;
    if (gives_padding(a, facts))
        room += EDNS_OPTION_HEAD;
    return room;
}

static void put_cookie(const struct answer *a, struct reply *reply,
                       const struct answer_facts *facts)
{
    const uint8_t *shown = a->query.options.cookie;
    uint8_t cookie[COOKIE_LEN];
    if (!gives_cookie(a, facts))
        return;
    if (a->cookie == COOKIE_FRESH)
        memcpy(cookie, shown, sizeof cookie);
    else
        cookie_make(&facts->setting->cookies, facts->source, shown, facts->now, cookie);
    reply_option(reply, EDNS_COOKIE, cookie, sizeof cookie);
}

/* RFC 7314 section 3: a primary's is the SOA's, a secondary's what is left of it. */
static void put_expire(const struct answer *a, struct reply *reply,
                       const struct answer_facts *facts)
{
    const struct zone *zone = a->zone;
    bool is_apex = zone && a->query.has_question && a->query.qname.len == zone->name_len;
    bool is_version =
        a->query.qtype == TYPE_SOA || a->query.qtype == TYPE_AXFR || a->query.qtype == TYPE_IXFR;
    if (!a->query.options.expire || !is_apex || !is_version || !zone->image ||
        a->query.opcode != OPCODE_QUERY || a->rcode != RCODE_NOERROR)
        return;
    uint32_t seconds = image_get_summary(zone->image)->expire;
    if (zone->flags & ZONE_IS_SECONDARY) {
        const struct answer_setting *s = facts->setting;
        int64_t at = s && s->expire_at ? s->expire_at(s->expire_arg, zone->row) : 0;
        if (!at)
            return;
        int64_t left = at - facts->now;
        seconds = left < 0 ? 0 : left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
    }
    uint8_t bytes[EXPIRE_LEN];
    wire_put32(bytes, seconds);
    reply_option(reply, EDNS_EXPIRE, bytes, sizeof bytes);
}

static void put_small(struct reply *reply, unsigned code, unsigned value)
{
    uint8_t bytes[2];
    wire_put16(bytes, value);
    reply_option(reply, code, bytes, sizeof bytes);
}

/* The last option, so that the length of all else is known; a signature goes behind. */
static void put_padding(struct reply *reply, size_t behind)
{
    static const uint8_t zeros[EDNS_BLOCK];
    size_t len = reply->at + EDNS_OPTION_HEAD, room = reply->limit - len;
    size_t pad = (EDNS_BLOCK - (len + behind) % EDNS_BLOCK) % EDNS_BLOCK;
    reply_option(reply, EDNS_PADDING, zeros, pad < room ? pad : room);
}

void edns_write(const struct answer *a, struct reply *reply, const struct answer_facts *facts)
{
    size_t limit = reply->limit;
    if (gives_padding(a, facts))
        reply->limit -= EDNS_OPTION_HEAD;
    reply_edns(reply, ANSWER_UDP_SIZE, a->rcode, a->query.dnssec_ok);
    put_cookie(a, reply, facts);
    put_expire(a, reply, facts);
    if (gives_keepalive(a, facts))
        put_small(reply, EDNS_KEEPALIVE, facts->keepalive);
    if (a->extended_error != EDE_NONE)
        put_small(reply, EDNS_ERROR, a->extended_error);
    if (a->query.options.nsid && facts->setting && facts->setting->nsid.len)
        reply_option(reply, EDNS_NSID, facts->setting->nsid.bytes, facts->setting->nsid.len);
    reply->limit = limit;
    if (gives_padding(a, facts))
        put_padding(reply, sign_room(a));
}

#include "server/keeper/axfr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/dns/type.h"
#include "server/dns/wire.h"

enum { EMPTY_MAX = 16 };

struct record {
    uint8_t owner[NAME_MAX_LEN];
    size_t owner_len;
    uint16_t type, class;
    uint32_t ttl;
    size_t rdata, rdata_len; /* in the message */
};

static int __attribute__((format(printf, 2, 3))) bad(struct axfr *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(a->reason, sizeof a->reason, format, ap);
    va_end(ap);
    return ERR_FORMAT;
}

bool axfr_is_newer(uint32_t a, uint32_t b)
{
    return a != b && a - b < 0x80000000u;
}

size_t axfr_query(const struct axfr *a, uint8_t out[AXFR_QUERY_MAX])
{
    memset(out, 0, DNS_HEADER);
    wire_put16(out, a->id);
    wire_put16(out + 4, 1);
    memcpy(out + DNS_HEADER, a->zone, a->zone_len);
    uint8_t *end = out + DNS_HEADER + a->zone_len;
    wire_put16(end, TYPE_AXFR);
    wire_put16(end + 2, CLASS_IN);
    return DNS_HEADER + a->zone_len + 4;
}

static int read_header(struct axfr *a, const uint8_t *m, size_t len)
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                        "NXRRSET", "NOTAUTH", "NOTZONE"};
    if (len < DNS_HEADER)
        return bad(a, "a message of %zu bytes", len);
    unsigned flags = wire_get16(m + 2);
    a->rcode = flags & 15;
    if (wire_get16(m) != a->id)
        return bad(a, "a message with another id");
    if (!(flags & FLAG_QR) || flags >> 11 & 15)
        return bad(a, "a message that is not a response to a query");
    if (a->rcode) {
        if (a->rcode < sizeof names / sizeof *names)
            bad(a, "the primary answered %s", names[a->rcode]);
        else
            bad(a, "the primary answered with code %u", a->rcode);
        return ERR_REFUSED;
    }
    if (flags & FLAG_TC)
        return bad(a, "a truncated message");
    return ERR_OK;
}

/* The question must be ours; only the first message needs one. Returns the offset behind it, 0 bad.
 */
static size_t read_question(struct axfr *a, const uint8_t *m, size_t len)
{
    unsigned count = wire_get16(m + 4);
    if (count == 0 && a->messages > 1)
        return DNS_HEADER;
    uint8_t name[NAME_MAX_LEN];
    size_t name_len, n = count == 1 ? name_unpack(m, len, DNS_HEADER, name, &name_len) : 0;
    size_t at = DNS_HEADER + n;
    if (!n || len - at < 4 || !name_equal(name, name_len, a->zone, a->zone_len) ||
        wire_get16(m + at) != TYPE_AXFR || wire_get16(m + at + 2) != CLASS_IN) {
        bad(a, "a message with another question");
        return 0;
    }
    return at + 4;
}

static int read_record(struct axfr *a, const uint8_t *m, size_t len, size_t *at, struct record *r)
{
    size_t n = name_unpack(m, len, *at, r->owner, &r->owner_len);
    if (!n || len - *at - n < DNS_RR_FIXED)
        return bad(a, "a malformed record at byte %zu of message %llu", *at,
                   (unsigned long long)a->messages);
    const uint8_t *p = m + *at + n;
    r->type = wire_get16(p);
    r->class = wire_get16(p + 2);
    r->ttl = wire_get32(p + 4);
    r->rdata_len = wire_get16(p + 8);
    r->rdata = *at + n + DNS_RR_FIXED;
    if (r->rdata_len > len - r->rdata)
        return bad(a, "a record that reaches over the end of message %llu",
                   (unsigned long long)a->messages);
    *at = r->rdata + r->rdata_len;
    return ERR_OK;
}

/* Copies RDATA into a->rdata with its names written out; returns the length, or SIZE_MAX when it
 * does not fit its type. */
static size_t expand(struct axfr *a, const uint8_t *m, size_t len, const struct record *r)
{
    /* Older servers compress the names of NAPTR too (RFC 3597 section 4), but no server in use. */
    const char *layout = type_find(r->type)->layout;
    size_t at = r->rdata, end = r->rdata + r->rdata_len, out = 0;
    if (!layout || r->rdata_len == 0) {
        memcpy(a->rdata, m + r->rdata, r->rdata_len);
        return r->rdata_len;
    }
    for (; *layout; layout++) {
        size_t n, out_len;
        if (*layout == 'n' || *layout == 'N') {
            n = name_unpack(m, len, at, a->rdata + out, &out_len);
        } else {
            n = out_len = type_step(*layout, m + at, end - at);
            memcpy(a->rdata + out, m + at, n);
        }
        if (!n || n > end - at)
            return SIZE_MAX;
        at += n;
        out += out_len;
    }
    return at == end ? out : SIZE_MAX;
}

static int first_soa(struct axfr *a, const struct record *r, size_t rdata_len)
{
    if (r->type != TYPE_SOA || !name_equal(r->owner, r->owner_len, a->zone, a->zone_len))
        return bad(a, "the first record is not the zone's SOA");
    if (rdata_len < 22 || rdata_len > sizeof a->soa)
        return bad(a, "a malformed SOA");
    memcpy(a->soa, a->rdata, rdata_len);
    a->soa_len = rdata_len;
    return a->serial ? a->serial(a->ctx, wire_get32(a->soa + rdata_len - 20)) : ERR_OK;
}

/* `what` is said of a record of that type. */
static int bad_record(struct axfr *a, uint16_t type, const char *what, const char *why)
{
    char text[16];
    type_text(type, text, sizeof text);
    return bad(a, "a %s record%s%s", text, what, why);
}

void axfr_refuse(struct axfr *a, uint16_t type, int err, const char *reason)
{
    bad_record(a, type, ": ", reason ? reason : err_text(err));
}

static int take(struct axfr *a, const uint8_t *m, size_t len, const struct record *r)
{
    if (r->class != CLASS_IN)
        return bad(a, "a record of class %u", r->class);
    if (!name_is_within(r->owner, r->owner_len, a->zone, a->zone_len))
        return bad_record(a, r->type, " outside the zone", "");
    if (type_is_meta(r->type))
        return bad_record(a, r->type, ", which cannot stand in a zone", "");
    size_t rdata_len = expand(a, m, len, r);
    if (rdata_len > 65535)
        return bad_record(a, r->type, " that is malformed", "");
    if (!a->soa_len) {
        int err = first_soa(a, r, rdata_len);
        if (err)
            return err;
    } else if (r->type == TYPE_SOA) {
        if (rdata_len != a->soa_len || memcmp(a->rdata, a->soa, rdata_len))
            return bad(a, "the last SOA differs from the first");
        a->ended = true;
        return ERR_OK;
    }
    a->records++;
    const char *reason = NULL;
    uint32_t ttl = r->ttl > 0x7fffffff ? 0 : r->ttl; /* RFC 2181 section 8 */
    int err = a->record ? a->record(a->ctx, r->owner, r->owner_len, r->type, ttl, a->rdata,
                                    rdata_len, &reason)
                        : ERR_OK;
    if (err)
        axfr_refuse(a, r->type, err, reason);
    return err;
}

/* Authority must be empty; of the additional section only the form matters (OPT). */
static int read_rest(struct axfr *a, const uint8_t *m, size_t len, size_t at)
{
    struct record r;
    if (wire_get16(m + 8))
        return bad(a, "records in the authority section");
    for (unsigned i = wire_get16(m + 10); i; i--) {
        int err = read_record(a, m, len, &at, &r);
        if (err)
            return err;
    }
    return at == len ? ERR_OK : bad(a, "%zu bytes behind the end of a message", len - at);
}

int axfr_message(struct axfr *a, const uint8_t *message, size_t len)
{
    a->messages++;
    int err = read_header(a, message, len);
    if (err)
        return err;
    size_t at = read_question(a, message, len);
    if (!at)
        return ERR_FORMAT;
    unsigned count = wire_get16(message + 6);
    a->empty = count ? 0 : a->empty + 1;
    if (a->empty > EMPTY_MAX)
        return bad(a, "one message after another without a record");
    for (; count; count--) {
        struct record r;
        if (a->ended)
            return bad(a, "records behind the last SOA");
        err = read_record(a, message, len, &at, &r);
        if (!err)
            err = take(a, message, len, &r);
        if (err)
            return err;
    }
    err = read_rest(a, message, len, at);
    return err ? err : a->ended;
}

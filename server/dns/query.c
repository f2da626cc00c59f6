#include "server/dns/query.h"

#include "server/dns/wire.h"

/* One record of a section, names not followed. */
struct record {
    size_t owner, rdata, rdlen, end;
    uint16_t type, class;
    uint32_t ttl;
};

static bool read_record(struct record *r, const uint8_t *bytes, size_t len, size_t at)
{
    r->owner = at;
    at = name_skip(bytes, len, at);
    if (!at || at + DNS_RR_FIXED > len)
        return false;
    r->type = wire_get16(bytes + at);
    r->class = wire_get16(bytes + at + 2);
    r->ttl = wire_get32(bytes + at + 4);
    r->rdlen = wire_get16(bytes + at + 8);
    r->rdata = at + DNS_RR_FIXED;
    r->end = r->rdata + r->rdlen;
    return r->end <= len;
}

/* The serial of a SOA record: behind two names that may be compressed. */
static bool read_serial(const uint8_t *bytes, size_t len, const struct record *r, uint32_t *serial)
{
    if (r->type != TYPE_SOA)
        return false;
    size_t at = name_skip(bytes, len, r->rdata);
    at = at ? name_skip(bytes, len, at) : 0;
    if (!at || at + 20 > r->end)
        return false;
    *serial = wire_get32(bytes + at);
    return true;
}

static bool read_question(struct query *q)
{
    size_t n = name_read(&q->qname, q->bytes + DNS_HEADER, q->len - DNS_HEADER);
    if (!n || DNS_HEADER + n + 4 > q->len)
        return false;
    q->qtype = wire_get16(q->bytes + DNS_HEADER + n);
    q->qclass = wire_get16(q->bytes + DNS_HEADER + n + 2);
    q->question_end = (uint16_t)(DNS_HEADER + n + 4);
    q->has_question = 1;
    return true;
}

/* RFC 6891 section 6.1.1: one OPT, in the additional section, owned by the root. */
static bool read_opt(struct query *q, const struct record *r, uint8_t *version)
{
    if (q->edns || q->bytes[r->owner] != 0)
        return false;
    q->edns = true;
    q->udp_size = r->class < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : r->class;
    *version = (uint8_t)(r->ttl >> 16);
    q->dnssec_ok = r->ttl & 0x8000;
    /* What another version has for options is not known. */
    return *version > 0 || edns_read(&q->options, q->bytes + r->rdata, r->rdlen);
}

/* How many records may stand before the additional section. */
static bool counts_fit(const struct query *q, unsigned answers, unsigned authority)
{
    if (q->opcode == OPCODE_NOTIFY)
        return authority == 0;
    bool ixfr = q->qtype == TYPE_IXFR;
    return answers == 0 && authority <= (ixfr ? 1u : 0u);
}

/* The records behind the question. */
static enum query_verdict read_records(struct query *q, size_t at)
{
    unsigned answers = wire_get16(q->bytes + 6), authority = wire_get16(q->bytes + 8);
    unsigned all = answers + authority + wire_get16(q->bytes + 10);
    uint8_t version = 0;
    for (unsigned i = 0; i < all; i++) {
        struct record r;
        if (!read_record(&r, q->bytes, q->len, at))
            return QUERY_FORMERR;
        at = r.end;
        bool last = i + 1 == all, in_additional = i >= answers + authority;
        if (r.type == TYPE_OPT) {
            if (!in_additional || !read_opt(q, &r, &version))
                return QUERY_FORMERR;
        } else if (r.type == TYPE_TSIG) {
            if (!in_additional || !last || !tsig_read(&q->tsig, q->bytes, q->len, r.owner))
                return QUERY_FORMERR;
        } else if (r.type == TYPE_SIG && in_additional) {
            return QUERY_FORMERR; /* SIG(0), RFC 2931: it would be ignored, which nobody asked for
                                   */
        } else if (!in_additional && !q->has_serial) {
            q->has_serial = read_serial(q->bytes, q->len, &r, &q->serial);
        }
    }
    if (at != q->len)
        return QUERY_FORMERR;
    return version > 0 ? QUERY_BADVERS : QUERY_GOOD;
}

/* An opcode that is not known. OPT and TSIG are read all the same where the message is made as
 * usual, as RFC 6891 section 6.1.1 wants an OPT for one, and RFC 8945 section 5.3 a signature. */
static enum query_verdict read_unknown(struct query *q)
{
    if (!q->has_question || read_records(q, q->question_end) == QUERY_FORMERR) {
        q->edns = q->dnssec_ok = false;
        q->tsig.at = 0;
    }
    return QUERY_NOTIMP;
}

/* No question: FORMERR, but for who wants a cookie. */
static enum query_verdict read_empty(struct query *q)
{
    if (q->opcode != OPCODE_QUERY || wire_get16(q->bytes + 6) || wire_get16(q->bytes + 8))
        return QUERY_FORMERR;
    enum query_verdict verdict = read_records(q, DNS_HEADER);
    return verdict != QUERY_GOOD ? verdict : q->options.cookie_len ? QUERY_COOKIE : QUERY_FORMERR;
}

enum query_verdict query_parse(struct query *q, const uint8_t *bytes, size_t len)
{
    if (len < DNS_HEADER || bytes[2] & 0x80)
        return QUERY_DROP;
    q->bytes = bytes;
    q->len = len;
    q->id = wire_get16(bytes);
    q->flags = wire_get16(bytes + 2);
    q->opcode = bytes[2] >> 3 & 15;
    q->has_question = 0;
    q->edns = q->dnssec_ok = q->has_serial = false;
    q->udp_size = DNS_UDP_PLAIN;
    q->options = (struct edns_options){0};
    q->tsig.at = 0;
    bool known = q->opcode == OPCODE_QUERY || q->opcode == OPCODE_NOTIFY;
    unsigned questions = wire_get16(bytes + 4);
    if (questions == 0 && known)
        return read_empty(q);
    bool readable = questions != 1 || read_question(q);
    if (!known)
        return read_unknown(q);
    if (!readable)
        return QUERY_FORMERR;
    /* RFC 9619: never more than one. */
    if (questions > 1 || !counts_fit(q, wire_get16(bytes + 6), wire_get16(bytes + 8)))
        return QUERY_FORMERR;
    return read_records(q, q->question_end);
}

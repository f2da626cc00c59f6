#include "server/answer/answer.h"

#include "server/answer/resolve.h"
#include "server/dns/wire.h"

/* Header and question; the question is echoed byte for byte, so its case is kept. */
static void begin(struct answer *a, struct reply *reply, struct answer_scratch *scratch,
                  uint8_t *out, size_t cap, bool tcp)
{
    size_t limit = cap;
    if (!tcp) {
        size_t most = a->query.edns ? a->query.udp_size : DNS_UDP_PLAIN;
        if (most > ANSWER_UDP_SIZE)
            most = ANSWER_UDP_SIZE;
        limit = limit < most ? limit : most;
    }
    reply_begin(reply, out, limit - (a->query.edns ? REPLY_EDNS : 0), &scratch->names);
    if (a->query.has_question) {
        size_t len = a->query.question_end - DNS_HEADER;
        memcpy(out + DNS_HEADER, a->query.bytes + DNS_HEADER, len);
        reply->at += len;
    }
}

static void finish(struct answer *a, struct reply *reply, bool authoritative)
{
    uint16_t flags = FLAG_QR | (a->query.flags & (0x7800 | FLAG_RD | FLAG_CD)) | (a->rcode & 15);
    if (authoritative)
        flags |= FLAG_AA;
    if (a->truncated)
        flags |= FLAG_TC;
    if (a->query.edns)
        reply_edns(reply, ANSWER_UDP_SIZE, a->rcode, a->query.dnssec_ok);
    a->len = reply_finish(reply, a->query.id, flags, a->query.has_question);
}

static bool is_apex(const struct answer *a)
{
    return a->zone && a->query.qname.len == a->zone->name_len;
}

/* RFC 5936: only over TCP, only for the zone's name, only for whom the zone allows. */
static bool answer_transfer(struct answer *a, const struct answer_facts *facts)
{
    if (!is_apex(a) || (a->zone->image && !a->zone->transfer_count)) {
        a->rcode = is_apex(a) ? RCODE_REFUSED : RCODE_NOTAUTH;
        a->transfer_refused = true;
    } else if (!zone_acl_has(a->zone->allow_transfer, a->zone->transfer_count, facts->source)) {
        a->rcode = RCODE_REFUSED;
        a->transfer_refused = true;
    } else if (!a->zone->image || a->zone->flags & ZONE_IS_EXPIRED) {
        a->rcode = RCODE_SERVFAIL;
    } else if (!facts->tcp) {
        a->rcode = RCODE_FORMERR;
    } else {
        a->kind = ANSWER_TRANSFER;
        return true;
    }
    return false;
}

/* RFC 1996 section 3.11: anything but a known primary is refused; a zone that is not ours NOTAUTH.
 */
static bool answer_notify(struct answer *a, const struct answer_facts *facts)
{
    if (!is_apex(a)) {
        a->rcode = RCODE_NOTAUTH;
    } else if (!(a->zone->flags & ZONE_IS_SECONDARY) ||
               !zone_acl_has(a->zone->allow_notify, a->zone->notify_count, facts->source)) {
        a->rcode = RCODE_REFUSED;
    } else {
        a->kind = ANSWER_NOTIFIED;
        return true;
    }
    a->notify_refused = true;
    return false;
}

static bool answer_question(struct answer *a, struct reply *reply, struct answer_scratch *scratch,
                            const struct hash_key *key, const struct answer_facts *facts)
{
    struct resolve r = {.zone = a->zone,
                        .image = a->zone->image,
                        .reply = reply,
                        .scratch = scratch,
                        .key = key,
                        .answer = a,
                        .qtype = a->query.qtype,
                        .minimal_any = !facts->tcp,
                        .name = a->query.qname,
                        .owner = DNS_HEADER};
    r.dnssec = a->query.dnssec_ok && r.image->header->nsec_count > 0;
    resolve(&r);
    return r.authoritative;
}

/* DS belongs to the parent's side of a cut (RFC 4035 section 3.1.4.1), when the parent is here too.
 */
static const struct zone *find_zone(const struct zone_table *zones, const struct query *q,
                                    const uint64_t *hash)
{
    unsigned at;
    const struct zone *zone = zone_table_find(zones, &q->qname, hash, 0, &at);
    if (zone && at == 0 && q->qtype == TYPE_DS && q->qname.count) {
        const struct zone *parent = zone_table_find(zones, &q->qname, hash, 1, &at);
        zone = parent ? parent : zone;
    }
    return zone;
}

static bool dispatch(struct answer *a, struct reply *reply, struct answer_scratch *scratch,
                     const struct zone_table *zones, const struct hash_key *key,
                     const struct answer_facts *facts)
{
    const struct query *q = &a->query;
    if (q->qclass != CLASS_IN && q->qclass != CLASS_ANY) {
        a->rcode = RCODE_REFUSED;
        return false;
    }
    name_hash(&q->qname, key, scratch->hash);
    a->zone = find_zone(zones, q, scratch->hash);
    if (q->opcode == OPCODE_NOTIFY)
        return answer_notify(a, facts);
    if (q->qtype == TYPE_AXFR || (q->qtype == TYPE_IXFR && facts->tcp))
        return answer_transfer(a, facts);
    if (!a->zone) {
        a->rcode = RCODE_REFUSED;
    } else if (!a->zone->image || a->zone->flags & ZONE_IS_EXPIRED) {
        a->rcode = RCODE_SERVFAIL;
    } else if (type_is_meta(q->qtype) && q->qtype != TYPE_ANY && q->qtype != TYPE_IXFR) {
        a->rcode = q->qtype == TYPE_OPT || q->qtype == TYPE_TSIG ? RCODE_FORMERR : RCODE_NOTIMP;
    } else {
        if (q->qtype == TYPE_IXFR) /* RFC 1995 section 4: a single SOA says: come by TCP */
            a->query.qtype = TYPE_SOA;
        return answer_question(a, reply, scratch, key, facts);
    }
    return false;
}

void answer_query(struct answer *a, struct answer_scratch *scratch, const struct zone_table *zones,
                  const struct hash_key *key, const uint8_t *query, size_t len,
                  const struct answer_facts *facts, uint8_t *out, size_t cap)
{
    static const uint8_t rcodes[] = {[QUERY_FORMERR] = RCODE_FORMERR,
                                     [QUERY_NOTIMP] = RCODE_NOTIMP,
                                     [QUERY_BADVERS] = RCODE_BADVERS,
                                     [QUERY_UNSIGNED] = RCODE_NOTAUTH};
    a->kind = ANSWER_NONE;
    a->len = 0;
    a->truncated = a->referral = a->nodata = a->edns = a->dnssec_ok = false;
    a->transfer_refused = a->notify_refused = false;
    a->zone = NULL;
    enum query_verdict verdict = query_parse(&a->query, query, len);
    if (verdict == QUERY_DROP)
        return;
    a->kind = ANSWER_REPLY;
    a->edns = a->query.edns;
    a->dnssec_ok = a->query.dnssec_ok;
    a->rcode = verdict == QUERY_GOOD ? RCODE_NOERROR : rcodes[verdict];
    struct reply reply;
    begin(a, &reply, scratch, out, cap, facts->tcp);
    bool authoritative = false;
    if (verdict == QUERY_GOOD)
        authoritative = dispatch(a, &reply, scratch, zones, key, facts);
    if (a->kind != ANSWER_TRANSFER)
        finish(a, &reply, authoritative);
}

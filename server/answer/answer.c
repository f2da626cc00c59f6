#include "server/answer/answer.h"

#include "server/answer/chaos.h"
#include "server/answer/edns.h"
#include "server/answer/resolve.h"
#include "server/answer/sign.h"
#include "server/dns/wire.h"

static size_t limit_of(const struct answer *a, const struct answer_facts *facts, size_t cap)
{
    size_t most = a->query.edns ? a->query.udp_size : DNS_UDP_PLAIN;
    if (most > ANSWER_UDP_SIZE)
        most = ANSWER_UDP_SIZE;
    return facts->tcp || cap < most ? cap : most;
}

/* 512 bytes may be too few for the longest names of question, key and algorithm. A signature then
 * takes the place of the question (RFC 8945 section 5.3), and what is not signed is left out. */
static void make_fit(struct answer *a, size_t limit)
{
    size_t question = a->query.has_question ? a->query.question_end : DNS_HEADER;
    if (!a->query.tsig.at || question + sign_room(a) <= limit)
        return;
    if (a->signature == TSIG_BADKEY || a->signature == TSIG_BADSIG) {
        a->query.tsig.at = 0;
    } else {
        a->query.has_question = 0;
        a->truncated = true;
    }
}

/* Header and question; the question is echoed byte for byte, so its case is kept. What OPT and TSIG
 * need is kept from the limit. */
static void begin(struct answer *a, struct reply *reply, struct answer_scratch *scratch,
                  const struct answer_facts *facts, uint8_t *out, size_t cap)
{
    size_t limit = limit_of(a, facts, cap) - (a->query.edns ? edns_room(a, facts) : 0);
    make_fit(a, limit);
    reply_begin(reply, out, limit - sign_room(a), &scratch->names);
    if (a->query.has_question) {
        size_t len = a->query.question_end - DNS_HEADER;
        memcpy(out + DNS_HEADER, a->query.bytes + DNS_HEADER, len);
        reply->at += len;
    }
}

static void finish(struct answer *a, struct reply *reply, const struct answer_facts *facts,
                   bool authoritative)
{
    uint16_t flags = FLAG_QR | (a->query.flags & (0x7800 | FLAG_RD | FLAG_CD)) | (a->rcode & 15);
    if (authoritative)
        flags |= FLAG_AA;
    if (a->truncated)
        flags |= FLAG_TC;
    if (a->query.edns) {
        reply->limit += edns_room(a, facts);
        edns_write(a, reply, facts);
    }
    a->len = reply_finish(reply, a->query.id, flags, a->query.has_question);
    sign_write(a, facts, reply->bytes);
}

/* RFC 6891 section 6.1.1: an OPT for an OPT, also before a stream. */
static void begin_transfer(struct answer *a, const struct answer_facts *facts, uint8_t *out)
{
    struct reply opt = {.bytes = out, .limit = EDNS_OPT_MAX};
    if (a->query.edns)
        edns_write(a, &opt, facts);
    a->len = opt.at;
}

static bool fail(struct answer *a, unsigned rcode, unsigned extended)
{
    a->rcode = rcode;
    a->extended_error = (uint16_t)extended;
    return false;
}

/* RFC 8914 sections 4.15 and 4.25. */
static bool fail_unserved(struct answer *a)
{
    return fail(a, RCODE_SERVFAIL, a->zone->image ? EDE_INVALID_DATA : EDE_NOT_READY);
}

static bool is_served(const struct zone *zone)
{
    return zone->image && !(zone->flags & ZONE_IS_EXPIRED);
}

static bool is_apex(const struct answer *a)
{
    return a->zone && a->query.qname.len == a->zone->name_len;
}

/* RFC 5936: only over TCP, only for the zone's name, only for whom the zone allows. */
static bool answer_transfer(struct answer *a, const struct answer_facts *facts)
{
    a->transfer_refused = true;
    if (!is_apex(a))
        return fail(a, RCODE_NOTAUTH, EDE_NOT_AUTHORITATIVE);
    if (!zone_acl_has(a->zone->rules->allow_transfer, a->zone->rules->transfer_count, facts->source,
                      a->signer))
        return fail(a, RCODE_REFUSED, EDE_PROHIBITED);
    a->transfer_refused = false;
    if (!is_served(a->zone))
        return fail_unserved(a);
    if (!facts->tcp)
        return fail(a, RCODE_FORMERR, EDE_NONE);
    a->kind = ANSWER_TRANSFER;
    return true;
}

/* RFC 1996 section 3.11: anything but a known primary is refused; a zone that is not ours NOTAUTH.
 */
static bool answer_notify(struct answer *a, const struct answer_facts *facts)
{
    a->notify_refused = true;
    if (!is_apex(a))
        return fail(a, RCODE_NOTAUTH, EDE_NOT_AUTHORITATIVE);
    if (!(a->zone->flags & ZONE_IS_SECONDARY) ||
        !zone_acl_has(a->zone->rules->allow_notify, a->zone->rules->notify_count, facts->source,
                      a->signer))
        return fail(a, RCODE_REFUSED, EDE_PROHIBITED);
    a->notify_refused = false;
    a->kind = ANSWER_NOTIFIED;
    return true;
}

static bool answer_question(struct answer *a, struct reply *reply, struct answer_scratch *scratch,
                            const struct zone_table *zones, const struct hash_key *key,
                            const struct answer_facts *facts)
{
    struct resolve r;
    resolve_begin(&r, a, reply);
    r.zones = zones;
    r.source = facts->source;
    r.scratch = scratch;
    r.key = key;
    r.minimal_any = !facts->tcp;
    resolve(&r);
    /* RFC 1035 section 6.2: for QCLASS=* never, as there may be other classes elsewhere. */
    return r.authoritative && a->query.qclass == CLASS_IN;
}

/* Types that can only be asked for; those that mean something by themselves are not among them. */
static bool answer_meta(struct answer *a)
{
    bool misplaced = a->query.qtype == TYPE_OPT || a->query.qtype == TYPE_TSIG;
    return misplaced ? fail(a, RCODE_FORMERR, EDE_NONE) : fail(a, RCODE_NOTIMP, EDE_NOT_SUPPORTED);
}

static bool has_zone_class(const struct query *q)
{
    return q->qclass == CLASS_IN || q->qclass == CLASS_ANY;
}

static bool dispatch(struct answer *a, struct reply *reply, struct answer_scratch *scratch,
                     const struct zone_table *zones, const struct hash_key *key,
                     const struct answer_facts *facts)
{
    const struct query *q = &a->query;
    if (q->qclass == CLASS_CH)
        return chaos_answer(a, reply, facts->setting);
    if (!has_zone_class(q))
        return fail(a, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
    if (q->opcode == OPCODE_NOTIFY)
        return answer_notify(a, facts);
    if (q->qtype == TYPE_AXFR || (q->qtype == TYPE_IXFR && facts->tcp))
        return answer_transfer(a, facts);
    if (!a->zone)
        return fail(a, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
    if (!zone_may_ask(a->zone, facts->source, a->signer))
        return fail(a, RCODE_REFUSED, EDE_PROHIBITED);
    if (!is_served(a->zone))
        return fail_unserved(a);
    if (type_is_meta(q->qtype) && q->qtype != TYPE_ANY && q->qtype != TYPE_IXFR)
        return answer_meta(a);
    if (q->qtype == TYPE_IXFR) /* RFC 1995 section 4: a single SOA says: come by TCP */
        a->query.qtype = TYPE_SOA;
    return answer_question(a, reply, scratch, zones, key, facts);
}

/* RFC 7873 section 5.2.3: a policy may want a good cookie of who knows cookies; over TCP the
 * address is proven as it is. NOTIFY is not held up: its sender has an address list to pass. */
static bool wants_cookie(const struct answer *a, const struct answer_facts *facts)
{
    return a->query.options.cookie_len && a->cookie == COOKIE_BAD && !facts->tcp &&
           a->query.opcode == OPCODE_QUERY && facts->setting && facts->setting->require_cookie;
}

/* RFC 7873 section 5.4: no question at all, only the wish for a cookie. */
static void answer_cookie(struct answer *a, const struct answer_facts *facts)
{
    bool shown = a->query.options.cookie_len > EDNS_COOKIE_CLIENT;
    if (!facts->setting || !facts->setting->cookies.count)
        a->rcode = RCODE_FORMERR;
    else if (shown && a->cookie == COOKIE_BAD)
        a->rcode = RCODE_BADCOOKIE;
}

static void clear(struct answer *a)
{
    a->kind = ANSWER_NONE;
    a->len = 0;
    a->truncated = a->referral = a->nodata = a->edns = a->dnssec_ok = false;
    a->transfer_refused = a->notify_refused = a->alias = false;
    a->cookie = COOKIE_BAD;
    a->extended_error = EDE_NONE;
    a->signature = TSIG_GOOD;
    a->signer = NULL;
    tsig_chain_init(&a->chain, NULL);
    a->zone = NULL;
    a->lead = (struct node_lead){0};
}

/* What a query is before anybody looks for an answer. */
static unsigned judge(struct answer *a, const struct answer_facts *facts,
                      enum query_verdict verdict)
{
    static const uint8_t rcodes[] = {[QUERY_GOOD] = RCODE_NOERROR,
                                     [QUERY_FORMERR] = RCODE_FORMERR,
                                     [QUERY_NOTIMP] = RCODE_NOTIMP,
                                     [QUERY_BADVERS] = RCODE_BADVERS,
                                     [QUERY_COOKIE] = RCODE_NOERROR};
    edns_judge(a, facts);
    if (verdict == QUERY_FORMERR)
        a->query.tsig.at = 0;
    if (a->query.tsig.at)
        sign_judge(a, facts);
    if (a->signature != TSIG_GOOD)
        return a->signature == TSIG_FORMERR ? RCODE_FORMERR : RCODE_NOTAUTH;
    if (verdict == QUERY_NOTIMP)
        a->extended_error = EDE_NOT_SUPPORTED;
    return rcodes[verdict];
}

void answer_begin(struct answer *a, struct answer_scratch *scratch, const struct zone_table *zones,
                  const struct hash_key *key, const uint8_t *query, size_t len,
                  const struct answer_facts *facts)
{
    clear(a);
    a->verdict = query_parse(&a->query, query, len);
    if (a->verdict == QUERY_DROP)
        return;
    a->kind = ANSWER_REPLY;
    a->edns = a->query.edns;
    a->dnssec_ok = a->query.dnssec_ok;
    a->rcode = judge(a, facts, a->verdict);
    if (a->verdict != QUERY_GOOD || !has_zone_class(&a->query))
        return;
    a->zone = zone_table_match(zones, scratch->near, &a->query.qname, key, a->hash, a->query.qtype);
    if (a->zone && a->zone->image) {
        scratch->near = a->zone;
        node_fetch_slots(a->zone->image, &a->query.qname, a->hash);
    }
}

void answer_fetch(struct answer *a)
{
    if (a->kind == ANSWER_REPLY && a->zone && a->zone->image)
        a->lead = node_fetch(a->zone->image, &a->query.qname, a->hash);
}

void answer_end(struct answer *a, struct answer_scratch *scratch, const struct zone_table *zones,
                const struct hash_key *key, const struct answer_facts *facts, uint8_t *out,
                size_t cap)
{
    if (a->kind == ANSWER_NONE)
        return;
    struct reply reply;
    begin(a, &reply, scratch, facts, out, cap);
    bool authoritative = false, open = a->signature == TSIG_GOOD && !a->truncated;
    if (a->verdict == QUERY_COOKIE && open)
        answer_cookie(a, facts);
    else if (a->verdict == QUERY_GOOD && open && wants_cookie(a, facts))
        a->rcode = RCODE_BADCOOKIE;
    else if (a->verdict == QUERY_GOOD && open)
        authoritative = dispatch(a, &reply, scratch, zones, key, facts);
    if (a->kind == ANSWER_TRANSFER)
        begin_transfer(a, facts, out);
    else
        finish(a, &reply, facts, authoritative);
}

void answer_query(struct answer *a, struct answer_scratch *scratch, const struct zone_table *zones,
                  const struct hash_key *key, const uint8_t *query, size_t len,
                  const struct answer_facts *facts, uint8_t *out, size_t cap)
{
    answer_begin(a, scratch, zones, key, query, len, facts);
    answer_end(a, scratch, zones, key, facts, out, cap);
}

void answer_empty(struct answer *a, struct answer_scratch *scratch,
                  const struct answer_facts *facts, uint8_t *out, size_t cap)
{
    struct reply reply;
    bool authoritative = wire_get16(out + 2) & FLAG_AA;
    begin(a, &reply, scratch, facts, out, cap);
    a->truncated = true;
    finish(a, &reply, facts, authoritative);
}

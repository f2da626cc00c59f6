#include "server/answer/resolve.h"

#include "server/dns/wire.h"

/* From here on the name is looked up in this zone. */
static void enter(struct resolve *r, const struct zone *zone)
{
    r->zone = zone;
    r->image = zone->image;
    r->dnssec = r->dnssec_ok && image_is_signed(r->image);
}

/* Looks up where the zone has r->name, which is within it; its hash is made. */
static void find(struct resolve *r)
{
    r->node = node_closest(r->image, r->name, r->answer->hash, r->lead, &r->from);
    r->lead = (struct node_lead){0};
}

/* The topmost cut or DNAME at or above the name. A DNAME does not act on its own owner (RFC 6672
 * section 2.3), and DS is asked for at the parent's side of a cut (RFC 4035 section 3.1.4.1). */
static const struct image_node *find_above(const struct resolve *r)
{
    const struct image_node *n = r->node, *top = NULL;
    if (node_is_occluded(n)) {
        for (const struct image_node *up = n; up; up = node_parent(r->image, up))
            top = up != n && up->flags & (NODE_CUT | NODE_DNAME) ? up : top;
        return top;
    }
    if (n->flags & NODE_CUT)
        return r->from == 0 && r->qtype == TYPE_DS ? NULL : n;
    return n->flags & NODE_DNAME && r->from > 0 ? n : NULL;
}

static bool put_answer(struct resolve *r, const struct image_rrset *set, uint16_t *target)
{
    struct reply_owner owner = {r->owner, NULL};
    if (reply_rrset(r->reply, SECTION_ANSWER, r->image, owner, set, r->dnssec, UINT32_MAX, target))
        return true;
    r->answer->truncated = true;
    return false;
}

/* Goes on with the name at `wire`, in whichever zone of this server is nearest to it (RFC 1034
 * section 4.3.2: "go back to step 1"); false when there is none or it cannot be served. */
static bool follow(struct resolve *r, const uint8_t *wire, size_t len)
{
    struct name *name = &r->scratch->alias;
    r->name = name;
    r->answer->alias = true;
    const struct zone *zone =
        name_read(name, wire, len)
            ? zone_table_match(r->zones, r->zone, name, r->key, r->answer->hash, r->qtype)
            : NULL;
    if (!zone || !zone->image || zone->flags & ZONE_IS_EXPIRED ||
        !zone_may_ask(zone, r->source, r->answer->signer))
        return false;
    enter(r, zone);
    return true;
}

static bool has_dname(const struct resolve *r, const struct image_node *owner)
{
    for (unsigned i = 0; i < r->dnames; i++) {
        if (r->dname[i] == owner)
            return true;
    }
    return false;
}

/* A chain can lead through one DNAME several times; it stands in the answer once. */
static bool put_dname(struct resolve *r, const struct image_node *owner,
                      const struct image_rrset *set)
{
    if (has_dname(r, owner))
        return true;
    struct reply_owner reply_owner = {0, owner};
    if (!reply_rrset(r->reply, SECTION_ANSWER, r->image, reply_owner, set, r->dnssec, UINT32_MAX,
                     NULL)) {
        r->answer->truncated = true;
        return false;
    }
    r->dname[r->dnames++] = owner;
    return true;
}

/* RFC 6672 section 3.1: DNAME, and the CNAME made from it. */
static bool follow_dname(struct resolve *r, const struct image_node *owner, unsigned step)
{
    const struct image_rrset *set = node_rrset(owner, TYPE_DNAME);
    if (!put_dname(r, owner, set))
        return false;
    struct image_record record;
    record_read(type_find(TYPE_DNAME), rrset_records(set), &record);
    uint8_t suffix[NAME_MAX_LEN], *wire = r->scratch->wire[step & 1];
    size_t suffix_len = node_name(r->image, record_name(r->image, record.data), suffix);
    unsigned from = r->name->count;
    for (const struct image_node *n = owner; n->parent; n = node_at(r->image, n->parent))
        from--;
    size_t prefix = r->name->label[from];
    if (prefix + suffix_len > NAME_MAX_LEN) {
        r->answer->rcode = RCODE_YXDOMAIN;
        return false;
    }
    memcpy(wire, r->name->wire, prefix);
    memcpy(wire + prefix, suffix, suffix_len);
    size_t at = r->reply->at;
    struct reply_owner cname_owner = {r->owner, NULL};
    if (!reply_record(r->reply, SECTION_ANSWER, cname_owner, r->image, TYPE_CNAME, set->ttl, wire,
                      prefix + suffix_len)) {
        r->answer->truncated = true;
        return false;
    }
    at += 2 + DNS_RR_FIXED;
    r->owner = at <= REPLY_POINTER_MAX ? (uint16_t)at : 0;
    /* The CNAME made is what was asked for, as one of the zone's would be. */
    if (r->qtype == TYPE_CNAME || r->qtype == TYPE_ANY)
        return false;
    return r->owner && follow(r, wire, prefix + suffix_len);
}

static bool follow_cname(struct resolve *r, const struct image_rrset *set, unsigned step)
{
    uint16_t target;
    if (!put_answer(r, set, &target) || r->qtype == TYPE_ANY)
        return false;
    struct image_record record;
    record_read(type_find(TYPE_CNAME), rrset_records(set), &record);
    uint8_t *wire = r->scratch->wire[step & 1];
    size_t len = node_name(r->image, record_name(r->image, record.data), wire);
    r->owner = target;
    return target && follow(r, wire, len);
}

/* RFC 8482 section 4.1: over UDP one RRset will do. */
static void answer_any(struct resolve *r, const struct image_node *node)
{
    const struct image_rrset *set = node_first(node);
    for (unsigned i = node->rrsets; i; i--, set = rrset_next(set)) {
        if (!put_answer(r, set, NULL) || r->minimal_any)
            return;
    }
}

/* Every signature of a name, for QTYPE RRSIG. */
static bool answer_sigs(struct resolve *r, const struct image_node *node)
{
    unsigned before = r->reply->count[SECTION_ANSWER];
    bool already = r->dnssec && has_dname(r, node);
    const struct image_rrset *set = node_first(node);
    for (unsigned i = node->rrsets; i; i--, set = rrset_next(set)) {
        if (set->type == TYPE_RRSIG && !put_answer(r, set, NULL))
            return true;
        if (set->type == TYPE_DNAME && already)
            continue;
        const struct image_sigs *sigs = rrset_sigs(set, type_find(set->type));
        const uint8_t *next = sigs ? (const uint8_t *)(sigs + 1) : NULL;
        for (unsigned k = 0; sigs && k < sigs->count; k++) {
            struct image_record record;
            next = record_read(type_find(TYPE_RRSIG), next, &record);
            struct reply_owner owner = {r->owner, NULL};
            if (!reply_record(r->reply, SECTION_ANSWER, owner, r->image, TYPE_RRSIG, sigs->ttl,
                              record.data, record.len)) {
                r->answer->truncated = true;
                return true;
            }
        }
    }
    return already || r->reply->count[SECTION_ANSWER] > before;
}

enum outcome { DONE, FOLLOW };

/* The name, or a wildcard in its place, exists as `node`. */
static enum outcome answer_node(struct resolve *r, const struct image_node *node, bool wildcard,
                                unsigned step)
{
    const struct image_rrset *set = node_rrset(node, r->qtype);
    if (wildcard)
        resolve_prove_expansion(r);
    if (set && r->qtype == TYPE_DNAME && !wildcard) {
        put_dname(r, node, set);
        return DONE;
    }
    if (set && r->qtype != TYPE_RRSIG) {
        if (put_answer(r, set, NULL) && type_find(r->qtype)->target)
            r->additional = set;
        return DONE;
    }
    /* Both may stand beside a CNAME (RFC 4035 section 2.5) and never lead on; BIND's resolver takes
     * a CNAME for NSEC as malformed. */
    set = r->qtype == TYPE_RRSIG || r->qtype == TYPE_NSEC ? NULL : node_rrset(node, TYPE_CNAME);
    if (set)
        return follow_cname(r, set, step) ? FOLLOW : DONE;
    if (r->qtype == TYPE_ANY && node->rrsets) {
        answer_any(r, node);
        return DONE;
    }
    if (r->qtype == TYPE_RRSIG && answer_sigs(r, node))
        return DONE;
    resolve_nodata(r, node);
    return DONE;
}

static enum outcome answer_step(struct resolve *r, unsigned step)
{
    const struct image_node *above = find_above(r);
    if (above && above->flags & NODE_CUT) {
        resolve_referral(r, above);
        return DONE;
    }
    r->authoritative = true;
    if (above)
        return follow_dname(r, above, step) ? FOLLOW : DONE;
    if (r->from == 0)
        return answer_node(r, r->node, false, step);
    const struct image_node *wildcard = NULL;
    if (r->node->flags & NODE_WILDCARD)
        wildcard = node_child(r->image, r->node, r->key, r->answer->hash[r->from],
                              (const uint8_t *)"*", 1);
    if (wildcard && wildcard->flags & NODE_EXISTS)
        return answer_node(r, wildcard, true, step);
    resolve_nxdomain(r);
    return DONE;
}

static void put_proof(struct resolve *r, unsigned i)
{
    const struct image *image = r->proof[i].image;
    uint16_t type = image->header->nsec3_count ? TYPE_NSEC3 : TYPE_NSEC;
    const struct image_rrset *set = node_rrset(r->proof[i].owner, type);
    struct reply_owner owner = {0, r->proof[i].owner};
    if (set && !reply_rrset(r->reply, SECTION_AUTHORITY, image, owner, set, true, UINT32_MAX, NULL))
        r->answer->truncated = true;
}

void resolve_begin(struct resolve *r, struct answer *answer, struct reply *reply)
{
    r->zone = answer->zone;
    r->reply = reply;
    r->answer = answer;
    r->qtype = answer->query.qtype;
    r->dnssec_ok = answer->query.dnssec_ok;
    r->authoritative = false;
    r->name = &answer->query.qname;
    r->owner = DNS_HEADER;
    r->lead = answer->lead;
    r->dnames = r->proofs = 0;
    r->additional = NULL;
    r->cut = NULL;
}

void resolve(struct resolve *r)
{
    enter(r, r->zone);
    find(r);
    reply_question(r->reply, r->image, r->node, r->name->label + r->from, r->owner);
    uint64_t seen[RESOLVE_CHAIN];
    bool again = false;
    for (unsigned step = 0; step < RESOLVE_CHAIN && !again; step++) {
        seen[step] = r->answer->hash[0];
        if (answer_step(r, step) != FOLLOW)
            break;
        find(r);
        /* A name met again would only repeat what is in the answer already. Names are as good as
         * told apart by their hashes, which are keyed. */
        for (unsigned i = 0; i <= step; i++)
            again |= seen[i] == r->answer->hash[0];
    }
    for (unsigned i = 0; i < r->proofs && !r->answer->truncated; i++)
        put_proof(r, i);
    if (r->additional && !r->answer->truncated && !resolve_additional(r, r->additional, r->cut))
        r->answer->truncated = true;
}

bool resolve_composed(struct resolve *r, const struct image_node *node, unsigned label)
{
    const struct image_composed *composed = node_composed(node);
    if (!composed || r->dnssec || r->owner != DNS_HEADER)
        return false;
    return reply_composed(r->reply, composed, DNS_HEADER + (size_t)r->name->label[label]);
}

bool resolve_authority(struct resolve *r, const struct image_node *owner, uint16_t type,
                       uint32_t ttl)
{
    const struct image_rrset *set = node_rrset(owner, type);
    struct reply_owner reply_owner = {0, owner};
    if (!set)
        return false;
    if (!reply_rrset(r->reply, SECTION_AUTHORITY, r->image, reply_owner, set, r->dnssec, ttl, NULL))
        r->answer->truncated = true;
    return true;
}

void resolve_add_proof(struct resolve *r, const struct image_node *owner)
{
    for (unsigned i = 0; i < r->proofs; i++) {
        if (r->proof[i].owner == owner)
            return;
    }
    if (owner && r->proofs < RESOLVE_PROOFS) {
        r->proof[r->proofs].image = r->image;
        r->proof[r->proofs++].owner = owner;
    }
}

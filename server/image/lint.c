#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/draft.h"

enum {
    NS_MOST = 13,             /* more than the root has: what a resolver can be made to ask */
    SOON_SECONDS = 3 * 86400, /* before a signature ends */
    CYCLE_PASSES = 64         /* longer chains of delegations without an address are not followed */
};

/* The first record of a type but RRSIG. Names may have very many records, and many may ask. */
static const struct draft_record *record_of(const struct image_builder *b, uint32_t id,
                                            uint16_t type)
{
    const struct draft_name *n = &b->names[id];
    uint32_t low = n->first, end = low + n->count, high = end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (draft_sort_key(&b->records[middle]) < (uint32_t)type << 1)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && b->records[low].type == type ? &b->records[low] : NULL;
}

/* RRSIG records stand behind what they cover, not together. */
static const struct draft_record *signature_of(const struct image_builder *b, uint32_t id)
{
    const struct draft_record *r = b->records + b->names[id].first;
    for (uint32_t i = 0; i < b->names[id].count; i++) {
        if (r[i].type == TYPE_RRSIG)
            return &r[i];
    }
    return NULL;
}

static bool has_address(const struct image_builder *b, uint32_t id)
{
    return record_of(b, id, TYPE_A) || record_of(b, id, TYPE_AAAA);
}

static bool is_inside(const struct image_builder *b, uint32_t id)
{
    while (id != DRAFT_NONE && id != b->apex)
        id = b->names[id].parent;
    return id == b->apex;
}

/* The closest name above that exists has a wildcard: this one is answered from it. */
static bool is_wildcarded(const struct image_builder *b, uint32_t id)
{
    if (b->names[id].flags & NODE_EXISTS)
        return false;
    while (id != DRAFT_NONE && !(b->names[id].flags & NODE_EXISTS))
        id = b->names[id].parent;
    return id != DRAFT_NONE && b->names[id].flags & NODE_WILDCARD;
}

/* The topmost delegation at or above a name; DRAFT_NONE when there is none. */
static uint32_t cut_of(const struct image_builder *b, uint32_t id)
{
    const struct draft_name *n = &b->names[id];
    if (n->above != DRAFT_NONE)
        return b->names[n->above].flags & NODE_CUT ? n->above : DRAFT_NONE;
    return n->flags & NODE_CUT ? id : DRAFT_NONE;
}

/* The name a record points at stands behind so many bytes of its data; -1: it points at none. */
static int target_offset(uint16_t type)
{
    return type == TYPE_NS ? 0 : type == TYPE_MX ? 2 : type == TYPE_SRV ? 6 : -1;
}

static uint32_t target_of(const struct draft_record *r)
{
    uint32_t id;
    memcpy(&id, r->data + target_offset(r->type), sizeof id);
    return id;
}

/* RFC 2181 section 10.3, RFC 1034 section 4.2.1. */
static void lint_target(struct draft_lint *l, uint32_t owner, const struct draft_record *r)
{
    struct image_builder *b = l->b;
    uint32_t id = target_of(r), cut;
    char target[1024];
    if (!id || !is_inside(b, id))
        return;
    bool is_alias = record_of(b, id, TYPE_CNAME);
    if (!is_alias && (has_address(b, id) || is_wildcarded(b, id)))
        return;
    draft_name_text(b, id, target);
    cut = cut_of(b, id);
    if (is_alias) {
        draft_find(l->f, false, r, owner, "points with %s at %s, which is an alias (CNAME)",
                   type_find(r->type)->name, target);
    } else if (cut == DRAFT_NONE) {
        draft_find(l->f, false, r, owner, "points with %s at %s, which has no address (A or AAAA)",
                   type_find(r->type)->name, target);
    } else if (r->type == TYPE_NS) {
        draft_find(l->f, false, r, owner,
                   "points with NS at %s, which is delegated and has no address here (glue)",
                   target);
    }
}

/* What stands at a delegation itself beside NS: its signed parent-side data, and glue. */
static bool may_join_cut(uint16_t type)
{
    return type == TYPE_NS || type == TYPE_DS || type == TYPE_RRSIG || type == TYPE_NSEC ||
           type == TYPE_A || type == TYPE_AAAA;
}

/* Records that no answer will ever hold. Below a DNAME they may not stand (RFC 6672 section 2.4);
 * what a primary transferred has to be served as it is. */
static void lint_occluded(struct draft_lint *l, uint32_t id)
{
    struct image_builder *b = l->b;
    const struct draft_name *n = &b->names[id];
    const struct draft_record *first = &b->records[n->first];
    if (n->above != DRAFT_NONE && b->names[n->above].flags & NODE_DNAME &&
        !(b->names[n->above].flags & NODE_CUT)) {
        draft_find(l->f, first->place != 0, first, id, "stands below a DNAME record");
        return;
    }
    if (n->above == DRAFT_NONE && !(n->flags & NODE_CUT))
        return;
    for (uint32_t i = 0; i < n->count; i++) {
        uint16_t type = first[i].type;
        if (n->above == DRAFT_NONE ? may_join_cut(type) : type == TYPE_A || type == TYPE_AAAA)
            continue;
        draft_find(l->f, false, &first[i], id, "has records that a delegation hides");
        return;
    }
}

static void lint_name_servers(struct draft_lint *l, uint32_t id)
{
    const struct draft_name *n = &l->b->names[id];
    uint32_t count = 0;
    const struct draft_record *first = NULL;
    for (uint32_t i = n->first; i < n->first + n->count; i++) {
        const struct draft_record *r = &l->b->records[i];
        first = r->type == TYPE_NS && !first ? r : first;
        count += r->type == TYPE_NS;
    }
    if (count > NS_MOST)
        draft_find(l->f, false, first, id, "has %u name servers; more than %d cost resolvers much",
                   count, NS_MOST);
    if (count && n->len == 1 && *n->label == '*')
        draft_find(l->f, false, first, id, "is a wildcard with NS records (RFC 4592 section 4.2)");
}

/* RFC 1982: the times of a signature go round every 136 years. */
static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static uint32_t sig_time(const struct draft_record *r, unsigned at)
{
    return r->len >= 18 ? wire_get32(r->data + at) : 0;
}

static void lint_signature(struct draft_lint *l, uint32_t id, const struct draft_record *r)
{
    uint32_t ends = sig_time(r, 8), now = (uint32_t)l->now;
    if (is_before(ends, now)) {
        if (!l->expired++ || is_before(ends, sig_time(l->first_expired, 8)))
            l->first_expired = r;
    } else if (is_before(ends, now + SOON_SECONDS)) {
        if (!l->soon++ || is_before(ends, sig_time(l->first_soon, 8)))
            l->first_soon = r;
    }
    if (is_before(now, sig_time(r, 12)))
        draft_find(l->f, false, r, id, "has a signature that is not yet valid");
    if (!record_of(l->b, id, draft_covered(r)))
        draft_find(l->f, false, r, id, "has a signature (RRSIG) of records that are not there");
}

/* Each type of a name that is the zone's own is signed, or none. */
static void lint_unsigned(struct draft_lint *l, uint32_t id)
{
    const struct image_builder *b = l->b;
    const struct draft_name *n = &b->names[id];
    for (uint32_t i = n->first; i < n->first + n->count;) {
        const struct draft_record *r = &b->records[i];
        uint32_t next = i + 1;
        while (next < n->first + n->count && b->records[next].type == r->type)
            next++;
        bool parent_side = n->flags & NODE_CUT && r->type != TYPE_DS && r->type != TYPE_NSEC;
        if (r->type != TYPE_RRSIG && !parent_side &&
            (next == n->first + n->count || b->records[next].type != TYPE_RRSIG) &&
            !l->first_unsigned)
            l->first_unsigned = r;
        i = next;
    }
}

static bool points_at(const struct image_builder *b, const struct draft_record *nsec, uint32_t id)
{
    uint8_t wire[NAME_MAX_LEN];
    size_t len = name_length(nsec->data, nsec->len);
    return name_equal(nsec->data, len, wire, draft_name_wire(b, id, wire));
}

/* RFC 4034 section 4: the NSEC records form a ring in canonical order, which the names are in; each
 * name the zone answers for is in it. Only the first break is told. */
static void lint_nsec(struct draft_lint *l)
{
    const struct image_builder *b = l->b;
    const struct draft_record *last = NULL;
    uint32_t last_id = b->apex;
    for (uint32_t i = 0; i < b->name_count; i++) {
        uint32_t id = i;
        const struct draft_name *n = &b->names[id];
        if (!n->count || n->above != DRAFT_NONE || !(n->flags & NODE_EXISTS))
            continue;
        const struct draft_record *nsec = record_of(b, id, TYPE_NSEC);
        if (!nsec || (last && !points_at(b, last, id))) {
            draft_find(l->f, false, nsec ? last : &b->records[n->first], nsec ? last_id : id,
                       nsec ? "has an NSEC record that does not name the next name of the zone"
                            : "has no NSEC record in a zone with such");
            return;
        }
        last = nsec;
        last_id = id;
    }
    if (last && !points_at(b, last, b->apex))
        draft_find(l->f, false, last, last_id,
                   "has the last NSEC record but it does not name the "
                   "zone");
}

/* Can a resolver get to an address of one of the delegation's name servers? `known` has the
 * delegations that can be reached; NULL: none is known. */
static bool is_reachable(const struct image_builder *b, const uint8_t *known, uint32_t id)
{
    const struct draft_name *n = &b->names[id];
    for (uint32_t i = n->first; i < n->first + n->count; i++) {
        const struct draft_record *r = &b->records[i];
        if (r->type != TYPE_NS)
            continue;
        uint32_t target = target_of(r), cut;
        if (!is_inside(b, target) || has_address(b, target))
            return true;
        cut = cut_of(b, target);
        /* Without a delegation above, the name is ours, and told as one without an address. */
        if (cut == DRAFT_NONE || (known && cut != id && known[cut / 8] >> cut % 8 & 1))
            return true;
    }
    return false;
}

/* Delegations whose name servers all lie in each other (TsuNAME): no resolver ever gets there, and
 * some try for ever. */
static int lint_cycles(struct draft_lint *l)
{
    const struct image_builder *b = l->b;
    uint8_t *known = calloc(b->name_count / 8 + 1, 1);
    bool changed = true;
    if (!known)
        return ERR_MEMORY;
    for (unsigned pass = 0; changed && pass < CYCLE_PASSES; pass++) {
        changed = false;
        for (uint32_t i = 0; i < b->name_count; i++) {
            if (!(b->names[i].flags & NODE_CUT) || known[i / 8] >> i % 8 & 1 ||
                !is_reachable(b, known, i))
                continue;
            known[i / 8] |= (uint8_t)(1u << i % 8);
            changed = true;
        }
    }
    for (uint32_t i = 0; !changed && i < b->name_count; i++) {
        uint32_t id = i;
        if (b->names[id].flags & NODE_CUT && b->names[id].above == DRAFT_NONE &&
            !(known[id / 8] >> id % 8 & 1))
            draft_find(l->f, false, record_of(b, id, TYPE_NS), id,
                       "cannot be reached: no name server of it has an address here, nor lies in a "
                       "delegation that can be reached");
    }
    free(known);
    return ERR_OK;
}

void draft_lint_name(struct draft_lint *l, uint32_t id)
{
    const struct draft_name *n = &l->b->names[id];
    bool ours = n->above == DRAFT_NONE;
    lint_occluded(l, id);
    if (ours)
        lint_name_servers(l, id);
    l->unsure |= n->flags & NODE_CUT && !is_reachable(l->b, NULL, id);
    for (uint32_t i = n->first; i < n->first + n->count; i++) {
        const struct draft_record *r = &l->b->records[i];
        if (ours && target_offset(r->type) >= 0)
            lint_target(l, id, r);
        if (r->type == TYPE_RRSIG && r->len >= 18)
            lint_signature(l, id, r);
    }
    if (ours && l->has_keys)
        lint_unsigned(l, id);
}

static void tell_time(struct draft_lint *l, const struct draft_record *r, uint32_t count,
                      const char *what)
{
    char date[32];
    uint32_t ends = sig_time(r, 8);
    time_t at = (time_t)(l->now + (int32_t)(ends - (uint32_t)l->now));
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &tm);
    draft_find(l->f, false, r, r->name, "%s at %s; %u signatures in all", what, date, count);
}

void draft_lint_begin(struct draft_lint *l, struct image_builder *b, struct draft_findings *f)
{
    *l = (struct draft_lint){.f = f, .b = b, .now = clk_wall()};
    l->has_keys = record_of(b, b->apex, TYPE_DNSKEY) && signature_of(b, b->apex);
    for (size_t i = 0; i < b->repeat_count && i < DRAFT_REPEATS; i++)
        draft_find(f, false, &b->repeats[i], b->repeats[i].name,
                   "has a record twice; it is counted once");
}

static void join_times(uint32_t *count, const struct draft_record **first, uint32_t more,
                       const struct draft_record *other)
{
    if (more && (!*count || is_before(sig_time(other, 8), sig_time(*first, 8))))
        *first = other;
    *count += more;
}

void draft_lint_join(struct draft_lint *l, const struct draft_lint *piece)
{
    join_times(&l->expired, &l->first_expired, piece->expired, piece->first_expired);
    join_times(&l->soon, &l->first_soon, piece->soon, piece->first_soon);
    l->unsure |= piece->unsure;
    if (!l->first_unsigned)
        l->first_unsigned = piece->first_unsigned;
}

int draft_lint_end(struct draft_lint *l)
{
    const struct image_builder *b = l->b;
    if (l->first_unsigned)
        draft_find(l->f, false, l->first_unsigned, l->first_unsigned->name,
                   "has records without a signature in a signed zone");
    if (l->expired)
        tell_time(l, l->first_expired, l->expired, "has a signature that ended");
    if (l->soon)
        tell_time(l, l->first_soon, l->soon, "has a signature that ends soon,");
    if (!l->has_keys && signature_of(b, b->apex))
        draft_find(l->f, false, signature_of(b, b->apex), b->apex,
                   "has signatures and no key (DNSKEY)");
    if (record_of(b, b->apex, TYPE_NSEC))
        lint_nsec(l);
    return l->unsure ? lint_cycles(l) : ERR_OK;
}

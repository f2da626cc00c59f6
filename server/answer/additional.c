#include "server/answer/resolve.h"
#include "server/dns/wire.h"

/* Targets of one RRset whose addresses were added; more than these are not worth the bytes. */
enum { TARGETS_MAX = 64 };

struct target {
    const struct image_node *node;
    uint16_t also; /* a type to be added beside addresses, 0 none */
    bool is_glue;  /* at or below the delegation it stands in */
};

struct targets {
    struct target item[TARGETS_MAX];
    unsigned count;
};

/* The name in opaque bytes at `at`, if the zone has it. */
static const struct image_node *find_name(struct resolve *r, const uint8_t *at, size_t room)
{
    struct name name;
    if (!name_read(&name, at, room) ||
        !name_is_within(at, name.len, zone_name(r->zone), r->zone->name_len))
        return NULL;
    name_hash(&name, r->key, r->scratch->hash);
    return node_find(r->image, &name, 0, r->scratch->hash);
}

/* RFC 9460 section 4.1. In AliasMode (priority 0) the target's own SVCB belongs there as well; the
 * root as target means the owner itself, or in AliasMode that there is no service (section 2.5). */
static struct target svcb_target(struct resolve *r, const struct image_rrset *set,
                                 const struct image_record *record)
{
    struct target target = {0};
    if (record->len < 3)
        return target;
    bool alias = wire_get16(record->data) == 0;
    if (record->data[2] == 0)
        target.node = !alias && r->from == 0 ? r->node : NULL;
    else
        target = (struct target){find_name(r, record->data + 2, record->len - 2u),
                                 alias ? set->type : 0, false};
    return target;
}

/* RFC 3403 section 4.1: order, preference, flags, service, regular expression, replacement. Flag S
 * says that SRV comes next (RFC 2915 section 2), A an address. */
static struct target naptr_target(struct resolve *r, const struct image_record *record)
{
    size_t at = 4;
    for (int i = 0; i < 3 && at < record->len; i++)
        at += 1u + record->data[at];
    if (at >= record->len || !record->data[at])
        return (struct target){0};
    bool srv = record->data[4] == 1 && name_fold(record->data[5]) == 's';
    return (struct target){find_name(r, record->data + at, record->len - at), srv ? TYPE_SRV : 0,
                           false};
}

static struct target read_target(struct resolve *r, const struct image_rrset *set,
                                 const struct type_info *type, const struct image_record *record)
{
    if (type->target == TARGET_SVCB)
        return svcb_target(r, set, record);
    if (type->target == TARGET_NAPTR)
        return naptr_target(r, record);
    const struct image_node *node = record_name(r->image, record->data + record->len - 4);
    return (struct target){node->flags & NODE_EXISTS ? node : NULL, 0, false};
}

/* Below a cut or DNAME, or at the cut: not this zone's to say, but for the sake of name servers. */
static bool is_hidden(const struct image_node *node)
{
    return node_is_occluded(node) || node->flags & NODE_CUT;
}

static bool is_within(const struct image *image, const struct image_node *node,
                      const struct image_node *top)
{
    while (node != top && node->parent)
        node = node_at(image, node->parent);
    return node == top;
}

static void collect(struct resolve *r, const struct image_rrset *set,
                    const struct image_node *within, struct targets *targets)
{
    const struct type_info *type = type_find(set->type);
    const uint8_t *next = rrset_records(set);
    targets->count = 0;
    for (unsigned i = 0; i < set->count && targets->count < TARGETS_MAX; i++) {
        struct image_record record;
        next = record_read(type, next, &record);
        struct target target = read_target(r, set, type, &record);
        bool seen = !target.node || (set->type != TYPE_NS && is_hidden(target.node));
        for (unsigned k = 0; k < targets->count && !seen; k++)
            seen = targets->item[k].node == target.node;
        if (seen)
            continue;
        target.is_glue = within && is_within(r->image, target.node, within);
        targets->item[targets->count++] = target;
    }
}

/* What happened to the address RRsets: how many were added, how many did not fit. */
struct added {
    unsigned count, missed;
};

static void add_rrset(struct resolve *r, const struct image_node *node,
                      const struct image_rrset *set, struct added *added)
{
    struct reply_owner owner = {0, node};
    bool fits = reply_rrset(r->reply, SECTION_ADDITIONAL, r->image, owner, set, r->dnssec,
                            UINT32_MAX, NULL);
    added->count += fits;
    added->missed += !fits;
}

/* RRsets stand by type: A, AAAA, then the third. */
static void add_addresses(struct resolve *r, const struct target *target, struct added *added)
{
    const struct image_rrset *set = node_first(target->node);
    for (unsigned i = target->node->rrsets; i; i--, set = rrset_next(set)) {
        if (set->type == TYPE_A || set->type == TYPE_AAAA || set->type == target->also)
            add_rrset(r, target->node, set, added);
    }
}

bool resolve_additional(struct resolve *r, const struct image_rrset *set,
                        const struct image_node *within)
{
    struct targets targets;
    struct added glue = {0}, other = {0};
    collect(r, set, within, &targets);
    for (unsigned i = 0; i < targets.count && within; i++) {
        if (targets.item[i].is_glue)
            add_addresses(r, &targets.item[i], &glue);
    }
    for (unsigned i = 0; i < targets.count; i++) {
        if (!targets.item[i].is_glue)
            add_addresses(r, &targets.item[i], &other);
    }
    /* RFC 9471 section 2.1: glue within the delegated zone is part of the referral; and one that
     * could have addresses and has none is of no use either. */
    return !within || (!glue.missed && !(other.missed && !glue.count && !other.count));
}

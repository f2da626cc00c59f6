#include "server/answer/resolve.h"
#include "server/dns/wire.h"

/* Targets of one RRset whose addresses were added; more than these are not worth the bytes. */
enum { TARGETS_MAX = 64 };

struct targets {
    const struct image_node *node[TARGETS_MAX];
    unsigned count;
};

static void collect(const struct image *image, const struct image_rrset *set,
                    struct targets *targets)
{
    const struct type_info *type = type_find(set->type);
    const uint8_t *next = rrset_records(set);
    targets->count = 0;
    for (unsigned i = 0; i < set->count && targets->count < TARGETS_MAX; i++) {
        struct image_record record;
        next = record_read(type, next, &record);
        const struct image_node *node = record_name(image, record.data + record.len - 4);
        bool seen = !(node->flags & NODE_EXISTS);
        for (unsigned k = 0; k < targets->count && !seen; k++)
            seen = targets->node[k] == node;
        if (!seen)
            targets->node[targets->count++] = node;
    }
}

static bool is_within(const struct image *image, const struct image_node *node,
                      const struct image_node *top)
{
    while (node && node != top)
        node = node_parent(image, node);
    return node != NULL;
}

/* What happened to the address RRsets: how many were added, how many did not fit. */
struct added {
    unsigned count, missed;
};

static void add_addresses(struct resolve *r, const struct image_node *node, struct added *added)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
    for (unsigned i = 0; i < 2; i++) {
        const struct image_rrset *set = node_rrset(node, types[i]);
        struct reply_owner owner = {0, node};
        if (!set)
            continue;
        if (reply_rrset(r->reply, SECTION_ADDITIONAL, r->image, owner, set, r->dnssec, UINT32_MAX,
                        NULL))
            added->count++;
        else
            added->missed++;
    }
}

bool resolve_additional(struct resolve *r, const struct image_rrset *set,
                        const struct image_node *within)
{
    struct targets targets;
    struct added glue = {0}, other = {0};
    collect(r->image, set, &targets);
    for (unsigned i = 0; i < targets.count && within; i++) {
        if (is_within(r->image, targets.node[i], within))
            add_addresses(r, targets.node[i], &glue);
    }
    for (unsigned i = 0; i < targets.count; i++) {
        if (!within || !is_within(r->image, targets.node[i], within))
            add_addresses(r, targets.node[i], &other);
    }
    /* RFC 9471 section 2.1: glue within the delegated zone is part of the referral; and one that
     * could have addresses and has none is of no use either. */
    return !within || (!glue.missed && !(other.missed && !glue.count && !other.count));
}

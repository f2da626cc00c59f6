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

static bool add_addresses(struct resolve *r, const struct image_node *node)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
    bool fits = true;
    for (unsigned i = 0; i < 2; i++) {
        const struct image_rrset *set = node_rrset(node, types[i]);
        struct reply_owner owner = {0, node};
        if (set && !reply_rrset(r->reply, SECTION_ADDITIONAL, r->image, owner, set, r->dnssec,
                                UINT32_MAX, NULL))
            fits = false;
    }
    return fits;
}

bool resolve_additional(struct resolve *r, const struct image_rrset *set,
                        const struct image_node *within)
{
    struct targets targets;
    bool fits = true;
    collect(r->image, set, &targets);
    for (unsigned i = 0; i < targets.count && within; i++) {
        if (is_within(r->image, targets.node[i], within) && !add_addresses(r, targets.node[i]))
            fits = false;
    }
    for (unsigned i = 0; i < targets.count; i++) {
        if (!within || !is_within(r->image, targets.node[i], within))
            add_addresses(r, targets.node[i]);
    }
    return fits;
}

#include "server/image/node.h"

#include "server/dns/wire.h"

/* Does `node` have the name from label `from` on? The apex is reached by identity: what lies above
 * it is the zone's own name, which the caller has compared. */
static bool same_name(const struct image *image, const struct image_node *node,
                      const struct name *name, unsigned from)
{
    const struct image_node *apex = node_apex(image);
    unsigned stop = name->count - image->header->origin_labels;
    for (; from < stop; from++) {
        const uint8_t *label = name->wire + name->label[from];
        if (node->len != *label || !name_same_label(node->label, label + 1, *label))
            return false;
        node = node_at(image, node->parent);
    }
    return node == apex;
}

/* The slots in which a hash may be. */
struct probe {
    const struct image_slot *slots;
    uint32_t count, at, tag;
};

static inline struct probe probe_begin(const struct image *image, uint64_t hash)
{
    const struct image_header *h = image->header;
    return (struct probe){image_slots(image), h->slots, image_first_slot(hash, h->slots),
                          (uint32_t)hash};
}

/* The next node whose name may have the hash, 0 at the end. */
static inline uint32_t probe_next(struct probe *p)
{
    for (;;) {
        struct image_slot slot = p->slots[p->at];
        if (++p->at == p->count)
            p->at = 0;
        if (!slot.node || slot.tag == p->tag)
            return slot.node;
    }
}

const struct image_node *node_find(const struct image *image, const struct name *name,
                                   unsigned from, const uint64_t *hash)
{
    struct probe probe = probe_begin(image, hash[from]);
    for (uint32_t ref; (ref = probe_next(&probe)) != 0;) {
        const struct image_node *node = node_at(image, ref);
        if (same_name(image, node, name, from))
            return node;
    }
    return NULL;
}

const struct image_node *node_child(const struct image *image, const struct image_node *node,
                                    const struct hash_key *key, uint64_t parent_hash,
                                    const uint8_t *label, size_t len)
{
    uint64_t hash = hash_label(key, parent_hash, label, len);
    uint32_t parent = node_ref(image, node);
    struct probe probe = probe_begin(image, hash);
    for (uint32_t ref; (ref = probe_next(&probe)) != 0;) {
        const struct image_node *child = node_at(image, ref);
        if (child->parent == parent && child->len == len &&
            name_same_label(child->label, label, len))
            return child;
    }
    return NULL;
}

/* Of the name and its parent, which node_closest looks for first. */
static unsigned likely(const struct image *image, const struct name *name)
{
    unsigned below = name->count - image->header->origin_labels;
    return below < 2 ? below : 2;
}

void node_fetch_slots(const struct image *image, const struct name *name, const uint64_t *hash)
{
    for (unsigned i = 0, count = likely(image, name); i < count; i++)
        __builtin_prefetch(&image_slots(image)[image_first_slot(hash[i], image->header->slots)]);
}

struct node_lead node_fetch(const struct image *image, const struct name *name,
                            const uint64_t *hash)
{
    unsigned i = 0;
    for (unsigned count = likely(image, name); i < count; i++) {
        struct probe probe = probe_begin(image, hash[i]);
        uint32_t ref = probe_next(&probe);
        if (!ref)
            continue;
        const uint8_t *node = (const uint8_t *)node_at(image, ref);
        __builtin_prefetch(node);
        __builtin_prefetch(node + 64);
        __builtin_prefetch(node + 128);
        return (struct node_lead){ref, i};
    }
    return (struct node_lead){0, i};
}

const struct image_node *node_closest(const struct image *image, const struct name *name,
                                      const uint64_t *hash, struct node_lead lead, unsigned *from)
{
    /* Ancestors of an existing name exist, so the deepest one is found by halving: a name of 127
     * labels costs 7 look-ups. The name itself and its parent come first, as they are asked for
     * most. */
    unsigned low = lead.label, high = name->count - image->header->origin_labels;
    const struct image_node *found = node_at(image, lead.ref);
    if (lead.ref && same_name(image, found, name, low)) {
        *from = low;
        return found;
    }
    found = node_apex(image);
    for (unsigned tries = low; low < high; tries++) {
        unsigned mid = tries < 2 ? low : (low + high) / 2;
        const struct image_node *node = node_find(image, name, mid, hash);
        if (node) {
            found = node;
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    *from = high;
    return found;
}

const struct image_node *node_next(const struct image *image, const struct image_node *node)
{
    const uint8_t *next =
        node ? (const uint8_t *)node + node_size(node) : image->base + image->header->nodes;
    return next < image->base + image->header->nodes_end ? (const void *)next : NULL;
}

size_t node_name(const struct image *image, const struct image_node *node,
                 uint8_t out[NAME_MAX_LEN])
{
    size_t n = 0;
    for (; node->parent; node = node_at(image, node->parent)) {
        out[n++] = node->len;
        memcpy(out + n, node->label, node->len);
        n += node->len;
    }
    out[n++] = 0;
    return n;
}

/* Canonical order of a node's name and the name from label `from` on; both are within the zone. */
static int compare(const struct image *image, const struct image_node *node,
                   const struct name *name, unsigned from)
{
    const struct image_node *chain[NAME_MAX_LABELS];
    unsigned depth = 0;
    for (const struct image_node *apex = node_apex(image); node != apex;
         node = node_at(image, node->parent))
        chain[depth++] = node;
    unsigned at = name->count - image->header->origin_labels;
    while (depth && at > from) {
        const struct image_node *n = chain[--depth];
        const uint8_t *label = name->wire + name->label[--at];
        int d = name_compare_labels(n->label, n->len, label + 1, *label);
        if (d)
            return d;
    }
    return (depth > 0) - (at > from);
}

const struct image_node *node_nsec_before(const struct image *image, const struct name *name,
                                          unsigned from)
{
    uint32_t count = image->header->nsec_count, low = 0, high = count;
    if (!count)
        return NULL;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (compare(image, node_at(image, image_nsec(image)[mid]), name, from) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return node_at(image, image_nsec(image)[low ? low - 1 : count - 1]);
}

const struct image_node *node_nsec3(const struct image *image, const struct image_node *node)
{
    if (!(node->flags & NODE_HASHED))
        return NULL;
    return record_name(image, (const uint8_t *)node + node_size(node) - IMAGE_UNIT);
}

const struct image_node *node_nsec3_before(const struct image *image, const uint8_t *name,
                                           size_t len)
{
    const struct image_header *h = image->header;
    if (!h->nsec3_count)
        return NULL;
    struct nsec3_params params = {image_salt(h), h->nsec3_iterations, h->nsec3_salt_len};
    uint8_t hash[NSEC3_HASH_LEN];
    nsec3_hash(&params, name, len, hash);
    uint32_t low = 0, high = h->nsec3_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (memcmp(image_nsec3(image)[mid].hash, hash, sizeof hash) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return node_at(image, image_nsec3(image)[low ? low - 1 : h->nsec3_count - 1].node);
}

unsigned record_size(const char *layout)
{
    unsigned size = 0;
    for (; *layout; layout++)
        size += *layout == 'n' || *layout == 'N' ? 4
                : *layout == 'x'                 ? 16
                                                 : (unsigned)(*layout - '0');
    return size;
}

const uint8_t *record_read(const struct type_info *type, const uint8_t *at,
                           struct image_record *record)
{
    if (type->layout) {
        record->len = (uint16_t)record_size(type->layout);
    } else {
        memcpy(&record->len, at, 2);
        at += 2;
    }
    record->data = at;
    return at + record->len;
}

const struct image_sigs *rrset_sigs(const struct image_rrset *set, const struct type_info *type)
{
    if (!(set->size & RRSET_SIGNED))
        return NULL;
    const uint8_t *at = rrset_records(set);
    if (type->layout) {
        at += (size_t)set->count * record_size(type->layout);
    } else {
        struct image_record record;
        for (unsigned i = 0; i < set->count; i++)
            at = record_read(type, at, &record);
    }
    uint32_t offset = (uint32_t)(at - (const uint8_t *)set);
    return (const void *)((const uint8_t *)set + image_pad(offset));
}

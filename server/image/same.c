#include <string.h>
#include <xxhash.h>

#include "server/image/node.h"

/* Equal zones have equal nodes at equal offsets, but for the order of the records in an RRset,
 * which also what is written ahead follows: so each RRset is compared by the sum of the hashes of
 * its records, and what is written ahead not at all. */

static uint64_t sum_opaque(const uint8_t *at, unsigned count, const uint8_t **end)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        uint16_t len;
        memcpy(&len, at, sizeof len);
        sum += XXH3_64bits(at, sizeof len + len);
        at += sizeof len + len;
    }
    *end = at;
    return sum;
}

static uint64_t sum_rrset(const struct image_rrset *set)
{
    const struct type_info *type = type_find(set->type);
    const struct image_sigs *sigs = rrset_sigs(set, type);
    const uint8_t *at = rrset_records(set), *end;
    uint64_t sum = 0;
    if (!type->layout)
        sum = sum_opaque(at, set->count, &end);
    unsigned size = type->layout ? record_size(type->layout) : 0;
    for (unsigned i = 0; size && i < set->count; i++)
        sum += XXH3_64bits(at + (size_t)i * size, size);
    if (sigs)
        sum = sum * 31 + sigs->ttl + sum_opaque((const uint8_t *)(sigs + 1), sigs->count, &end);
    return sum;
}

static bool same_node(const struct image_node *a, const struct image_node *b)
{
    size_t head = sizeof *a + a->len;
    if (a->size != b->size || a->len != b->len || memcmp(a, b, head))
        return false;
    const struct image_rrset *x = node_first(a), *y = node_first(b);
    for (unsigned i = 0; i < a->rrsets; i++, x = rrset_next(x), y = rrset_next(y)) {
        if (memcmp(x, y, sizeof *x) || sum_rrset(x) != sum_rrset(y))
            return false;
    }
    return true;
}

bool image_same_content(const struct image *a, const struct image *b)
{
    const struct image_header *x = a->header, *y = b->header;
    uint64_t size = x->nodes_end - x->nodes;
    if (x->nodes != y->nodes || size != y->nodes_end - y->nodes || x->node_count != y->node_count)
        return false;
    if (!memcmp(a->base + x->nodes, b->base + y->nodes, size))
        return true;
    const struct image_node *m = node_next(a, NULL), *n = node_next(b, NULL);
    while (m && n && same_node(m, n)) {
        m = node_next(a, m);
        n = node_next(b, n);
    }
    return !m && !n;
}

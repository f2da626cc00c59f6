#include <stdlib.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/node.h"

/* A reference is good when it hits the start of a node; the first pass notes where these are, a bit
 * for each unit of the image. */
struct walk {
    const struct image *image;
    uint8_t *starts;
};

static bool node_fits(const struct image *image, uint64_t at)
{
    const struct image_header *h = image->header;
    if (at % IMAGE_UNIT || at + sizeof(struct image_node) > h->nodes_end)
        return false;
    const struct image_node *node = (const void *)(image->base + at);
    return node->len <= LABEL_MAX_LEN &&
           node_size(node) >= image_pad((uint32_t)sizeof *node + node->len) &&
           node_size(node) <= h->nodes_end - at;
}

static bool ref_fits(const struct walk *w, uint32_t ref)
{
    return (uint64_t)ref * IMAGE_UNIT < w->image->header->nodes_end &&
           w->starts[ref / 8] >> ref % 8 & 1;
}

static bool opaque_fits(const uint8_t *at, unsigned count, const uint8_t *end, const uint8_t **next)
{
    for (; count; count--) {
        if (end - at < 2)
            return false;
        uint16_t len;
        memcpy(&len, at, 2);
        at += 2;
        if (end - at < len)
            return false;
        at += len;
    }
    *next = at;
    return true;
}

static bool names_fit(const struct walk *w, const char *layout, const uint8_t *at)
{
    for (; *layout; layout++) {
        if (*layout == 'n' || *layout == 'N') {
            uint32_t ref;
            memcpy(&ref, at, 4);
            if (!ref_fits(w, ref))
                return false;
            at += 4;
        } else {
            at += *layout == 'x' ? 16 : *layout - '0';
        }
    }
    return true;
}

static bool records_fit(const struct walk *w, const struct image_rrset *set, const uint8_t *end)
{
    const struct type_info *type = type_find(set->type);
    const uint8_t *at = rrset_records(set), *start = (const uint8_t *)set;
    if (type->layout) {
        unsigned size = record_size(type->layout);
        if ((uint64_t)(end - at) < (uint64_t)size * set->count)
            return false;
        for (unsigned i = 0; i < set->count; i++, at += size) {
            if (!names_fit(w, type->layout, at))
                return false;
        }
    } else if (!opaque_fits(at, set->count, end, &at)) {
        return false;
    }
    if (!(set->size & RRSET_SIGNED))
        return true;
    const uint8_t *sigs_at = start + image_pad((uint32_t)(at - start));
    if (end - sigs_at < (long)sizeof(struct image_sigs))
        return false;
    const struct image_sigs *sigs = (const void *)sigs_at;
    return opaque_fits((const uint8_t *)(sigs + 1), sigs->count, end, &at);
}

/* Each pointer stays within the bytes, or within the node's name in the question. */
static bool pointers_fit(const struct image *image, const struct image_node *node,
                         const struct image_composed *c)
{
    uint8_t name[NAME_MAX_LEN];
    size_t name_len = node_name(image, node, name);
    const uint8_t *bytes = c->gap + c->pointers;
    unsigned at = 0;
    for (unsigned i = 0; i < c->pointers; i++) {
        at += c->gap[i];
        if (at + 2u > c->len || (i && c->gap[i] < 2))
            return false;
        unsigned to = wire_get16(bytes + at);
        if (to & IMAGE_COMPOSED_QUESTION ? (to & ~IMAGE_COMPOSED_QUESTION) >= name_len
                                         : to >= c->len)
            return false;
    }
    return true;
}

static bool composed_fits(const struct image *image, const struct image_node *node,
                          const uint8_t *at, const uint8_t *end)
{
    const struct image_composed *c = (const void *)at;
    return end - at >= (long)sizeof *c && image_composed_size(c) == (uint64_t)(end - at) &&
           pointers_fit(image, node, c);
}

static bool rrsets_fit(const struct walk *w, const struct image_node *node)
{
    const uint8_t *at = (const uint8_t *)node_first(node),
                  *end = (const uint8_t *)node + node_size(node);
    for (unsigned i = 0; i < node->rrsets; i++) {
        if (end - at < (long)sizeof(struct image_rrset))
            return false;
        const struct image_rrset *set = (const void *)at;
        uint32_t size = set->size & ~3u;
        if (size < sizeof *set || size > (uint64_t)(end - at) || set->count == 0 ||
            !records_fit(w, set, at + size))
            return false;
        at += size;
    }
    if (node->flags & NODE_HASHED)
        end -= IMAGE_UNIT;
    return node->flags & NODE_COMPOSED ? composed_fits(w->image, node, at, end) : at == end;
}

/* Parents stand before their children, so following parents always ends; names stay short enough.
 */
static bool ancestors_fit(const struct walk *w, const struct image_node *node)
{
    const struct image *image = w->image;
    uint32_t ref = node_ref(image, node);
    unsigned len = 1, labels = 0;
    while (node->parent) {
        if (node->parent >= ref || !ref_fits(w, node->parent))
            return false;
        len += node->len + 1u;
        labels++;
        ref = node->parent;
        node = node_at(image, ref);
    }
    return len <= NAME_MAX_LEN && labels <= NAME_MAX_LABELS && ref == image->header->root;
}

/* What the flags promise is there: a delegation has NS, a DNAME owner its one DNAME, and what is
 * occluded has such an ancestor. */
static bool flags_fit(const struct walk *w, const struct image_node *node)
{
    const struct image_rrset *dname = node_rrset(node, TYPE_DNAME);
    if ((node->flags & NODE_CUT && !node_rrset(node, TYPE_NS)) ||
        (node->flags & NODE_DNAME && !dname))
        return false;
    const struct image_node *nsec3 = node_nsec3(w->image, node);
    if (nsec3 && !ref_fits(w, node_ref(w->image, nsec3)))
        return false;
    if (!node_is_occluded(node))
        return true;
    const struct image_node *up = node_parent(w->image, node);
    while (up && !(up->flags & (NODE_CUT | NODE_DNAME)))
        up = node_parent(w->image, up);
    return up != NULL;
}

static bool is_below_apex(const struct image *image, uint32_t ref)
{
    while (ref && ref != image->header->apex)
        ref = node_at(image, ref)->parent;
    return ref != 0;
}

static bool note_starts(struct walk *w)
{
    const struct image_header *h = w->image->header;
    uint32_t nodes = 0;
    for (uint64_t at = h->nodes; at < h->nodes_end; nodes++) {
        if (!node_fits(w->image, at))
            return false;
        uint64_t ref = at / IMAGE_UNIT;
        w->starts[ref / 8] |= (uint8_t)(1u << ref % 8);
        at += node_size((const void *)(w->image->base + at));
    }
    return nodes == h->node_count;
}

static bool nodes_fit(const struct walk *w)
{
    const struct image *image = w->image;
    const struct image_header *h = image->header;
    if (!ref_fits(w, h->root) || !ref_fits(w, h->apex) || node_at(image, h->root)->parent)
        return false;
    for (const struct image_node *n = node_next(image, NULL); n; n = node_next(image, n)) {
        if (!ancestors_fit(w, n) || !rrsets_fit(w, n) || !flags_fit(w, n))
            return false;
    }
    return true;
}

static bool tables_fit(const struct walk *w)
{
    const struct image *image = w->image;
    const struct image_header *h = image->header;
    bool free_slot = false;
    for (uint32_t i = 0; i < h->slots; i++) {
        uint32_t ref = image_slots(image)[i].node;
        free_slot |= ref == 0;
        if (ref && (!ref_fits(w, ref) || !is_below_apex(image, ref)))
            return false;
    }
    for (uint32_t i = 0; i < h->nsec_count; i++) {
        if (!ref_fits(w, image_nsec(image)[i]) || !is_below_apex(image, image_nsec(image)[i]))
            return false;
    }
    for (uint32_t i = 0; i < h->nsec3_count; i++) {
        if (!ref_fits(w, image_nsec3(image)[i].node) ||
            !is_below_apex(image, image_nsec3(image)[i].node))
            return false;
    }
    return free_slot;
}

int image_verify(const struct image *image)
{
    struct walk w = {image, calloc(image->header->size / IMAGE_UNIT / 8 + 1, 1)};
    if (!w.starts)
        return ERR_MEMORY;
    bool ok = note_starts(&w) && nodes_fit(&w) && tables_fit(&w);
    free(w.starts);
    const struct image_rrset *soa = ok ? node_rrset(node_apex(image), TYPE_SOA) : NULL;
    return soa && soa->count == 1 ? ERR_OK : ERR_FORMAT;
}

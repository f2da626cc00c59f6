/* Proofs of what does not exist: NSEC (RFC 4035 section 3.1.3), NSEC3 (RFC 5155 section 7.2). */
#include "server/answer/resolve.h"
#include "server/dns/wire.h"

static bool hashed(const struct resolve *r)
{
    return r->image->header->nsec3_count > 0;
}

/* "*" and what is right of label `from` of the name, which is not the first: so it is no longer
 * than the name. Returns the length. */
static size_t wildcard_name(const struct resolve *r, unsigned from, uint8_t out[NAME_MAX_LEN])
{
    size_t skip = r->name->label[from], len = r->name->len - skip;
    out[0] = 1;
    out[1] = '*';
    memcpy(out + 2, r->name->wire + skip, len);
    return len + 2;
}

static void add_covering(struct resolve *r, const uint8_t *wire, size_t len)
{
    struct name name;
    if (hashed(r))
        resolve_add_proof(r, node_nsec3_before(r->image, wire, len));
    else if (name_read(&name, wire, len))
        resolve_add_proof(r, node_nsec_before(r->image, &name, 0));
}

/* RFC 5155 section 7.2.1: the NSEC3 of the closest encloser that has one, if `match`, and the one
 * that covers the next closer name. With opt-out an existing name may have none: `node` exists, and
 * with `itself` it is the name and lacks one. Returns the encloser's first label in the name. */
static unsigned add_encloser_proof(struct resolve *r, const struct image_node *node, bool itself,
                                   bool match)
{
    const struct image_node *next = itself ? node : NULL, *apex = node_apex(r->image);
    unsigned from = r->from;
    if (itself && node != apex) {
        node = node_at(r->image, node->parent);
        from++;
    }
    while (!(node->flags & NODE_MATCHED) && node != apex) {
        next = node;
        node = node_at(r->image, node->parent);
        from++;
    }
    if (match && node->flags & NODE_MATCHED)
        resolve_add_proof(r, node_nsec3(r->image, node));
    if (next)
        resolve_add_proof(r, node_nsec3(r->image, next));
    else
        add_covering(r, r->name->wire + r->name->label[from - 1],
                     r->name->len - r->name->label[from - 1]);
    return from;
}

void resolve_prove_expansion(struct resolve *r)
{
    if (!r->dnssec)
        return;
    if (hashed(r))
        add_encloser_proof(r, r->node, false, false);
    else
        add_covering(r, r->name->wire, r->name->len);
}

void resolve_prove_nodata(struct resolve *r, const struct image_node *node)
{
    if (!r->dnssec)
        return;
    uint8_t wire[NAME_MAX_LEN];
    bool expanded = node != r->node && r->from > 0;
    if (!hashed(r)) {
        if (node_rrset(node, TYPE_NSEC)) /* an empty non-terminal has none and is covered */
            resolve_add_proof(r, node);
        else
            add_covering(r, wire, node_name(r->image, node, wire));
        return;
    }
    if (expanded) /* RFC 5155 section 7.2.5 */
        add_encloser_proof(r, r->node, false, true);
    if (node->flags & NODE_MATCHED)
        resolve_add_proof(r, node_nsec3(r->image, node));
    else if (!expanded)
        add_encloser_proof(r, node, true, true);
}

void resolve_prove_nxdomain(struct resolve *r)
{
    uint8_t wire[NAME_MAX_LEN];
    unsigned from = r->from;
    if (!r->dnssec)
        return;
    if (hashed(r))
        from = add_encloser_proof(r, r->node, false, true);
    else
        add_covering(r, r->name->wire, r->name->len);
    add_covering(r, wire, wildcard_name(r, from, wire));
}

void resolve_prove_no_ds(struct resolve *r, const struct image_node *cut)
{
    if (!hashed(r) || cut->flags & NODE_MATCHED) {
        const struct image_node *proof = hashed(r) ? node_nsec3(r->image, cut) : cut;
        resolve_add_proof(r, node_rrset(proof, hashed(r) ? TYPE_NSEC3 : TYPE_NSEC) ? proof : NULL);
        return;
    }
    /* The name may be below the cut: the proof is about the cut. */
    unsigned from = r->from;
    for (const struct image_node *n = r->node; n != cut; n = node_at(r->image, n->parent))
        r->from++;
    add_encloser_proof(r, cut, true, true);
    r->from = from;
}

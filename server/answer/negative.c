#include "server/answer/resolve.h"
#include "server/dns/wire.h"

/* RFC 2308 section 3: the SOA's TTL is the lower one of its own and its MINIMUM field. */
static void put_soa(struct resolve *r)
{
    resolve_authority(r, node_apex(r->image), TYPE_SOA, image_get_summary(r->image)->minimum);
}

void resolve_nodata(struct resolve *r, const struct image_node *node)
{
    r->answer->nodata = true;
    put_soa(r);
    if (!r->dnssec)
        return;
    if (node_rrset(node, TYPE_NSEC))
        resolve_add_proof(r, node);
    else /* an empty non-terminal has none: the one before it covers it */
        resolve_add_proof(r, node_nsec_before(r->image, &r->name, 0));
}

void resolve_nxdomain(struct resolve *r)
{
    r->answer->rcode = RCODE_NXDOMAIN;
    put_soa(r);
    if (!r->dnssec)
        return;
    resolve_add_proof(r, node_nsec_before(r->image, &r->name, 0));
    uint8_t wire[NAME_MAX_LEN] = {1, '*'};
    size_t skip = r->name.label[r->from], len = r->name.len - skip;
    if (len + 2 > sizeof wire)
        return;
    memcpy(wire + 2, r->name.wire + skip, len);
    struct name wildcard;
    if (name_read(&wildcard, wire, len + 2))
        resolve_add_proof(r, node_nsec_before(r->image, &wildcard, 0));
}

#include "server/answer/resolve.h"
#include "server/dns/wire.h"

/* RFC 2308 section 3: the SOA's TTL is the lower one of its own and its MINIMUM field. */
static void put_soa(struct resolve *r)
{
    unsigned label = r->name->count - r->image->header->origin_labels;
    if (resolve_composed(r, node_apex(r->image), label))
        return;
    resolve_authority(r, node_apex(r->image), TYPE_SOA, image_get_summary(r->image)->minimum);
}

void resolve_nodata(struct resolve *r, const struct image_node *node)
{
    r->answer->nodata = true;
    put_soa(r);
    resolve_prove_nodata(r, node);
}

void resolve_nxdomain(struct resolve *r)
{
    r->answer->rcode = RCODE_NXDOMAIN;
    put_soa(r);
    resolve_prove_nxdomain(r);
}

#include "server/answer/resolve.h"
#include "server/dns/wire.h"

void resolve_referral(struct resolve *r, const struct image_node *cut)
{
    const struct image_rrset *ns = node_rrset(cut, TYPE_NS);
    struct reply_owner owner = {0, cut};
    r->answer->referral = true;
    if (r->node == cut && resolve_composed(r, cut, r->from))
        return;
    /* The child's NS records are not ours to sign (RFC 4035 section 2.2). */
    if (!reply_rrset(r->reply, SECTION_AUTHORITY, r->image, owner, ns, false, UINT32_MAX, NULL)) {
        r->answer->truncated = true;
        return;
    }
    r->additional = ns;
    r->cut = cut;
    if (r->dnssec && !resolve_authority(r, cut, TYPE_DS, UINT32_MAX))
        resolve_prove_no_ds(r, cut);
}

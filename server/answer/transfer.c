#include "server/answer/transfer.h"

#include "server/dns/wire.h"

void transfer_begin(struct transfer *t, const struct answer *answer, const uint8_t *opt)
{
    const struct image *image = answer->zone->image;
    const struct query *query = &answer->query;
    *t = (struct transfer){.image = image,
                           .node = node_next(image, NULL),
                           .id = query->id,
                           .flags = FLAG_QR | FLAG_AA | (query->flags & FLAG_RD),
                           .is_signed = answer->signer,
                           .chain = answer->chain};
    t->question_len = (uint16_t)(query->question_end - DNS_HEADER);
    memcpy(t->question, query->bytes + DNS_HEADER, t->question_len);
    t->opt_len = (uint16_t)(answer->len <= sizeof t->opt ? answer->len : 0);
    if (t->opt_len)
        memcpy(t->opt, opt, t->opt_len);
}

/* RRset number `t->rrset` of the node; NULL behind the last. */
static const struct image_rrset *current(const struct transfer *t)
{
    if (t->rrset >= t->node->rrsets)
        return NULL;
    const struct image_rrset *set = node_first(t->node);
    for (unsigned i = 0; i < t->rrset; i++)
        set = rrset_next(set);
    return set;
}

static bool put_soa(struct transfer *t, struct reply *reply)
{
    const struct image_node *apex = node_apex(t->image);
    struct reply_owner owner = {0, apex};
    return reply_rrset(reply, SECTION_ANSWER, t->image, owner, node_rrset(apex, TYPE_SOA), false,
                       UINT32_MAX, NULL);
}

/* RRsets and their signatures are sent whole when they fit a message of the usual size or begin
 * one. The SOA is not repeated in its place. */
static bool put_node(struct transfer *t, struct reply *reply)
{
    const struct image_rrset *set;
    for (; (set = current(t)); t->rrset++) {
        struct reply_owner owner = {0, t->node};
        bool soa = set->type == TYPE_SOA && t->node->flags & NODE_APEX;
        bool fits =
            soa ? reply_sigs(reply, SECTION_ANSWER, t->image, owner, set)
                : reply_rrset(reply, SECTION_ANSWER, t->image, owner, set, true, UINT32_MAX, NULL);
        if (!fits)
            return false;
    }
    return true;
}

/* The OPT is the last record of the first message, whose limit was set so that it fits. */
static void put_opt(const struct transfer *t, struct reply *reply)
{
    if (!t->opt_len)
        return;
    memcpy(reply->bytes + reply->at, t->opt, t->opt_len);
    reply->at += t->opt_len;
    reply->count[SECTION_ADDITIONAL]++;
}

size_t transfer_next(struct transfer *t, struct reply_names *names, uint64_t now, uint8_t *out,
                     size_t cap)
{
    if (t->ended)
        return 0;
    struct reply reply;
    bool question = !t->begun, full = false;
    cap -= (question ? t->opt_len : 0) + (t->is_signed ? tsig_room(t->chain.key) : 0);
    reply_begin(&reply, out, cap < TRANSFER_MESSAGE ? cap : TRANSFER_MESSAGE, names);
    if (question) {
        memcpy(out + DNS_HEADER, t->question, t->question_len);
        reply.at += t->question_len;
    }
    if (question)
        t->begun = put_soa(t, &reply);
    while (t->node && !full) {
        full = !put_node(t, &reply);
        if (full && reply.count[SECTION_ANSWER] == 0) {
            t->failed = reply.limit == cap;
            full = t->failed;
            reply.limit = cap; /* an RRset larger than a usual message */
        } else if (!full) {
            t->node = node_next(t->image, t->node);
            t->rrset = 0;
        }
    }
    if (t->failed)
        return 0;
    if (!t->node && !full)
        t->ended = put_soa(t, &reply);
    t->records += reply.count[SECTION_ANSWER] - (t->ended ? 1u : 0u); /* the SOA again */
    if (question)
        put_opt(t, &reply);
    size_t len = reply_finish(&reply, t->id, t->flags, question);
    if (t->is_signed)
        len = tsig_sign(&t->chain, out, len, now);
    t->bytes += len;
    t->messages++;
    return len;
}

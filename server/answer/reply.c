#include "server/answer/reply.h"

#include "server/dns/wire.h"

void reply_begin(struct reply *reply, uint8_t *bytes, size_t limit, struct reply_names *names)
{
    *reply = (struct reply){.bytes = bytes, .at = DNS_HEADER, .limit = limit, .names = names};
    names->used = 0;
    if (++names->round == 0) {
        memset(names, 0, sizeof *names);
        names->round = 1;
    }
}

static uint32_t slot_of(const struct image_node *node)
{
    _Static_assert(REPLY_NAMES == 1 << 10, "the upper ten bits");
    return (uint32_t)((uint64_t)(uintptr_t)node * UINT64_C(0x9e3779b97f4a7c15) >> 54);
}

static void note(struct reply *reply, const struct image_node *node, size_t offset)
{
    struct reply_names *names = reply->names;
    if (offset > REPLY_POINTER_MAX || names->used == REPLY_NAMES_USED)
        return;
    uint32_t i = slot_of(node);
    for (; names->slot[i].round == names->round; i = (i + 1) % REPLY_NAMES) {
        if (names->slot[i].node == node)
            return;
    }
    names->slot[i].node = node;
    names->slot[i].round = names->round;
    names->slot[i].offset = (uint16_t)offset;
    names->used++;
}

void reply_question(struct reply *reply, const struct image *image, const struct image_node *node,
                    const uint8_t *label, uint16_t at)
{
    reply->question.image = image;
    reply->question.node = node;
    reply->question.label = label;
    reply->question.at = at;
}

static void note_question(struct reply *reply)
{
    const uint8_t *label = reply->question.label;
    for (const struct image_node *n = reply->question.node; n->parent;
         n = node_at(reply->question.image, n->parent))
        note(reply, n, reply->question.at + (size_t)*label++);
    reply->question.node = NULL;
}

static uint16_t noted(const struct reply_names *names, const struct image_node *node)
{
    for (uint32_t i = slot_of(node); names->slot[i].round == names->round;
         i = (i + 1) % REPLY_NAMES) {
        if (names->slot[i].node == node)
            return names->slot[i].offset;
    }
    return 0;
}

/* For the short pieces that records consist of. */
static inline void copy(uint8_t *to, const uint8_t *from, size_t len)
{
    uint64_t a, b;
    uint32_t c, d;
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        memcpy(&a, from, 8);
        memcpy(&b, from + len - 8, 8);
        memcpy(to, &a, 8);
        memcpy(to + len - 8, &b, 8);
    } else if (len >= 4) {
        memcpy(&c, from, 4);
        memcpy(&d, from + len - 4, 4);
        memcpy(to, &c, 4);
        memcpy(to + len - 4, &d, 4);
    } else {
        for (size_t i = 0; i < len; i++)
            to[i] = from[i];
    }
}

static inline bool put_pointer(struct reply *reply, uint16_t offset)
{
    if (reply->at + 2 > reply->limit)
        return false;
    wire_put16(reply->bytes + reply->at, 0xc000u | offset);
    reply->at += 2;
    return true;
}

bool reply_name(struct reply *reply, const struct image *image, const struct image_node *node,
                bool compress, uint16_t *where)
{
    *where = reply->at <= REPLY_POINTER_MAX ? (uint16_t)reply->at : 0;
    if (reply->question.node)
        note_question(reply);
    for (bool first = true; node->parent; node = node_at(image, node->parent), first = false) {
        uint16_t offset = compress ? noted(reply->names, node) : 0;
        if (offset) {
            if (first)
                *where = offset;
            return put_pointer(reply, offset);
        }
        if (reply->at + node->len + 1u > reply->limit)
            return false;
        note(reply, node, reply->at);
        copy(reply->bytes + reply->at, &node->len, node->len + 1u);
        reply->at += node->len + 1u;
    }
    if (reply->at >= reply->limit)
        return false;
    reply->bytes[reply->at++] = 0;
    return true;
}

static inline bool put_owner(struct reply *reply, const struct image *image,
                             struct reply_owner *owner)
{
    if (owner->offset)
        return put_pointer(reply, owner->offset);
    uint16_t where;
    if (!reply_name(reply, image, owner->node, true, &where))
        return false;
    /* The next record of the set points here. The root is shorter as it is. */
    owner->offset = owner->node->parent ? where : 0;
    return true;
}

/* Type, class and TTL: the same for all records of a set. */
struct head {
    uint8_t bytes[8];
};

static struct head make_head(uint16_t type, uint32_t ttl)
{
    struct head head;
    wire_put16(head.bytes, type);
    wire_put16(head.bytes + 2, CLASS_IN);
    wire_put32(head.bytes + 4, ttl);
    return head;
}

/* Owner, type, class, TTL, and room for RDLENGTH. */
static inline bool put_head(struct reply *reply, const struct image *image,
                            struct reply_owner *owner, const struct head *head)
{
    if (!put_owner(reply, image, owner) || reply->at + DNS_RR_FIXED > reply->limit)
        return false;
    memcpy(reply->bytes + reply->at, head->bytes, sizeof head->bytes);
    reply->at += DNS_RR_FIXED;
    return true;
}

static inline bool put_bytes(struct reply *reply, const uint8_t *from, size_t len)
{
    if (reply->at + len > reply->limit)
        return false;
    copy(reply->bytes + reply->at, from, len);
    reply->at += len;
    return true;
}

/* Writes the record stored at `from` and returns where the next one is, NULL when it does not fit.
 */
static inline const uint8_t *put_rdata(struct reply *reply, const struct image *image,
                                       const char *layout, const uint8_t *from, uint16_t *target)
{
    if (!layout) {
        uint16_t len;
        memcpy(&len, from, 2);
        from += 2;
        return put_bytes(reply, from, len) ? from + len : NULL;
    }
    for (; *layout; layout++) {
        if (*layout == 'n' || *layout == 'N') {
            if (!reply_name(reply, image, record_name(image, from), *layout == 'n', target))
                return NULL;
            from += 4;
        } else {
            unsigned n = *layout == 'x' ? 16 : (unsigned)(*layout - '0');
            if (!put_bytes(reply, from, n))
                return NULL;
            from += n;
        }
    }
    return from;
}

static bool put_records(struct reply *reply, const struct image *image, struct reply_owner *owner,
                        const struct image_rrset *set, uint32_t ttl, uint16_t *target)
{
    const char *layout = type_find(set->type)->layout;
    const uint8_t *next = rrset_records(set);
    struct head head = make_head(set->type, ttl);
    for (unsigned i = set->count; i; i--) {
        if (!put_head(reply, image, owner, &head))
            return false;
        size_t rdata = reply->at;
        next = put_rdata(reply, image, layout, next, target);
        if (!next)
            return false;
        wire_put16(reply->bytes + rdata - 2, (unsigned)(reply->at - rdata));
    }
    return true;
}

static bool put_sigs(struct reply *reply, const struct image *image, struct reply_owner *owner,
                     const struct image_rrset *set, uint32_t ttl, uint16_t *count)
{
    const struct image_sigs *sigs = rrset_sigs(set, type_find(set->type));
    if (!sigs)
        return true;
    const uint8_t *next = (const uint8_t *)(sigs + 1);
    struct head head = make_head(TYPE_RRSIG, ttl < sigs->ttl ? ttl : sigs->ttl);
    for (unsigned i = 0; i < sigs->count; i++) {
        struct image_record record;
        next = record_read(type_find(TYPE_RRSIG), next, &record);
        if (!put_head(reply, image, owner, &head) || !put_bytes(reply, record.data, record.len))
            return false;
        wire_put16(reply->bytes + reply->at - record.len - 2, record.len);
    }
    *count = sigs->count;
    return true;
}

bool reply_rrset(struct reply *reply, enum section section, const struct image *image,
                 struct reply_owner owner, const struct image_rrset *set, bool sigs, uint32_t ttl,
                 uint16_t *target)
{
    size_t start = reply->at;
    uint16_t sig_count = 0, unused = 0;
    uint32_t most = ttl < set->ttl ? ttl : set->ttl;
    *(target ? target : &unused) = 0;
    if (!put_records(reply, image, &owner, set, most, target ? target : &unused) ||
        (sigs && !put_sigs(reply, image, &owner, set, ttl, &sig_count))) {
        reply_rewind(reply, start);
        return false;
    }
    reply->count[section] = (uint16_t)(reply->count[section] + set->count + sig_count);
    return true;
}

bool reply_sigs(struct reply *reply, enum section section, const struct image *image,
                struct reply_owner owner, const struct image_rrset *set)
{
    size_t start = reply->at;
    uint16_t count = 0;
    if (!put_sigs(reply, image, &owner, set, UINT32_MAX, &count)) {
        reply_rewind(reply, start);
        return false;
    }
    reply->count[section] = (uint16_t)(reply->count[section] + count);
    return true;
}

bool reply_record(struct reply *reply, enum section section, struct reply_owner owner,
                  const struct image *image, uint16_t type, uint32_t ttl, const uint8_t *rdata,
                  size_t len)
{
    size_t start = reply->at;
    struct head head = make_head(type, ttl);
    if (!put_head(reply, image, &owner, &head) || !put_bytes(reply, rdata, len)) {
        reply_rewind(reply, start);
        return false;
    }
    wire_put16(reply->bytes + reply->at - len - 2, (unsigned)len);
    reply->count[section]++;
    return true;
}

bool reply_composed(struct reply *reply, const struct image_composed *composed, size_t at)
{
    uint8_t *to = reply->bytes + reply->at;
    if (reply->at + composed->len > reply->limit || reply->at + composed->len > REPLY_POINTER_MAX)
        return false;
    memcpy(to, composed->gap + composed->pointers, composed->len);
    for (unsigned i = 0; i < composed->pointers; i++) {
        to += composed->gap[i];
        unsigned offset = wire_get16(to), from_name = offset & IMAGE_COMPOSED_QUESTION;
        offset += from_name ? (unsigned)at - IMAGE_COMPOSED_QUESTION : (unsigned)reply->at;
        wire_put16(to, 0xc000u | offset);
    }
    reply->at += composed->len;
    reply->count[SECTION_AUTHORITY] =
        (uint16_t)(reply->count[SECTION_AUTHORITY] + composed->authority);
    reply->count[SECTION_ADDITIONAL] =
        (uint16_t)(reply->count[SECTION_ADDITIONAL] + composed->additional);
    return true;
}

void reply_rewind(struct reply *reply, size_t at)
{
    /* Names noted behind the place are gone with it. A slot whose node is gone stays in use, as
     * others may stand behind it; its offset is made one that nothing can have. */
    struct reply_names *names = reply->names;
    for (uint32_t i = 0; i < REPLY_NAMES; i++) {
        if (names->slot[i].round == names->round && names->slot[i].offset >= at)
            names->slot[i].node = NULL;
    }
    reply->at = at;
}

size_t reply_finish(struct reply *reply, uint16_t id, uint16_t flags, bool question)
{
    uint8_t *p = reply->bytes;
    wire_put16(p, id);
    wire_put16(p + 2, flags);
    wire_put16(p + 4, question);
    for (int i = 0; i < 3; i++)
        wire_put16(p + 6 + 2 * i, reply->count[i]);
    return reply->at;
}

void reply_edns(struct reply *reply, uint16_t udp_size, unsigned rcode, bool dnssec_ok)
{
    uint8_t *p = reply->bytes + reply->at;
    p[0] = 0;
    wire_put16(p + 1, TYPE_OPT);
    wire_put16(p + 3, udp_size);
    p[5] = (uint8_t)(rcode >> 4);
    p[6] = 0;
    wire_put16(p + 7, dnssec_ok ? 0x8000 : 0);
    wire_put16(p + 9, 0);
    reply->at += REPLY_EDNS;
    reply->count[SECTION_ADDITIONAL]++;
}

bool reply_option(struct reply *reply, unsigned code, const uint8_t *data, size_t len)
{
    size_t size = EDNS_OPTION_HEAD + len;
    if (reply->at + size > reply->limit)
        return false;
    uint8_t *p = reply->bytes + reply->at;
    wire_put16(p, code);
    wire_put16(p + 2, (unsigned)len);
    memcpy(p + EDNS_OPTION_HEAD, data, len);
    wire_put16(p - reply->options - 2, reply->options + (unsigned)size);
    reply->options = (uint16_t)(reply->options + size);
    reply->at += size;
    return true;
}

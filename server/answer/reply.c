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
    return (uint32_t)((uint64_t)(uintptr_t)node * UINT64_C(0x9e3779b97f4a7c15) >> 54) % REPLY_NAMES;
}

void reply_note(struct reply *reply, const struct image_node *node, size_t offset)
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

static uint16_t noted(const struct reply_names *names, const struct image_node *node)
{
    for (uint32_t i = slot_of(node); names->slot[i].round == names->round;
         i = (i + 1) % REPLY_NAMES) {
        if (names->slot[i].node == node)
            return names->slot[i].offset;
    }
    return 0;
}

static bool put_pointer(struct reply *reply, uint16_t offset)
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
    for (bool first = true; node->parent; node = node_at(image, node->parent), first = false) {
        uint16_t offset = compress ? noted(reply->names, node) : 0;
        if (offset) {
            if (first)
                *where = offset;
            return put_pointer(reply, offset);
        }
        if (reply->at + node->len + 1u > reply->limit)
            return false;
        reply_note(reply, node, reply->at);
        reply->bytes[reply->at++] = node->len;
        memcpy(reply->bytes + reply->at, node->label, node->len);
        reply->at += node->len;
    }
    if (reply->at >= reply->limit)
        return false;
    reply->bytes[reply->at++] = 0;
    return true;
}

static bool put_owner(struct reply *reply, const struct image *image, struct reply_owner *owner)
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

/* Owner, type, class, TTL, and room for RDLENGTH. */
static bool put_head(struct reply *reply, const struct image *image, struct reply_owner *owner,
                     uint16_t type, uint32_t ttl)
{
    if (!put_owner(reply, image, owner) || reply->at + DNS_RR_FIXED > reply->limit)
        return false;
    uint8_t *p = reply->bytes + reply->at;
    wire_put16(p, type);
    wire_put16(p + 2, CLASS_IN);
    wire_put32(p + 4, ttl);
    reply->at += DNS_RR_FIXED;
    return true;
}

static bool put_bytes(struct reply *reply, const uint8_t *from, size_t len)
{
    if (reply->at + len > reply->limit)
        return false;
    memcpy(reply->bytes + reply->at, from, len);
    reply->at += len;
    return true;
}

static bool put_rdata(struct reply *reply, const struct image *image, const struct type_info *type,
                      const struct image_record *record, uint16_t *target)
{
    if (!type->layout)
        return put_bytes(reply, record->data, record->len);
    const uint8_t *from = record->data;
    for (const char *step = type->layout; *step; step++) {
        if (*step == 'n' || *step == 'N') {
            if (!reply_name(reply, image, record_name(image, from), *step == 'n', target))
                return false;
            from += 4;
        } else {
            unsigned n = *step == 'x' ? 16 : (unsigned)(*step - '0');
            if (!put_bytes(reply, from, n))
                return false;
            from += n;
        }
    }
    return true;
}

static bool put_records(struct reply *reply, const struct image *image, struct reply_owner *owner,
                        const struct image_rrset *set, uint32_t ttl, uint16_t *target)
{
    const struct type_info *type = type_find(set->type);
    const uint8_t *next = rrset_records(set);
    for (unsigned i = 0; i < set->count; i++) {
        struct image_record record;
        next = record_read(type, next, &record);
        if (!put_head(reply, image, owner, set->type, ttl))
            return false;
        size_t rdata = reply->at;
        if (!put_rdata(reply, image, type, &record, target))
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
    for (unsigned i = 0; i < sigs->count; i++) {
        struct image_record record;
        next = record_read(type_find(TYPE_RRSIG), next, &record);
        if (!put_head(reply, image, owner, TYPE_RRSIG, ttl < sigs->ttl ? ttl : sigs->ttl) ||
            !put_bytes(reply, record.data, record.len))
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
    if (!put_head(reply, image, &owner, type, ttl) || !put_bytes(reply, rdata, len)) {
        reply_rewind(reply, start);
        return false;
    }
    wire_put16(reply->bytes + reply->at - len - 2, (unsigned)len);
    reply->count[section]++;
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

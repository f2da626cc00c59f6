/* Answers that are written ahead: the referral of a delegation, and the SOA of a negative answer.
 *
 * The bytes are those the answering side would write for a client that wants no DNSSEC, when the
 * last name that exists is the node itself (server/answer: resolve_referral, put_soa, reply.c); the
 * tests compare both. */
#include "server/dns/wire.h"
#include "server/image/draft.h"

enum { NAMES = 96 };

struct compose {
    const struct image_builder *b;
    struct draft_composed *out;
    unsigned last_pointer, names;
    struct {
        uint32_t id;
        uint16_t offset; /* as a composed pointer has it */
    } name[NAMES];
    bool failed; /* too large: then it is left to the answering side */
};

static void note(struct compose *c, uint32_t id, unsigned offset)
{
    if (c->names == NAMES) {
        c->failed = true;
        return;
    }
    c->name[c->names].id = id;
    c->name[c->names++].offset = (uint16_t)offset;
}

/* The place of a name that is in the message, -1 none. */
static int noted(const struct compose *c, uint32_t id)
{
    for (unsigned i = 0; i < c->names; i++) {
        if (c->name[i].id == id)
            return c->name[i].offset;
    }
    return -1;
}

/* Room for so many bytes; NULL when there is none. */
static uint8_t *take(struct compose *c, unsigned n)
{
    if (c->failed || c->out->len + n > DRAFT_COMPOSED_BYTES) {
        c->failed = true;
        return NULL;
    }
    c->out->len += n;
    return c->out->bytes + c->out->len - n;
}

static void put_pointer(struct compose *c, unsigned offset)
{
    struct draft_composed *out = c->out;
    unsigned gap = out->len - c->last_pointer;
    uint8_t *to = take(c, 2);
    if (!to || out->pointers == DRAFT_COMPOSED_POINTERS || gap > UINT8_MAX) {
        c->failed = true;
        return;
    }
    wire_put16(to, offset);
    c->last_pointer += gap;
    out->gap[out->pointers++] = (uint8_t)gap;
}

/* Returns an offset that the same name can be pointed at. */
static unsigned put_name(struct compose *c, uint32_t id)
{
    unsigned start = c->out->len;
    for (bool first = true; c->b->names[id].parent != DRAFT_NONE; id = c->b->names[id].parent) {
        const struct draft_name *n = &c->b->names[id];
        int offset = noted(c, id);
        if (offset >= 0) {
            put_pointer(c, (unsigned)offset);
            return first ? (unsigned)offset : start;
        }
        note(c, id, c->out->len);
        uint8_t *to = take(c, n->len + 1u);
        if (!to)
            return 0;
        *to = n->len;
        memcpy(to + 1, n->label, n->len);
        first = false;
    }
    uint8_t *to = take(c, 1);
    if (to)
        *to = 0;
    return start;
}

static void put_rdata(struct compose *c, const struct draft_record *r)
{
    const char *layout = type_find(r->type)->layout;
    const uint8_t *from = r->data;
    if (!layout) {
        uint8_t *to = take(c, r->len);
        if (to && r->len)
            memcpy(to, from, r->len);
        return;
    }
    for (; *layout; layout++) {
        unsigned n = *layout == 'x' ? 16 : (unsigned)(*layout - '0');
        if (*layout == 'N') {
            c->failed = true; /* no type that is written ahead has such */
            return;
        }
        if (*layout == 'n') {
            uint32_t id;
            memcpy(&id, from, n = 4);
            put_name(c, id);
        } else {
            uint8_t *to = take(c, n);
            if (to)
                memcpy(to, from, n);
        }
        from += n;
    }
}

/* The RRset that begins at record `first`; returns how many records it has. */
static unsigned put_rrset(struct compose *c, uint32_t owner, uint32_t first, uint32_t most_ttl)
{
    const struct draft_name *n = &c->b->names[owner];
    const struct draft_record *r = &c->b->records[first];
    uint32_t ttl = r->ttl < most_ttl ? r->ttl : most_ttl, end = n->first + n->count - first;
    uint16_t type = r->type;
    unsigned count = 0, where = 0;
    for (; count < end && r->type == type && !c->failed; r++, count++) {
        if (count && n->parent != DRAFT_NONE)
            put_pointer(c, where);
        else
            where = put_name(c, owner);
        uint8_t *head = take(c, DNS_RR_FIXED);
        if (!head)
            break;
        wire_put16(head, type);
        wire_put16(head + 2, CLASS_IN);
        wire_put32(head + 4, ttl);
        unsigned start = c->out->len;
        put_rdata(c, r);
        wire_put16(head + 8, c->out->len - start);
    }
    return count;
}

/* The first record of a type, DRAFT_NONE when the name has none. */
static uint32_t find_type(const struct image_builder *b, const struct draft_name *n, uint16_t type)
{
    for (uint32_t i = n->first; i < n->first + n->count; i++) {
        if (b->records[i].type == type)
            return i;
    }
    return DRAFT_NONE;
}

static bool is_within(const struct image_builder *b, uint32_t id, uint32_t top)
{
    /* Numbers are in canonical order: what is below `top` comes behind it. */
    while (id > top)
        id = b->names[id].parent;
    return id == top;
}

/* Addresses of the name servers in the delegation itself (`glue`), or of the others. */
static unsigned put_addresses(struct compose *c, uint32_t cut, uint32_t ns, unsigned count,
                              bool glue)
{
    unsigned records = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t id;
        memcpy(&id, c->b->records[ns + i].data, sizeof id);
        const struct draft_name *n = &c->b->names[id];
        if (!(n->flags & NODE_EXISTS) || is_within(c->b, id, cut) != glue)
            continue;
        uint32_t a = find_type(c->b, n, TYPE_A), aaaa = find_type(c->b, n, TYPE_AAAA);
        records += a == DRAFT_NONE ? 0 : put_rrset(c, id, a, UINT32_MAX);
        records += aaaa == DRAFT_NONE ? 0 : put_rrset(c, id, aaaa, UINT32_MAX);
    }
    return records;
}

/* With names so short no pointer is too far behind the one before, whatever the order of the
 * records: that must not decide whether something is written ahead (image_same_content). */
static bool are_short(const struct image_builder *b, uint32_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t id;
        memcpy(&id, b->records[first + i].data, sizeof id);
        unsigned len = 1;
        for (; b->names[id].parent != DRAFT_NONE; id = b->names[id].parent)
            len += b->names[id].len + 1u;
        if (len + 2 + DNS_RR_FIXED > UINT8_MAX)
            return false;
    }
    return true;
}

bool draft_compose(const struct image_builder *b, uint32_t id, uint32_t minimum,
                   struct draft_composed *out)
{
    const struct draft_name *n = &b->names[id];
    bool apex = n->flags & NODE_APEX;
    uint32_t first = find_type(b, n, apex ? TYPE_SOA : TYPE_NS);
    struct compose c; /* not cleared: that would be much of the work */
    c.b = b;
    c.out = out;
    c.last_pointer = c.names = 0;
    c.failed = false;
    out->len = out->pointers = out->authority = out->additional = 0;
    if ((!apex && !(n->flags & NODE_CUT)) || first == DRAFT_NONE)
        return false;
    unsigned offset = 0;
    for (uint32_t up = id; b->names[up].parent != DRAFT_NONE; up = b->names[up].parent) {
        note(&c, up, IMAGE_COMPOSED_QUESTION | offset);
        offset += b->names[up].len + 1u;
    }
    out->authority = put_rrset(&c, id, first, apex ? minimum : UINT32_MAX);
    if (!apex) {
        if (!are_short(b, first, out->authority))
            return false;
        out->additional = put_addresses(&c, id, first, out->authority, true);
        out->additional += put_addresses(&c, id, first, out->authority, false);
    }
    return !c.failed && out->authority <= UINT8_MAX && out->additional <= UINT8_MAX;
}

#include <stdio.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/draft.h"

enum { FINDINGS_MAX = 100 };

void draft_name_text(const struct image_builder *b, uint32_t id, char out[1024])
{
    size_t n = 0;
    for (; id != 0; id = b->names[id].parent) {
        const uint8_t *label = b->labels + b->names[id].label;
        for (unsigned i = 0; i < b->names[id].len && n < 1015; i++) {
            if (label[i] == '.' || label[i] == '\\')
                n += (size_t)snprintf(out + n, 1024 - n, "\\%c", label[i]);
            else if (label[i] > 0x20 && label[i] < 0x7f)
                out[n++] = (char)label[i];
            else
                n += (size_t)snprintf(out + n, 1024 - n, "\\%03u", label[i]);
        }
        out[n++] = '.';
    }
    if (!n)
        out[n++] = '.';
    out[n] = '\0';
}

struct findings {
    struct image_builder *b;
    struct buf *out;
    unsigned count;
    bool error;
};

static void find(struct findings *f, bool error, uint32_t name, const char *what)
{
    char text[1024];
    f->error |= error;
    if (f->count++ >= FINDINGS_MAX)
        return;
    draft_name_text(f->b, name, text);
    buf_printf(f->out, "%s: %s %s\n", error ? "error" : "warning", text, what);
}

static const struct draft_record *find_record(const struct image_builder *b,
                                              const struct draft_name *n, uint16_t type,
                                              uint32_t *count)
{
    const struct draft_record *first = NULL;
    *count = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct draft_record *r = &b->records[n->first + i];
        if (r->type == type && !(*count)++)
            first = r;
    }
    return first;
}

static void check_apex(struct findings *f, struct image_summary *summary)
{
    struct image_builder *b = f->b;
    const struct draft_name *apex = &b->names[b->apex];
    uint32_t count;
    const struct draft_record *soa = find_record(b, apex, TYPE_SOA, &count);
    if (count != 1) {
        find(f, true, b->apex,
             count ? "has several SOA records; one is needed" : "has no SOA record");
        return;
    }
    const uint8_t *p = b->data + soa->data + 8;
    summary->serial = wire_get32(p);
    summary->refresh = wire_get32(p + 4);
    summary->retry = wire_get32(p + 8);
    summary->expire = wire_get32(p + 12);
    summary->minimum = wire_get32(p + 16);
    if (!find_record(b, apex, TYPE_NS, &count))
        find(f, true, b->apex, "has no NS record");
    if (find_record(b, apex, TYPE_CNAME, &count))
        find(f, true, b->apex, "is the zone's own name and has a CNAME record");
}

/* RFC 1034 section 3.6.2, RFC 2181 section 10.1, RFC 4034: what may stand beside a CNAME. */
static bool may_join_cname(uint16_t type)
{
    return type == TYPE_CNAME || type == TYPE_RRSIG || type == TYPE_NSEC;
}

static void check_ttls(struct findings *f, uint32_t id, const struct draft_name *n)
{
    struct draft_record *r = f->b->records + n->first;
    bool told = false;
    for (uint32_t i = 1; i < n->count; i++) {
        if (r[i].type != r[i - 1].type || r[i].ttl == r[i - 1].ttl || r[i].type == TYPE_RRSIG)
            continue;
        if (!told)
            find(f, false, id,
                 "has records of one type with different TTLs; the first one's is used");
        told = true;
        r[i].ttl = r[i - 1].ttl; /* RFC 2181 section 5.2 */
    }
}

static void check_name(struct findings *f, uint32_t id)
{
    struct image_builder *b = f->b;
    const struct draft_name *n = &b->names[id];
    uint32_t cnames, dnames, soas;
    find_record(b, n, TYPE_CNAME, &cnames);
    find_record(b, n, TYPE_DNAME, &dnames);
    find_record(b, n, TYPE_SOA, &soas);
    if (cnames > 1)
        find(f, true, id, "has several CNAME records");
    if (dnames > 1)
        find(f, true, id, "has several DNAME records");
    if (soas && id != b->apex)
        find(f, true, id, "has a SOA record but is not the zone's own name");
    for (uint32_t i = 0; cnames && i < n->count; i++) {
        if (!may_join_cname(b->records[n->first + i].type)) {
            find(f, true, id, "has a CNAME record and other records");
            break;
        }
    }
    check_ttls(f, id, n);
}

/* Which names exist: owners and everything between them and the apex. */
static void mark_existing(struct image_builder *b)
{
    for (uint32_t id = 0; id < b->name_count; id++) {
        if (!b->names[id].count || draft_is_hash_owner(b, &b->names[id]))
            continue;
        for (uint32_t up = id; !(b->names[up].flags & NODE_EXISTS); up = b->names[up].parent) {
            b->names[up].flags |= NODE_EXISTS;
            if (up == b->apex)
                break;
        }
    }
    b->names[b->apex].flags |= NODE_EXISTS | NODE_APEX;
}

static void mark_kinds(struct image_builder *b)
{
    for (uint32_t i = 0; i < b->name_count; i++) {
        uint32_t id = b->order[i], count;
        struct draft_name *n = &b->names[id];
        if (id && n->len == 1 && b->labels[n->label] == '*' && n->flags & NODE_EXISTS)
            b->names[n->parent].flags |= NODE_WILDCARD;
        if (id != b->apex && find_record(b, n, TYPE_NS, &count))
            n->flags |= NODE_CUT;
        if (find_record(b, n, TYPE_DNAME, &count))
            n->flags |= NODE_DNAME;
    }
}

/* Parents come first in the order, so each name looks at its parent only. */
static void mark_above(struct image_builder *b)
{
    for (uint32_t i = 0; i < b->name_count; i++) {
        struct draft_name *n = &b->names[b->order[i]];
        n->above = DRAFT_NONE;
        if (n->parent == DRAFT_NONE)
            continue;
        const struct draft_name *parent = &b->names[n->parent];
        if (parent->above != DRAFT_NONE)
            n->above = parent->above;
        else if (parent->flags & (NODE_CUT | NODE_DNAME))
            n->above = n->parent;
    }
}

int draft_check(struct image_builder *b, struct image_summary *summary, struct buf *findings)
{
    struct findings f = {b, findings, 0, false};
    mark_existing(b);
    mark_kinds(b);
    mark_above(b);
    check_apex(&f, summary);
    for (uint32_t i = 0; i < b->name_count; i++) {
        if (b->names[b->order[i]].count)
            check_name(&f, b->order[i]);
    }
    if (f.count > FINDINGS_MAX)
        buf_printf(findings, "%s: %u more\n", f.error ? "error" : "warning",
                   f.count - FINDINGS_MAX);
    return f.error ? ERR_ZONE : ERR_OK;
}

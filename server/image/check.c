#include <stdarg.h>
#include <stdio.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/draft.h"

enum {
    FINDINGS_MAX = 100,
    RRSET_MOST = 65535 - 12 - 5 /* header, and the shortest question */
};

void draft_name_text(const struct image_builder *b, uint32_t id, char out[1024])
{
    size_t n = 0;
    for (; id != 0; id = b->names[id].parent) {
        const uint8_t *label = b->names[id].label;
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

size_t draft_name_wire(const struct image_builder *b, uint32_t id, uint8_t out[NAME_MAX_LEN])
{
    size_t len = 0;
    for (; id != 0; id = b->names[id].parent) {
        const struct draft_name *n = &b->names[id];
        out[len++] = n->len;
        memcpy(out + len, n->label, n->len);
        len += n->len;
    }
    out[len++] = 0;
    return len;
}

void draft_find(struct draft_findings *f, bool error, const struct draft_record *at, uint32_t name,
                const char *format, ...)
{
    char text[1024], what[512];
    va_list ap;
    f->error |= error;
    if (f->count++ >= FINDINGS_MAX)
        return;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    draft_name_text(f->b, name, text);
    buf_puts(f->out, error ? "error" : "warning");
    if (at && at->place)
        buf_printf(f->out, " %u", at->place);
    buf_printf(f->out, ": %s %s\n", text, what);
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

static void check_apex(struct draft_findings *f, struct image_summary *summary)
{
    struct image_builder *b = f->b;
    const struct draft_name *apex = &b->names[b->apex];
    uint32_t count;
    const struct draft_record *soa = find_record(b, apex, TYPE_SOA, &count);
    if (count != 1) {
        draft_find(f, true, soa ? soa + 1 : NULL, b->apex,
                   count ? "has several SOA records; one is needed" : "has no SOA record");
        return;
    }
    const uint8_t *p = soa->data + 8;
    summary->serial = wire_get32(p);
    summary->refresh = wire_get32(p + 4);
    summary->retry = wire_get32(p + 8);
    summary->expire = wire_get32(p + 12);
    summary->minimum = wire_get32(p + 16);
    if (!find_record(b, apex, TYPE_NS, &count))
        draft_find(f, true, soa, b->apex, "has no NS record");
    const struct draft_record *cname = find_record(b, apex, TYPE_CNAME, &count);
    if (cname)
        draft_find(f, true, cname, b->apex, "is the zone's own name and has a CNAME record");
}

/* RFC 1034 section 3.6.2, RFC 2181 section 10.1, RFC 4034: what may stand beside a CNAME. */
static bool may_join_cname(uint16_t type)
{
    return type == TYPE_CNAME || type == TYPE_RRSIG || type == TYPE_NSEC;
}

static void check_ttls(struct draft_findings *f, uint32_t id, const struct draft_name *n)
{
    struct draft_record *r = f->b->records + n->first;
    bool told = false;
    for (uint32_t i = 1; i < n->count; i++) {
        if (r[i].type != r[i - 1].type || r[i].ttl == r[i - 1].ttl || r[i].type == TYPE_RRSIG)
            continue;
        if (!told)
            draft_find(f, false, &r[i], id,
                       "has records of one type with different TTLs; the first one's is used");
        told = true;
        r[i].ttl = r[i - 1].ttl; /* RFC 2181 section 5.2 */
    }
}

/* At least so many bytes a record takes in an answer: its names compressed as far as can be. */
static uint32_t least_size(const struct image_builder *b, const struct draft_record *r)
{
    const char *layout = type_find(r->type)->layout;
    const uint8_t *at = r->data;
    uint32_t size = 12;
    if (!layout)
        return size + r->len;
    for (; *layout; layout++) {
        if (*layout == 'n' || *layout == 'N') {
            uint32_t id;
            memcpy(&id, at, 4);
            size += b->names[id].len + 3u;
            at += 4;
        } else {
            unsigned n = *layout == 'x' ? 16 : (unsigned)(*layout - '0');
            size += n;
            at += n;
        }
    }
    return size;
}

/* An RRset that fits into no message can never be answered (RFC 1035 section 4.2.2). */
static void check_sizes(struct draft_findings *f, uint32_t id, const struct draft_name *n)
{
    const struct draft_record *r = f->b->records + n->first;
    uint64_t size = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (i && r[i].type != r[i - 1].type)
            size = 0;
        uint32_t one = least_size(f->b, &r[i]);
        bool fitted = size <= RRSET_MOST;
        size += one;
        if (size > RRSET_MOST && fitted && r[i].type != TYPE_RRSIG)
            draft_find(f, true, &r[i], id, "has an RRset too large for any answer (65535 bytes)");
    }
}

static void check_name(struct draft_findings *f, uint32_t id)
{
    struct image_builder *b = f->b;
    const struct draft_name *n = &b->names[id];
    uint32_t cnames, dnames, soas;
    const struct draft_record *cname = find_record(b, n, TYPE_CNAME, &cnames),
                              *dname = find_record(b, n, TYPE_DNAME, &dnames),
                              *soa = find_record(b, n, TYPE_SOA, &soas);
    if (cnames > 1)
        draft_find(f, true, cname + 1, id, "has several CNAME records");
    if (dnames > 1)
        draft_find(f, true, dname + 1, id, "has several DNAME records");
    if (soas && id != b->apex)
        draft_find(f, true, soa, id, "has a SOA record but is not the zone's own name");
    for (uint32_t i = 0; cnames && i < n->count; i++) {
        if (!may_join_cname(b->records[n->first + i].type)) {
            draft_find(f, true, cname, id, "has a CNAME record and other records");
            break;
        }
    }
    check_sizes(f, id, n);
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
        uint32_t id = i, count;
        struct draft_name *n = &b->names[id];
        if (id && n->len == 1 && *n->label == '*' && n->flags & NODE_EXISTS)
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
        struct draft_name *n = &b->names[i];
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
    struct draft_findings f = {b, findings, 0, false};
    mark_existing(b);
    mark_kinds(b);
    mark_above(b);
    check_apex(&f, summary);
    for (uint32_t i = 0; i < b->name_count; i++) {
        if (b->names[i].count)
            check_name(&f, i);
    }
    if (draft_lint(b, &f))
        return ERR_MEMORY;
    if (f.count > FINDINGS_MAX)
        buf_printf(findings, "%s: %u more findings\n", f.error ? "error" : "warning",
                   f.count - FINDINGS_MAX);
    return f.error ? ERR_ZONE : ERR_OK;
}

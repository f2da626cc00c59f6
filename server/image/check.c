#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/crew.h"
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

/* ---- in pieces, by several threads */

enum { PIECE_LEAST = 8192, PIECES_A_THREAD = 4, PIECES_MAX = CREW_MAX * PIECES_A_THREAD };

struct checking {
    struct image_builder *b;
    struct draft_lint lint;
    unsigned pieces;
    struct piece {
        struct draft_findings findings;
        struct draft_lint lint;
        struct buf out;
    } piece[];
};

static uint32_t piece_begin(const struct checking *c, unsigned piece)
{
    return (uint32_t)((uint64_t)c->b->name_count * piece / c->pieces);
}

/* What can be seen of a name by itself. */
static void mark_piece(void *arg, unsigned piece)
{
    struct checking *c = arg;
    struct image_builder *b = c->b;
    uint32_t count;
    uint32_t end = piece_begin(c, piece + 1);
    for (uint32_t i = piece_begin(c, piece); i < end; i++) {
        struct draft_name *n = &b->names[i];
        if (n->count && !draft_is_hash_owner(b, n))
            n->flags |= NODE_EXISTS;
        if (n->count && i != b->apex && find_record(b, n, TYPE_NS, &count))
            n->flags |= NODE_CUT;
        if (n->count && find_record(b, n, TYPE_DNAME, &count))
            n->flags |= NODE_DNAME;
    }
}

/* Owners exist, and everything between them and the apex. Children come behind their parents. */
static void mark_existing(struct image_builder *b)
{
    for (uint32_t i = b->name_count - 1; i > b->apex; i--) {
        const struct draft_name *n = &b->names[i];
        if (!(n->flags & NODE_EXISTS))
            continue;
        b->names[n->parent].flags |= NODE_EXISTS;
        if (n->len == 1 && *n->label == '*')
            b->names[n->parent].flags |= NODE_WILDCARD;
    }
    b->names[b->apex].flags |= NODE_EXISTS | NODE_APEX;
}

/* Parents come first, so each name looks at its parent only. */
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

static void check_piece(void *arg, unsigned number)
{
    struct checking *c = arg;
    struct piece *p = &c->piece[number];
    struct draft_findings f = {.b = c->b, .out = &p->out};
    uint32_t end = piece_begin(c, number + 1);
    for (uint32_t i = piece_begin(c, number); i < end; i++) {
        if (c->b->names[i].count)
            check_name(&f, i);
    }
    p->findings = f;
}

static void lint_piece(void *arg, unsigned number)
{
    struct checking *c = arg;
    struct piece *p = &c->piece[number];
    struct draft_findings f = {.b = c->b, .out = &p->out};
    struct draft_lint lint = c->lint;
    lint.f = &f;
    uint32_t end = piece_begin(c, number + 1);
    for (uint32_t i = piece_begin(c, number); i < end; i++) {
        if (c->b->names[i].count)
            draft_lint_name(&lint, i);
    }
    p->findings = f;
    p->lint = lint;
}

/* Takes the findings of the pieces, in order, as far as there is room. */
static void join(struct checking *c, struct draft_findings *f)
{
    for (unsigned i = 0; i < c->pieces; i++) {
        struct piece *p = &c->piece[i];
        const char *line = p->out.data;
        for (unsigned k = f->count; line && *line && k < FINDINGS_MAX; k++) {
            size_t len = strcspn(line, "\n") + 1;
            buf_add(f->out, line, len);
            line += len;
        }
        f->count += p->findings.count;
        f->error |= p->findings.error;
        buf_fini(&p->out);
        p->findings = (struct draft_findings){0};
    }
}

int draft_check(struct image_builder *b, struct image_summary *summary, struct buf *findings)
{
    struct draft_findings f = {b, findings, 0, false};
    unsigned most = b->threads * PIECES_A_THREAD, pieces = b->name_count / PIECE_LEAST + 1;
    pieces = pieces < most ? pieces : most < PIECES_MAX ? most : PIECES_MAX;
    struct checking *c = calloc(1, offsetof(struct checking, piece) + pieces * sizeof *c->piece);
    if (!c)
        return ERR_MEMORY;
    c->b = b;
    c->pieces = pieces;
    crew_run(b->threads, c->pieces, mark_piece, c);
    mark_existing(b);
    mark_above(b);
    check_apex(&f, summary);
    crew_run(b->threads, c->pieces, check_piece, c);
    join(c, &f);
    draft_lint_begin(&c->lint, b, &f);
    crew_run(b->threads, c->pieces, lint_piece, c);
    join(c, &f);
    for (unsigned i = 0; i < c->pieces; i++)
        draft_lint_join(&c->lint, &c->piece[i].lint);
    int err = draft_lint_end(&c->lint);
    free(c);
    if (err)
        return err;
    if (f.count > FINDINGS_MAX)
        buf_printf(findings, "%s: %u more findings\n", f.error ? "error" : "warning",
                   f.count - FINDINGS_MAX);
    return f.error ? ERR_ZONE : ERR_OK;
}

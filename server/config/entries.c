#include "server/config/entries.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const char *at, *end; /* without the newline */
    const char *next;     /* the line behind; NULL at the end of the text */
    unsigned number, indent;
};

static bool read_line(struct line *l, const char *at, const char *end, unsigned number)
{
    if (!at || at >= end)
        return false;
    const char *eol = memchr(at, '\n', (size_t)(end - at));
    *l = (struct line){at, eol ? eol : end, eol ? eol + 1 : NULL, number, 0};
    while (l->at + l->indent < l->end && l->at[l->indent] == ' ')
        l->indent++;
    return true;
}

static bool is_blank(const struct line *l)
{
    return l->at + l->indent == l->end || l->at[l->indent] == '#';
}

/* What YAML may read on from one line into the next: an open quote or bracket. Each line must be
 * whole by itself, and no line to YAML alone: it knows more line breaks than \n. What might be such
 * is taken for it. */
static bool is_usual(const struct line *l)
{
    unsigned single = 0, twice = 0, open = 0;
    bool says = !is_blank(l);
    for (const char *p = l->at; p < l->end; p++) {
        if (*p == '\r' || *p == '\xc2' || *p == '\xe2')
            return false;
        single += *p == '\'';
        twice += *p == '"';
        if (*p == '[' || *p == '{')
            open++;
        else if ((*p == ']' || *p == '}') && open-- == 0 && says)
            return false;
    }
    return !says || (single % 2 == 0 && twice % 2 == 0 && !open);
}

/* Bytes that mean nothing to YAML inside of a value, whatever stands beside them: letters, digits
 * and "+-./=_", a bit each. */
static bool is_plain(char c)
{
    static const uint64_t plain[4] = {UINT64_C(0x23ffe80000000000), UINT64_C(0x07fffffe87fffffe)};
    unsigned char byte = (unsigned char)c;
    return plain[byte / 64] >> byte % 64 & 1;
}

struct cursor {
    const struct line *line;
    const char *at;
};

static bool skip(struct cursor *c, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(c->line->end - c->at) < len || memcmp(c->at, text, len))
        return false;
    c->at += len;
    return true;
}

static void skip_spaces(struct cursor *c)
{
    while (c->at < c->line->end && *c->at == ' ')
        c->at++;
}

/* A plain or double-quoted value of plain bytes that begins with a letter, a digit or a slash. */
static bool take_value(struct cursor *c, struct entry_value *value)
{
    const char *begin = c->at;
    bool quoted = skip(c, "\"");
    value->text = c->at;
    value->line = c->line->number;
    value->column = (unsigned)(begin - c->line->at) + 1;
    while (c->at < c->line->end && is_plain(*c->at))
        c->at++;
    value->len = (unsigned)(c->at - value->text);
    char first = value->len ? *value->text : '.';
    return first != '.' && first != '-' && first != '=' && first != '+' &&
           value->len <= ENTRY_VALUE_MAX && (!quoted || skip(c, "\""));
}

/* KEY and its value. */
static bool take_pair(struct cursor *c, const char *key, struct entry_value *value)
{
    struct entry_value found;
    if (!take_value(c, &found) || found.len != strlen(key) || memcmp(found.text, key, found.len) ||
        !skip(c, ": "))
        return false;
    skip_spaces(c);
    return take_value(c, value);
}

static bool is_over(const struct cursor *c)
{
    return c->at == c->line->end;
}

/* - {name: NAME, file: FILE} */
static bool take_flow(struct cursor c, struct entry *e)
{
    return skip(&c, "{") && take_pair(&c, "name", &e->name) && skip(&c, ", ") &&
           take_pair(&c, "file", &e->file) && skip(&c, "}") && is_over(&c);
}

/* - name: NAME, and under it file: FILE. */
static bool take_block(struct cursor c, const char *end, struct entry *e, struct line *second)
{
    unsigned indent = (unsigned)(c.at - c.line->at);
    if (!take_pair(&c, "name", &e->name) || !is_over(&c) ||
        !read_line(second, c.line->next, end, c.line->number + 1) || second->indent != indent)
        return false;
    c = (struct cursor){second, second->at + indent};
    return take_pair(&c, "file", &e->file) && is_over(&c);
}

/* Does the entry end before the next line that says something? */
static bool ends_before(const char *at, const char *end, unsigned indent)
{
    struct line l;
    for (; read_line(&l, at, end, 0); at = l.next) {
        if (!is_blank(&l))
            return l.at[l.indent] == '-' ? l.indent == indent : l.indent == 0;
    }
    return true;
}

static bool add(struct entries *e, const struct entry *item)
{
    if (e->count == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 256;
        struct entry *items = realloc(e->items, cap * sizeof *items);
        if (!items)
            return false;
        e->items = items;
        e->cap = cap;
    }
    e->items[e->count++] = *item;
    return true;
}

static void keep(struct entries *e, const struct line *l, const char *end)
{
    size_t len = (size_t)((l->next ? l->next : end) - l->at);
    memcpy(e->rest + e->rest_len, l->at, len);
    e->rest_len += len;
}

static void keep_newlines(struct entries *e, unsigned count)
{
    memset(e->rest + e->rest_len, '\n', count);
    e->rest_len += count;
}

/* The line "zones:" by itself. */
static bool is_zones(const struct line *l)
{
    static const char key[] = "zones:";
    size_t len = (size_t)(l->end - l->at);
    if (len < sizeof key - 1 || memcmp(l->at, key, sizeof key - 1))
        return false;
    for (const char *p = l->at + sizeof key - 1; p < l->end; p++) {
        if (*p != ' ')
            return false;
    }
    return true;
}

enum taken { TAKEN, LEFT, UNUSUAL, NO_MEMORY };

/* One line of the list; `l` becomes the last one that belongs to what was taken. */
static enum taken take_line(struct entries *e, struct line *l, const char *end, unsigned indent)
{
    struct cursor c = {l, l->at + indent};
    struct entry item = {.line = l->number};
    struct line second = *l;
    bool begins = !is_blank(l) && l->indent == indent && skip(&c, "- ");
    skip_spaces(&c);
    if (!is_blank(l) && l->indent < indent)
        return UNUSUAL;
    if (!begins || (!take_flow(c, &item) && !take_block(c, end, &item, &second)))
        return is_usual(l) ? LEFT : UNUSUAL;
    if (!ends_before(second.next, end, indent))
        return UNUSUAL;
    keep_newlines(e, second.number - l->number + 1);
    *l = second;
    return add(e, &item) ? TAKEN : NO_MEMORY;
}

static enum taken take_all(struct entries *e, const char *text, const char *end)
{
    struct line l;
    bool inside = false, seen = false, known = false;
    unsigned indent = 0, number = 1;
    for (const char *at = text; read_line(&l, at, end, number); at = l.next) {
        if (inside && l.indent == 0 && !is_blank(&l) && *l.at != '-')
            inside = false;
        if (inside && !known && !is_blank(&l)) {
            indent = l.indent;
            known = true;
        }
        enum taken taken = inside && known ? take_line(e, &l, end, indent)
                           : is_usual(&l)  ? LEFT
                                           : UNUSUAL;
        if (taken == UNUSUAL || taken == NO_MEMORY)
            return taken;
        if (taken == LEFT)
            keep(e, &l, end);
        if (is_zones(&l)) {
            if (seen)
                return UNUSUAL;
            inside = seen = true;
        }
        number = l.number + 1;
    }
    return e->count ? TAKEN : LEFT;
}

bool entries_take(struct entries *e, const char *text, size_t len)
{
    e->rest = malloc(len + 1);
    enum taken taken = e->rest ? take_all(e, text, text + len) : NO_MEMORY;
    if (taken == TAKEN)
        return true;
    entries_fini(e);
    return taken != NO_MEMORY;
}

void entries_fini(struct entries *e)
{
    free(e->items);
    free(e->rest);
    *e = (struct entries){0};
}

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

/* Bytes that mean nothing to YAML inside of a value, whatever stands beside them. */
static const bool plain[256] = {
    ['+'] = true, ['-'] = true, ['.'] = true, ['/'] = true, ['='] = true, ['_'] = true,
    ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true,
    ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, ['A'] = true, ['B'] = true,
    ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true, ['G'] = true, ['H'] = true,
    ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true, ['M'] = true, ['N'] = true,
    ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true,
    ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true, ['Y'] = true, ['Z'] = true,
    ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true,
    ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true, ['l'] = true,
    ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true,
    ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true,
    ['y'] = true, ['z'] = true};

struct cursor {
    const struct line *line;
    const char *at;
};

static bool skip(struct cursor *c, char byte)
{
    if (c->at == c->line->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}

static bool skip_text(struct cursor *c, const char *text, size_t len)
{
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
    bool quoted = skip(c, '"');
    value->text = c->at;
    value->line = c->line->number;
    value->column = (unsigned)(begin - c->line->at) + 1;
    const char *at = c->at;
    while (at < c->line->end && plain[(unsigned char)*at])
        at++;
    c->at = at;
    value->len = (unsigned)(c->at - value->text);
    char first = value->len ? *value->text : '.';
    return first != '.' && first != '-' && first != '=' && first != '+' &&
           value->len <= ENTRY_VALUE_MAX && (!quoted || skip(c, '"'));
}

/* KEY, of four letters as all are here, and its value. */
static bool take_pair(struct cursor *c, const char key[4], struct entry_value *value)
{
    bool quoted = skip(c, '"');
    if (!skip_text(c, key, 4) || (quoted && !skip(c, '"')) || !skip_text(c, ": ", 2))
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
    return skip(&c, '{') && take_pair(&c, "name", &e->name) && skip_text(&c, ", ", 2) &&
           take_pair(&c, "file", &e->file) && skip(&c, '}') && is_over(&c);
}

/* - name: NAME, and in the next line, `second`, file: FILE. */
static bool take_block(struct cursor c, const struct line *second, struct entry *e)
{
    unsigned indent = (unsigned)(c.at - c.line->at);
    if (!take_pair(&c, "name", &e->name) || !is_over(&c) || second->indent != indent)
        return false;
    c = (struct cursor){second, second->at + indent};
    return take_pair(&c, "file", &e->file) && is_over(&c);
}

/* Does an entry end before the next line, from `l` on, that says something? */
static bool ends_before(struct line l, bool there, const char *end, unsigned indent)
{
    for (; there; there = read_line(&l, l.next, end, 0)) {
        if (!is_blank(&l))
            return l.at[l.indent] == '-' ? l.indent == indent : l.indent == 0;
    }
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

enum taken { TAKEN, LEFT, UNUSUAL };

/* The line at hand and the one behind it. */
struct place {
    struct line at, next;
    bool there, more;
};

static void advance(struct place *p, const char *end)
{
    p->at = p->next;
    p->there = p->more;
    p->more = p->there && read_line(&p->next, p->at.next, end, p->at.number + 1);
}

/* One line of the list; afterwards the place is at the last line that belongs to what was taken. */
static enum taken take_line(struct entries *e, struct place *p, const char *end, unsigned indent)
{
    const struct line *l = &p->at;
    struct cursor c = {l, l->at + indent};
    struct entry item = {.line = l->number};
    bool begins = !is_blank(l) && l->indent == indent && skip_text(&c, "- ", 2);
    if (!is_blank(l) && l->indent < indent)
        return UNUSUAL;
    skip_spaces(&c);
    unsigned lines = begins && take_flow(c, &item)                         ? 1
                     : begins && p->more && take_block(c, &p->next, &item) ? 2
                                                                           : 0;
    if (!lines)
        return is_usual(l) ? LEFT : UNUSUAL;
    if (lines == 2)
        advance(p, end);
    if (!ends_before(p->next, p->more, end, indent))
        return UNUSUAL;
    keep_newlines(e, lines);
    e->count++;
    return !e->take || e->take(e->ctx, &item) ? TAKEN : UNUSUAL;
}

static enum taken take_all(struct entries *e, const char *text, const char *end)
{
    struct place p = {0};
    const struct line *l = &p.at;
    bool inside = false, seen = false, known = false;
    unsigned indent = 0;
    p.more = read_line(&p.next, text, end, 1);
    for (advance(&p, end); p.there; advance(&p, end)) {
        if (inside && l->indent == 0 && !is_blank(l) && *l->at != '-')
            inside = false;
        if (inside && !known && !is_blank(l)) {
            indent = l->indent;
            known = true;
        }
        enum taken taken = inside && known ? take_line(e, &p, end, indent)
                           : is_usual(l)   ? LEFT
                                           : UNUSUAL;
        if (taken == UNUSUAL)
            return taken;
        if (taken == LEFT)
            keep(e, l, end);
        if (is_zones(l)) {
            if (seen)
                return UNUSUAL;
            inside = seen = true;
        }
    }
    return e->count ? TAKEN : LEFT;
}

bool entries_take(struct entries *e, const char *text, size_t len)
{
    e->rest = malloc(len + 1);
    if (!e->rest)
        return false;
    if (take_all(e, text, text + len) != TAKEN)
        entries_fini(e);
    return true;
}

void entries_fini(struct entries *e)
{
    free(e->rest);
    *e = (struct entries){0};
}

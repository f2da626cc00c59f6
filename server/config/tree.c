#include "server/config/tree.h"

#include <string.h>
#include <yaml.h>

struct builder {
    yaml_parser_t parser;
    struct arena *arena;
    struct report *report;
    const char *input;
    size_t input_len;
    struct tree_node *root;
    struct tree_node *open[TREE_DEPTH]; /* lists and mappings not yet closed */
    size_t depth;
    unsigned documents;
    bool whole; /* the document has ended */
    bool over;  /* nothing more is read */
};

/* Length of the UTF-8 character at p; 0 when it is not one (RFC 3629). */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char mask, lead;
        size_t len;
        unsigned least;
    } forms[] = {{0x80, 0x00, 1, 0},
                 {0xe0, 0xc0, 2, 0x80},
                 {0xf0, 0xe0, 3, 0x800},
                 {0xf8, 0xf0, 4, 0x10000}};
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        if ((p[0] & forms[f].mask) != forms[f].lead)
            continue;
        unsigned value = p[0] & (unsigned char)~forms[f].mask;
        if (forms[f].len > left)
            return 0;
        for (size_t i = 1; i < forms[f].len; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return 0;
            value = value << 6 | (p[i] & 0x3f);
        }
        bool surrogate = value >= 0xd800 && value <= 0xdfff;
        return value >= forms[f].least && value <= 0x10ffff && !surrogate ? forms[f].len : 0;
    }
    return 0;
}

/* Is it text at all? libyaml would say so too, but not where. */
static bool check_bytes(const char *text, size_t len, struct report *report)
{
    unsigned line = 1, column = 1;
    for (size_t at = 0; at < len;) {
        const unsigned char *p = (const unsigned char *)text + at;
        if (*p >= ' ' && *p < 0x7f) {
            at++;
            column++;
            continue;
        }
        size_t n = utf8_length(p, len - at);
        bool control = (*p < ' ' && *p != '\t' && *p != '\n' && *p != '\r') || *p == 0x7f;
        if (n == 0 || control) {
            report_add(
                report, line, column,
                n == 0
                    ? "byte 0x%02x is not UTF-8; save the file as UTF-8 text"
                    : "byte 0x%02x is a control character; this is not a text file, or remove it",
                *p);
            return false;
        }
        at += n;
        column++;
        if (*p == '\n') {
            line++;
            column = 1;
        }
    }
    return true;
}

static void report_at(struct builder *b, yaml_mark_t mark, const char *text)
{
    report_add(b->report, (unsigned)mark.line + 1, (unsigned)mark.column + 1, "%s", text);
}

/* Byte of the input at a line and column; 0 beyond its end. */
static char byte_at(const struct builder *b, yaml_mark_t mark)
{
    const char *p = b->input, *end = b->input + b->input_len;
    for (size_t line = 0; line < mark.line && p < end; line++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        p = eol ? eol + 1 : end;
    }
    for (size_t column = 0; column < mark.column && p < end && *p != '\n'; p++)
        column += ((unsigned char)*p & 0xc0) != 0x80;
    while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
        p++;
    return p < end ? *p : '\0';
}

static void report_syntax(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        b->report->failed = true;
        return;
    }
    unsigned line = (unsigned)p->problem_mark.line + 1,
             column = (unsigned)p->problem_mark.column + 1;
    const char *problem = p->problem ? p->problem : "it cannot be read";
    if (strstr(problem, "cannot start any token")) {
        char byte = byte_at(b, p->problem_mark);
        if (byte == '\t')
            report_add(b->report, line, column,
                       "a tab stands where YAML allows only spaces; use spaces");
        else
            report_add(b->report, line, column,
                       "a value cannot start with \"%c\"; put the value in double quotes", byte);
        return;
    }
    if (strstr(problem, "expected node content") && byte_at(b, p->problem_mark) == ':') {
        report_add(b->report, line, column,
                   "a value in brackets or braces cannot start with \":\"; put the value in double "
                   "quotes");
        return;
    }
    if (p->context && p->context_mark.line != p->problem_mark.line)
        report_add(b->report, line, column,
                   "not valid YAML: %s, %s that starts at line %zu; correct it", problem,
                   p->context, p->context_mark.line + 1);
    else
        report_add(b->report, line, column, "not valid YAML: %s%s%s; correct it", problem,
                   p->context ? ", " : "", p->context ? p->context : "");
}

/* A node in its parent, or as the root. */
static struct tree_node *add_node(struct builder *b, enum tree_kind kind, yaml_mark_t mark)
{
    struct tree_node *node = arena_alloc(b->arena, sizeof *node);
    if (!node) {
        b->report->failed = b->over = true;
        return NULL;
    }
    node->kind = kind;
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    if (b->depth == 0) {
        b->root = node;
        return node;
    }
    struct tree_node *parent = b->open[b->depth - 1];
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    parent->count++;
    return node;
}

static bool refuse_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (!tag)
        return false;
    report_at(b, mark, "tags (!...) are not supported; remove it");
    return true;
}

static void add_text(struct builder *b, const yaml_event_t *event)
{
    bool bad = refuse_tag(b, event->data.scalar.tag, event->start_mark);
    struct tree_node *node = add_node(b, bad ? TREE_BAD : TREE_TEXT, event->start_mark);
    if (!node || bad)
        return;
    node->len = event->data.scalar.length;
    node->text = arena_copy(b->arena, (const char *)event->data.scalar.value, node->len);
    if (!node->text)
        b->report->failed = b->over = true;
}

static void open_node(struct builder *b, enum tree_kind kind, const yaml_event_t *event,
                      const yaml_char_t *tag)
{
    if (b->depth == TREE_DEPTH) {
        report_at(b, event->start_mark, "nested too deeply; no key needs more than a few levels");
        b->over = true;
        return;
    }
    bool bad = refuse_tag(b, tag, event->start_mark);
    struct tree_node *node = add_node(b, bad ? TREE_BAD : kind, event->start_mark);
    if (node)
        b->open[b->depth++] = node;
}

static void add_alias(struct builder *b, const yaml_event_t *event)
{
    report_at(b, event->start_mark, "aliases (*name) are not supported; write the value out");
    add_node(b, TREE_BAD, event->start_mark);
}

static void take_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        add_text(b, event);
        break;
    case YAML_ALIAS_EVENT:
        add_alias(b, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_node(b, TREE_LIST, event, event->data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        open_node(b, TREE_MAP, event, event->data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1) {
            report_at(b, event->start_mark, "a second document starts here; keep one");
            b->over = true;
        }
        break;
    case YAML_DOCUMENT_END_EVENT:
        b->whole = true;
        break;
    case YAML_STREAM_END_EVENT:
        b->over = true;
        break;
    default:
        break;
    }
}

struct tree_node *tree_parse(const char *text, size_t len, struct arena *arena,
                             struct report *report)
{
    struct builder b = {.arena = arena, .report = report, .input = text, .input_len = len};
    if (!check_bytes(text, len, report))
        return NULL;
    if (!yaml_parser_initialize(&b.parser)) {
        report->failed = true;
        return NULL;
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
    while (!b.over) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b.parser, &event)) {
            report_syntax(&b);
            break;
        }
        take_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&b.parser);
    if (!b.root && !report_any(report))
        report_add(report, 1, 1, "the file is empty; it needs at least server.listen");
    return b.whole ? b.root : NULL;
}

const struct tree_node *tree_get(const struct tree_node *map, const char *key)
{
    for (const struct tree_node *k = map->kind == TREE_MAP ? map->first : NULL; k && k->next;
         k = k->next->next) {
        if (k->kind == TREE_TEXT && strcmp(k->text, key) == 0)
            return k->next;
    }
    return NULL;
}

const char *tree_kind_name(const struct tree_node *node)
{
    static const char *const names[] = {"nothing", "a text", "a list", "a mapping"};
    return names[node->kind];
}

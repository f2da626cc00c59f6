#include "server/keeper/zonetext.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/dns/name_text.h"
#include "server/keeper/generate.h"
#include "server/keeper/include.h"
#include "server/keeper/libldns.h"
#include "server/keeper/lines.h"
#include "server/keeper/plain.h"
#include "server/keeper/zonerdata.h"

enum { TTL_MAX = 0x7fffffff, TYPE_SOA = 6, GENERATE_TEXT = 2048 };

/* A file that is being read, and those that include it. */
struct level {
    const struct level *up;
    const char *path;
    dev_t device;
    ino_t inode;
    unsigned depth;
};

struct reader {
    struct lines *lines;
    const struct level *level;
    unsigned files;
    uint64_t generated;
    const struct zonetext_sink *sink;
    struct zonetext_state *state;
    uint8_t owner[255];
    size_t owner_len; /* 0: none yet */
    uint32_t last_ttl;
    bool has_last;
    char owner_text[255]; /* of a plain line, which most often has that of the line before */
    size_t owner_text_len;
    const struct bytes *outermost;
    struct plain plain;
    unsigned problems;
    char reason[200];
    struct zonerdata rdata; /* last: its data need not be cleared */
};

/* Tells a problem at a word of the current entry. Returns ERR_FORMAT: the entry is done with. */
static int __attribute__((format(printf, 3, 4)))
fault(struct reader *r, size_t word, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(r->reason, sizeof r->reason, format, ap);
    va_end(ap);
    const struct word *w = &r->lines->words[word < r->lines->count ? word : r->lines->count - 1];
    r->sink->problem(r->sink->ctx, w->line, w->column, r->reason);
    r->problems++;
    return ERR_FORMAT;
}

/* Without libldns few records can be read: that is told once, and ends the reading. */
static int need_libldns(struct reader *r, size_t word)
{
    const char *reason;
    if (!libldns_load(&reason))
        return ERR_OK;
    fault(r, word, "%s", reason);
    r->problems = ZONETEXT_PROBLEMS;
    return ERR_FORMAT;
}

static uint64_t unit_seconds(char unit)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if ((unit | 0x20) == units[i].unit)
            return units[i].seconds;
    }
    return 0;
}

int zonetext_parse_ttl(const char *text, uint32_t *ttl)
{
    uint64_t sum = 0;
    if (!*text)
        return ERR_FORMAT;
    while (*text) {
        uint64_t n = 0;
        const char *start = text;
        for (; *text >= '0' && *text <= '9'; text++)
            n = n > TTL_MAX ? n : n * 10 + (uint64_t)(*text - '0');
        uint64_t scale = *text ? unit_seconds(*text) : 1;
        if (text == start || !scale)
            return ERR_FORMAT;
        sum += n * scale;
        if (sum > TTL_MAX)
            return ERR_LIMIT;
        text += *text != '\0';
    }
    *ttl = (uint32_t)sum;
    return ERR_OK;
}

static void take_ttl(struct reader *r, uint32_t ttl)
{
    r->state->default_ttl = ttl;
    r->state->has_default = true;
}

static void take_origin(struct reader *r, const uint8_t *wire, size_t len)
{
    memcpy(r->state->origin, wire, len);
    r->state->origin_len = len;
    r->owner_text_len = 0;
}

static int set_ttl(struct reader *r)
{
    if (r->lines->count != 2)
        return fault(r, 0, "$TTL takes one time");
    uint32_t ttl;
    int err = zonetext_parse_ttl(lines_word(r->lines, 1), &ttl);
    if (err)
        return fault(r, 1, err == ERR_LIMIT ? "TTL '%.40s' is above 2147483647" : "bad TTL '%.40s'",
                     lines_word(r->lines, 1));
    take_ttl(r, ttl);
    return ERR_OK;
}

static int set_origin(struct reader *r)
{
    if (r->lines->count != 2)
        return fault(r, 0, "$ORIGIN takes one name");
    uint8_t wire[255];
    size_t len;
    const char *text = lines_word(r->lines, 1);
    int err = zonerdata_name(text, r->state->origin, r->state->origin_len, wire, &len);
    if (err)
        return fault(r, 1, "bad name '%.60s': %s", text, name_text_reason(err));
    take_origin(r, wire, len);
    return ERR_OK;
}

static int read_owner(struct reader *r)
{
    uint8_t wire[255];
    size_t len;
    const char *text = lines_word(r->lines, 0);
    int err = zonerdata_name(text, r->state->origin, r->state->origin_len, wire, &len);
    r->owner_text_len = 0;
    if (err) {
        r->owner_len = 0;
        return fault(r, 0, "bad owner name '%.60s': %s", text, name_text_reason(err));
    }
    memcpy(r->owner, wire, len);
    r->owner_len = len;
    return ERR_OK;
}

struct head {
    uint32_t ttl;
    bool has_ttl, has_class;
    uint16_t type;
    size_t rdata; /* first word of it */
};

/* ANY is left out: it is a type here, and a forbidden one. */
static bool is_class(const char *text)
{
    return !strcasecmp(text, "IN") || !strcasecmp(text, "CH") || !strcasecmp(text, "HS") ||
           !strncasecmp(text, "CLASS", 5);
}

/* SOA is known without libldns: zonerdata.c. */
static int read_type(struct reader *r, size_t word, uint16_t *type)
{
    const char *text = lines_word(r->lines, word);
    if (!strcasecmp(text, "SOA")) {
        *type = TYPE_SOA;
        return ERR_OK;
    }
    if (need_libldns(r, word))
        return ERR_FORMAT;
    *type = (uint16_t)libldns.get_rr_type_by_name(text);
    if (!*type && strcasecmp(text, "TYPE0"))
        return fault(r, word, "unknown type '%.40s'; any can be written as TYPE1234 \\# LENGTH HEX",
                     text);
    return ERR_OK;
}

/* [TTL] [class] type or [class] [TTL] type, from word `i` on. */
static int read_head(struct reader *r, size_t i, struct head *h)
{
    const struct lines *l = r->lines;
    for (; i < l->count; i++) {
        const char *text = lines_word(l, i);
        int ttl_err = h->has_ttl ? ERR_FORMAT : zonetext_parse_ttl(text, &h->ttl);
        if (ttl_err == ERR_LIMIT)
            return fault(r, i, "TTL '%.40s' is above 2147483647", text);
        if (!ttl_err) {
            h->has_ttl = true;
            continue;
        }
        if (h->has_class || !is_class(text))
            break;
        if (strcasecmp(text, "IN") && strcasecmp(text, "CLASS1"))
            return fault(r, i, "class %.20s is not served; only IN is", text);
        h->has_class = true;
    }
    if (i >= l->count)
        return fault(r, l->count - 1, "a type and data are missing");
    if (read_type(r, i, &h->type))
        return ERR_FORMAT;
    if (h->type == 0 || h->type == 41 || (h->type >= 128 && h->type <= 255))
        return fault(r, i, "type %.40s cannot be in a zone", lines_word(l, i));
    h->rdata = i + 1;
    return ERR_OK;
}

/* RFC 2308 section 4, else RFC 1035 section 5.1, else what BIND does: the SOA's minimum. */
static int choose_ttl(struct reader *r, struct head *h)
{
    if (!h->has_ttl && r->state->has_default) {
        h->ttl = r->state->default_ttl;
    } else if (!h->has_ttl && r->has_last) {
        h->ttl = r->last_ttl;
    } else if (!h->has_ttl && h->type == TYPE_SOA && r->rdata.len >= 4) {
        uint32_t minimum;
        memcpy(&minimum, r->rdata.data + r->rdata.len - 4, sizeof minimum);
        h->ttl = ntohl(minimum) > TTL_MAX ? TTL_MAX : ntohl(minimum);
    } else if (!h->has_ttl) {
        return fault(r, 0, "no TTL: give one here, or $TTL before");
    }
    r->last_ttl = h->ttl;
    r->has_last = true;
    return ERR_OK;
}

static int read_record(struct reader *r)
{
    struct lines *l = r->lines;
    struct head h = {0};
    int err = l->blank_first ? ERR_OK : read_owner(r);
    if (!err && !r->owner_len)
        err = fault(r, 0, "the first record has no owner name");
    if (!err)
        err = read_head(r, l->blank_first ? 0 : 1, &h);
    if (err)
        return err;
    r->rdata.origin = r->state->origin;
    r->rdata.origin_len = r->state->origin_len;
    err = zonerdata_read(&r->rdata, l, h.rdata, h.type);
    if (err == ERR_FORMAT)
        return fault(r, r->rdata.word, "%s", r->rdata.reason);
    if (err || (err = choose_ttl(r, &h)))
        return err;
    struct zonetext_record record = {.owner = r->owner,
                                     .owner_len = r->owner_len,
                                     .rdata = r->rdata.data,
                                     .rdata_len = r->rdata.len,
                                     .ttl = h.ttl,
                                     .type = h.type,
                                     .line = l->words[0].line,
                                     .column = l->words[0].column,
                                     .at = bytes_position(r->outermost)};
    const char *reason = NULL;
    err = r->sink->record(r->sink->ctx, &record, &reason);
    if (err && err != ERR_MEMORY)
        return fault(r, 0, "%s", reason ? reason : err_text(err));
    return err;
}

static bool plain_owner(struct reader *r)
{
    const struct plain *p = &r->plain;
    if (!p->owner)
        return r->owner_len > 0;
    if (p->owner_len == r->owner_text_len && !memcmp(p->owner, r->owner_text, p->owner_len))
        return true;
    uint8_t wire[PLAIN_NAME];
    size_t len = plain_name(p->owner, p->owner_len, r->state->origin, r->state->origin_len, wire);
    if (!len)
        return false;
    memcpy(r->owner, wire, len);
    r->owner_len = len;
    memcpy(r->owner_text, p->owner, p->owner_len);
    r->owner_text_len = p->owner_len;
    return true;
}

static bool plain_ttl(struct reader *r, uint32_t *ttl)
{
    const struct zonetext_state *s = r->state;
    if (!r->plain.has_ttl && !s->has_default && !r->has_last)
        return false;
    *ttl = r->plain.has_ttl ? r->plain.ttl : s->has_default ? s->default_ttl : r->last_ttl;
    return true;
}

/* Returns 1, 0 when there is something wrong with it, ERR_MEMORY. */
static int take_plain(struct reader *r)
{
    const struct plain *p = &r->plain;
    const char *reason = NULL;
    uint32_t ttl;
    if (!plain_owner(r) || !plain_ttl(r, &ttl))
        return 0;
    struct zonetext_record record = {.owner = r->owner,
                                     .owner_len = r->owner_len,
                                     .rdata = p->rdata,
                                     .rdata_len = p->rdata_len,
                                     .ttl = ttl,
                                     .type = p->type,
                                     .line = r->lines->line,
                                     .column = p->column,
                                     .at = bytes_position(r->outermost)};
    int err = r->sink->record(r->sink->ctx, &record, &reason);
    if (err)
        return err == ERR_MEMORY ? err : 0;
    r->last_ttl = ttl;
    r->has_last = true;
    return 1;
}

/* Reads a line that is plain. Returns 1, 0 when it is not, or when there is something wrong with
 * it: it is still there then. ERR_MEMORY. */
static int read_plain(struct reader *r)
{
    struct bytes *source = r->lines->source;
    const struct plain *p = &r->plain;
    size_t len;
    const char *line = bytes_line(source, &len);
    if (!line || !plain_read(line, len, r->state->origin, r->state->origin_len, &r->plain))
        return 0;
    if (p->kind == PLAIN_TTL)
        take_ttl(r, p->ttl);
    else if (p->kind == PLAIN_ORIGIN)
        take_origin(r, p->rdata, p->rdata_len);
    int more = p->kind == PLAIN_RECORD ? take_plain(r) : 1;
    if (more == 1) {
        bytes_take_line(source, len);
        lines_took(r->lines);
    }
    return more;
}

static int read_file(struct reader *r, struct bytes *text, const char *path, const struct stat *st);

/* Makes `l` the record that the template of a $GENERATE is in one round. */
static int fill_template(struct reader *r, struct lines *l, uint32_t number)
{
    const struct lines *template = r->lines;
    const char *reason = NULL;
    buf_clear(&l->text);
    for (size_t i = 2; i < template->count; i++) {
        struct word *w = &l->words[i - 2];
        *w = template->words[i];
        w->at = l->text.len;
        int err = generate_expand(lines_word(template, i), number, &l->text, &reason);
        if (err)
            return err == ERR_FORMAT ? fault(r, i, "%s", reason) : err;
        w->len = l->text.len - w->at;
        buf_add(&l->text, "", 1);
    }
    return l->text.failed ? ERR_MEMORY : ERR_OK;
}

static int run_template(struct reader *r, struct lines *l, const struct generate_range *range)
{
    struct lines *template = r->lines;
    int err = ERR_OK;
    uint64_t number = range->first;
    for (; !err && number <= range->last; number += range->step) {
        err = fill_template(r, l, (uint32_t)number);
        if (err)
            break;
        r->lines = l;
        err = read_record(r);
        r->lines = template;
    }
    return err;
}

/* $GENERATE FIRST-LAST[/STEP] OWNER [TTL] [CLASS] TYPE DATA. The first fault ends it: the other
 * rounds would have the same. */
static int generate(struct reader *r)
{
    struct generate_range range;
    uint8_t owner[255];
    size_t owner_len = r->owner_len, count = r->lines->count;
    if (count < 5)
        return fault(r, 0, "$GENERATE takes a range, an owner, a type and data");
    if (generate_parse_range(lines_word(r->lines, 1), &range))
        return fault(r, 1, "'%.40s' is not a range: FIRST-LAST or FIRST-LAST/STEP",
                     lines_word(r->lines, 1));
    if (generate_rounds(&range) > ZONETEXT_GENERATED - r->generated)
        return fault(r, 1, "more than %d records by $GENERATE in a zone", ZONETEXT_GENERATED);
    if (r->lines->text.len > GENERATE_TEXT)
        return fault(r, 0, "a $GENERATE of more than %d bytes", GENERATE_TEXT);
    r->generated += generate_rounds(&range);
    struct lines l = {.words = calloc(count, sizeof *l.words), .count = count - 2};
    memcpy(owner, r->owner, sizeof owner);
    int err = l.words ? run_template(r, &l, &range) : ERR_MEMORY;
    memcpy(r->owner, owner, sizeof owner);
    r->owner_len = owner_len;
    lines_fini(&l);
    return err;
}

static bool is_open(const struct level *level, const struct stat *st)
{
    while (level && (level->device != st->st_dev || level->inode != st->st_ino))
        level = level->up;
    return level != NULL;
}

/* Origin and owner are those of the file that includes again when the other one is through (RFC
 * 1035 section 5.1); $TTL goes on, as in BIND. */
static int read_included(struct reader *r, int fd, const char *path, const struct stat *st,
                         const uint8_t *new_origin, size_t new_len)
{
    uint8_t origin[255], owner[255];
    size_t origin_len = r->state->origin_len, owner_len = r->owner_len;
    memcpy(origin, r->state->origin, sizeof origin);
    memcpy(owner, r->owner, sizeof owner);
    memcpy(r->state->origin, new_origin, new_len);
    r->state->origin_len = new_len;
    struct bytes text;
    bytes_of_file(&text, fd, 0, INT64_MAX);
    r->owner_text_len = 0;
    r->sink->file(r->sink->ctx, path, 1, st);
    int err = read_file(r, &text, path, st);
    bytes_fini(&text);
    r->owner_text_len = 0;
    memcpy(r->state->origin, origin, sizeof origin);
    memcpy(r->owner, owner, sizeof owner);
    r->state->origin_len = origin_len;
    r->owner_len = owner_len;
    r->sink->file(r->sink->ctx, r->level->path, r->lines->line, NULL);
    return err;
}

static int open_included(struct reader *r, int *fd, char **path, struct stat *st)
{
    const char *name = lines_word(r->lines, 1), *reason;
    if (r->level->depth >= ZONETEXT_DEPTH)
        return fault(r, 1, "files include files more than %d deep", ZONETEXT_DEPTH);
    if (++r->files > ZONETEXT_FILES)
        return fault(r, 1, "more than %d included files", ZONETEXT_FILES);
    int err = include_open(r->level->path, name, fd, path, st, &reason);
    if (err == ERR_FORMAT)
        return fault(r, 1, "%.100s: %s", name, reason);
    if (!err && is_open(r->level, st)) {
        err = fault(r, 1, "%.100s includes itself", name);
        close(*fd);
        free(*path);
    }
    return err;
}

/* $INCLUDE FILE [ORIGIN] */
static int include(struct reader *r)
{
    uint8_t wire[255];
    size_t len;
    if (!r->level->path)
        return fault(r, 0, "$INCLUDE is not possible here");
    if (r->lines->count < 2 || r->lines->count > 3)
        return fault(r, 0, "$INCLUDE takes a file and perhaps an origin");
    const char *text = r->lines->count == 3 ? lines_word(r->lines, 2) : "@";
    int err = zonerdata_name(text, r->state->origin, r->state->origin_len, wire, &len);
    if (err)
        return fault(r, 2, "bad name '%.60s': %s", text, name_text_reason(err));
    int fd;
    char *path;
    struct stat st;
    err = open_included(r, &fd, &path, &st);
    if (err)
        return err;
    err = read_included(r, fd, path, &st, wire, len);
    close(fd);
    free(path);
    return err;
}

static int directive(struct reader *r)
{
    static const struct {
        const char *name;
        int (*run)(struct reader *r);
    } known[] = {
        {"$TTL", set_ttl}, {"$ORIGIN", set_origin}, {"$INCLUDE", include}, {"$GENERATE", generate}};
    const char *name = lines_word(r->lines, 0);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!strcasecmp(name, known[i].name))
            return known[i].run(r);
    }
    return fault(r, 0, "unknown directive '%.40s'", name);
}

static int entry(struct reader *r)
{
    if (!r->lines->blank_first && !r->lines->words[0].quoted && *lines_word(r->lines, 0) == '$')
        return directive(r);
    return read_record(r);
}

static void skip_byte_order_mark(struct bytes *text)
{
    static const int mark[] = {0xef, 0xbb, 0xbf};
    for (int i = 0; i < 3 && bytes_peek(text) == mark[i]; i++)
        bytes_get(text);
}

/* A fault of the cutting into entries; `limit`: one that cannot be gone on behind. */
static void lines_fault(struct reader *r, bool limit)
{
    const struct lines *l = r->lines;
    r->sink->problem(r->sink->ctx, limit ? l->line : l->error_line, limit ? 1 : l->error_column,
                     limit ? "an entry of more than 1 MiB" : l->reason);
    r->problems++;
}

static int read_entries(struct reader *r)
{
    while (r->problems < ZONETEXT_PROBLEMS) {
        int more = read_plain(r);
        if (more == 1)
            continue;
        if (!more)
            more = lines_next(r->lines);
        if (more == ERR_FORMAT || more == ERR_LIMIT) {
            lines_fault(r, more == ERR_LIMIT);
            if (more == ERR_LIMIT)
                break;
            continue;
        }
        int err = more == 1 ? entry(r) : more;
        if (err && err != ERR_FORMAT)
            return err;
        if (!more)
            break;
    }
    return ERR_OK;
}

static int read_file(struct reader *r, struct bytes *text, const char *path, const struct stat *st)
{
    const struct level *up = r->level;
    struct level level = {up, path, st->st_dev, st->st_ino, up ? up->depth + 1 : 0};
    struct lines lines, *outer = r->lines;
    r->level = &level;
    r->lines = &lines;
    if (bytes_position(text) == 0)
        skip_byte_order_mark(text);
    lines_init(&lines, text);
    int err = read_entries(r);
    lines_fini(&lines);
    r->lines = outer;
    r->level = up;
    return err;
}

void zonetext_begin(struct zonetext_state *state, const uint8_t *origin, size_t origin_len)
{
    *state = (struct zonetext_state){.origin_len = origin_len};
    memcpy(state->origin, origin, origin_len);
}

int zonetext_read(struct bytes *text, const struct stat *st, struct zonetext_state *state,
                  const struct zonetext_sink *sink)
{
    static const struct stat none;
    struct reader *r = malloc(sizeof *r);
    if (!r)
        return ERR_MEMORY;
    memset(r, 0, offsetof(struct reader, rdata.data));
    r->sink = sink;
    r->state = state;
    r->outermost = text;
    int err = read_file(r, text, sink->path, st ? st : &none);
    if (!err && r->problems)
        err = ERR_ZONE;
    if (err == ERR_SYSTEM)
        errno = text->error;
    free(r);
    return err;
}

#include "server/keeper/plain.h"

#include <arpa/inet.h>
#include <string.h>

enum { WORDS = 16, NAME_MOST = 255, LABEL_MOST = 63 };

enum kind { WORD, BLANK, COMMENT, OTHER };

/* What separates words, and what makes a line more than plain. */
static const uint8_t kinds[256] = {
    [0] = OTHER,   [' '] = BLANK,  ['\t'] = BLANK, ['\r'] = BLANK, [';'] = COMMENT,
    ['"'] = OTHER, ['\\'] = OTHER, ['('] = OTHER,  [')'] = OTHER};

struct word {
    const char *at;
    size_t len;
};

struct words {
    size_t count;
    struct word word[WORDS];
};

static bool cut(const char *line, size_t len, struct words *words)
{
    const char *at = line, *end = line + len;
    words->count = 0;
    for (;;) {
        while (at < end && kinds[(uint8_t)*at] == BLANK)
            at++;
        if (at == end || kinds[(uint8_t)*at] == COMMENT)
            return true;
        const char *start = at;
        while (at < end && kinds[(uint8_t)*at] == WORD)
            at++;
        if (at < end && kinds[(uint8_t)*at] == OTHER)
            return false;
        if (words->count == WORDS)
            return false;
        words->word[words->count++] = (struct word){start, (size_t)(at - start)};
    }
}

size_t plain_name(const char *text, size_t len, const uint8_t *origin, size_t origin_len,
                  uint8_t wire[255])
{
    if (len == 1 && *text == '@') {
        memcpy(wire, origin, origin_len);
        return origin_len;
    }
    if (len > NAME_MOST - 2)
        return 0;
    size_t start = 0; /* of the label, its length byte */
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '.') {
            wire[i + 1] = (uint8_t)text[i];
            continue;
        }
        size_t label = i - start;
        if (!label || label > LABEL_MOST)
            return 0;
        wire[start] = (uint8_t)label;
        start = i + 1;
    }
    if (start == len) {
        wire[len] = 0;
        return len + 1;
    }
    size_t label = len - start;
    if (label > LABEL_MOST || len + 1 + origin_len > NAME_MOST)
        return 0;
    wire[start] = (uint8_t)label;
    memcpy(wire + len + 1, origin, origin_len);
    return len + 1 + origin_len;
}

/* At most `most`. */
static bool read_number(const struct word *w, uint32_t most, uint32_t *value)
{
    uint64_t n = 0;
    if (w->len > 10)
        return false;
    for (size_t i = 0; i < w->len; i++) {
        unsigned digit = (unsigned)(uint8_t)w->at[i] - '0';
        if (digit > 9)
            return false;
        n = n * 10 + digit;
    }
    *value = (uint32_t)n;
    return n <= most;
}

struct rdata {
    uint8_t *at;
    const uint8_t *origin;
    size_t origin_len;
};

static bool put_name(struct rdata *r, const struct word *w)
{
    size_t n = plain_name(w->at, w->len, r->origin, r->origin_len, r->at);
    r->at += n;
    return n > 0;
}

static bool put_number(struct rdata *r, const struct word *w, unsigned bytes)
{
    uint32_t n;
    if (!read_number(w, bytes == 4 ? UINT32_MAX : (UINT32_C(1) << 8 * bytes) - 1, &n))
        return false;
    while (bytes--)
        *r->at++ = (uint8_t)(n >> 8 * bytes);
    return true;
}

static bool put_short(struct rdata *r, const struct word *w)
{
    return put_number(r, w, 2);
}

/* As inet_pton: four numbers, none with a 0 before it. */
static bool put_ipv4(struct rdata *r, const struct word *w)
{
    const char *at = w->at, *end = at + w->len;
    for (unsigned i = 0; i < 4; i++) {
        unsigned value = 0, digits = 0;
        for (; at < end && (unsigned)(uint8_t)*at - '0' <= 9 && digits < 3; at++, digits++) {
            if (digits && !value)
                return false;
            value = value * 10 + (unsigned)(uint8_t)*at - '0';
        }
        if (!digits || value > 255 || (i < 3 && (at == end || *at++ != '.')))
            return false;
        *r->at++ = (uint8_t)value;
    }
    return at == end;
}

static bool put_ipv6(struct rdata *r, const struct word *w)
{
    char text[INET6_ADDRSTRLEN];
    if (w->len >= sizeof text)
        return false;
    memcpy(text, w->at, w->len);
    text[w->len] = '\0';
    bool good = inet_pton(AF_INET6, text, r->at) == 1;
    r->at += 16;
    return good;
}

struct form {
    char name[8];
    uint16_t type;
    uint8_t fields;
    bool (*put[4])(struct rdata *r, const struct word *w);
};

static const struct form forms[] = {
    {"A", 1, 1, {put_ipv4}},
    {"NS", 2, 1, {put_name}},
    {"AAAA", 28, 1, {put_ipv6}},
    {"CNAME", 5, 1, {put_name}},
    {"PTR", 12, 1, {put_name}},
    {"MX", 15, 2, {put_short, put_name}},
    {"SRV", 33, 4, {put_short, put_short, put_short, put_name}},
    {"DNAME", 39, 1, {put_name}},
    {"AFSDB", 18, 2, {put_short, put_name}},
    {"RP", 17, 2, {put_name, put_name}},
    {"KX", 36, 2, {put_short, put_name}},
};

static bool is_word(const struct word *w, const char *upper)
{
    size_t i = 0;
    for (; i < w->len && upper[i]; i++) {
        uint8_t c = (uint8_t)w->at[i];
        if ((c >= 'a' && c <= 'z' ? c - 32 : c) != (uint8_t)upper[i])
            return false;
    }
    return i == w->len && !upper[i];
}

static const struct form *find_form(const struct word *w)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (is_word(w, forms[i].name))
            return &forms[i];
    }
    return NULL;
}

/* [TTL] [class] or [class] [TTL] from word `i` on; returns the word behind them. */
static size_t read_head(const struct words *words, size_t i, struct plain *plain)
{
    bool has_class = false;
    for (; i < words->count; i++) {
        const struct word *w = &words->word[i];
        if (!plain->has_ttl && read_number(w, INT32_MAX, &plain->ttl))
            plain->has_ttl = true;
        else if (!has_class && is_word(w, "IN"))
            has_class = true;
        else
            break;
    }
    return i;
}

bool plain_read(const char *line, size_t len, const uint8_t *origin, size_t origin_len,
                struct plain *plain)
{
    struct words words;
    if (!cut(line, len, &words))
        return false;
    plain->empty = !words.count;
    if (plain->empty)
        return true;
    bool blank_first = *line == ' ' || *line == '\t';
    if (!blank_first && (kinds[(uint8_t)*line] != WORD || *line == '$'))
        return false;
    plain->column = (unsigned)(words.word[0].at - line) + 1;
    plain->owner = blank_first ? NULL : words.word[0].at;
    plain->owner_len = words.word[0].len;
    plain->has_ttl = false;
    size_t i = read_head(&words, blank_first ? 0 : 1, plain);
    const struct form *form = i < words.count ? find_form(&words.word[i]) : NULL;
    if (!form || words.count != i + 1 + form->fields)
        return false;
    struct rdata r = {plain->rdata, origin, origin_len};
    for (unsigned k = 0; k < form->fields; k++) {
        if (!form->put[k](&r, &words.word[i + 1 + k]))
            return false;
    }
    plain->type = form->type;
    plain->rdata_len = (size_t)(r.at - plain->rdata);
    return true;
}

#include "server/keeper/plain.h"

#include <arpa/inet.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "server/dns/fold.h"
#include "server/keeper/bytes.h"

enum { WORDS = 20, NAME_MOST = 255, LABEL_MOST = 63, STEP = 16 };

_Static_assert((int)STEP <= (int)BYTES_BEHIND, "a line is looked at a step at a time");

struct word {
    const char *at;
    size_t len;
};

/* Where each word begins and ends, in turn, without its quotes. */
struct words {
    const char *edge[2 * WORDS];
    size_t count;
    size_t quoted; /* the first that is; SIZE_MAX when none is */
};

static struct word word_at(const struct words *words, size_t i)
{
    const char *at = words->edge[2 * i];
    return (struct word){at, (size_t)(words->edge[2 * i + 1] - at)};
}

/* Of so many bytes of a line, those that separate words, and those that make it more than plain: a
 * bit for each. */
struct marks {
    unsigned blank, special;
};

#ifdef __SSE2__
static __m128i is(__m128i bytes, char c)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

static struct marks look(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const void *)at);
    __m128i blank = _mm_or_si128(_mm_or_si128(is(bytes, ' '), is(bytes, '\t')), is(bytes, '\r'));
    __m128i paren = is(_mm_and_si128(bytes, _mm_set1_epi8((char)0xfe)), '(');
    __m128i quote = _mm_or_si128(is(bytes, '"'), is(bytes, '\\'));
    __m128i end = _mm_or_si128(is(bytes, ';'), is(bytes, '\0'));
    __m128i special = _mm_or_si128(paren, _mm_or_si128(quote, end));
    return (struct marks){(unsigned)_mm_movemask_epi8(blank), (unsigned)_mm_movemask_epi8(special)};
}

static unsigned look_for(const char *at, char c)
{
    return (unsigned)_mm_movemask_epi8(is(_mm_loadu_si128((const void *)at), c));
}
#else
static unsigned look_for(const char *at, char c)
{
    unsigned found = 0;
    for (unsigned i = 0; i < STEP; i++)
        found |= (unsigned)(at[i] == c) << i;
    return found;
}

static struct marks look(const char *at)
{
    struct marks marks = {0};
    for (const char *c = " \t\r"; *c; c++)
        marks.blank |= look_for(at, *c);
    for (const char *c = "\"\\();"; *c; c++)
        marks.special |= look_for(at, *c);
    marks.special |= look_for(at, '\0');
    return marks;
}
#endif

/* The lowest `n` bits, at most STEP. */
static unsigned lowest(size_t n)
{
    return n < STEP ? (1u << n) - 1 : (1u << STEP) - 1;
}

/* Cuts what is before `*end`, or before the first special byte, where `*end` is then. */
static bool cut_plain(const char *line, const char **end, struct words *words)
{
    const char **edge = words->edge + 2 * words->count;
    unsigned last = 0; /* 1: the byte before was in a word */
    for (const char *at = line; at < *end; at += STEP) {
        struct marks marks = look(at);
        marks.special &= lowest((size_t)(*end - at));
        if (marks.special)
            *end = at + __builtin_ctz(marks.special);
        unsigned in_word = ~marks.blank & lowest((size_t)(*end - at));
        unsigned edges = (in_word ^ (in_word << 1 | last)) & lowest(STEP);
        if (edge - words->edge + STEP > 2 * WORDS)
            return false;
        for (; edges; edges &= edges - 1)
            *edge++ = at + __builtin_ctz(edges);
        last = in_word >> (STEP - 1);
    }
    if (last)
        *edge++ = *end;
    words->count = (size_t)(edge - words->edge) / 2;
    return true;
}

/* Takes the word in quotes that begins at `quote`; returns what is behind it, or NULL. */
static const char *cut_quoted(const char *quote, const char *end, struct words *words)
{
    const char **edge = words->edge + 2 * words->count, *at = quote + 1;
    const char *close = memchr(at, '"', (size_t)(end - at));
    bool joined = words->count && edge[-1] == quote;
    if (!close || joined || words->count == WORDS || memchr(at, '\\', (size_t)(close - at)) ||
        memchr(at, '\0', (size_t)(close - at)))
        return NULL;
    edge[0] = at;
    edge[1] = close;
    words->quoted = words->quoted < words->count ? words->quoted : words->count;
    words->count++;
    return close + 1;
}

/* Cuts a line, up to a comment, into words. */
static bool cut(const char *line, size_t len, struct words *words)
{
    const char *end = line + len, *at = line;
    words->count = 0;
    words->quoted = SIZE_MAX;
    while (at) {
        const char *stop = end;
        if (!cut_plain(at, &stop, words))
            return false;
        if (stop == end || *stop == ';')
            return true;
        at = *stop == '"' ? cut_quoted(stop, end, words) : NULL;
    }
    return false;
}

size_t plain_name(const char *text, size_t len, const uint8_t *origin, size_t origin_len,
                  uint8_t wire[PLAIN_NAME])
{
    if (len == 1 && *text == '@') {
        memcpy(wire, origin, origin_len);
        return origin_len;
    }
    if (len > NAME_MOST - 2)
        return 0;
    size_t start = 0; /* of the label, its length byte */
    for (size_t at = 0; at < len; at += STEP) {
        memcpy(wire + 1 + at, text + at, STEP);
        unsigned dots = look_for(text + at, '.') & lowest(len - at);
        for (; dots; dots &= dots - 1) {
            size_t dot = at + (unsigned)__builtin_ctz(dots), label = dot - start;
            if (!label || label > LABEL_MOST)
                return 0;
            wire[start] = (uint8_t)label;
            start = dot + 1;
        }
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
    const uint8_t *end;
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

static bool put_long(struct rdata *r, const struct word *w)
{
    return put_number(r, w, 4);
}

static bool put_short(struct rdata *r, const struct word *w)
{
    return put_number(r, w, 2);
}

/* As inet_pton: four numbers, none with a 0 before it. */
static bool put_ipv4(struct rdata *r, const struct word *w)
{
    unsigned value = 0, digits = 0, dots = 0;
    for (size_t i = 0; i < w->len; i++) {
        unsigned digit = (unsigned)(uint8_t)w->at[i] - '0';
        if (digit <= 9) {
            if ((digits && !value) || value > 25)
                return false;
            value = value * 10 + digit;
            digits++;
        } else {
            if (w->at[i] != '.' || !digits || value > 255 || dots == 3)
                return false;
            r->at[dots++] = (uint8_t)value;
            value = digits = 0;
        }
    }
    r->at[dots] = (uint8_t)value;
    r->at += 4;
    return dots == 3 && digits && value <= 255;
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

static bool put_string(struct rdata *r, const struct word *w)
{
    if (w->len > 255 || (size_t)(r->end - r->at) < 1 + w->len)
        return false;
    *r->at++ = (uint8_t)w->len;
    memcpy(r->at, w->at, w->len);
    r->at += w->len;
    return true;
}

enum { STRINGS = 0 }; /* fields: one string or more */

struct form {
    char name[8];
    uint16_t type;
    uint8_t fields;
    bool (*put[7])(struct rdata *r, const struct word *w);
};

static const struct form forms[] = {
    {"a", 1, 1, {put_ipv4}},
    {"ns", 2, 1, {put_name}},
    {"aaaa", 28, 1, {put_ipv6}},
    {"soa", 6, 7, {put_name, put_name, put_long, put_long, put_long, put_long, put_long}},
    {"cname", 5, 1, {put_name}},
    {"ptr", 12, 1, {put_name}},
    {"mx", 15, 2, {put_short, put_name}},
    {"txt", 16, STRINGS, {put_string}},
    {"srv", 33, 4, {put_short, put_short, put_short, put_name}},
    {"dname", 39, 1, {put_name}},
    {"afsdb", 18, 2, {put_short, put_name}},
    {"rp", 17, 2, {put_name, put_name}},
    {"kx", 36, 2, {put_short, put_name}},
};

static uint64_t word_of(const char text[8])
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

/* A word of at most seven bytes in lower case, to be compared at once; another one is 0. */
static uint64_t short_word(const struct word *w)
{
    uint64_t bytes;
    memcpy(&bytes, w->at, sizeof bytes);
    return w->len < 8 ? name_fold8(bytes & ~(~UINT64_C(0) << 8 * w->len)) : 0;
}

static const struct form *find_form(struct word w)
{
    uint64_t word = short_word(&w);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (word == word_of(forms[i].name))
            return &forms[i];
    }
    return NULL;
}

/* [TTL] [class] or [class] [TTL] from word `i` on; returns the word behind them. */
static size_t read_head(const struct words *words, size_t i, struct plain *plain)
{
    static const char in[8] = "in";
    bool has_class = false;
    for (; i < words->count; i++) {
        struct word w = word_at(words, i);
        if (!plain->has_ttl && read_number(&w, INT32_MAX, &plain->ttl))
            plain->has_ttl = true;
        else if (!has_class && short_word(&w) == word_of(in))
            has_class = true;
        else
            break;
    }
    return i;
}

/* $TTL with a number of seconds, or $ORIGIN with a name. */
static bool read_directive(const struct words *words, const uint8_t *origin, size_t origin_len,
                           struct plain *plain)
{
    static const char ttl[8] = "$ttl", new_origin[8] = "$origin";
    if (words->count != 2 || words->quoted < words->count)
        return false;
    struct word first = word_at(words, 0), value = word_at(words, 1);
    uint64_t name = short_word(&first);
    if (name == word_of(ttl)) {
        plain->kind = PLAIN_TTL;
        return read_number(&value, INT32_MAX, &plain->ttl);
    }
    plain->kind = PLAIN_ORIGIN;
    plain->rdata_len = plain_name(value.at, value.len, origin, origin_len, plain->rdata);
    return name == word_of(new_origin) && plain->rdata_len;
}

static bool read_record(const char *line, const struct words *words, const uint8_t *origin,
                        size_t origin_len, struct plain *plain)
{
    struct word first = word_at(words, 0);
    bool blank_first = *line == ' ' || *line == '\t';
    if (!blank_first && first.at != line)
        return false;
    plain->column = (unsigned)(first.at - line) + 1;
    plain->owner = blank_first ? NULL : first.at;
    plain->owner_len = first.len;
    plain->has_ttl = false;
    size_t i = read_head(words, blank_first ? 0 : 1, plain);
    const struct form *form = i < words->count ? find_form(word_at(words, i)) : NULL;
    if (!form)
        return false;
    size_t fields = words->count - i - 1;
    bool strings = form->fields == STRINGS;
    if (!fields || words->quoted <= i ||
        (!strings && (fields != form->fields || words->quoted < words->count)))
        return false;
    struct rdata r = {plain->rdata, plain->rdata + PLAIN_RDATA, origin, origin_len};
    for (size_t k = 0; k < fields; k++) {
        struct word w = word_at(words, i + 1 + k);
        if (!form->put[strings ? 0 : k](&r, &w))
            return false;
    }
    plain->type = form->type;
    plain->rdata_len = (size_t)(r.at - plain->rdata);
    return true;
}

bool plain_read(const char *line, size_t len, const uint8_t *origin, size_t origin_len,
                struct plain *plain)
{
    struct words words;
    if (!cut(line, len, &words))
        return false;
    plain->kind = words.count ? PLAIN_RECORD : PLAIN_EMPTY;
    if (!words.count)
        return true;
    return *line == '$' ? read_directive(&words, origin, origin_len, plain)
                        : read_record(line, &words, origin, origin_len, plain);
}

/* Queries made at random that look like queries: names of the zone under test, every section, OPT
 * with options that mean something, TSIG and SIG; then, in half of them, a few bytes made wrong.
 * The same seed makes the same query. For fuzz targets and for tests that count to millions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/dns/wire.h"

enum { GRAMMAR_MAX = 1024 };

struct grammar {
    uint64_t state;
    uint8_t *out;
    size_t at;
};

/* splitmix64 (Vigna) */
static inline uint64_t grammar_random(struct grammar *g)
{
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline unsigned grammar_pick(struct grammar *g, unsigned below)
{
    return (unsigned)((grammar_random(g) >> 32) * below >> 32);
}

static inline bool grammar_one_in(struct grammar *g, unsigned n)
{
    return grammar_pick(g, n) == 0;
}

static inline void grammar_bytes(struct grammar *g, size_t len)
{
    for (; len && g->at < GRAMMAR_MAX; len--)
        g->out[g->at++] = (uint8_t)grammar_random(g);
}

static inline void grammar_put16(struct grammar *g, unsigned v)
{
    if (g->at + 2 > GRAMMAR_MAX)
        return;
    wire_put16(g->out + g->at, v);
    g->at += 2;
}

static inline void grammar_label(struct grammar *g, const char *text, size_t len)
{
    if (g->at + 1 + len > GRAMMAR_MAX)
        return;
    g->out[g->at++] = (uint8_t)len;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        bool upper = c >= 'a' && c <= 'z' && grammar_one_in(g, 3);
        g->out[g->at++] = upper ? (uint8_t)(c - 0x20) : c;
    }
}

static inline void grammar_name(struct grammar *g)
{
    static const char *const labels[] = {"a",    "b",   "w",  "d", "s", "t", "v",
                                         "ns",   "x",   "*",  "z", "",  "u", "longer",
                                         "_tcp", "ns1", "ai", "c", "y", "h"};
    enum { LABELS = sizeof labels / sizeof *labels };
    static const char *const whole[] = {"\7version\4bind", "\2id\6server", "\1w\1z", "\1z", ""};
    if (grammar_one_in(g, 12)) {
        const char *name = whole[grammar_pick(g, 5)];
        for (size_t n = strlen(name) + 1; n && g->at < GRAMMAR_MAX; n--)
            g->out[g->at++] = (uint8_t)*name++;
        return;
    }
    for (unsigned n = grammar_pick(g, grammar_one_in(g, 20) ? 130 : 4); n; n--) {
        const char *label = labels[grammar_pick(g, LABELS)];
        if (*label)
            grammar_label(g, label, strlen(label));
        else
            grammar_label(g, "\0.\\\377 63 bytes are the longest there can be, and this has them.",
                          1 + grammar_pick(g, 63));
    }
    if (grammar_one_in(g, 4))
        grammar_label(g, "example", 7);
    else if (!grammar_one_in(g, 10))
        grammar_label(g, "z", 1);
    if (g->at < GRAMMAR_MAX)
        g->out[g->at++] = 0;
}

static inline unsigned grammar_type(struct grammar *g)
{
    static const uint16_t types[] = {1,  2,  5,  6,  12, 15, 16,  28,  33,  39,  41,
                                     43, 46, 47, 48, 50, 51, 250, 251, 252, 255, 65};
    return grammar_one_in(g, 8) ? grammar_pick(g, 65536)
                                : types[grammar_pick(g, sizeof types / sizeof *types)];
}

static inline unsigned grammar_class(struct grammar *g)
{
    static const uint8_t classes[] = {1, 1, 1, 1, 1, 1, 3, 4, 254, 255};
    return grammar_one_in(g, 30) ? grammar_pick(g, 65536) : classes[grammar_pick(g, 10)];
}

static inline void grammar_option(struct grammar *g)
{
    static const struct {
        uint16_t code, len[4];
    } known[] = {{3, {0, 1, 0, 30}},    {8, {4, 8, 7, 20}},  {9, {0, 4, 0, 1}},
                 {10, {8, 24, 16, 40}}, {10, {0, 7, 9, 41}}, {11, {0, 2, 1, 0}},
                 {12, {0, 100, 5, 1}},  {15, {2, 2, 0, 20}}, {65001, {0, 3, 200, 1}}};
    unsigned k = grammar_pick(g, 9);
    unsigned len = known[k].len[grammar_pick(g, 4)];
    grammar_put16(g, grammar_one_in(g, 10) ? grammar_pick(g, 65536) : known[k].code);
    grammar_put16(g, grammar_one_in(g, 40) ? grammar_pick(g, 65536) : len);
    grammar_bytes(g, len);
}

static inline void grammar_opt(struct grammar *g)
{
    static const uint16_t sizes[] = {0, 511, 512, 513, 1232, 4096, 65535};
    if (g->at < GRAMMAR_MAX)
        g->out[g->at++] = 0;
    grammar_put16(g, TYPE_OPT);
    grammar_put16(g, sizes[grammar_pick(g, 7)]);
    grammar_put16(g, grammar_one_in(g, 20) ? grammar_pick(g, 65536) : 0);
    grammar_put16(g, grammar_one_in(g, 20) ? grammar_pick(g, 65536) : grammar_pick(g, 2) << 15);
    size_t length = g->at;
    grammar_put16(g, 0);
    for (unsigned n = grammar_pick(g, grammar_one_in(g, 30) ? 60 : 4); n; n--)
        grammar_option(g);
    if (length + 2 <= g->at)
        wire_put16(g->out + length, (unsigned)(g->at - length - 2));
}

/* Any record; a SOA has the two names and five numbers a SOA has. */
static inline void grammar_record(struct grammar *g, unsigned type)
{
    grammar_name(g);
    grammar_put16(g, type);
    grammar_put16(g, grammar_class(g));
    grammar_put16(g, 0);
    grammar_put16(g, grammar_pick(g, 65536));
    size_t length = g->at;
    grammar_put16(g, 0);
    if (type == TYPE_SOA) {
        grammar_name(g);
        grammar_name(g);
        grammar_bytes(g, 20);
    } else {
        grammar_bytes(g, grammar_pick(g, 40));
    }
    if (length + 2 <= g->at)
        wire_put16(g->out + length, (unsigned)(g->at - length - 2));
}

static inline void grammar_additional(struct grammar *g, unsigned *count)
{
    static const uint8_t types[] = {TYPE_A, TYPE_SIG, TYPE_TSIG, TYPE_TXT};
    for (unsigned n = grammar_one_in(g, 10) ? grammar_pick(g, 4) : 0; n; n--, ++*count)
        grammar_record(g, types[grammar_pick(g, 4)]);
    for (unsigned n = grammar_one_in(g, 30) ? 2 : !grammar_one_in(g, 4); n; n--, ++*count)
        grammar_opt(g);
    if (grammar_one_in(g, 20)) {
        grammar_record(g, TYPE_TSIG);
        ++*count;
    }
}

/* Makes a few bytes of a message wrong; returns its new length. */
static inline size_t grammar_damage(struct grammar *g, uint8_t *bytes, size_t len)
{
    for (unsigned n = 1 + grammar_pick(g, 3); n && len; n--) {
        size_t at = grammar_pick(g, (unsigned)len);
        switch (grammar_pick(g, 5)) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << grammar_pick(g, 8));
            break;
        case 1:
            bytes[at] = (uint8_t)grammar_random(g);
            break;
        case 2:
            bytes[at] = grammar_one_in(g, 2) ? 0xc0 : 0xff;
            break;
        case 3:
            len = at;
            break;
        default:
            if (len > DNS_HEADER)
                wire_put16(bytes + 4 + 2 * grammar_pick(g, 4), grammar_pick(g, 4));
        }
    }
    return len;
}

/* Writes a query of at most GRAMMAR_MAX bytes; returns its length. */
static inline size_t grammar_query(uint64_t seed, uint8_t *out)
{
    struct grammar g = {.state = seed, .out = out, .at = DNS_HEADER};
    unsigned counts[4] = {1};
    memset(out, 0, DNS_HEADER);
    wire_put16(out, grammar_pick(&g, 65536));
    out[2] = (uint8_t)(grammar_one_in(&g, 20) ? grammar_pick(&g, 128) : grammar_pick(&g, 2));
    bool notify = grammar_one_in(&g, 15);
    if (notify)
        out[2] = OPCODE_NOTIFY << 3 | 4;
    grammar_name(&g);
    unsigned type = notify ? TYPE_SOA : grammar_type(&g);
    grammar_put16(&g, type);
    grammar_put16(&g, grammar_class(&g));
    if (notify && grammar_one_in(&g, 2)) {
        grammar_record(&g, TYPE_SOA);
        counts[1]++;
    }
    if (type == TYPE_IXFR) {
        grammar_record(&g, TYPE_SOA);
        counts[2]++;
    }
    grammar_additional(&g, &counts[3]);
    for (int i = 0; i < 4; i++)
        wire_put16(out + 4 + 2 * i, counts[i]);
    return grammar_one_in(&g, 2) ? grammar_damage(&g, out, g.at) : g.at;
}

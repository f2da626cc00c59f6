/* Any bytes as the RDATA of an OPT: the walk over its options against a plain one, and the answer
 * to a query with it. */
#include <netinet/in.h>
#include <stdlib.h>

#include "server/answer/answer.h"
#include "server/answer/edns.h"
#include "server/dns/wire.h"
#include "tests/fuzz/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

enum { OPTIONS_MAX = 4096 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    uint8_t options[GRAMMAR_MAX];
    struct grammar g = {.state = seed, .out = options};
    if (grammar_one_in(&g, 3) && LLVMFuzzerMutate)
        return LLVMFuzzerMutate(data, size, max);
    for (unsigned n = grammar_pick(&g, 6); n; n--)
        grammar_option(&g);
    size_t len = g.at < max ? g.at : max;
    memcpy(data, options, len);
    return grammar_one_in(&g, 4) ? grammar_damage(&g, data, len) : len;
}

/* What edns_read must find, one byte after the other. */
static bool plain(struct edns_options *o, const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;
    *o = (struct edns_options){0};
    while (p < end) {
        if (end - p < 4 || end - p - 4 < wire_get16(p + 2))
            return false;
        unsigned code = wire_get16(p), n = wire_get16(p + 2);
        if (code == EDNS_NSID)
            o->nsid = true;
        if (code == EDNS_EXPIRE)
            o->expire = true;
        if (code == EDNS_KEEPALIVE)
            o->keepalive = true;
        if (code == EDNS_PADDING)
            o->padding = true;
        if (code == EDNS_COOKIE && !o->cookie) {
            if (n != 8 && (n < 16 || n > 40))
                return false;
            o->cookie = p + 4;
            o->cookie_len = (uint8_t)n;
        }
        p += 4 + n;
    }
    return true;
}

static void check_walk(const uint8_t *data, size_t size)
{
    struct edns_options got, want;
    bool good = plain(&want, data, size);
    if (edns_read(&got, data, size) != good)
        abort();
    if (good && (got.nsid != want.nsid || got.expire != want.expire || got.cookie != want.cookie ||
                 got.keepalive != want.keepalive || got.padding != want.padding ||
                 got.cookie_len != want.cookie_len))
        abort();
}

/* The answer ends with an OPT, and its options are whole and once each. */
static void check_answer(const uint8_t *out, size_t len, bool good)
{
    unsigned seen = 0;
    size_t at = DNS_HEADER + 5;
    if (len < at + REPLY_EDNS || wire_get16(out + 10) != 1 || out[at] != 0 ||
        wire_get16(out + at + 1) != TYPE_OPT || len != at + REPLY_EDNS + wire_get16(out + at + 9))
        abort();
    for (at += REPLY_EDNS; at < len; at += 4u + wire_get16(out + at + 2)) {
        unsigned code = wire_get16(out + at);
        if (at + 4 > len || code > 15 || seen & 1u << code)
            abort();
        seen |= 1u << code;
    }
    if (at != len || (!good && (out[3] & 15) != RCODE_FORMERR))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct answer_scratch scratch;
    static struct zone_table *none;
    static uint8_t out[DNS_MESSAGE_MAX];
    static uint8_t query[DNS_HEADER + 5 + REPLY_EDNS + OPTIONS_MAX] = {
        [5] = 1, [11] = 1, [14] = 6, [16] = 1, [19] = 41};
    struct answer_setting setting = {.nsid = {2, "me"}};
    struct hash_key key = {.k = {1, 2}};
    struct sockaddr_in source = {.sin_family = AF_INET};
    struct edns_options unused;
    if (size > OPTIONS_MAX)
        return 0;
    if (!none)
        none = zone_table_new(0);
    check_walk(data, size);
    cookie_secrets_read(&setting.cookies, "00112233445566778899aabbccddeeff\n", 33);
    wire_put16(query + DNS_HEADER + 5 + 9, (unsigned)size);
    if (size)
        memcpy(query + DNS_HEADER + 5 + REPLY_EDNS, data, size);
    /* UDP, TCP, and TCP that is encrypted. */
    for (int way = 0; way < 3; way++) {
        bool tcp = way > 0;
        struct answer_facts facts = {.source = (struct sockaddr *)&source,
                                     .tcp = tcp,
                                     .encrypted = way == 2,
                                     .keepalive = 100,
                                     .now = 1000000000,
                                     .setting = &setting};
        struct answer a;
        answer_query(&a, &scratch, none, &key, query, DNS_HEADER + 5 + REPLY_EDNS + size, &facts,
                     out, tcp ? sizeof out : ANSWER_UDP_SIZE);
        if (a.kind != ANSWER_REPLY || a.len > (tcp ? sizeof out : DNS_UDP_PLAIN))
            abort();
        /* An OPT that could not be read is answered by one all the same. */
        check_answer(out, a.len, plain(&unused, data, size));
        if (way == 2 && a.query.options.padding && a.len % EDNS_BLOCK)
            abort();
    }
    return 0;
}

/* Any bytes as a query, over UDP and TCP, against zones with every kind of name. The fuzzer is
 * helped by a mutator that knows what queries are made of. */
#include <netinet/in.h>

#include "server/dns/wire.h"
#include "tests/fuzz/grammar.h"
#include "tests/fuzz/zones.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
/* libFuzzer's own; not there when the corpus is only replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    uint8_t query[GRAMMAR_MAX];
    struct grammar g = {.state = seed};
    unsigned way = grammar_pick(&g, 4);
    if (way == 0 && LLVMFuzzerMutate)
        return LLVMFuzzerMutate(data, size, max);
    if (way == 1 && size)
        return grammar_damage(&g, data, size);
    size_t len = grammar_query(grammar_random(&g), query);
    len = len < max ? len : max;
    memcpy(data, query, len);
    return len;
}

static size_t skip_record(const uint8_t *out, size_t len, size_t at, bool question)
{
    uint8_t name[NAME_MAX_LEN];
    size_t name_len, used = name_unpack(out, len, at, name, &name_len);
    size_t fixed = question ? 4 : DNS_RR_FIXED;
    if (!used || at + used + fixed > len)
        abort();
    at += used + fixed;
    return question ? at : at + wire_get16(out + at - 2);
}

/* What we send is a response whose records fill it to the last byte. */
static void check_whole(const uint8_t *out, size_t len)
{
    size_t at = DNS_HEADER;
    for (unsigned section = 0; section < 4; section++) {
        for (unsigned n = wire_get16(out + 4 + 2 * section); n; n--)
            at = skip_record(out, len, at, section == 0);
    }
    if (at != len)
        abort();
}

/* Another parser than ours reads it; it allocates, so it sees one answer in so many. */
static void check_by_ldns(const struct answer *a, const uint8_t *out)
{
    enum { EVERY = 256 };
    ldns_pkt *pkt = NULL;
    if (!a->query.has_question || (a->query.id ^ a->len ^ out[a->len - 1]) % EVERY)
        return;
    if (ldns_wire2pkt(&pkt, out, a->len) != LDNS_STATUS_OK)
        abort();
    ldns_pkt_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone_table *zones;
    static struct answer_setting setting;
    static struct answer_scratch scratch;
    static uint8_t out[DNS_MESSAGE_MAX];
    struct hash_key key = hash_key_from(zone_text_key);
    if (!zones) {
        setting = fuzz_setting();
        zones = fuzz_zones(&key);
    }
    struct sockaddr_in source = {.sin_family = AF_INET};
    for (int tcp = 0; tcp < 2; tcp++) {
        struct answer_facts facts = {.source = (struct sockaddr *)&source,
                                     .tcp = tcp,
                                     .keepalive = 100,
                                     .now = 1000000000,
                                     .setting = size % 4 ? &setting : NULL};
        struct answer a;
        size_t cap = tcp ? sizeof out : ANSWER_UDP_SIZE;
        answer_query(&a, &scratch, zones, &key, data, size, &facts, out, cap);
        if (a.kind == ANSWER_NONE || a.kind == ANSWER_TRANSFER)
            continue;
        size_t most = tcp ? cap : a.edns ? a.query.udp_size : DNS_UDP_PLAIN;
        if (a.len < DNS_HEADER || a.len > cap || a.len > most || !(out[2] & 0x80) ||
            memcmp(out, data, 2))
            abort();
        check_whole(out, a.len);
        check_by_ldns(&a, out);
    }
    return 0;
}

/* Any bytes as a query, over UDP and TCP, against a zone with every kind of name. The fuzzer is
 * helped by a mutator that knows what queries are made of. */
#include <netinet/in.h>

#include "server/answer/answer.h"
#include "server/dns/wire.h"
#include "tests/fuzz/grammar.h"
#include "tests/unit/zone_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
/* libFuzzer's own; not there when the corpus is only replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

static const char zone_text[] =
    "z. 3600 IN SOA ns.z. host.z. 7 3600 600 86400 300\n"
    "z. 3600 IN NS ns.z.\n"
    "z. 3600 IN NSEC a.z. NS SOA RRSIG NSEC\n"
    "z. 3600 IN RRSIG SOA 8 1 3600 20300101000000 20200101000000 1 z. AAAA\n"
    "z. 3600 IN MX 1 ns.z.\n"
    "a.z. 1 IN CNAME b.z.\n"
    "a.z. 1 IN NSEC *.w.z. CNAME\n"
    "b.z. 1 IN CNAME a.z.\n"
    "*.w.z. 1 IN CNAME x.d.z.\n"
    "*.w.z. 1 IN NSEC z. CNAME\n"
    "d.z. 1 IN DNAME w.z.\n"
    "ns.z. 1 IN A 192.0.2.1\n"
    "s.z. 1 IN NS ns.s.z.\n"
    "ns.s.z. 1 IN AAAA 2001:db8::1\n"
    "t.z. 1 IN TXT \"text\"\n"
    "v.z. 1 IN SRV 1 2 3 ns.z.\n";

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

static struct answer_setting make_setting(void)
{
    struct answer_setting s = {.version = {3, "1.0"}, .identity = {2, "me"}, .nsid = {2, "me"}};
    cookie_secrets_read(&s.cookies, "00112233445566778899aabbccddeeff\n", 33);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone_table *zones;
    static struct answer_setting setting;
    static struct answer_scratch scratch;
    static uint8_t out[DNS_MESSAGE_MAX];
    struct hash_key key = hash_key_from(zone_text_key);
    if (!zones) {
        setting = make_setting();
        struct msg_zone m = {
            .name_len = 3, .name = "\1z", .flags = ZONE_HAS_IMAGE | ZONE_IS_SECONDARY};
        m.transfer_count = m.notify_count = 1;
        m.allow_transfer[0] = m.allow_notify[0] = (struct msg_acl){AF_INET, 0, {0}};
        zones = zone_table_new(1);
        zone_table_put(zones, zone_new(&m, zone_text_image("z.", zone_text), &key));
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
        /* What we send is a response that another parser of ours reads. */
        struct query echo;
        if (a.len < DNS_HEADER || a.len > cap || !(out[2] & 0x80) ||
            query_parse(&echo, out, a.len) != QUERY_DROP)
            abort();
        ldns_pkt *pkt = NULL;
        ldns_status status = ldns_wire2pkt(&pkt, out, a.len);
        if (status != LDNS_STATUS_OK && a.query.has_question)
            abort();
        ldns_pkt_free(pkt);
    }
    return 0;
}

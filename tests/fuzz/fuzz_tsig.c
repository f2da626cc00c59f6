/* Signatures under any bytes: as the query a server is sent, and as the stream of answers to a
 * query that was signed.
 *
 * The first byte says what is made right before it is looked at, as no fuzzer guesses a MAC: bit 0
 * a query (0) or a stream; bits 1 to 3 the algorithm; bit 4 the message is signed by us, and the
 * bytes are what goes before the signature; bit 5 the clock is off. A stream is messages, each
 * behind its length; with bit 7 of the length set it is signed. What we sign must be good, and what
 * is good must be signed. */
#include <netinet/in.h>

#include "server/answer/answer.h"
#include "server/dns/wire.h"
#include "tests/fuzz/grammar.h"
#include "tests/unit/zone_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
/* libFuzzer's own; not there when the corpus is only replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

enum { NOW = 1000000000, SIGNED = 0x10, SKEWED = 0x20, MOST = 4096 };

static const char zone_text[] = "z. 3600 IN SOA ns.z. host.z. 7 3600 600 86400 300\n"
                                "z. 3600 IN NS ns.z.\n"
                                "ns.z. 1 IN A 192.0.2.1\n"
                                "t.z. 1 IN TXT \"text\"\n";

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    uint8_t query[GRAMMAR_MAX];
    struct grammar g = {.state = seed};
    unsigned way = grammar_pick(&g, 4);
    if (!size || way == 0)
        return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max) : size;
    if (way == 1)
        return 1 + grammar_damage(&g, data + 1, size - 1);
    size_t len = grammar_query(grammar_random(&g), query);
    len = len < max - 1 ? len : max - 1;
    data[0] = (uint8_t)grammar_random(&g) & 0xfe;
    memcpy(data + 1, query, len);
    return len + 1;
}

static struct tsig_key make_key(uint8_t how)
{
    struct tsig_key key;
    tsig_key_init(&key, (const uint8_t *)"\1k", 3, (how >> 1 & 7) % TSIG_ALGORITHMS,
                  (const uint8_t *)"secret", 6);
    return key;
}

/* A copy in memory of its own length, so that one byte too far is seen. */
static uint8_t *copy(const uint8_t *data, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    memcpy(exact, data, len);
    return exact;
}

/* What may be signed: no message of ours has a TSIG record already. */
static bool may_sign(const uint8_t *data, size_t size)
{
    struct tsig t;
    return size <= MOST && tsig_find(&t, data, size) == TSIG_MISSING &&
           wire_get16(data + 10) < 0xffff;
}

static void check_answer(const struct answer *a, struct tsig_chain *chain, const uint8_t *out)
{
    struct tsig_stream stream = {.chain = *chain};
    if (a->query.tsig.at && a->signer && a->len &&
        tsig_stream_take(&stream, out, a->len, NOW) != TSIG_GOOD)
        abort();
}

static void query(struct tsig_key *key, const uint8_t *data, size_t size, uint8_t how)
{
    static struct zone_table *zones;
    static struct answer_scratch scratch;
    static uint8_t out[DNS_MESSAGE_MAX], message[MOST + TSIG_RECORD_MAX];
    struct hash_key hash = hash_key_from(zone_text_key);
    struct answer_setting setting = {.keys = {key, 1}};
    struct tsig_chain chain;
    bool ours = how & SIGNED && may_sign(data, size);
    if (!zones) {
        struct msg_zone m = {.name_len = 3, .name = "\1z", .flags = ZONE_HAS_IMAGE};
        m.transfer_count = 1;
        m.allow_transfer[0].family = MSG_ACL_KEY;
        memcpy(m.allow_transfer[0].address, key->id, TSIG_ID);
        zones = zone_table_new(1);
        zone_table_put(zones, zone_new(&m, zone_text_image("z.", zone_text), &hash));
    }
    tsig_chain_init(&chain, key);
    size = size < sizeof message ? size : sizeof message;
    memcpy(message, data, size);
    if (ours)
        size = tsig_sign(&chain, message, size, how & SKEWED ? NOW + 301 : NOW);
    uint8_t *exact = copy(message, size);
    for (int tcp = 0; tcp < 2; tcp++) {
        struct sockaddr_in source = {.sin_family = AF_INET};
        struct answer_facts facts = {
            .source = (struct sockaddr *)&source, .tcp = tcp, .now = NOW, .setting = &setting};
        struct answer a;
        size_t cap = tcp ? sizeof out : ANSWER_UDP_SIZE;
        answer_query(&a, &scratch, zones, &hash, exact, size, &facts, out, cap);
        if (a.kind == ANSWER_NONE)
            continue;
        if (a.len > cap || (a.signer && (!ours || how & SKEWED)))
            abort();
        if (a.kind != ANSWER_TRANSFER)
            check_answer(&a, &chain, out);
    }
    free(exact);
}

/* The other side signs what the bytes ask it to sign. */
static void stream(struct tsig_key *key, const uint8_t *data, size_t size)
{
    static uint8_t message[MOST + TSIG_RECORD_MAX];
    static const uint8_t asked[DNS_HEADER];
    struct tsig_chain theirs;
    struct tsig_stream s = {0};
    enum tsig_verdict verdict = TSIG_GOOD;
    bool honest = true;
    tsig_chain_init(&theirs, key);
    memcpy(message, asked, sizeof asked);
    tsig_sign(&theirs, message, sizeof asked, NOW);
    s.chain = theirs;
    while (verdict == TSIG_GOOD && size >= 2) {
        size_t len = wire_get16(data) & 0x7fff;
        bool is_signed = data[0] & 0x80;
        data += 2;
        size -= 2;
        len = len < size ? len : size;
        len = len < MOST ? len : MOST;
        memcpy(message, data, len);
        bool ours = is_signed && may_sign(message, len);
        size_t all = ours ? tsig_sign(&theirs, message, len, NOW) : len;
        uint8_t *exact = copy(message, all);
        verdict = tsig_stream_take(&s, exact, all, NOW);
        free(exact);
        honest &= ours;
        if (honest ? verdict != TSIG_GOOD : verdict == TSIG_GOOD && !s.pending)
            abort();
        data += len;
        size -= len;
    }
    if (!*tsig_reason(verdict, s.error))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct tsig_key key = make_key(data[0]);
    if (data[0] & 1)
        stream(&key, data + 1, size - 1);
    else
        query(&key, data + 1, size - 1, data[0]);
    return 0;
}

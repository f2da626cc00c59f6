/* Nanoseconds of each stage of an answer, without sockets, on zones made here: one of delegations,
 * where a fifth of the queries ask for names that do not exist, and a flat one of twice as many
 * names.
 *
 *   bench_answer [DELEGATIONS [QUERIES]]     250000 and 2000000 unless told
 *
 * A stage is measured from the first on: "look-up" has parsed and hashed too, "answer" is the
 * whole. What one stage adds is printed, so is the sum. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/answer/answer.h"
#include "server/image/node.h"
#include "server/dns/wire.h"

static const uint8_t key_bytes[16] = "a key for bench.";
static const uint8_t origin[] = "\5bench";
enum { ORIGIN_LEN = 7, QUERY_ROOM = 64, DISTINCT = 1 << 16, BATCH = 64 };
enum kind { DELEGATIONS, FLAT };

static size_t put_name(uint8_t *to, const char *label, unsigned n, const char *first)
{
    size_t at = 0;
    if (*first) {
        to[at] = (uint8_t)strlen(first);
        memcpy(to + 1, first, to[at]);
        at += to[at] + 1u;
    }
    to[at] = (uint8_t)sprintf((char *)to + at + 1, "%s%07u", label, n);
    at += to[at] + 1u;
    memcpy(to + at, origin, ORIGIN_LEN);
    return at + ORIGIN_LEN;
}

static void add(struct image_builder *b, const uint8_t *owner, size_t len, uint16_t type,
                const uint8_t *rdata, size_t rdlen)
{
    if (image_builder_add(b, owner, len, type, 3600, rdata, rdlen)) {
        fprintf(stderr, "%s\n", image_builder_reason(b));
        exit(1);
    }
}

static struct image *make_zone(enum kind kind, unsigned count)
{
    struct image_builder *b = image_builder_new(origin, ORIGIN_LEN);
    uint8_t soa[64], ns[2][64], owner[64];
    size_t n = put_name(soa, "host", 1, "");
    n += put_name(soa + n, "host", 2, "");
    memset(soa + n, 1, 20);
    add(b, origin, ORIGIN_LEN, TYPE_SOA, soa, n + 20);
    add(b, origin, ORIGIN_LEN, TYPE_NS, soa, put_name(owner, "host", 1, ""));
    int64_t start = clk_mono_ns();
    for (unsigned i = 0; i < count; i++) {
        size_t len = put_name(owner, "d", i, "");
        if (kind == FLAT) {
            add(b, owner, len, TYPE_A, (uint8_t *)&i, 4);
            continue;
        }
        for (unsigned k = 0; k < 2; k++) {
            size_t ns_len = put_name(ns[k], "d", i, k ? "ns2" : "ns1");
            add(b, owner, len, TYPE_NS, ns[k], ns_len);
            add(b, ns[k], ns_len, TYPE_A, (uint8_t *)&i, 4);
        }
    }
    int64_t added = clk_mono_ns();
    int fd = memfd_create("bench", 0);
    struct image_summary summary;
    struct buf findings = {0};
    struct image *image = NULL;
    if (image_builder_finish(b, key_bytes, NULL, fd, &summary, &findings) ||
        image_open(fd, 0, summary.bytes, key_bytes, true, &image)) {
        fprintf(stderr, "%s%s\n", findings.data ? findings.data : "", image_builder_reason(b));
        exit(1);
    }
    image_builder_free(b);
    int64_t built = clk_mono_ns();
    printf("records %llu  add %.0f ns  finish %.0f ns a record  image %.1f bytes a record\n",
           (unsigned long long)summary.records, (double)(added - start) / (double)summary.records,
           (double)(built - added) / (double)summary.records,
           (double)summary.bytes / (double)summary.records);
    return image;
}

struct bench {
    struct hash_key key;
    struct zone_table *zones;
    uint8_t (*query)[QUERY_ROOM];
    size_t *len;
    struct answer_scratch scratch;
    struct answer_facts facts;
    const struct zone *zone;
    uint64_t hash[NAME_MAX_LABELS + 1];
    uint64_t sum; /* of what was found, so that nothing is left out */
};

static void stage_parse(struct bench *b, unsigned i, struct query *parsed)
{
    b->sum += query_parse(parsed, b->query[i], b->len[i]);
}

static void stage_zone(struct bench *b, unsigned i, struct query *parsed)
{
    stage_parse(b, i, parsed);
    b->zone = zone_table_match(b->zones, b->zone, &parsed->qname, &b->key, b->hash, parsed->qtype);
    b->sum += b->hash[0];
}

static void stage_node(struct bench *b, unsigned i, struct query *parsed)
{
    stage_zone(b, i, parsed);
    unsigned at;
    b->sum +=
        node_closest(b->zone->image, &parsed->qname, b->hash, (struct node_lead){0}, &at) != NULL;
}

static void stage_answer(struct bench *b, unsigned i, struct query *parsed)
{
    struct answer answer;
    uint8_t out[ANSWER_UDP_SIZE];
    (void)parsed;
    answer_query(&answer, &b->scratch, b->zones, &b->key, b->query[i], b->len[i], &b->facts, out,
                 sizeof out);
    b->sum += answer.len;
}

/* As a batch from a socket is. */
static void stage_batch(struct bench *b, unsigned i, struct query *parsed)
{
    static struct answer answer[BATCH];
    uint8_t out[ANSWER_UDP_SIZE];
    (void)parsed;
    answer_begin(&answer[i % BATCH], &b->scratch, b->zones, &b->key, b->query[i], b->len[i],
                 &b->facts);
    if (i % BATCH < BATCH - 1)
        return;
    for (unsigned k = 0; k < BATCH; k++)
        answer_fetch(&answer[k]);
    for (unsigned k = 0; k < BATCH; k++) {
        answer_end(&answer[k], &b->scratch, b->zones, &b->key, &b->facts, out, sizeof out);
        b->sum += answer[k].len;
    }
}

static const struct {
    const char *name;
    void (*run)(struct bench *, unsigned, struct query *);
} stages[] = {{"parse", stage_parse},
              {"hash and zone", stage_zone},
              {"look-up", stage_node},
              {"write", stage_answer}};

static void make_queries(struct bench *b, enum kind kind, unsigned count)
{
    for (unsigned i = 0; i < DISTINCT; i++) {
        unsigned n = (unsigned)((uint64_t)i * 2654435761u % count);
        uint8_t *q = b->query[i];
        memset(q, 0, 12);
        q[5] = 1;
        size_t end = 12 + (kind == FLAT ? put_name(q + 12, "d", n, "")
                                        : put_name(q + 12, i % 5 ? "d" : "x", n, "www"));
        wire_put16(q + end, TYPE_A);
        wire_put16(q + end + 2, CLASS_IN);
        b->len[i] = end + 4;
    }
}

static void measure(struct bench *b, const char *title, unsigned queries)
{
    double before = 0;
    printf("%s:", title);
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++) {
        struct query parsed;
        int64_t start = clk_mono_ns();
        for (unsigned i = 0; i < queries; i++)
            stages[s].run(b, i % DISTINCT, &parsed);
        double ns = (double)(clk_mono_ns() - start) / queries;
        printf("  %s %.1f ns", stages[s].name, ns - before);
        before = ns;
    }
    int64_t start = clk_mono_ns();
    for (unsigned i = 0; i < queries; i++)
        stage_batch(b, i % DISTINCT, NULL);
    double ns = (double)(clk_mono_ns() - start) / queries;
    printf("  answer %.1f ns, %.1f in a batch of %d\n", before, ns, BATCH);
}

static void bench_zone(struct bench *b, enum kind kind, unsigned count, unsigned queries)
{
    struct msg_zone m = {.name_len = ORIGIN_LEN, .flags = ZONE_HAS_IMAGE};
    memcpy(m.name, origin, ORIGIN_LEN);
    struct zone *zone = zone_new(&m, make_zone(kind, count), &b->key);
    zone_unpin(zone_table_put(b->zones, zone));
    b->zone = b->scratch.near = NULL;
    make_queries(b, kind, count);
    measure(b, kind == FLAT ? "flat" : "delegations", queries);
}

int main(int argc, char **argv)
{
    static struct bench b;
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    unsigned delegations = argc > 1 ? (unsigned)atoi(argv[1]) : 250000;
    unsigned queries = argc > 2 ? (unsigned)atoi(argv[2]) : 2000000;
    b.key = hash_key_from(key_bytes);
    b.zones = zone_table_new(1);
    b.query = malloc((size_t)DISTINCT * QUERY_ROOM);
    b.len = malloc(DISTINCT * sizeof *b.len);
    b.facts.source = &nobody;
    if (!b.zones || !b.query || !b.len || !delegations || !queries)
        return 2;
    bench_zone(&b, DELEGATIONS, delegations, queries);
    bench_zone(&b, FLAT, 2 * delegations, queries);
    printf("check %llu\n", (unsigned long long)b.sum);
    return 0;
}

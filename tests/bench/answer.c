/* Nanoseconds of each stage of an answer, without sockets, on a zone of delegations made here.
 *   bench_answer [DELEGATIONS [QUERIES]] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/answer/answer.h"
#include "server/dns/wire.h"

static const uint8_t key_bytes[16] = "a key for bench.";
static const uint8_t origin[] = "\5bench";
enum { ORIGIN_LEN = 7, QUERY_ROOM = 64, DISTINCT = 1 << 16 };

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

static struct image *make_zone(unsigned delegations)
{
    struct image_builder *b = image_builder_new(origin, ORIGIN_LEN);
    uint8_t soa[64], ns[2][64], owner[64];
    size_t n = put_name(soa, "host", 1, "");
    n += put_name(soa + n, "host", 2, "");
    memset(soa + n, 1, 20);
    add(b, origin, ORIGIN_LEN, TYPE_SOA, soa, n + 20);
    add(b, origin, ORIGIN_LEN, TYPE_NS, soa, put_name(owner, "host", 1, ""));
    int64_t start = clk_mono_ns();
    for (unsigned i = 0; i < delegations; i++) {
        size_t len = put_name(owner, "d", i, "");
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

int main(int argc, char **argv)
{
    unsigned delegations = argc > 1 ? (unsigned)atoi(argv[1]) : 250000;
    unsigned queries = argc > 2 ? (unsigned)atoi(argv[2]) : 2000000;
    struct hash_key key = hash_key_from(key_bytes);
    struct zone_table *zones = zone_table_new(1);
    struct msg_zone m = {.name_len = ORIGIN_LEN, .flags = ZONE_HAS_IMAGE};
    memcpy(m.name, origin, ORIGIN_LEN);
    zone_table_put(zones, zone_new(&m, make_zone(delegations), &key));

    uint8_t(*q)[QUERY_ROOM] = malloc((size_t)DISTINCT * QUERY_ROOM);
    size_t *len = malloc(DISTINCT * sizeof *len);
    for (unsigned i = 0; i < DISTINCT; i++) {
        unsigned n = (unsigned)((uint64_t)i * 2654435761u % delegations);
        memset(q[i], 0, 12);
        q[i][5] = 1;
        size_t end = 12 + put_name(q[i] + 12, i % 5 ? "d" : "x", n, "www");
        wire_put16(q[i] + end, TYPE_A);
        wire_put16(q[i] + end + 2, CLASS_IN);
        len[i] = end + 4;
    }
    static struct answer_scratch scratch;
    uint8_t out[ANSWER_UDP_SIZE];
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct answer_facts facts = {.source = &nobody};
    struct query parsed;
    uint64_t hash[NAME_MAX_LABELS + 1], sum = 0;

    int64_t t0 = clk_mono_ns();
    for (unsigned i = 0; i < queries; i++)
        sum += query_parse(&parsed, q[i % DISTINCT], len[i % DISTINCT]);
    int64_t t1 = clk_mono_ns();
    for (unsigned i = 0; i < queries; i++) {
        query_parse(&parsed, q[i % DISTINCT], len[i % DISTINCT]);
        name_hash(&parsed.qname, &key, hash);
        sum += hash[0];
    }
    int64_t t2 = clk_mono_ns();
    for (unsigned i = 0; i < queries; i++) {
        struct answer a;
        answer_query(&a, &scratch, zones, &key, q[i % DISTINCT], len[i % DISTINCT], &facts, out,
                     sizeof out);
        sum += a.len;
    }
    int64_t t3 = clk_mono_ns();
    printf("parse %.1f ns  parse+hash %.1f ns  answer %.1f ns  (check %llu)\n",
           (double)(t1 - t0) / queries, (double)(t2 - t1) / queries, (double)(t3 - t2) / queries,
           (unsigned long long)sum);
    return 0;
}

/* For tests of server/answer: zones from text, a question, and what the answer's sections hold. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>

#include "backend/base/buf.h"
#include "server/answer/answer.h"
#include "server/dns/wire.h"
#include "tests/unit/zone_text.h"

enum { ASKED_ZONES = 4 };

/* What a question may have; begin with all zero. */
struct asked_how {
    bool edns, dnssec_ok, tcp;
    uint16_t udp_size; /* 0: 1232 */
    uint8_t opcode;
    const uint8_t *options;
    uint16_t options_len;
};

struct asked {
    struct zone_table *zones;
    struct zone *zone[ASKED_ZONES];
    unsigned count;
    struct hash_key key;
    struct answer_scratch scratch;
    struct answer_setting setting;
    struct sockaddr_in source;
    struct answer_facts facts;
    struct answer answer;
    uint8_t query[DNS_MESSAGE_MAX];
    size_t query_len;
    uint8_t out[DNS_MESSAGE_MAX];
};

static inline struct asked *asked_new(void)
{
    struct asked *a = calloc(1, sizeof *a);
    assert_non_null(a);
    a->key = hash_key_from(zone_text_key);
    a->zones = zone_table_new(ASKED_ZONES);
    a->source =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a->facts = (struct answer_facts){
        .source = (struct sockaddr *)&a->source, .now = 1000000000, .setting = &a->setting};
    return a;
}

static inline void asked_free(struct asked *a)
{
    for (unsigned i = 0; i < a->count; i++)
        zone_unpin(a->zone[i]);
    zone_table_free(a->zones);
    free(a);
}

/* Transfers of it may go to loopback addresses. An image of NULL: the zone has no version. */
static inline struct zone *asked_put(struct asked *a, const char *origin, struct image *image)
{
    struct msg_zone m = {.flags = image ? ZONE_HAS_IMAGE : 0, .transfer_count = 1};
    m.allow_transfer[0] = (struct msg_acl){AF_INET, 8, {127}};
    ldns_rdf *name = ldns_dname_new_frm_str(origin);
    m.name_len = (uint8_t)ldns_rdf_size(name);
    memcpy(m.name, ldns_rdf_data(name), m.name_len);
    ldns_rdf_deep_free(name);
    struct zone *zone = zone_new(&m, image, &a->key);
    assert_non_null(zone);
    a->zone[a->count++] = zone;
    assert_null(zone_table_put(a->zones, zone));
    return zone;
}

static inline struct zone *asked_put_text(struct asked *a, const char *origin, const char *text)
{
    struct image *image = zone_text_image(origin, text);
    assert_non_null(image);
    return asked_put(a, origin, image);
}

static inline const struct answer *asked_send(struct asked *a, bool tcp)
{
    a->facts.tcp = tcp;
    answer_query(&a->answer, &a->scratch, a->zones, &a->key, a->query, a->query_len, &a->facts,
                 a->out, tcp ? sizeof a->out : ANSWER_UDP_SIZE);
    return &a->answer;
}

/* Adds a line `count` times, each # of it the number of the turn. */
static inline void asked_add_lines(struct buf *text, const char *line, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (const char *c = line; *c; c++) {
            if (*c == '#')
                buf_printf(text, "%u", i);
            else
                buf_add(text, c, 1);
        }
        buf_puts(text, "\n");
    }
}

/* Asks for `len` bytes of a name in wire form. */
static inline const struct answer *asked_wire(struct asked *a, const uint8_t *name, size_t len,
                                              uint16_t type, const struct asked_how *how)
{
    uint8_t *q = a->query;
    memset(q, 0, DNS_HEADER);
    wire_put16(q, 0xabcd);
    q[2] = (uint8_t)(how->opcode << 3 | 1);
    q[5] = 1;
    memcpy(q + DNS_HEADER, name, len);
    size_t n = DNS_HEADER + len;
    wire_put16(q + n, type);
    wire_put16(q + n + 2, CLASS_IN);
    n += 4;
    if (how->edns || how->dnssec_ok || how->options_len) {
        struct reply opt = {.bytes = q, .at = n};
        reply_edns(&opt, how->udp_size ? how->udp_size : ANSWER_UDP_SIZE, 0, how->dnssec_ok);
        wire_put16(q + opt.at - 2, how->options_len);
        if (how->options_len)
            memcpy(q + opt.at, how->options, how->options_len);
        n = opt.at + how->options_len;
        q[11] = 1;
    }
    a->query_len = n;
    return asked_send(a, how->tcp);
}

static inline const struct answer *asked_name(struct asked *a, const char *name, uint16_t type,
                                              const struct asked_how *how)
{
    ldns_rdf *rdf = ldns_dname_new_frm_str(name);
    assert_non_null(rdf);
    asked_wire(a, ldns_rdf_data(rdf), ldns_rdf_size(rdf), type, how);
    ldns_rdf_deep_free(rdf);
    return &a->answer;
}

/* The answer as libldns reads it; the caller frees it. */
static inline ldns_pkt *asked_packet(const struct asked *a)
{
    ldns_pkt *pkt = NULL;
    assert_int_equal(ldns_wire2pkt(&pkt, a->out, a->answer.len), LDNS_STATUS_OK);
    return pkt;
}

static int asked_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void asked_sort(char *text)
{
    char *copy = strdup(text), *words[256];
    size_t n = 0;
    for (char *save = NULL, *w = strtok_r(copy, " ", &save); w && n < 256;
         w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    qsort(words, n, sizeof *words, asked_compare);
    *text = '\0';
    for (size_t i = 0; i < n; i++)
        strcat(strcat(text, i ? " " : ""), words[i]);
    free(copy);
}

/* A section as sorted words OWNER/TYPE, as its order means nothing. */
static inline void asked_section(ldns_rr_list *list, char *to, size_t cap)
{
    *to = '\0';
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        ldns_rr *rr = ldns_rr_list_rr(list, i);
        char *owner = ldns_rdf2str(ldns_rr_owner(rr)),
             *type = ldns_rr_type2str(ldns_rr_get_type(rr));
        size_t n = strlen(to);
        snprintf(to + n, cap - n, "%s%s/%s", n ? " " : "", owner, type);
        free(owner);
        free(type);
    }
    asked_sort(to);
}

static inline void asked_check_section(ldns_rr_list *list, const char *want)
{
    char text[4096], sorted[4096];
    asked_section(list, text, sizeof text);
    snprintf(sorted, sizeof sorted, "%s", want);
    asked_sort(sorted);
    assert_string_equal(text, sorted);
}

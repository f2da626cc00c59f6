#include "server/answer/transfer.h"
#include "tests/unit/answer/asked.h"

static const char zone_text[] =
    "example. 3600 IN SOA ns.example. host.example. 7 3600 600 86400 300\n"
    "example. 3600 IN NS ns.example.\n"
    "example. 3600 IN NS NS.Other.\n"
    "example. 3600 IN MX 10 mail.example.\n"
    "ns.example. 3600 IN A 192.0.2.1\n"
    "ns.example. 3600 IN AAAA 2001:db8::1\n"
    "mail.example. 60 IN A 192.0.2.2\n"
    "www.example. 60 IN CNAME web.example.\n"
    "web.example. 60 IN A 192.0.2.3\n"
    "gone.example. 60 IN CNAME nothing.example.\n"
    "out.example. 60 IN CNAME elsewhere.test.\n"
    "loop1.example. 60 IN CNAME loop2.example.\n"
    "loop2.example. 60 IN CNAME loop1.example.\n"
    "*.wild.example. 60 IN A 192.0.2.4\n"
    "*.wild.example. 60 IN TXT \"any\"\n"
    "real.wild.example. 60 IN TXT \"real\"\n"
    "a.b.deep.example. 60 IN A 192.0.2.5\n"
    "*.alias.example. 60 IN CNAME web.example.\n"
    "sub.example. 3600 IN NS ns.sub.example.\n"
    "sub.example. 3600 IN NS ns.example.\n"
    "sub.example. 3600 IN DS 1 8 2 "
    "0000000000000000000000000000000000000000000000000000000000000000\n"
    "ns.sub.example. 3600 IN A 192.0.2.6\n"
    "old.example. 60 IN DNAME new.example.\n"
    "x.new.example. 60 IN A 192.0.2.7\n"
    "_sip._udp.example. 60 IN SRV 1 2 5060 web.example.\n"
    "spin.example. 60 IN DNAME spin.example.\n"
    "shrink.example. 60 IN DNAME example.\n"
    "cross.example. 60 IN CNAME a.second.\n"
    "crossing.example. 60 IN DNAME second.\n"
    "svc.example. 60 IN HTTPS 1 web.example.\n"
    "svcself.example. 60 IN HTTPS 1 .\n"
    "svcself.example. 60 IN A 192.0.2.8\n"
    "svcalias.example. 60 IN HTTPS 0 svc.example.\n"
    "svcnone.example. 60 IN HTTPS 0 .\n"
    "svcfar.example. 60 IN HTTPS 1 a.second.\n"
    "tela.example. 60 IN NAPTR 1 1 \"A\" \"x\" \"\" web.example.\n"
    "tels.example. 60 IN NAPTR 1 1 \"s\" \"x\" \"\" _sip._udp.example.\n"
    "telu.example. 60 IN NAPTR 1 1 \"u\" \"x\" \"!a!b!\" .\n";

static const char second_text[] =
    "second. 3600 IN SOA ns.second. host.second. 7 3600 600 86400 300\n"
    "second. 3600 IN NS ns.second.\n"
    "a.second. 60 IN A 192.0.2.10\n"
    "back.second. 60 IN CNAME web.example.\n";

struct fixture {
    struct zone_table *zones;
    struct hash_key key;
    struct answer_scratch scratch;
    struct zone *zone, *second;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->key = hash_key_from(zone_text_key);
    f->zones = zone_table_new(2);
    struct msg_zone m = {.name_len = 9, .name = "\7example", .flags = ZONE_HAS_IMAGE};
    m.transfer_count = 1;
    m.allow_transfer[0] = (struct msg_acl){AF_INET, 8, {127}};
    f->zone = zone_new(&m, zone_text_image("example.", zone_text), &f->key);
    zone_table_put(f->zones, f->zone);
    struct msg_zone n = {.name_len = 8, .name = "\6second", .flags = ZONE_HAS_IMAGE};
    f->second = zone_new(&n, zone_text_image("second.", second_text), &f->key);
    zone_table_put(f->zones, f->second);
    *state = f;
    return f->zone && f->zone->image ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_unpin(f->zone);
    zone_unpin(f->second);
    zone_table_free(f->zones);
    free(f);
    return 0;
}

static size_t make_query(uint8_t *q, const char *name, uint16_t type, int edns)
{
    memset(q, 0, 12);
    q[0] = 0xab, q[1] = 0xcd, q[2] = 1, q[5] = 1;
    ldns_rdf *rdf = ldns_dname_new_frm_str(name);
    size_t n = 12;
    memcpy(q + n, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
    n += ldns_rdf_size(rdf);
    ldns_rdf_deep_free(rdf);
    wire_put16(q + n, type);
    wire_put16(q + n + 2, 1);
    n += 4;
    if (edns) {
        q[11] = 1;
        static const uint8_t opt[] = {0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0};
        memcpy(q + n, opt, sizeof opt);
        n += sizeof opt;
    }
    return n;
}

static void ask(struct fixture *f, struct answer *a, uint8_t *out, const uint8_t *q, size_t len,
                bool tcp)
{
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct answer_facts facts = {.source = (struct sockaddr *)&source, .tcp = tcp};
    answer_query(a, &f->scratch, f->zones, &f->key, q, len, &facts, out, tcp ? 65535 : 1232);
}

struct row {
    const char *name;
    uint16_t type;
    int rcode, aa;
    const char *answer, *authority, *additional;
    const char *rule;
};

static const struct row rows[] = {
    {"ns.example.", TYPE_A, 0, 1, "ns.example./A", "", "", "exact match"},
    {"NS.eXample.", TYPE_A, 0, 1, "NS.eXample./A", "", "", "case is kept"},
    {"example.", TYPE_MX, 0, 1, "example./MX", "", "mail.example./A", "RFC 1035 3.3.9"},
    {"ns.example.", TYPE_TXT, 0, 1, "", "example./SOA", "", "NODATA"},
    {"none.example.", TYPE_A, 3, 1, "", "example./SOA", "", "NXDOMAIN"},
    {"b.deep.example.", TYPE_A, 0, 1, "", "example./SOA", "", "empty non-terminal"},
    {"x.deep.example.", TYPE_A, 3, 1, "", "example./SOA", "", "below an empty non-terminal"},
    {"www.example.", TYPE_A, 0, 1, "www.example./CNAME web.example./A", "", "", "CNAME"},
    {"www.example.", TYPE_CNAME, 0, 1, "www.example./CNAME", "", "", "CNAME asked for"},
    {"gone.example.", TYPE_A, 3, 1, "gone.example./CNAME", "example./SOA", "", "RFC 6604"},
    {"out.example.", TYPE_A, 0, 1, "out.example./CNAME", "", "", "target elsewhere"},
    {"loop1.example.", TYPE_A, 0, 1, "loop1.example./CNAME loop2.example./CNAME", "", "", "loop"},
    {"q.wild.example.", TYPE_A, 0, 1, "q.wild.example./A", "", "", "wildcard"},
    {"q.r.wild.example.", TYPE_A, 0, 1, "q.r.wild.example./A", "", "", "wildcard, two labels"},
    {"q.wild.example.", TYPE_MX, 0, 1, "", "example./SOA", "", "wildcard NODATA"},
    {"real.wild.example.", TYPE_A, 0, 1, "", "example./SOA", "", "a name hides the wildcard"},
    {"q.real.wild.example.", TYPE_A, 3, 1, "", "example./SOA", "", "RFC 4592 closest encloser"},
    {"*.wild.example.", TYPE_A, 0, 1, "*.wild.example./A", "", "", "the wildcard itself"},
    {"q.alias.example.", TYPE_A, 0, 1, "q.alias.example./CNAME web.example./A", "", "",
     "wildcard CNAME"},
    {"sub.example.", TYPE_A, 0, 0, "", "sub.example./NS sub.example./NS",
     "ns.example./A ns.example./AAAA ns.sub.example./A", "referral"},
    {"x.y.sub.example.", TYPE_A, 0, 0, "", "sub.example./NS sub.example./NS",
     "ns.example./A ns.example./AAAA ns.sub.example./A", "referral below"},
    {"ns.sub.example.", TYPE_A, 0, 0, "", "sub.example./NS sub.example./NS",
     "ns.example./A ns.example./AAAA ns.sub.example./A", "glue is not an answer"},
    {"sub.example.", TYPE_DS, 0, 1, "sub.example./DS", "", "", "DS at the parent"},
    {"x.old.example.", TYPE_A, 0, 1, "old.example./DNAME x.new.example./A x.old.example./CNAME", "",
     "", "DNAME"},
    {"old.example.", TYPE_DNAME, 0, 1, "old.example./DNAME", "", "", "a DNAME's own name"},
    {"_sip._udp.example.", TYPE_SRV, 0, 1, "_sip._udp.example./SRV", "", "web.example./A", "SRV"},
    {"x.old.example.", TYPE_CNAME, 0, 1, "old.example./DNAME x.old.example./CNAME", "", "",
     "the CNAME made is what was asked for"},
    {"x.spin.example.", TYPE_A, 0, 1, "spin.example./DNAME x.spin.example./CNAME", "", "",
     "a DNAME that leads nowhere else"},
    {"shrink.shrink.example.", TYPE_DNAME, 0, 1,
     "shrink.example./DNAME shrink.shrink.example./CNAME", "", "", "a DNAME stands once"},
    {"shrink.shrink.example.", TYPE_NS, 0, 1, "shrink.example./DNAME shrink.shrink.example./CNAME",
     "example./SOA", "", "DNAME to its own parent"},
    {"cross.example.", TYPE_A, 0, 1, "cross.example./CNAME a.second./A", "", "",
     "RFC 1034 4.3.2: into another zone"},
    {"cross.example.", TYPE_TXT, 0, 1, "cross.example./CNAME", "second./SOA", "", "NODATA there"},
    {"x.crossing.example.", TYPE_A, 3, 1, "crossing.example./DNAME x.crossing.example./CNAME",
     "second./SOA", "", "RFC 6604, there"},
    {"back.crossing.example.", TYPE_A, 0, 1,
     "back.crossing.example./CNAME back.second./CNAME crossing.example./DNAME web.example./A", "",
     "", "there and back"},
    {"svc.example.", 65, 0, 1, "svc.example./HTTPS", "", "web.example./A", "RFC 9460 4.1"},
    {"svcself.example.", 65, 0, 1, "svcself.example./HTTPS", "", "svcself.example./A",
     "RFC 9460 2.5.2"},
    {"svcalias.example.", 65, 0, 1, "svcalias.example./HTTPS", "", "svc.example./HTTPS",
     "AliasMode"},
    {"svcnone.example.", 65, 0, 1, "svcnone.example./HTTPS", "", "", "RFC 9460 2.5.1"},
    {"svcfar.example.", 65, 0, 1, "svcfar.example./HTTPS", "", "", "target outside the zone"},
    {"tela.example.", 35, 0, 1, "tela.example./NAPTR", "", "web.example./A", "RFC 3403 4.1"},
    {"tels.example.", 35, 0, 1, "tels.example./NAPTR", "", "_sip._udp.example./SRV", "flag S"},
    {"telu.example.", 35, 0, 1, "telu.example./NAPTR", "", "", "the root as replacement"},
    {"other.test.", TYPE_A, 5, 0, "", "", "", "outside"},
    {".", TYPE_NS, 5, 0, "", "", "", "the root is not ours"},
};

static void test_rows(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int edns = 0; edns < 2; edns++) {
            uint8_t q[512], out[65535];
            struct answer a;
            size_t len = make_query(q, rows[i].name, rows[i].type, edns);
            ask(f, &a, out, q, len, false);
            print_message("%s: %s\n", rows[i].rule, rows[i].name);
            assert_int_equal(a.kind, ANSWER_REPLY);
            ldns_pkt *pkt = NULL;
            assert_int_equal(ldns_wire2pkt(&pkt, out, a.len), LDNS_STATUS_OK);
            assert_int_equal(ldns_pkt_get_rcode(pkt), rows[i].rcode);
            assert_int_equal(ldns_pkt_aa(pkt), rows[i].aa);
            assert_int_equal(ldns_pkt_edns(pkt), edns);
            asked_check_section(ldns_pkt_answer(pkt), rows[i].answer);
            asked_check_section(ldns_pkt_authority(pkt), rows[i].authority);
            asked_check_section(ldns_pkt_additional(pkt), rows[i].additional);
            assert_memory_equal(out + 12, q + 12, a.query.question_end - 12u);
            ldns_pkt_free(pkt);
        }
    }
}

static void test_negative_ttl(void **state)
{
    uint8_t q[512], out[1232];
    struct answer a;
    ask(*state, &a, out, q, make_query(q, "none.example.", TYPE_A, 0), false);
    ldns_pkt *pkt = NULL;
    assert_int_equal(ldns_wire2pkt(&pkt, out, a.len), LDNS_STATUS_OK);
    assert_int_equal(ldns_rr_ttl(ldns_rr_list_rr(ldns_pkt_authority(pkt), 0)), 300);
    ldns_pkt_free(pkt);
}

/* RFC 1035 section 6.2: an answer for all classes is never authoritative. */
static void test_class_any(void **state)
{
    uint8_t q[512], out[1232];
    struct answer a;
    size_t len = make_query(q, "ns.example.", TYPE_A, 0);
    wire_put16(q + len - 2, CLASS_ANY);
    ask(*state, &a, out, q, len, false);
    assert_int_equal(a.rcode, RCODE_NOERROR);
    assert_int_equal(wire_get16(out + 6), 1);
    assert_int_equal(wire_get16(out + 2) & FLAG_AA, 0);
}

/* Cut at every byte, and with every single bit flipped: an answer or silence, never more. */
static void test_damaged_queries(void **state)
{
    uint8_t q[512], out[65535];
    struct answer a;
    size_t len = make_query(q, "x.old.example.", TYPE_A, 1);
    for (size_t n = 0; n < len; n++) {
        ask(*state, &a, out, q, n, false);
        assert_int_equal(a.kind, n < 12 ? ANSWER_NONE : ANSWER_REPLY);
        if (n >= 12)
            assert_int_equal(a.rcode, RCODE_FORMERR);
    }
    for (size_t bit = 0; bit < len * 8; bit++) {
        uint8_t bad[512];
        memcpy(bad, q, len);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ask(*state, &a, out, bad, len, false);
        assert_true(a.kind == ANSWER_NONE || a.len >= 12);
        assert_true(a.len <= 1232);
    }
}

struct header_row {
    uint8_t bytes[12];
    int kind;
    unsigned rcode;
    const char *rule;
};

static void test_headers(void **state)
{
    static const struct header_row headers[] = {
        {{0, 1, 0x80, 0, 0, 1}, ANSWER_NONE, 0, "QR set"},
        {{0, 1, 0x10, 0, 0, 1}, ANSWER_REPLY, RCODE_NOTIMP, "opcode STATUS"},
        {{0, 1, 0x28, 0, 0, 1}, ANSWER_REPLY, RCODE_NOTIMP, "opcode UPDATE"},
        {{0, 1, 0, 0, 0, 0}, ANSWER_REPLY, RCODE_FORMERR, "no question"},
        {{0, 1, 0, 0, 0, 2}, ANSWER_REPLY, RCODE_FORMERR, "RFC 9619"},
        {{0, 1, 0, 0, 0, 1, 0, 1}, ANSWER_REPLY, RCODE_FORMERR, "an answer that is not there"},
    };
    uint8_t q[512], out[1232];
    size_t len = make_query(q, "example.", TYPE_SOA, 0);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct answer a;
        memcpy(q, headers[i].bytes, 12);
        ask(*state, &a, out, q, len, false);
        print_message("%s\n", headers[i].rule);
        assert_int_equal(a.kind, headers[i].kind);
        if (a.kind == ANSWER_REPLY)
            assert_int_equal(a.rcode, headers[i].rcode);
    }
}

static void test_transfer(void **state)
{
    struct fixture *f = *state;
    uint8_t q[512], out[65535];
    struct answer a;
    size_t len = make_query(q, "example.", TYPE_AXFR, 0);
    ask(f, &a, out, q, len, false);
    assert_int_equal(a.rcode, RCODE_FORMERR);
    ask(f, &a, out, q, len, true);
    assert_int_equal(a.kind, ANSWER_TRANSFER);
    struct transfer t;
    transfer_begin(&t, &a, out);
    size_t records = 0, n;
    while ((n = transfer_next(&t, &f->scratch.names, 0, out, sizeof out))) {
        ldns_pkt *pkt = NULL;
        assert_int_equal(ldns_wire2pkt(&pkt, out, n), LDNS_STATUS_OK);
        records += ldns_pkt_ancount(pkt);
        ldns_pkt_free(pkt);
    }
    assert_false(t.failed);
    assert_int_equal(records, image_get_summary(f->zone->image)->records + 1);
    assert_int_equal(t.records, image_get_summary(f->zone->image)->records);
}

/* allow-query: others are refused; the server itself, proving its zones, is not. */
static void test_may_ask(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t flags, count;
        struct msg_acl acl;
        int family;
        bool may;
    } cases[] = {
        {0, 0, {0}, AF_INET, true},
        {ZONE_LIMITS_QUERIES, 0, {0}, AF_INET, false},
        {ZONE_LIMITS_QUERIES, 0, {0}, AF_UNSPEC, true},
        {ZONE_LIMITS_QUERIES, 1, {AF_INET, 8, {127}}, AF_INET, true},
        {ZONE_LIMITS_QUERIES, 1, {AF_INET, 8, {10}}, AF_INET, false},
        {ZONE_LIMITS_QUERIES, 1, {AF_INET6, 0, {0}}, AF_INET, false},
    };
    struct msg_zone m = {.name_len = 9, .name = "\7example"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in from = {.sin_family = (sa_family_t)cases[i].family,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        m.flags = cases[i].flags;
        m.query_count = cases[i].count;
        m.allow_query[0] = cases[i].acl;
        struct zone *zone = zone_new(&m, NULL, &f->key);
        if (zone_may_ask(zone, (struct sockaddr *)&from, NULL) != cases[i].may)
            fail_msg("row %zu", i);
        zone_unpin(zone);
    }
    m.query_count = MSG_ACL_MAX + 1;
    assert_null(zone_new(&m, NULL, &f->key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_may_ask),         cmocka_unit_test(test_rows),
        cmocka_unit_test(test_negative_ttl),    cmocka_unit_test(test_headers),
        cmocka_unit_test(test_damaged_queries), cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_class_any),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

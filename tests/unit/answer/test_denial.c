/* Proofs of what does not exist: the examples of RFC 4035 appendix B and RFC 5155 appendix B, and
 * what lies between them. */
#include "server/answer/resolve.h"
#include "tests/unit/answer/asked.h"
#include "tests/unit/signed_zones.h"

static int set_up(void **state)
{
    struct asked *a = asked_new();
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    asked_free(*state);
    return 0;
}

struct row {
    const char *rule, *name;
    uint16_t type;
    unsigned rcode;
    const char *answer, *authority, *additional;
};

#define SOA   "example./SOA example./RRSIG "
#define N(o)  o "/NSEC " o "/RRSIG "
#define N3(h) h ".example./NSEC3 " h ".example./RRSIG "

static const struct row nsec[] = {
    {"B.1 answer", "x.w.example.", TYPE_MX, 0, "x.w.example./MX x.w.example./RRSIG", "",
     "xx.example./A xx.example./RRSIG xx.example./AAAA xx.example./RRSIG"},
    {"B.2 name error", "ml.example.", TYPE_A, RCODE_NXDOMAIN, "", SOA N("example.") N("b.example."),
     ""},
    {"B.3 no data", "ns1.example.", TYPE_MX, 0, "", SOA N("ns1.example."), ""},
    {"B.4 referral to a signed zone", "mc.a.example.", TYPE_MX, 0, "",
     "a.example./NS a.example./NS a.example./DS a.example./RRSIG",
     "ns1.a.example./A ns2.a.example./A"},
    {"B.5 referral to an unsigned zone", "mc.b.example.", TYPE_MX, 0, "",
     "b.example./NS b.example./NS " N("b.example."), "ns1.b.example./A ns2.b.example./A"},
    {"B.6 wildcard expansion", "a.z.w.example.", TYPE_MX, 0,
     "a.z.w.example./MX a.z.w.example./RRSIG", N("x.y.w.example."),
     "ai.example./A ai.example./RRSIG ai.example./AAAA ai.example./RRSIG"},
    {"B.7 wildcard, no data", "a.z.w.example.", TYPE_AAAA, 0, "",
     SOA N("x.y.w.example.") N("*.w.example."), ""},
    {"B.8 DS at the apex", "example.", TYPE_DS, 0, "", SOA N("example."), ""},
    {"an empty non-terminal", "y.w.example.", TYPE_A, 0, "", SOA N("x.w.example."), ""},
    {"name and wildcard covered by one", "zz.example.", TYPE_A, RCODE_NXDOMAIN, "",
     SOA N("xx.example.") N("example."), ""},
    {"DS at an unsigned delegation", "b.example.", TYPE_DS, 0, "", SOA N("b.example."), ""},
    {"before the first name", "a.a.a.xx.example.", TYPE_A, RCODE_NXDOMAIN, "", SOA N("xx.example."),
     ""},
    {"RRSIG asked for", "xx.example.", TYPE_RRSIG, 0,
     "xx.example./RRSIG xx.example./RRSIG xx.example./RRSIG", "", ""},
};

static const struct row nsec3[] = {
    {"B.1 name error", "a.c.x.w.example.", TYPE_A, RCODE_NXDOMAIN, "",
     SOA N3(SIGNED_H_APEX) N3(SIGNED_H_XW) N3(SIGNED_H_A), ""},
    {"B.2 no data", "ns1.example.", TYPE_MX, 0, "", SOA N3(SIGNED_H_NS1), ""},
    {"B.2.1 no data, empty non-terminal", "y.w.example.", TYPE_A, 0, "", SOA N3(SIGNED_H_YW), ""},
    {"B.3 referral to an opt-out unsigned zone", "mc.c.example.", TYPE_MX, 0, "",
     "c.example./NS c.example./NS " N3(SIGNED_H_A) N3(SIGNED_H_APEX),
     "ns1.c.example./A ns2.c.example./A"},
    {"B.4 wildcard expansion", "a.z.w.example.", TYPE_MX, 0,
     "a.z.w.example./MX a.z.w.example./RRSIG", N3(SIGNED_H_NS2),
     "ai.example./A ai.example./RRSIG ai.example./AAAA ai.example./RRSIG"},
    {"B.5 wildcard, no data", "a.z.w.example.", TYPE_AAAA, 0, "",
     SOA N3(SIGNED_H_W) N3(SIGNED_H_NS2) N3(SIGNED_H_STAR), ""},
    {"B.6 DS at the apex", "example.", TYPE_DS, 0, "", SOA N3(SIGNED_H_APEX), ""},
    {"referral to a signed zone", "mc.a.example.", TYPE_MX, 0, "",
     "a.example./NS a.example./NS a.example./DS a.example./RRSIG",
     "ns1.a.example./A ns2.a.example./A"},
    {"7.2.4 DS at a name without NSEC3", "c.example.", TYPE_DS, 0, "",
     SOA N3(SIGNED_H_A) N3(SIGNED_H_APEX), ""},
    {"the referral's own name", "c.example.", TYPE_A, 0, "",
     "c.example./NS c.example./NS " N3(SIGNED_H_A) N3(SIGNED_H_APEX),
     "ns1.c.example./A ns2.c.example./A"},
    {"glue of it, which is not the cut", "ns1.c.example.", TYPE_A, 0, "",
     "c.example./NS c.example./NS " N3(SIGNED_H_A) N3(SIGNED_H_APEX),
     "ns1.c.example./A ns2.c.example./A"},
    {"7.2.8 a name that only an NSEC3 has", SIGNED_H_XX ".example.", TYPE_NSEC3, RCODE_NXDOMAIN, "",
     NULL, ""},
    {"a name that looks like a hash", SIGNED_H_NS1 ".example.", TYPE_A, 0,
     SIGNED_H_NS1 ".example./A " SIGNED_H_NS1 ".example./RRSIG", "", ""},
    {"DNSKEY", "example.", TYPE_DNSKEY, 0, "example./DNSKEY example./RRSIG", "", ""},
};

static void check_row(struct asked *a, const struct row *row)
{
    print_message("%s: %s\n", row->rule, row->name);
    asked_name(a, row->name, row->type, &(struct asked_how){.dnssec_ok = true});
    assert_int_equal(a->answer.rcode, row->rcode);
    assert_false(a->answer.truncated);
    ldns_pkt *pkt = asked_packet(a);
    asked_check_section(ldns_pkt_answer(pkt), row->answer);
    if (row->authority)
        asked_check_section(ldns_pkt_authority(pkt), row->authority);
    asked_check_section(ldns_pkt_additional(pkt), row->additional);
    ldns_pkt_free(pkt);
    /* RFC 3225 section 3: without DO none of it. */
    asked_name(a, row->name, row->type, &(struct asked_how){.edns = true});
    pkt = asked_packet(a);
    ldns_rr_list *proofs = ldns_pkt_rr_list_by_type(pkt, LDNS_RR_TYPE_NSEC, LDNS_SECTION_AUTHORITY);
    assert_null(proofs);
    proofs = ldns_pkt_rr_list_by_type(pkt, LDNS_RR_TYPE_NSEC3, LDNS_SECTION_AUTHORITY);
    assert_null(proofs);
    ldns_pkt_free(pkt);
}

static void rfc_4035(void **state)
{
    asked_put_text(*state, "example.", signed_zone_nsec);
    for (size_t i = 0; i < sizeof nsec / sizeof *nsec; i++)
        check_row(*state, &nsec[i]);
}

static void rfc_5155(void **state)
{
    asked_put_text(*state, "example.", signed_zone_nsec3);
    for (size_t i = 0; i < sizeof nsec3 / sizeof *nsec3; i++)
        check_row(*state, &nsec3[i]);
}

/* An empty non-terminal above unsigned delegations alone has no NSEC3 with opt-out (RFC 5155
 * section 7.1): the closest encloser that can be proven is further up. */
static void below_what_has_no_nsec3(void **state)
{
    struct asked *a = *state;
    struct buf text = {0};
    buf_puts(&text, signed_zone_nsec3);
    buf_puts(&text, "d.u.v.example. 3600 IN NS ns1.example.\n");
    asked_put_text(a, "example.", text.data);
    buf_fini(&text);
    static const struct {
        const char *name;
        uint16_t type;
        unsigned rcode;
    } rows[] = {{"q.u.v.example.", TYPE_A, RCODE_NXDOMAIN},
                {"u.v.example.", TYPE_A, RCODE_NOERROR},
                {"v.example.", TYPE_A, RCODE_NOERROR},
                {"q.d.u.v.example.", TYPE_A, RCODE_NOERROR}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        asked_name(a, rows[i].name, rows[i].type, &(struct asked_how){.dnssec_ok = true});
        assert_int_equal(a->answer.rcode, rows[i].rcode);
        ldns_pkt *pkt = asked_packet(a);
        char text_of[4096];
        asked_section(ldns_pkt_authority(pkt), text_of, sizeof text_of);
        assert_non_null(strstr(text_of, SIGNED_H_APEX ".example./NSEC3"));
        ldns_pkt_free(pkt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rfc_4035, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rfc_5155, set_up, tear_down),
        cmocka_unit_test_setup_teardown(below_what_has_no_nsec3, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

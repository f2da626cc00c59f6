/* Answers that do not fit: for every size a client may name, what is there is whole, and TC says
 * when something is missing that must not be (RFC 2181 section 9, RFC 9471). */
#include "server/dns/edns.h"
#include "tests/unit/answer/asked.h"

enum { MANY = 1000 };

/* 120 bytes as a signature has them. */
#define BYTES40 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY     BYTES40 BYTES40 BYTES40 "AAAA"

static void put_sigs(struct buf *text, const char *owner, const char *type, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buf_printf(text, "%s 60 IN RRSIG %s 8 2 60 20300101000000 20200101000000 %u big. " KEY "\n",
                   owner, type, i);
}

static void put_zone(struct buf *text)
{
    buf_puts(text, "big. 3600 IN SOA ns.big. host.big. 7 3600 600 86400 300\n"
                   "big. 3600 IN NS ns.big.\n"
                   "big. 3600 IN DNSKEY 256 3 8 AAAA\n"
                   "big. 3600 IN NSEC *.w.big. NS SOA RRSIG NSEC DNSKEY\n"
                   "*.w.big. 60 IN TXT \"w\"\n"
                   "*.w.big. 60 IN NSEC big. TXT RRSIG NSEC\n"
                   "ns.big. 60 IN A 192.0.2.1\n"
                   "to.big. 60 IN CNAME x.d.big.\n"
                   "d.big. 60 IN DNAME a-rather-long-label-to-make-room-scarce.w.big.\n"
                   "mx.big. 60 IN MX 1 m0.big.\n"
                   "https.big. 60 IN HTTPS 0 https2.big.\n"
                   "https2.big. 60 IN HTTPS 1 .\n"
                   "https2.big. 60 IN A 192.0.2.4\n"
                   "sub.big. 60 IN NS elsewhere.\n"
                   "sub.big. 60 IN NS ns.big.\n");
    asked_add_lines(text, "del.big. 60 IN NS n#.a-rather-long-label.elsewhere#.", 60);
    asked_add_lines(text, "glue.big. 60 IN NS n#.glue.big.", 12);
    asked_add_lines(text, "n#.glue.big. 60 IN AAAA 2001:db8::#", 12);
    asked_add_lines(text, "m0.big. 60 IN AAAA 2001:db8::1:#", 12);
    asked_add_lines(text, "many.big. 60 IN MX 1 m#.a-label-of-some-length#.big.", MANY);
    asked_add_lines(text, "txt.big. 60 IN TXT \"text # #\"", 14);
    put_sigs(text, "big.", "SOA", 2);
    put_sigs(text, "big.", "NSEC", 2);
    put_sigs(text, "*.w.big.", "NSEC", 2);
    put_sigs(text, "*.w.big.", "TXT", 1);
    put_sigs(text, "d.big.", "DNAME", 3);
    put_sigs(text, "to.big.", "CNAME", 1);
    put_sigs(text, "mx.big.", "MX", 1);
    put_sigs(text, "m0.big.", "AAAA", 1);
    put_sigs(text, "sigs.big.", "TXT", 5);
    put_sigs(text, "sigs.big.", "LOC", 3);
    buf_puts(text, "sigs.big. 60 IN TXT \"signed\"\n");
}

static int set_up(void **state)
{
    struct asked *a = asked_new();
    struct buf text = {0};
    put_zone(&text);
    asked_put_text(a, "big.", text.data);
    buf_fini(&text);
    a->setting.nsid.len = 255;
    memset(a->setting.nsid.bytes, 'n', 255);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    asked_free(*state);
    return 0;
}

static const struct row {
    const char *rule, *name;
    uint16_t type;
} rows[] = {
    {"negative", "none.big.", TYPE_A},
    {"NODATA", "ns.big.", TYPE_TXT},
    {"alias to DNAME", "to.big.", TYPE_TXT},
    {"DNAME", "q.d.big.", TYPE_TXT},
    {"the DNAME itself", "d.big.", TYPE_DNAME},
    {"wildcard", "q.w.big.", TYPE_TXT},
    {"a large RRset", "many.big.", TYPE_MX},
    {"about the limit", "txt.big.", TYPE_TXT},
    {"referral, too many NS", "del.big.", TYPE_A},
    {"referral with much glue", "glue.big.", TYPE_A},
    {"referral, name server beside it", "sub.big.", TYPE_A},
    {"additional", "mx.big.", TYPE_MX},
    {"additional of its own type", "https.big.", 65},
    {"signatures", "sigs.big.", TYPE_RRSIG},
    {"ANY", "d.big.", TYPE_ANY},
};

/* How many records of one owner and type a section has. */
static unsigned count_same(ldns_rr_list *list, const ldns_rr *like)
{
    unsigned n = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        n += ldns_rr_get_type(rr) == ldns_rr_get_type(like) &&
             !ldns_dname_compare(ldns_rr_owner(rr), ldns_rr_owner(like));
    }
    return n;
}

/* RFC 2181 section 9: an RRset is whole or not there. */
static void check_whole(ldns_rr_list *some, ldns_rr_list *all)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(some); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(some, i);
        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG)
            assert_int_equal(count_same(some, rr), count_same(all, rr));
    }
}

static void check_row(struct asked *a, const struct row *row, bool dnssec_ok)
{
    static const uint8_t nsid[] = {0, EDNS_NSID, 0, 0};
    struct asked_how how = {.edns = true, .dnssec_ok = dnssec_ok, .tcp = true};
    asked_name(a, row->name, row->type, &how);
    assert_false(a->answer.truncated);
    ldns_pkt *all = asked_packet(a);
    how = (struct asked_how){.dnssec_ok = dnssec_ok, .options = nsid, .options_len = sizeof nsid};
    for (unsigned size = 512; size <= ANSWER_UDP_SIZE; size++) {
        how.udp_size = (uint16_t)size;
        asked_name(a, row->name, row->type, &how);
        ldns_pkt *some = asked_packet(a);
        assert_in_range(a->answer.len, DNS_HEADER, size);
        assert_int_equal(ldns_pkt_tc(some), a->answer.truncated);
        assert_int_equal(ldns_pkt_get_rcode(some), ldns_pkt_get_rcode(all));
        check_whole(ldns_pkt_answer(some), ldns_pkt_answer(all));
        check_whole(ldns_pkt_authority(some), ldns_pkt_authority(all));
        check_whole(ldns_pkt_additional(some), ldns_pkt_additional(all));
        bool missing = ldns_pkt_ancount(some) < ldns_pkt_ancount(all) ||
                       ldns_pkt_nscount(some) < ldns_pkt_nscount(all);
        /* RFC 8482: over UDP one RRset will do for ANY. */
        if (missing && !a->answer.truncated && row->type != TYPE_ANY)
            fail_msg("%s: cut without a word at %u", row->rule, size);
        ldns_pkt_free(some);
    }
    ldns_pkt_free(all);
}

static void every_size(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("%s\n", rows[i].rule);
        check_row(*state, &rows[i], false);
        check_row(*state, &rows[i], true);
    }
}

/* RFC 9471 section 2.1: glue is not left out silently; addresses beside the cut may be. */
static void glue_that_does_not_fit(void **state)
{
    struct asked *a = *state;
    struct asked_how how = {.edns = true, .udp_size = 512};
    assert_true(asked_name(a, "glue.big.", TYPE_A, &how)->truncated);
    how.tcp = true;
    assert_false(asked_name(a, "glue.big.", TYPE_A, &how)->truncated);
    assert_int_equal(wire_get16(a->out + 10), 12 + 1);
}

/* RFC 1035 section 4.1.4: no pointer leads beyond 16 KiB, and a table of names may be full. */
static void more_names_than_can_be_pointed_at(void **state)
{
    struct asked *a = *state;
    asked_name(a, "many.big.", TYPE_MX, &(struct asked_how){.tcp = true});
    assert_true(a->answer.len > 2 * REPLY_POINTER_MAX);
    ldns_pkt *pkt = asked_packet(a);
    assert_int_equal(ldns_pkt_ancount(pkt), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        char want[64];
        ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_answer(pkt), i);
        char *got = ldns_rdf2str(ldns_rr_rdf(rr, 1));
        unsigned n;
        assert_int_equal(sscanf(got, "m%u", &n), 1);
        snprintf(want, sizeof want, "m%u.a-label-of-some-length%u.big.", n, n);
        assert_string_equal(got, want);
        free(got);
    }
    ldns_pkt_free(pkt);
}

/* Names of the message before the last one must not be taken for names of this one. */
static void the_round_of_names_wraps(void **state)
{
    struct asked *a = *state;
    static uint8_t want[DNS_MESSAGE_MAX];
    asked_name(a, "mx.big.", TYPE_MX, &(struct asked_how){.tcp = true});
    size_t len = a->answer.len;
    memcpy(want, a->out, len);
    a->scratch.names.round = UINT32_MAX;
    asked_name(a, "mx.big.", TYPE_MX, &(struct asked_how){.tcp = true});
    assert_int_equal(a->scratch.names.round, 1);
    assert_int_equal(a->answer.len, len);
    assert_memory_equal(a->out, want, len);
}

/* Question, key and algorithm may have names that are together longer than an answer without EDNS
 * can be: then the error goes unexplained (RFC 8945 section 5.2.1 tells it in the record). */
static void a_signature_that_is_only_names(void **state)
{
    struct asked *a = *state;
    struct tsig t = {.name_len = NAME_MAX_LEN, .algorithm_len = NAME_MAX_LEN};
    memset(t.name, 'a', sizeof t.name);
    t.name[0] = t.name[64] = t.name[128] = 63;
    t.name[192] = 61;
    t.name[254] = 0;
    t.algorithm = t.name;
    for (int edns = 0; edns < 2; edns++) {
        asked_wire(a, t.name, NAME_MAX_LEN, TYPE_A, &(struct asked_how){.edns = edns});
        a->query_len = tsig_put_error(a->query, a->query_len, &t, 0);
        asked_send(a, false);
        assert_int_equal(a->answer.rcode, RCODE_NOTAUTH);
        assert_in_range(a->answer.len, DNS_HEADER, edns ? ANSWER_UDP_SIZE : DNS_UDP_PLAIN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),
        cmocka_unit_test(glue_that_does_not_fit),
        cmocka_unit_test(more_names_than_can_be_pointed_at),
        cmocka_unit_test(the_round_of_names_wraps),
        cmocka_unit_test(a_signature_that_is_only_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* AXFR as a stream (RFC 5936): every record once between two SOA, also when an RRset is larger than
 * a message should be, or than one can be. */
#include "server/answer/transfer.h"
#include "tests/unit/answer/asked.h"
#include "tests/unit/signed_zones.h"

static int set_up(void **state)
{
    *state = asked_new();
    return 0;
}

static int tear_down(void **state)
{
    asked_free(*state);
    return 0;
}

struct sent {
    unsigned messages, records, with_opt, soas;
    bool failed;
};

static void begin(struct asked *a, const char *name, bool edns, struct transfer *t)
{
    asked_name(a, name, TYPE_AXFR, &(struct asked_how){.edns = edns, .tcp = true});
    assert_int_equal(a->answer.kind, ANSWER_TRANSFER);
    assert_int_equal(a->answer.len, edns ? REPLY_EDNS : 0);
    transfer_begin(t, &a->answer, a->out);
}

static struct sent take(struct asked *a, const char *name, bool edns)
{
    struct transfer t;
    struct sent sent = {0};
    begin(a, name, edns, &t);
    while ((a->answer.len =
                transfer_next(&t, &a->scratch.names, a->facts.now, a->out, sizeof a->out))) {
        ldns_pkt *pkt = asked_packet(a);
        assert_int_equal(ldns_pkt_id(pkt), 0xabcd);
        assert_true(ldns_pkt_aa(pkt));
        assert_int_equal(ldns_pkt_qdcount(pkt), sent.messages == 0);
        for (size_t i = 0; i < ldns_pkt_ancount(pkt); i++)
            sent.soas +=
                ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_answer(pkt), i)) == LDNS_RR_TYPE_SOA;
        sent.with_opt += ldns_pkt_edns(pkt);
        sent.records += ldns_pkt_ancount(pkt);
        sent.messages++;
        ldns_pkt_free(pkt);
    }
    sent.failed = t.failed;
    if (!sent.failed) {
        assert_int_equal(t.records, sent.records - 1);
        assert_int_equal(t.messages, sent.messages);
        assert_true(t.ended);
    }
    assert_int_equal(transfer_next(&t, &a->scratch.names, a->facts.now, a->out, sizeof a->out), 0);
    return sent;
}

/* RFC 6891 section 6.1.1: an OPT for an OPT, in the first message. */
static void signed_zones(void **state)
{
    struct asked *a = *state;
    struct zone *zone = asked_put_text(a, "example.", signed_zone_nsec3);
    for (int edns = 0; edns < 2; edns++) {
        struct sent sent = take(a, "example.", edns);
        assert_false(sent.failed);
        assert_int_equal(sent.records, image_get_summary(zone->image)->records + 1);
        assert_int_equal(sent.soas, 2);
        assert_int_equal(sent.with_opt, edns);
    }
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

/* About 16 and 40 KiB, and signatures that make one of 80 out of 50. */
static void large_rrsets(void **state)
{
    static const struct {
        const char *rule;
        unsigned a, txt, sigs;
        bool failed;
    } rows[] = {
        {"small", 1, 1, 1, false},
        {"an RRset larger than a usual message", 10, 450, 1, false},
        {"an RRset that fits a message just without its signatures", 10, 500, 500, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked *a = asked_new();
        struct buf text = {0};
        buf_puts(&text,
                 "z. 60 IN SOA z. z. 1 1 1 1 1\nz. 60 IN NS z.\n"
                 "z. 60 IN RRSIG SOA 8 1 60 20300101000000 20200101000000 1 z. " LONG "AA\n");
        asked_add_lines(&text, "z. 60 IN AAAA 2001:db8::#", rows[i].a);
        asked_add_lines(&text, "t.z. 60 IN TXT \"# " LONG "\"", rows[i].txt);
        asked_add_lines(&text,
                        "t.z. 60 IN RRSIG TXT 8 2 60 20300101000000 20200101000000 # z. " LONG "AA",
                        rows[i].sigs);
        struct zone *zone = asked_put_text(a, "z.", text.data);
        buf_fini(&text);
        struct sent sent = take(a, "z.", i & 1);
        print_message("%s: %u messages\n", rows[i].rule, sent.messages);
        assert_int_equal(sent.failed, rows[i].failed);
        if (!sent.failed)
            assert_int_equal(sent.records, image_get_summary(zone->image)->records + 1);
        asked_free(a);
    }
    (void)state;
}

/* The signatures of the SOA, which is not repeated in its place, go where they fit. */
static void a_message_that_ends_before_them(void **state)
{
    (void)state;
    unsigned in_one = 0, in_two = 0;
    for (unsigned count = 850; count < 960; count++) {
        struct asked *a = asked_new();
        struct buf text = {0};
        buf_puts(&text,
                 "z. 60 IN SOA z. z. 1 1 1 1 1\n"
                 "z. 60 IN RRSIG SOA 8 1 60 20300101000000 20200101000000 1 z. " LONG "AA\n");
        asked_add_lines(&text, "z. 60 IN NS n#.z.", count);
        struct zone *zone = asked_put_text(a, "z.", text.data);
        buf_fini(&text);
        struct sent sent = take(a, "z.", true);
        assert_int_equal(sent.records, image_get_summary(zone->image)->records + 1);
        assert_in_range(sent.messages, 1, 3);
        in_one += sent.messages == 1;
        in_two += sent.messages == 2;
        asked_free(a);
    }
    assert_true(in_one && in_two);
}

/* Who may not, what is not there, what cannot be sent. */
static void refusals(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *rule, *name;
        bool tcp, stranger;
        unsigned rcode;
        bool counted; /* as a refused transfer */
    } rows[] = {
        {"no version", "none.", true, false, RCODE_SERVFAIL, false},
        {"over UDP", "z.", false, false, RCODE_FORMERR, false},
        {"RFC 5936 2.2.1 not the zone's name", "a.z.", true, false, RCODE_NOTAUTH, true},
        {"no zone", "other.", true, false, RCODE_NOTAUTH, true},
        {"not allowed", "z.", true, true, RCODE_REFUSED, true},
    };
    asked_put_text(a, "z.",
                   "z. 60 IN SOA z. z. 1 1 1 1 1\nz. 60 IN NS z.\n"
                   "z. 60 IN A 192.0.2.1\na.z. 60 IN A 192.0.2.1\n");
    asked_put(a, "none.", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        a->source.sin_addr.s_addr = htonl(rows[i].stranger ? 0xc0000201 : INADDR_LOOPBACK);
        asked_name(a, rows[i].name, TYPE_AXFR, &(struct asked_how){.tcp = rows[i].tcp});
        print_message("%s\n", rows[i].rule);
        assert_int_equal(a->answer.kind, ANSWER_REPLY);
        assert_int_equal(a->answer.rcode, rows[i].rcode);
        assert_int_equal(a->answer.transfer_refused, rows[i].counted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(signed_zones, set_up, tear_down),
        cmocka_unit_test(large_rrsets),
        cmocka_unit_test(a_message_that_ends_before_them),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the operator decides and the address proves: cookies, who may ask and notify, answers made
 * empty to slow someone down, what the server tells of itself. */
#include "server/answer/chaos.h"
#include "server/answer/edns.h"
#include "tests/unit/answer/asked.h"

static int set_up(void **state)
{
    struct asked *a = asked_new();
    asked_put_text(a, "z.",
                   "z. 60 IN SOA z. z. 1 1 1 1 1\n"
                   "z. 60 IN NS z.\n"
                   "z. 60 IN A 192.0.2.1\n"
                   "closed.z. 60 IN CNAME a.y.\n"
                   "expired.z. 60 IN CNAME a.x.\n"
                   "empty.z. 60 IN CNAME a.w.\n");
    asked_put_text(a, "y.", "y. 60 IN SOA y. y. 1 1 1 1 1\ny. 60 IN NS y.\na.y. 60 IN A 1.1.1.1\n");
    asked_put_text(a, "x.", "x. 60 IN SOA x. x. 1 1 1 1 1\nx. 60 IN NS x.\na.x. 60 IN A 1.1.1.1\n");
    asked_put(a, "w.", NULL);
    a->zone[1]->flags |= ZONE_LIMITS_QUERIES;
    a->zone[2]->flags |= ZONE_IS_EXPIRED;
    cookie_secrets_read(&a->setting.cookies, "00112233445566778899aabbccddeeff\n", 33);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    asked_free(*state);
    return 0;
}

/* A COOKIE option: the client's part, and a server's part that is good, bad or not there. */
enum shown { NO_COOKIE, CLIENT, BAD, GOOD };

static uint16_t make_cookie(struct asked *a, enum shown shown, uint8_t out[4 + COOKIE_LEN])
{
    unsigned len = shown == CLIENT ? EDNS_COOKIE_CLIENT : COOKIE_LEN;
    wire_put16(out, EDNS_COOKIE);
    wire_put16(out + 2, len);
    cookie_make(&a->setting.cookies, a->facts.source, (const uint8_t *)"8 bytes.", a->facts.now,
                out + 4);
    if (shown == BAD)
        out[4 + COOKIE_LEN - 1] ^= 1;
    return (uint16_t)(shown == NO_COOKIE ? 0 : 4 + len);
}

/* RFC 7873 section 5.2.3. */
static void demanded_cookies(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *rule;
        enum shown shown;
        bool tcp, required;
        uint8_t opcode;
        unsigned rcode;
    } rows[] = {
        {"not demanded", CLIENT, false, false, OPCODE_QUERY, RCODE_NOERROR},
        {"of who knows cookies", CLIENT, false, true, OPCODE_QUERY, RCODE_BADCOOKIE},
        {"a bad one", BAD, false, true, OPCODE_QUERY, RCODE_BADCOOKIE},
        {"a good one", GOOD, false, true, OPCODE_QUERY, RCODE_NOERROR},
        {"not of others", NO_COOKIE, false, true, OPCODE_QUERY, RCODE_NOERROR},
        {"not over TCP", CLIENT, true, true, OPCODE_QUERY, RCODE_NOERROR},
        {"not of NOTIFY", CLIENT, false, true, OPCODE_NOTIFY, RCODE_REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t option[4 + COOKIE_LEN];
        struct asked_how how = {.edns = true, .tcp = rows[i].tcp, .opcode = rows[i].opcode};
        how.options = option;
        how.options_len = make_cookie(a, rows[i].shown, option);
        a->setting.require_cookie = rows[i].required;
        asked_name(a, "z.", TYPE_SOA, &how);
        print_message("%s\n", rows[i].rule);
        assert_int_equal(a->answer.rcode, rows[i].rcode);
        assert_int_equal(wire_get16(a->out + 6), rows[i].rcode == RCODE_NOERROR);
        assert_int_equal(a->answer.cookie, rows[i].shown == GOOD ? COOKIE_FRESH : COOKIE_BAD);
    }
    a->setting.require_cookie = false;
}

/* RFC 7873 section 5.4: no question, only the wish for a cookie. */
static void nothing_but_a_cookie(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *rule;
        enum shown shown;
        bool secrets, setting;
        unsigned rcode;
        unsigned options; /* bytes in the answer */
    } rows[] = {
        {"a new one", CLIENT, true, true, RCODE_NOERROR, 4 + COOKIE_LEN},
        {"a good one", GOOD, true, true, RCODE_NOERROR, 4 + COOKIE_LEN},
        {"a bad one", BAD, true, true, RCODE_BADCOOKIE, 4 + COOKIE_LEN},
        {"a server without secrets", CLIENT, false, true, RCODE_FORMERR, 0},
        {"a server that is told nothing", CLIENT, true, false, RCODE_FORMERR, 0},
    };
    unsigned count = a->setting.cookies.count;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static const uint8_t opt[] = {0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0};
        uint8_t *q = a->query;
        memset(q, 0, DNS_HEADER);
        q[11] = 1;
        memcpy(q + DNS_HEADER, opt, sizeof opt);
        uint16_t len = make_cookie(a, rows[i].shown, q + DNS_HEADER + REPLY_EDNS);
        q[DNS_HEADER + REPLY_EDNS - 1] = (uint8_t)len;
        a->query_len = DNS_HEADER + REPLY_EDNS + len;
        a->setting.cookies.count = rows[i].secrets ? count : 0;
        a->facts.setting = rows[i].setting ? &a->setting : NULL;
        asked_send(a, false);
        print_message("%s\n", rows[i].rule);
        assert_int_equal(a->answer.rcode, rows[i].rcode);
        assert_int_equal(a->answer.len, DNS_HEADER + REPLY_EDNS + rows[i].options);
    }
    a->setting.cookies.count = count;
    a->facts.setting = &a->setting;
}

/* An address that is none, as of the server itself, has a cookie like any other. */
static void a_cookie_without_an_address(void **state)
{
    struct asked *a = *state;
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    uint8_t cookie[COOKIE_LEN];
    cookie_make(&a->setting.cookies, &none, (const uint8_t *)"8 bytes.", 7, cookie);
    assert_int_equal(cookie_check(&a->setting.cookies, &none, cookie, sizeof cookie, 7),
                     COOKIE_FRESH);
    assert_int_equal(cookie_check(&a->setting.cookies, a->facts.source, cookie, sizeof cookie, 7),
                     COOKIE_BAD);
}

/* Who may ask; and an alias leads nowhere that may not be asked for. */
static void zones_that_are_closed(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *rule, *name;
        unsigned rcode, error, answers;
    } rows[] = {
        {"not of this client", "a.y.", RCODE_REFUSED, EDE_PROHIBITED, 0},
        {"expired", "a.x.", RCODE_SERVFAIL, EDE_INVALID_DATA, 0},
        {"never there", "a.w.", RCODE_SERVFAIL, EDE_NOT_READY, 0},
        {"an alias to it", "closed.z.", RCODE_NOERROR, EDE_NONE, 1},
        {"an alias to what has expired", "expired.z.", RCODE_NOERROR, EDE_NONE, 1},
        {"an alias to what was never there", "empty.z.", RCODE_NOERROR, EDE_NONE, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        asked_name(a, rows[i].name, TYPE_A, &(struct asked_how){.edns = true});
        print_message("%s\n", rows[i].rule);
        assert_int_equal(a->answer.rcode, rows[i].rcode);
        assert_int_equal(a->answer.extended_error, rows[i].error);
        assert_int_equal(wire_get16(a->out + 6), rows[i].answers);
    }
}

/* RFC 1996 section 3.11 */
static void who_may_notify(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *rule, *name;
        uint32_t flags, count;
        int kind;
        unsigned rcode;
    } rows[] = {
        {"a primary zone", "z.", 0, 1, ANSWER_REPLY, RCODE_REFUSED},
        {"of nobody", "z.", ZONE_IS_SECONDARY, 0, ANSWER_REPLY, RCODE_REFUSED},
        {"of a primary", "z.", ZONE_IS_SECONDARY, 1, ANSWER_NOTIFIED, RCODE_NOERROR},
        {"not a zone's name", "a.z.", ZONE_IS_SECONDARY, 1, ANSWER_REPLY, RCODE_NOTAUTH},
        {"no zone", "v.", ZONE_IS_SECONDARY, 1, ANSWER_REPLY, RCODE_NOTAUTH},
    };
    static const struct msg_acl loopback = {AF_INET, 8, {127}};
    struct zone_rules *kept = a->zone[0]->rules, *rules = zone_rules_new(0, 1, 0, &loopback);
    a->zone[0]->rules = rules;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        a->zone[0]->flags = ZONE_HAS_IMAGE | rows[i].flags;
        rules->notify_count = rows[i].count;
        asked_name(a, rows[i].name, TYPE_SOA, &(struct asked_how){.opcode = OPCODE_NOTIFY});
        print_message("%s\n", rows[i].rule);
        assert_int_equal(a->answer.kind, rows[i].kind);
        assert_int_equal(a->answer.rcode, rows[i].rcode);
        assert_int_equal(a->answer.notify_refused, rows[i].kind == ANSWER_REPLY);
    }
    a->zone[0]->flags = ZONE_HAS_IMAGE;
    a->zone[0]->rules = kept;
    zone_rules_put(rules);
}

/* A client that asks too often is told to come by TCP: header, question and OPT stay. */
static void an_answer_made_empty(void **state)
{
    struct asked *a = *state;
    for (int edns = 0; edns < 2; edns++) {
        asked_name(a, "z.", TYPE_A, &(struct asked_how){.edns = edns});
        size_t full = a->answer.len;
        answer_empty(&a->answer, &a->scratch, &a->facts, a->out, ANSWER_UDP_SIZE);
        assert_true(a->answer.len < full && a->answer.truncated);
        ldns_pkt *pkt = asked_packet(a);
        assert_true(ldns_pkt_tc(pkt) && ldns_pkt_aa(pkt));
        assert_int_equal(ldns_pkt_edns(pkt), edns);
        assert_int_equal(ldns_pkt_qdcount(pkt), 1);
        assert_int_equal(ldns_pkt_ancount(pkt) + ldns_pkt_nscount(pkt), 0);
        ldns_pkt_free(pkt);
    }
    asked_name(a, "none.z.", TYPE_A, &(struct asked_how){0});
    answer_empty(&a->answer, &a->scratch, &a->facts, a->out, ANSWER_UDP_SIZE);
    assert_int_equal(a->out[3] & 15, RCODE_NXDOMAIN);
}

/* RFC 4892. */
static void chaos(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *name;
        uint16_t type;
        unsigned rcode;
    } rows[] = {
        {"version.bind.", TYPE_TXT, RCODE_NOERROR}, {"VERSION.server.", TYPE_ANY, RCODE_NOERROR},
        {"version.bind.", TYPE_A, RCODE_REFUSED},   {"id.server.", TYPE_TXT, RCODE_REFUSED},
        {"authors.bind.", TYPE_TXT, RCODE_REFUSED},
    };
    a->setting.version = (struct answer_text){255, {0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        asked_name(a, rows[i].name, rows[i].type, &(struct asked_how){0});
        wire_put16(a->query + a->query_len - 2, CLASS_CH);
        asked_send(a, false);
        assert_int_equal(a->answer.rcode, rows[i].rcode);
        assert_int_equal(wire_get16(a->out + 6), rows[i].rcode == RCODE_NOERROR);
    }
    asked_name(a, "version.bind.", TYPE_TXT, &(struct asked_how){0});
    for (size_t room = 0; room < 300; room++) {
        struct reply reply;
        reply_begin(&reply, a->out, DNS_HEADER + room, &a->scratch.names);
        chaos_answer(&a->answer, &reply, &a->setting);
        assert_int_equal(a->answer.truncated, room < 2 + DNS_RR_FIXED + 1 + 255);
        assert_int_equal(reply.count[SECTION_ANSWER], !a->answer.truncated);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demanded_cookies),
        cmocka_unit_test(nothing_but_a_cookie),
        cmocka_unit_test(zones_that_are_closed),
        cmocka_unit_test(a_cookie_without_an_address),
        cmocka_unit_test(who_may_notify),
        cmocka_unit_test(an_answer_made_empty),
        cmocka_unit_test(chaos),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Names in RDATA that lead to additional records, RDATA that is not what its type says, and aliases
 * that lead too far. */
#include "tests/unit/answer/asked.h"

static const char zone_text[] =
    "z. 60 IN SOA z. z. 1 1 1 1 1\n"
    "z. 60 IN NS ns.z.\n"
    "z. 60 IN DNSKEY 256 3 8 AAAA\n"
    "z. 60 IN RRSIG SOA 8 1 60 20300101000000 20200101000000 1 z. AAAA\n"
    "ns.z. 60 IN A 192.0.2.1\n"
    "loop.z. 60 IN DNAME z.\n"
    "loop.z. 60 IN RRSIG DNAME 8 2 60 20300101000000 20200101000000 1 z. AAAA\n"
    "loop.z. 60 IN TXT \"text\"\n"
    "loop.z. 60 IN RRSIG TXT 8 2 60 20300101000000 20200101000000 1 z. AAAA\n"
    "long.z. 60 IN DNAME a-label-of-thirty-two-characters.another-of-thirty-two-characters.z.\n"
    "to.z. 60 IN CNAME elsewhere.\n"
    "*.w.z. 60 IN DNAME z.\n"
    "two.z. 60 IN MX 1 ns.z.\n"
    "two.z. 60 IN MX 2 ns.z.\n"
    "two.z. 60 IN MX 3 nothing.z.\n"
    "under.z. 60 IN MX 1 x.cut.z.\n"
    "under.z. 60 IN MX 2 cut.z.\n"
    "cut.z. 60 IN NS ns.z.\n"
    "cut.z. 60 IN NS x.cut.z.\n"
    "x.cut.z. 60 IN A 192.0.2.2\n"
    "self.z. 60 IN HTTPS 1 .\n"
    "self.z. 60 IN A 192.0.2.3\n"
    "*.self.z. 60 IN HTTPS 1 .\n"
    "*.self.z. 60 IN A 192.0.2.3\n";

/* Malformed RDATA of types whose bytes an image does not look into; 35 is NAPTR, 65 HTTPS. */
static const struct {
    const char *owner;
    uint16_t type;
    const char *rdata;
    size_t len;
} raw[] = {
    {"\7nothing\3svc\1z", 65, "", 0},
    {"\3two\3svc\1z", 65, "\0\1", 2},
    {"\3cut\3svc\1z", 65, "\0\1\2ns", 5},
    {"\3ptr\3svc\1z", 65, "\0\1\300\14", 4},
    {"\7nothing\2na\1z", 35, "", 0},
    {"\4four\2na\1z", 35, "\0\1\0\1", 4},
    {"\5flags\2na\1z", 35, "\0\1\0\1\377", 5},
    {"\7strings\2na\1z", 35, "\0\1\0\1\1s\0\0", 8},
    {"\3cut\2na\1z", 35, "\0\1\0\1\1s\0\0\2ns", 11},
    {"\2no\2na\1z", 35, "\0\1\0\1\2sx\0\0\2ns\1z", 15},
};

static int set_up(void **state)
{
    struct asked *a = asked_new();
    struct image_builder *b = zone_text_builder("z.", zone_text);
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++)
        assert_int_equal(image_builder_add(b, (const uint8_t *)raw[i].owner,
                                           strlen(raw[i].owner) + 1, raw[i].type, 60,
                                           (const uint8_t *)raw[i].rdata, raw[i].len),
                         0);
    /* 64 names are looked at for one answer. */
    for (unsigned i = 0; i < 100; i++) {
        char text[32], rdata[40] = "\0\1";
        snprintf(text, sizeof text, "\4t%03u\1z", i);
        memcpy(rdata + 2, text, 8);
        assert_int_equal(image_builder_add(b, (const uint8_t *)text, 8, TYPE_A, 60,
                                           (const uint8_t *)"\1\2\3\4", 4),
                         0);
        assert_int_equal(image_builder_add(b, (const uint8_t *)"\4many\1z", 8, TYPE_MX, 60,
                                           (const uint8_t *)rdata, 10),
                         0);
    }
    struct image_summary summary;
    struct image *image = NULL;
    struct buf findings = {0};
    int fd = memfd_create("zone", 0);
    assert_int_equal(image_builder_finish(b, zone_text_key, NULL, fd, &summary, &findings), 0);
    assert_int_equal(image_open(fd, 0, summary.bytes, zone_text_key, true, &image), 0);
    asked_put(a, "z.", image);
    image_builder_free(b);
    buf_fini(&findings);
    close(fd);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    asked_free(*state);
    return 0;
}

static void malformed_data(void **state)
{
    struct asked *a = *state;
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
        asked_wire(a, (const uint8_t *)raw[i].owner, strlen(raw[i].owner) + 1, raw[i].type,
                   &(struct asked_how){0});
        assert_int_equal(a->answer.rcode, RCODE_NOERROR);
        assert_int_equal(wire_get16(a->out + 6), 1);
        /* The last has a flag of two letters, which is not S: an address comes with it. */
        assert_int_equal(wire_get16(a->out + 10), i + 1 == sizeof raw / sizeof *raw);
    }
}

static void additional(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *rule, *name;
        uint16_t type;
        unsigned count;
    } rows[] = {
        {"one target twice, one that is not there", "two.z.", TYPE_MX, 1},
        {"a target below a cut is not ours to say", "under.z.", TYPE_MX, 0},
        {"an end to it", "many.z.", TYPE_MX, 64},
        {"RFC 9460 2.5.2", "self.z.", 65, 1},
        {"the owner a wildcard made has no node", "q.self.z.", 65, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        asked_name(a, rows[i].name, rows[i].type, &(struct asked_how){.tcp = true});
        print_message("%s\n", rows[i].rule);
        assert_int_equal(wire_get16(a->out + 10), rows[i].count);
    }
}

/* RFC 6672 section 2.2: a name that would be too long is YXDOMAIN, with the DNAME that did it. */
static void a_name_that_gets_too_long(void **state)
{
    struct asked *a = *state;
    static const char label[] =
        "\77aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    uint8_t name[NAME_MAX_LEN + 64];
    for (unsigned n = 1; n < 4; n++) {
        size_t len = 0;
        for (unsigned i = 0; i < n; i++, len += 64)
            memcpy(name + len, label, 64);
        memcpy(name + len, "\4long\1z", 8);
        asked_wire(a, name, len + 8, TYPE_A, &(struct asked_how){.edns = true});
        assert_int_equal(a->answer.rcode, n < 3 ? RCODE_NXDOMAIN : RCODE_YXDOMAIN);
        ldns_pkt *pkt = asked_packet(a);
        assert_int_equal(ldns_pkt_ancount(pkt), n < 3 ? 2 : 1);
        assert_int_equal(ldns_pkt_get_rcode(pkt), a->answer.rcode);
        ldns_pkt_free(pkt);
    }
}

/* A DNAME stands in an answer once, with its signature, also when it is asked for by RRSIG. */
static void signatures_behind_a_dname(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *name;
        bool dnssec_ok;
        const char *answer;
    } rows[] = {
        {"loop.z.", true, "loop.z./RRSIG loop.z./RRSIG"},
        {"loop.loop.z.", true, "loop.z./DNAME loop.z./RRSIG loop.loop.z./CNAME loop.z./RRSIG"},
        {"loop.loop.z.", false, "loop.z./DNAME loop.loop.z./CNAME loop.z./RRSIG loop.z./RRSIG"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        asked_name(a, rows[i].name, TYPE_RRSIG,
                   &(struct asked_how){.edns = true, .dnssec_ok = rows[i].dnssec_ok});
        ldns_pkt *pkt = asked_packet(a);
        asked_check_section(ldns_pkt_answer(pkt), rows[i].answer);
        ldns_pkt_free(pkt);
    }
}

/* RFC 6672 section 2.3 leaves a DNAME at a wildcard to the server: it is a record like another. */
static void a_dname_at_a_wildcard(void **state)
{
    struct asked *a = *state;
    asked_name(a, "q.w.z.", TYPE_DNAME, &(struct asked_how){0});
    ldns_pkt *pkt = asked_packet(a);
    asked_check_section(ldns_pkt_answer(pkt), "q.w.z./DNAME");
    ldns_pkt_free(pkt);
    asked_name(a, "to.z.", TYPE_A, &(struct asked_how){0});
    assert_int_equal(a->answer.rcode, RCODE_NOERROR);
    assert_int_equal(wire_get16(a->out + 6), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_data),
        cmocka_unit_test(additional),
        cmocka_unit_test(a_name_that_gets_too_long),
        cmocka_unit_test(signatures_behind_a_dname),
        cmocka_unit_test(a_dname_at_a_wildcard),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

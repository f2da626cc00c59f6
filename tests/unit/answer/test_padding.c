/* Padding (RFC 7830): who gets it, how much (RFC 8467), and that it never takes the room of
 * anything else. */
#include "server/answer/edns.h"
#include "tests/unit/answer/asked.h"

static const uint8_t padded[] = {0, EDNS_PADDING, 0, 3, 0, 0, 0};
static const uint8_t padded_nsid[] = {0, EDNS_PADDING, 0, 0, 0, EDNS_NSID, 0, 0};

static int set_up(void **state)
{
    struct asked *a = asked_new();
    struct buf text = {0};
    buf_puts(&text, "z. 60 IN SOA z. z. 1 1 1 1 1\nz. 60 IN NS z.\nz. 60 IN A 192.0.2.1\n");
    asked_add_lines(&text, "t.z. 60 IN TXT \"a text of some length, number #\"", 15);
    asked_add_lines(&text, "l.z. 60 IN TXT \"a text of some length, number #\"", 1200);
    asked_put_text(a, "z.", text.data);
    buf_fini(&text);
    a->setting.nsid.len = 255;
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    asked_free(*state);
    return 0;
}

/* The bytes of padding at the end of the answer, which are 0; -1 for no option. */
static int padding_of(const struct asked *a)
{
    ldns_pkt *pkt = asked_packet(a);
    ldns_rdf *edns = ldns_pkt_edns_data(pkt);
    size_t len = edns ? ldns_rdf_size(edns) : 0;
    const uint8_t *data = edns ? ldns_rdf_data(edns) : NULL;
    int pad = -1;
    for (size_t at = 0; at < len; at += 4u + wire_get16(data + at + 2)) {
        assert_int_equal(pad, -1); /* it is the last option */
        if (wire_get16(data + at) != EDNS_PADDING)
            continue;
        pad = wire_get16(data + at + 2);
        for (int i = 0; i < pad; i++)
            assert_int_equal(data[at + 4 + (size_t)i], 0);
    }
    ldns_pkt_free(pkt);
    return pad;
}

static void who_gets_it(void **state)
{
    struct asked *a = *state;
    static const struct {
        const char *rule;
        bool encrypted, asked, given;
    } rows[] = {
        {"asked for, encrypted", true, true, true},
        {"not encrypted", false, true, false},
        {"not asked for", true, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked_how how = {.edns = true, .tcp = true, .options = padded};
        how.options_len = rows[i].asked ? sizeof padded : 0;
        a->facts.encrypted = rows[i].encrypted;
        asked_name(a, "z.", TYPE_SOA, &how);
        print_message("%s: %zu bytes\n", rows[i].rule, a->answer.len);
        assert_int_equal(padding_of(a) >= 0, rows[i].given);
        if (rows[i].given)
            assert_int_equal(a->answer.len, EDNS_BLOCK);
    }
    a->facts.encrypted = false;
}

/* Every length an answer may have: names of every length are asked for. */
static void whole_blocks(void **state)
{
    struct asked *a = *state;
    a->facts.encrypted = true;
    for (size_t len = 1; len < 250; len++) {
        uint8_t name[NAME_MAX_LEN];
        size_t at = 0;
        for (size_t left = len; left;) {
            size_t label = left > 64 ? 63 : left > 1 ? left - 1 : 0;
            if (!label)
                break;
            name[at] = (uint8_t)label;
            memset(name + at + 1, 'q', label);
            at += 1 + label;
            left -= 1 + label;
        }
        memcpy(name + at, "\1z", 3);
        struct asked_how how = {.tcp = true, .options = padded_nsid};
        how.options_len = sizeof padded_nsid;
        asked_wire(a, name, at + 3, TYPE_A, &how);
        assert_int_equal(a->answer.len % EDNS_BLOCK, 0);
        assert_in_range(padding_of(a), 0, EDNS_BLOCK - 1);
        assert_true(a->answer.len <= 2 * EDNS_BLOCK);
    }
    a->facts.encrypted = false;
}

/* Over what limits the size it fills up to that, and cuts nothing more than its four bytes would.
 */
static void up_to_the_limit(void **state)
{
    struct asked *a = *state;
    for (unsigned size = 512; size <= ANSWER_UDP_SIZE; size++) {
        struct asked_how how = {.udp_size = (uint16_t)size, .options = padded_nsid};
        how.options_len = sizeof padded_nsid;
        a->facts.encrypted = false;
        asked_name(a, "t.z.", TYPE_TXT, &how);
        bool plain_cut = a->answer.truncated;
        size_t plain = DNS_HEADER + 5 + 4 + REPLY_EDNS;
        a->facts.encrypted = true;
        asked_name(a, "t.z.", TYPE_TXT, &how);
        assert_in_range(a->answer.len, plain, size);
        assert_true(a->answer.len == size || a->answer.len % EDNS_BLOCK == 0);
        assert_true(padding_of(a) >= 0);
        if (a->answer.truncated != plain_cut) {
            how.udp_size = (uint16_t)(size + EDNS_OPTION_HEAD);
            assert_false(asked_name(a, "t.z.", TYPE_TXT, &how)->truncated);
        }
    }
    /* 64 KiB are no multiple of the block. */
    struct asked_how how = {.tcp = true, .options = padded, .options_len = sizeof padded};
    asked_name(a, "l.z.", TYPE_TXT, &how);
    assert_false(a->answer.truncated);
    assert_int_equal(a->answer.len % EDNS_BLOCK, 0);
    a->facts.encrypted = false;
}

/* A transfer has an OPT of its own, which is not padded. */
static void transfers(void **state)
{
    struct asked *a = *state;
    struct asked_how how = {.tcp = true, .options = padded, .options_len = sizeof padded};
    a->facts.encrypted = true;
    asked_name(a, "z.", TYPE_AXFR, &how);
    assert_int_equal(a->answer.kind, ANSWER_TRANSFER);
    assert_int_equal(a->answer.len, REPLY_EDNS);
    a->facts.encrypted = false;
}

/* RFC 8945: a signature stands behind the OPT, and counts. */
static void signed_answers(void **state)
{
    struct asked *a = *state;
    struct asked_how how = {.tcp = true, .options = padded, .options_len = sizeof padded};
    struct tsig_key key;
    struct tsig_chain chain;
    tsig_key_init(&key, (const uint8_t *)"\1k", 3, TSIG_SHA256, (const uint8_t *)"s", 1);
    a->setting.keys = (struct tsig_keys){&key, 1};
    a->facts.encrypted = true;
    asked_name(a, "z.", TYPE_SOA, &how);
    tsig_chain_init(&chain, &key);
    a->query_len = tsig_sign(&chain, a->query, a->query_len, a->facts.now);
    asked_send(a, true);
    assert_ptr_equal(a->answer.signer, &key);
    assert_int_equal(a->answer.rcode, RCODE_NOERROR);
    assert_int_equal(a->answer.len, EDNS_BLOCK);
    a->facts.encrypted = false;
    a->setting.keys.count = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gets_it),     cmocka_unit_test(whole_blocks),
        cmocka_unit_test(up_to_the_limit), cmocka_unit_test(transfers),
        cmocka_unit_test(signed_answers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

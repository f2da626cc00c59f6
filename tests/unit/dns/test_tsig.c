/* Signatures against MACs that another implementation of HMAC made over the bytes RFC 8945 section
 * 4.3 puts together, against another implementation of TSIG, and every way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <ldns/ldns.h>

#include "server/dns/tsig.h"
#include "server/dns/wire.h"

#define NOW UINT64_C(0x123456789a)

/* A query for z. SOA, the first answer, and a later one without a question. */
static const uint8_t query[] = "\xab\xcd\1\0\0\1\0\0\0\0\0\0\1z\0\0\6\0\1";
static const uint8_t first[] = "\xab\xcd\x85\0\0\1\0\0\0\0\0\0\1z\0\0\6\0\1";
static const uint8_t later[] = "\xab\xcd\x84\0\0\0\0\0\0\0\0\0";
enum { QUERY = sizeof query - 1, LATER = sizeof later - 1 };

/* MACs of the query, the first and the second answer, and of one behind two that are not signed. */
static const struct {
    const char *algorithm;
    const char *mac[4];
} vectors[] = {
    {"hmac-md5",
     {"a66316068ac31debba424256a50f0ad0", "8b79afb5012b738dba013a654b257b1f",
      "bef36534bb762ab3d54e1c55a4e8efae", "001781f38d6d35c8ad777b9f82055cc0"}},
    {"hmac-sha1",
     {"509fdb7d4270a8c09d016f1f6625d6182f9b2f56", "87a15725b97f26b3cba810a5fbe8b063b078b188",
      "99429ab87657742c1217542419d7e28b5b746e8d", "fa7f7b082d9874dced1be9a312576ae92344674c"}},
    {"hmac-sha224",
     {"a2b45bbdc4405d5914cb69eb242f7cd3fa72d6053737ecfa866a2af1",
      "737524d845c5e442b942882ae0eaf301e981600a4fb39c1bf4a5e586",
      "c8c81496ee3c8414f2c90a94528b85fbdad53d226807fac49f8f40a3",
      "cb97d959beabc51a14361c34ffef862ed7041cdc1897e03c62b02c46"}},
    {"hmac-sha256",
     {"8452035c013f9a86487a3aa2ff900ce0630e8debe4067e3b6fcf24f34495e7c9",
      "b7c85f0ff74147c3a801e136b0080d4cd14662672d590e95d80cfe623f743acb",
      "8a76edc1058008e8cc9d18fd47886a5a677f55fc669dcb1095188c08ec15f0e3",
      "c8e5de5731cd6dd8b56aa35ba7232629b6ee14a8f5a2a0344ca24d7d3cfbe504"}},
    {"hmac-sha384",
     {"99e1d22ee48452dea2f40dc6e5a735931e201833dd3105e85603a16de99de8319df066b2a62e5abfd9ac866b00bc"
      "f7eb",
      "8b0fd99c95aff36ae653ae8e66a21280889f516409025259afab17d408b529ad9ad4d2c46bc84de20cba994e6011"
      "78fe",
      "4f824371dfc8b2262bb0afdfd3d5c7b5e0c5399e490d0ae4968041a05d84d111d34f3c9c600aff1adacc79a12e8e"
      "61a6",
      "262dca1422c488c05506c246c592440726c114c200837426d33537b289c3822ff247f2edc698a88b116e87114904"
      "b6e9"}},
    {"hmac-sha512",
     {"cc14e56d8420ff09f3e1c8dbc74fba8b42f789e17e14971beed76917fe434ef35987408dc4459f9dbb0b184123c6"
      "024383aa5e1ff371c2cc6243e7a1b87d3817",
      "fd227a1acf9b4da98aa34046924c9302f8b991987b2b74353f9304970e3706716c89165e93ee40eaf7ba93bb62d4"
      "be65029c26b7ed41ced670f2b70997336f8f",
      "cc905449ebaf221918265d51ca3c442ac0a6bfa08bd2bd0dd12be1b4887ed757e4aaccf8a264e871a4e5cb6a8357"
      "95429d30b0d11895b194dd06c29e67b2bf05",
      "29eb3bd34b88b0545d252bafbd4beff450e9e5a6c6e2487916887a35513b364bb80bc9418c28c1149f1811188986"
      "5a70fa26ed41d17640266d585c4cdf2f42a8"}},
};

struct message {
    uint8_t bytes[2000];
    size_t len;
};

static struct tsig_key make_key(enum tsig_algorithm algorithm)
{
    struct tsig_key key;
    uint8_t secret[100];
    for (unsigned i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(100 + i);
    tsig_key_init(&key, (const uint8_t *)"\1A\3Key", 7, algorithm, secret, sizeof secret);
    return key;
}

static struct message make(const uint8_t *bytes, size_t len)
{
    struct message m = {.len = len};
    memcpy(m.bytes, bytes, len);
    return m;
}

static struct message make_signed(struct tsig_chain *chain, const uint8_t *bytes, size_t len,
                                  uint64_t now)
{
    struct message m = make(bytes, len);
    m.len = tsig_sign(chain, m.bytes, len, now);
    assert_int_equal(m.len, len + tsig_room(chain->key));
    return m;
}

static void assert_mac(const struct message *m, const char *hex)
{
    struct tsig t;
    char text[2 * TSIG_MAC_MAX + 1];
    assert_int_equal(tsig_find(&t, m->bytes, m->len), TSIG_GOOD);
    for (unsigned i = 0; i < t.mac_len; i++)
        snprintf(text + 2 * i, 3, "%02x", t.mac[i]);
    assert_string_equal(text, hex);
}

static enum tsig_verdict verify(struct tsig_chain *chain, const struct message *m, uint64_t now)
{
    struct tsig t;
    enum tsig_verdict verdict = tsig_find(&t, m->bytes, m->len);
    return verdict ? verdict : tsig_verify(chain, &t, m->bytes, now);
}

static void every_algorithm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct tsig_key key = make_key(tsig_algorithm_find(vectors[i].algorithm));
        struct tsig_chain mine, theirs;
        struct tsig_stream stream = {0};
        tsig_chain_init(&mine, &key);
        tsig_chain_init(&theirs, &key);
        struct message m = make_signed(&theirs, query, QUERY, NOW);
        assert_mac(&m, vectors[i].mac[0]);
        assert_int_equal(verify(&mine, &m, NOW), TSIG_GOOD);
        stream.chain = theirs;
        m = make_signed(&mine, first, QUERY, NOW);
        assert_mac(&m, vectors[i].mac[1]);
        assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW), TSIG_GOOD);
        m = make_signed(&mine, later, LATER, NOW);
        assert_mac(&m, vectors[i].mac[2]);
        assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW), TSIG_GOOD);
        assert_int_equal(tsig_stream_take(&stream, later, LATER, NOW), TSIG_GOOD);
        assert_int_equal(tsig_stream_take(&stream, later, LATER, NOW), TSIG_GOOD);
        assert_int_equal(stream.pending, 2);
    }
}

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Puts another MAC, of any length, into a signed message. */
static void put_mac(struct message *m, const uint8_t *mac, size_t len)
{
    struct tsig t;
    assert_int_equal(tsig_find(&t, m->bytes, m->len), TSIG_GOOD);
    uint8_t *at = (uint8_t *)(uintptr_t)t.mac, *rdlength = (uint8_t *)(uintptr_t)t.algorithm - 2;
    memmove(at + len, at + t.mac_len, 6u + t.other_len);
    memmove(at, mac, len);
    wire_put16(at - 2, (unsigned)len);
    wire_put16(rdlength, wire_get16(rdlength) + (unsigned)len - t.mac_len);
    m->len = m->len + len - t.mac_len;
}

/* S6: 99 may be unsigned between two, the digest goes over all of them, and the last is signed. */
static void unsigned_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct tsig_key key = make_key(tsig_algorithm_find(vectors[i].algorithm));
        struct tsig_chain mine, theirs;
        tsig_chain_init(&mine, &key);
        make_signed(&mine, query, QUERY, NOW);
        struct tsig_stream stream = {.chain = mine};
        theirs = mine;
        struct message m = make_signed(&theirs, first, QUERY, NOW);
        assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW), TSIG_GOOD);
        m = make_signed(&theirs, later, LATER, NOW);
        assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW), TSIG_GOOD);
        for (int n = 0; n < 2; n++)
            assert_int_equal(tsig_stream_take(&stream, later, LATER, NOW), TSIG_GOOD);
        m = make_signed(&theirs, later, LATER, NOW);
        struct tsig_stream wrong = stream;
        assert_int_equal(tsig_stream_take(&wrong, m.bytes, m.len, NOW), TSIG_BADSIG);
        uint8_t mac[TSIG_MAC_MAX];
        size_t len = strlen(vectors[i].mac[3]) / 2;
        for (size_t n = 0; n < len; n++)
            mac[n] = (uint8_t)(digit(vectors[i].mac[3][2 * n]) << 4 |
                               digit(vectors[i].mac[3][2 * n + 1]));
        put_mac(&m, mac, len);
        assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW), TSIG_GOOD);
        assert_int_equal(stream.pending, 0);
    }
    struct tsig_key key = make_key(TSIG_SHA256);
    struct tsig_stream stream = {.chain = {&key, {0}, 32, 1}};
    assert_int_equal(tsig_stream_take(&stream, later, LATER, NOW), TSIG_MISSING);
    stream.chain.count = 2;
    for (int n = 0; n < 99; n++)
        assert_int_equal(tsig_stream_take(&stream, later, LATER, NOW), TSIG_GOOD);
    assert_int_equal(stream.pending, 99);
    assert_int_equal(tsig_stream_take(&stream, later, LATER, NOW), TSIG_MISSING);
}

/* S1 */
static void times(void **state)
{
    (void)state;
    static const uint64_t last = (UINT64_C(1) << 48) - 1;
    static const struct {
        uint64_t time, now;
        unsigned fudge;
        enum tsig_verdict verdict;
    } cases[] = {
        {NOW, NOW - 301, 300, TSIG_BADTIME},
        {NOW, NOW - 300, 300, TSIG_GOOD},
        {NOW, NOW - 299, 300, TSIG_GOOD},
        {NOW, NOW + 299, 300, TSIG_GOOD},
        {NOW, NOW + 300, 300, TSIG_GOOD},
        {NOW, NOW + 301, 300, TSIG_BADTIME},
        {NOW, NOW, 0, TSIG_GOOD},
        {NOW, NOW + 1, 0, TSIG_BADTIME},
        {NOW, NOW - 1, 0, TSIG_BADTIME},
        {last, last, 0, TSIG_GOOD},
        {last, last - 300, 300, TSIG_GOOD},
        {last, 0, 65535, TSIG_BADTIME},
        {0, 0, 0, TSIG_GOOD},
        {0, last, 65535, TSIG_BADTIME},
        {10, 0, 300, TSIG_GOOD},
        {NOW, NOW + 65535, 65535, TSIG_GOOD},
        {NOW, NOW + 65536, 65535, TSIG_BADTIME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tsig_key key = make_key(TSIG_SHA1);
        struct tsig_chain theirs, mine;
        tsig_chain_init(&theirs, &key);
        tsig_chain_init(&mine, &key);
        /* A record of any fudge is one that BADTIME repeats. */
        struct tsig asked = {.time = cases[i].time, .fudge = (uint16_t)cases[i].fudge};
        struct message m = make(query, QUERY);
        m.len = tsig_sign_error(&theirs, m.bytes, m.len, &asked, TSIG_BADTIME, 0);
        struct tsig t;
        assert_int_equal(tsig_find(&t, m.bytes, m.len), TSIG_GOOD);
        assert_true(t.time == cases[i].time && t.fudge == cases[i].fudge);
        assert_int_equal(tsig_verify(&mine, &t, m.bytes, cases[i].now), cases[i].verdict);
        assert_int_equal(mine.count, 1);
    }
}

/* S2: what section 5.2.2.1 says of each length, and the policy of the key. */
static void lengths(void **state)
{
    (void)state;
    for (unsigned a = 0; a < TSIG_ALGORITHMS; a++) {
        struct tsig_key key = make_key(a);
        unsigned whole = tsig_mac_len(a), least = whole / 2 > 10 ? whole / 2 : 10;
        for (unsigned len = 0; len <= 80; len++) {
            for (unsigned policy = least; policy <= whole; policy += whole - least) {
                struct tsig_chain theirs, mine;
                uint8_t mac[80] = {0};
                tsig_chain_init(&theirs, &key);
                tsig_chain_init(&mine, &key);
                key.least = (uint8_t)policy;
                struct message m = make_signed(&theirs, query, QUERY, NOW);
                memcpy(mac, theirs.mac, theirs.mac_len);
                put_mac(&m, mac, len);
                enum tsig_verdict want = len < least || len > whole ? TSIG_FORMERR
                                         : len < policy             ? TSIG_BADTRUNC
                                                                    : TSIG_GOOD;
                assert_int_equal(verify(&mine, &m, NOW), want);
                if (want == TSIG_FORMERR || !len)
                    continue;
                tsig_chain_init(&mine, &key);
                mac[len - 1] ^= 1;
                put_mac(&m, mac, len);
                assert_int_equal(verify(&mine, &m, NOW), TSIG_BADSIG);
                assert_int_equal(mine.count, 0);
            }
        }
    }
}

/* S3, S4: a key that is not there, and one of another algorithm, are the same to strangers. */
static void keys(void **state)
{
    (void)state;
    struct tsig_key key = make_key(TSIG_SHA256), other = make_key(TSIG_SHA512);
    struct tsig_chain theirs, mine;
    tsig_chain_init(&theirs, &key);
    struct message m = make_signed(&theirs, query, QUERY, NOW);
    tsig_chain_init(&mine, NULL);
    assert_int_equal(verify(&mine, &m, NOW), TSIG_BADKEY);
    tsig_chain_init(&mine, &other);
    assert_int_equal(verify(&mine, &m, NOW), TSIG_BADKEY);
    tsig_key_init(&other, (const uint8_t *)"\1a\3key", 7, TSIG_SHA256, (const uint8_t *)"x", 1);
    tsig_chain_init(&mine, &other);
    assert_int_equal(verify(&mine, &m, NOW), TSIG_BADSIG);
    tsig_key_init(&other, (const uint8_t *)"\1b\3key", 7, TSIG_SHA256, (const uint8_t *)"x", 1);
    tsig_chain_init(&mine, &other);
    assert_int_equal(verify(&mine, &m, NOW), TSIG_BADKEY);
    /* Names and algorithms are names: case does not count. */
    m.bytes[QUERY + 1] = 'A';
    m.bytes[QUERY + 7 + 10 + 1] = 'H';
    tsig_chain_init(&mine, &key);
    assert_int_equal(verify(&mine, &m, NOW), TSIG_GOOD);

    struct tsig_key list[3] = {make_key(TSIG_MD5), key, other};
    memcpy(list[0].name, "\1a", 3);
    list[0].name_len = 3;
    struct tsig_keys found = {list, 3};
    assert_ptr_equal(tsig_keys_find(&found, (const uint8_t *)"\1a", 3), &list[0]);
    assert_ptr_equal(tsig_keys_find(&found, key.name, key.name_len), &list[1]);
    assert_ptr_equal(tsig_keys_find(&found, other.name, other.name_len), &list[2]);
    assert_null(tsig_keys_find(&found, (const uint8_t *)"", 1));
    assert_null(tsig_keys_find(&found, (const uint8_t *)"\1z", 3));
    found.count = 0;
    assert_null(tsig_keys_find(&found, key.name, key.name_len));
}

/* Each bit of a signed message counts, but for those that say nothing: the id in the header, which
 * the original one stands for, and the case of names. */
static void every_bit(void **state)
{
    (void)state;
    struct tsig_key key = make_key(TSIG_SHA224);
    struct tsig_chain theirs, mine;
    tsig_chain_init(&theirs, &key);
    struct message good = make_signed(&theirs, query, QUERY, NOW);
    for (size_t bit = 16; bit < good.len * 8; bit++) {
        struct message m = good;
        m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool letter = bit / 8 >= QUERY && bit / 8 < QUERY + 30 && bit % 8 == 5 &&
                      ((good.bytes[bit / 8] | 0x20) >= 'a' && (good.bytes[bit / 8] | 0x20) <= 'z');
        tsig_chain_init(&mine, &key);
        if ((verify(&mine, &m, NOW) == TSIG_GOOD) != letter)
            fail_msg("byte %zu, bit %zu", bit / 8, bit % 8);
    }
    good.bytes[0] ^= 1;
    tsig_chain_init(&mine, &key);
    assert_int_equal(verify(&mine, &good, NOW), TSIG_GOOD);
}

/* S5 and the form of the record; no cut reads beyond the end (a sanitizer sees it). */
static void forms(void **state)
{
    (void)state;
    struct tsig_key key = make_key(TSIG_SHA256);
    struct tsig_chain chain;
    struct tsig t;
    tsig_chain_init(&chain, &key);
    const struct message good = make_signed(&chain, query, QUERY, NOW);
    for (size_t len = 0; len < good.len; len++) {
        uint8_t *exact = test_malloc(len ? len : 1);
        memcpy(exact, good.bytes, len);
        assert_int_equal(tsig_find(&t, exact, len), TSIG_FORMERR);
        assert_int_equal(t.at, 0);
        test_free(exact);
    }
    static const struct {
        const char *what;
        unsigned at, value; /* behind the key's name */
    } lies[] = {{"class IN", 2, 1},      {"class NONE", 2, 254},    {"TTL", 6, 1},
                {"TTL", 4, 1},           {"RDLENGTH", 8, 0},        {"RDLENGTH", 8, 60},
                {"RDLENGTH", 8, 65535},  {"MAC size", 31, 33},      {"MAC size", 31, 65535},
                {"MAC size", 31, 31},    {"other len", 69, 1},      {"other len", 69, 65535},
                {"algorithm", 10, 0xc0}, {"algorithm", 10, 0xbf00}, {"algorithm", 10, 0x4061}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct message m = good;
        wire_put16(m.bytes + QUERY + 7 + lies[i].at, lies[i].value);
        if (tsig_find(&t, m.bytes, m.len) != TSIG_FORMERR)
            fail_msg("%s", lies[i].what);
    }
    /* Two of them; one that is not the last; one in another section; none. */
    struct message m = good;
    m.len = tsig_sign(&chain, m.bytes, m.len, NOW);
    assert_int_equal(tsig_find(&t, m.bytes, m.len), TSIG_FORMERR);
    m = good;
    memcpy(m.bytes + m.len, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
    m.bytes[11]++;
    m.len += 11;
    assert_int_equal(tsig_find(&t, m.bytes, m.len), TSIG_FORMERR);
    m = good;
    m.bytes[7] = 1, m.bytes[11] = 0;
    assert_int_equal(tsig_find(&t, m.bytes, m.len), TSIG_FORMERR);
    assert_int_equal(tsig_find(&t, query, QUERY), TSIG_MISSING);
}

/* RFC 8945 section 5.3.2: what an answer to a bad query is, and what the client makes of it. */
static void errors(void **state)
{
    (void)state;
    static const enum tsig_verdict kinds[] = {TSIG_BADSIG, TSIG_BADKEY, TSIG_BADTIME,
                                              TSIG_BADTRUNC};
    for (size_t i = 0; i < 4; i++) {
        struct tsig_key key = make_key(TSIG_SHA384);
        struct tsig_chain theirs, mine;
        struct tsig asked, t;
        bool is_signed = kinds[i] == TSIG_BADTIME || kinds[i] == TSIG_BADTRUNC;
        tsig_chain_init(&theirs, &key);
        tsig_chain_init(&mine, &key);
        struct message q = make_signed(&theirs, query, QUERY, NOW);
        assert_int_equal(verify(&mine, &q, NOW), TSIG_GOOD);
        assert_int_equal(tsig_find(&asked, q.bytes, q.len), TSIG_GOOD);
        struct message m = make(first, QUERY);
        m.len = is_signed ? tsig_sign_error(&mine, m.bytes, m.len, &asked, kinds[i], NOW + 1000)
                          : tsig_put_error(m.bytes, m.len, &asked, kinds[i]);
        assert_int_equal(m.len, QUERY + tsig_error_room(&asked, &key, kinds[i]));
        assert_int_equal(tsig_find(&t, m.bytes, m.len), TSIG_GOOD);
        assert_int_equal(t.error, kinds[i]);
        assert_int_equal(t.mac_len, is_signed ? 48 : 0);
        assert_int_equal(t.other_len, kinds[i] == TSIG_BADTIME ? 6 : 0);
        assert_int_equal(t.id, 0xabcd);
        if (kinds[i] == TSIG_BADTIME) {
            assert_true(t.time == NOW);
            assert_int_equal(wire_get32(t.other + 2), (uint32_t)NOW + 1000);
        }
        struct tsig_stream stream = {.chain = theirs};
        assert_true(tsig_stream_take(&stream, m.bytes, m.len, NOW) != TSIG_GOOD);
        assert_int_equal(stream.error, kinds[i]);
        assert_true(strlen(tsig_reason(TSIG_BADSIG, stream.error)) > 0);
    }
}

static void words(void **state)
{
    (void)state;
    static const unsigned verdicts[] = {TSIG_FORMERR, TSIG_MISSING, TSIG_BADSIG,
                                        TSIG_BADKEY,  TSIG_BADTIME, TSIG_BADTRUNC};
    assert_int_equal(tsig_algorithm_find("HMAC-SHA384"), TSIG_SHA384);
    assert_int_equal(tsig_algorithm_find("hmac-md5.sig-alg.reg.int"), TSIG_MD5);
    assert_int_equal(tsig_algorithm_find("hmac-sha3"), TSIG_ALGORITHMS);
    for (size_t i = 0; i < 6; i++) {
        const char *ours = tsig_reason(verdicts[i], 0);
        const char *theirs = tsig_reason(TSIG_MISSING, verdicts[i]);
        assert_int_equal(strncmp(ours, "sent", 4), 0);
        assert_int_equal(strncmp(theirs, verdicts[i] > 15 ? "refused our" : "sent", 4), 0);
    }
}

/* S7: a wrong MAC anywhere in a stream ends it. */
static void a_wrong_message(void **state)
{
    (void)state;
    enum { MESSAGES = 5 };
    struct tsig_key key = make_key(TSIG_SHA512);
    for (int wrong = 0; wrong <= MESSAGES; wrong++) {
        struct tsig_chain theirs;
        tsig_chain_init(&theirs, &key);
        make_signed(&theirs, query, QUERY, NOW);
        struct tsig_stream stream = {.chain = theirs};
        for (int i = 0; i < MESSAGES; i++) {
            struct message m = make_signed(&theirs, i ? later : first, i ? LATER : QUERY, NOW);
            m.bytes[m.len - 7] ^= i == wrong;
            assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW),
                             i == wrong ? TSIG_BADSIG : TSIG_GOOD);
            if (i == wrong)
                break;
        }
    }
}

/* Another implementation verifies what we sign, and we what it signs. */
static void another_implementation(void **state)
{
    (void)state;
    static const char secret[] = "MDEyMzQ1Njc4OWFiY2RlZg==";
    static const char *const names[] = {"hmac-md5.sig-alg.reg.int.", "hmac-sha1.", "hmac-sha256."};
    static const enum tsig_algorithm algorithms[] = {TSIG_MD5, TSIG_SHA1, TSIG_SHA256};
    for (size_t i = 0; i < 3; i++) {
        struct tsig_key key;
        struct tsig_chain mine, theirs;
        ldns_pkt *pkt = NULL;
        tsig_key_init(&key, (const uint8_t *)"\1a\3key", 7, algorithms[i],
                      (const uint8_t *)"0123456789abcdef", 16);
        tsig_chain_init(&mine, &key);
        struct message m = make_signed(&mine, query, QUERY, NOW);
        assert_int_equal(ldns_wire2pkt(&pkt, m.bytes, m.len), LDNS_STATUS_OK);
        assert_true(ldns_pkt_tsig_verify(pkt, m.bytes, m.len, "a.key.", secret, NULL));
        ldns_pkt_free(pkt);

        uint8_t *wire = NULL;
        size_t len = 0;
        assert_int_equal(ldns_wire2pkt(&pkt, query, QUERY), LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_tsig_sign(pkt, "a.key.", secret, 300, names[i], NULL),
                         LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt2wire(&wire, pkt, &len), LDNS_STATUS_OK);
        struct tsig t;
        assert_int_equal(tsig_find(&t, wire, len), TSIG_GOOD);
        tsig_chain_init(&theirs, &key);
        assert_int_equal(tsig_verify(&theirs, &t, wire, t.time), TSIG_GOOD);
        free(wire);
        ldns_pkt_free(pkt);
    }
}

static void names_of_algorithms(void **state)
{
    (void)state;
    assert_int_equal(tsig_algorithm_find("HMAC-SHA256"), TSIG_SHA256);
    assert_int_equal(tsig_algorithm_find("hmac-md5.sig-alg.reg.int"), TSIG_MD5);
    assert_int_equal(tsig_algorithm_find("hmac-sha257"), TSIG_ALGORITHMS);
}

static void equal_and_in_order(void **state)
{
    (void)state;
    struct tsig_key a, b, again;
    tsig_key_init(&a, (const uint8_t *)"\1A", 3, TSIG_SHA256, (const uint8_t *)"s", 1);
    tsig_key_init(&again, (const uint8_t *)"\1a", 3, TSIG_SHA256, (const uint8_t *)"s", 1);
    tsig_key_init(&b, (const uint8_t *)"\1a\1a", 5, TSIG_SHA256, (const uint8_t *)"s", 1);
    assert_true(tsig_key_equal(&a, &again));
    assert_int_equal(tsig_key_compare(&a, &again), 0);
    assert_false(tsig_key_equal(&a, &b));
    assert_true(tsig_key_compare(&a, &b) < 0 && tsig_key_compare(&b, &a) > 0);
    tsig_key_init(&again, (const uint8_t *)"\1a", 3, TSIG_SHA256, (const uint8_t *)"t", 1);
    assert_false(tsig_key_equal(&a, &again));
}

/* An answer whose signature is no signature, or another key's. */
static void answers_of_others(void **state)
{
    (void)state;
    struct tsig_key key = make_key(TSIG_SHA256), other;
    tsig_key_init(&other, (const uint8_t *)"\1b", 3, TSIG_SHA256, (const uint8_t *)"s", 1);
    struct tsig_stream stream = {0};
    struct tsig_chain theirs;
    tsig_chain_init(&stream.chain, &key);
    stream.chain.count = 1;
    tsig_chain_init(&theirs, &other);
    struct message m = make_signed(&theirs, first, QUERY, NOW);
    assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW), TSIG_BADKEY);
    assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len - 1, NOW), TSIG_FORMERR);
    /* The owner's name leads out of the message: it can be passed over, but not read. */
    static const uint8_t lost[] = "\xab\xcd\x84\0\0\0\0\0\0\0\0\1\xff\xff\0\xfa\0\xff\0\0\0\0\0\0";
    m = make(lost, sizeof lost - 1);
    assert_int_equal(tsig_stream_take(&stream, m.bytes, m.len, NOW), TSIG_FORMERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm),
        cmocka_unit_test(unsigned_messages),
        cmocka_unit_test(times),
        cmocka_unit_test(lengths),
        cmocka_unit_test(keys),
        cmocka_unit_test(every_bit),
        cmocka_unit_test(forms),
        cmocka_unit_test(errors),
        cmocka_unit_test(words),
        cmocka_unit_test(a_wrong_message),
        cmocka_unit_test(another_implementation),
        cmocka_unit_test(names_of_algorithms),
        cmocka_unit_test(equal_and_in_order),
        cmocka_unit_test(answers_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

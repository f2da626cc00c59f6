#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "server/dns/name_text.h"
#include "server/keeper/plain.h"
#include "server/keeper/zonetext.h"

static const uint8_t origin[] = "\7example\3org";

struct told {
    struct buf records, problems;
};

static int take_record(void *ctx, const struct zonetext_record *r, const char **reason)
{
    struct told *told = ctx;
    char name[NAME_TEXT_MAX];
    name_to_text(r->owner, r->owner_len, name);
    if (!strcmp(name, "refused.example.org.")) {
        *reason = "refused by the test";
        return ERR_MISSING;
    }
    buf_printf(&told->records, "%s %u %u ", name, r->ttl, r->type);
    for (size_t i = 0; i < r->rdata_len; i++)
        buf_printf(&told->records, "%02x", r->rdata[i]);
    buf_puts(&told->records, "\n");
    return ERR_OK;
}

static void take_problem(void *ctx, unsigned line, unsigned column, const char *reason)
{
    struct told *told = ctx;
    buf_printf(&told->problems, "%u:%u: %s\n", line, column, reason);
}

static int run(const char *text, size_t len, struct told *told)
{
    *told = (struct told){0};
    struct zonetext_sink sink = {.record = take_record, .problem = take_problem, .ctx = told};
    struct zonetext_state state;
    struct bytes source;
    zonetext_begin(&state, origin, sizeof origin);
    bytes_of_memory(&source, text, len);
    int err = zonetext_read(&source, NULL, &state, &sink);
    bytes_fini(&source);
    return err;
}

static void fini(struct told *told)
{
    buf_fini(&told->records);
    buf_fini(&told->problems);
}

static void reads_good_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *records;
    } cases[] = {
        {"$TTL 1h\n@ IN A 192.0.2.1\n", "example.org. 3600 1 c0000201\n"},
        {"a 300 IN A 192.0.2.1\n\tA 192.0.2.2\n",
         "a.example.org. 300 1 c0000201\na.example.org. 300 1 c0000202\n"},
        {"a IN 1h30m A 192.0.2.1", "a.example.org. 5400 1 c0000201\n"},
        {"a 60 A 192.0.2.1\r\nb A 192.0.2.2\r\n",
         "a.example.org. 60 1 c0000201\nb.example.org. 60 1 c0000202\n"},
        {"$ORIGIN sub\na 1 NS b\n$ORIGIN other.test.\na 1 NS @\n",
         "a.sub.example.org. 1 2 0162037375620765786"
         "16d706c65036f726700\n"
         "a.other.test. 1 2 056f74686572047465737400\n"},
        {"@ SOA ns h ( 7 ; serial\n 1h 15m\n 2w 60 ) ; done\n",
         "example.org. 60 6 026e73076578616d706c65036f7267000168076578616d706c65036f726700"
         "0000000700000e10000003840012750"
         "00000003c\n"},
        {"a 1 TXT \"x;(y)\" z\\\"w \"\"\n", "a.example.org. 1 16 05783b287929037a227700\n"},
        {"a\\.b 1 TXT \\065\n", "a\\.b.example.org. 1 16 0141\n"},
        {"a 1 TYPE65280 \\# 3 0102 03\n", "a.example.org. 1 65280 010203\n"},
        {"a 1 A \\# 4 c0000201\n", "a.example.org. 1 1 c0000201\n"},
        {"a 1 CAA 0 issue \"ca.test\"\n", "a.example.org. 1 257 00056973737565"
                                          "63612e74657374\n"},
        {"a 1 MX 10 mail\n", "a.example.org. 1 15 000a046d61696c076578616d706c65036f726700\n"},
        {"a 1 DS 1 8 2 ( 01\n 02 )\n", "a.example.org. 1 43 000108020102\n"},
        {"a 1 NSEC b A TXT\n", "a.example.org. 1 47 0162076578616d706c65036f7267000003400080\n"},
        {"$GENERATE 1-3/2 h$ 1 A 192.0.2.$\n",
         "h1.example.org. 1 1 c0000201\nh3.example.org. 1 1 c0000203\n"},
        {"$GENERATE 31-31 ${1,4},${-1,3,o}.${0,4,X}.${0,3,n}.$$ 1 IN A 192.0.2.1\n",
         "0032,036.001f.f.1.\\$.example.org. 1 1 c0000201\n"},
        {"$GENERATE 7-7 a 1 TXT \"\\$ $\"\n", "a.example.org. 1 16 03242037\n"},
        {"o 1 A 192.0.2.1\n$GENERATE 1-1 h 1 A 192.0.2.2\n 1 A 192.0.2.3\n",
         "o.example.org. 1 1 c0000201\nh.example.org. 1 1 c0000202\n"
         "o.example.org. 1 1 c0000203\n"},
        {"IN 1 IN A 192.0.2.1\n", "in.example.org. 1 1 c0000201\n"},
        {"\xef\xbb\xbf; with a byte order mark\na 1 A 192.0.2.1\n",
         "a.example.org. 1 1 c0000201\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct told told;
        int err = run(cases[i].text, strlen(cases[i].text), &told);
        char *got = told.records.data ? told.records.data : "";
        if (err)
            print_error("case %zu: %s", i, told.problems.data);
        assert_int_equal(err, ERR_OK);
        for (char *p = got; *p; p++) /* owners keep their case; the table is in lower case */
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        assert_string_equal(got, cases[i].records);
        fini(&told);
    }
}

static void tells_where_and_why(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problems;
    } cases[] = {
        {"a 1 A 192.0.2.300\n", "1:7: bad value '192.0.2.300', not an IPv4 address\n"},
        {"a A 192.0.2.1\n", "1:1: no TTL: give one here, or $TTL before\n"},
        {"a 1 FOO x\n", "1:5: unknown type 'FOO'; any can be written as TYPE1234 \\# LENGTH HEX\n"},
        {"a 1 CH A 192.0.2.1\n", "1:5: class CH is not served; only IN is\n"},
        {"a 4294967296 A 192.0.2.1\n", "1:3: TTL '4294967296' is above 2147483647\n"},
        {"a 1 A 192.0.2.1 192.0.2.2\n", "1:17: unexpected '192.0.2.2' behind the record's data\n"},
        {"a 1 MX 99999 b\n", "1:8: 99999 is too large; the field has 16 bits\n"},
        {"a 1 MX 1\n", "1:8: data are missing: 1 of 2 fields\n"},
        {"a 1 A\n", "1:5: data are missing: 0 of 1 fields\n"},
        {" 1 A 192.0.2.1\n", "1:2: the first record has no owner name\n"},
        {"a..b 1 A 192.0.2.1\n", NULL},
        {"a 1 TXT \"x\nb 1 A 192.0.2.1\n", "1:9: a quote is not closed on its line\n"},
        {"a 1 SOA ( b c\n1 2", "1:9: a parenthesis is not closed\n"},
        {"a 1 A 192.0.2.1 )\nb 1 FOO\n",
         "1:17: a closing parenthesis without an opening one\n2:5: unknown type 'FOO'; any can be "
         "written as TYPE1234 \\# LENGTH HEX\n"},
        {"a 1 TXT x\\", "1:10: nothing follows the backslash\n"},
        {"$INCLUDE other\n", "1:1: $INCLUDE is not possible here\n"},
        {"$GENERATE 1-2 a A\n", "1:1: $GENERATE takes a range, an owner, a type and data\n"},
        {"$GENERATE 2-1 a 1 A 192.0.2.1\n",
         "1:11: '2-1' is not a range: FIRST-LAST or FIRST-LAST/STEP\n"},
        {"$GENERATE 1-2/0 a 1 A 192.0.2.1\n",
         "1:11: '1-2/0' is not a range: FIRST-LAST or FIRST-LAST/STEP\n"},
        {"$GENERATE 0-4294967295 a$ 1 A 192.0.2.1\n",
         "1:11: more than 262144 records by $GENERATE in a zone\n"},
        {"$GENERATE 1-2 a${-2} 1 A 192.0.2.1\n", "1:15: the offset leads below 0\n"},
        {"$GENERATE 254-300 a$ 1 A 192.0.2.$\n",
         "1:26: bad value '192.0.2.256', not an IPv4 address\n"},
        {"$GENERATE 1-2 a${1,2,q} 1 A 192.0.2.1\n",
         "1:15: not ${OFFSET,WIDTH,BASE} with a width of at most 255 and a base of d, o, x, X, n "
         "or N\n"},
        {"$FOO\n", "1:1: unknown directive '$FOO'\n"},
        {"$TTL\n", "1:1: $TTL takes one time\n"},
        {"a 1 TYPE65280 x\n", "1:15: data of this type need the form \\# LENGTH HEX\n"},
        {"a 1 A \\# 4 c000\n", "1:10: the length says 4 bytes, the data have 2\n"},
        {"a 1 A \\# 4 zz\n", "1:12: 'zz' is not hexadecimal\n"},
        {"a 1 ANY x\n", "1:5: type ANY cannot be in a zone\n"},
        {"refused 1 A 192.0.2.1\n", "1:1: refused by the test\n"},
        {"a 1 AAAA 2001::x\n\n\nb 1 A x\n", "1:10: bad value '2001::x', not an IPv6 address\n4:7: "
                                            "bad value 'x', not an IPv4 address\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct told told;
        assert_int_equal(run(cases[i].text, strlen(cases[i].text), &told), ERR_ZONE);
        if (cases[i].problems)
            assert_string_equal(told.problems.data, cases[i].problems);
        fini(&told);
    }
}

static void stops_after_many_problems(void **state)
{
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 100; i++)
        buf_puts(&text, "a 1 FOO x\n");
    struct told told;
    assert_int_equal(run(text.data, text.len, &told), ERR_ZONE);
    unsigned lines = 0;
    for (const char *p = told.problems.data; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, ZONETEXT_PROBLEMS);
    fini(&told);
    buf_fini(&text);
}

/* Z2, Z12: a text cut anywhere is an error or a shorter zone, never an overread. */
static void survives_any_cut(void **state)
{
    (void)state;
    static const char text[] =
        "$TTL 1h\n@ SOA ns h ( 1 2 3 4 5 )\n@ NS ns\nns A 192.0.2.1\n"
        "t TXT \"a b\" c\\032d ( \"e\" )\ns 1 HTTPS 1 . alpn=\"h2,h3\" port=1\n"
        "u TYPE999 \\# 2 0102\nv APL 1:192.0.2.0/24 !2:2001:db8::/32\n"
        "w LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\n";
    for (size_t len = 1; len < sizeof text; len++) {
        struct told told;
        int err = run(text, len, &told);
        assert_true(err == ERR_OK || err == ERR_ZONE);
        assert_true((err == ERR_ZONE) == (told.problems.len > 0));
        fini(&told);
    }
}

static void refuses_nul_bytes(void **state)
{
    (void)state;
    static const char text[] = "a 1 A 192.0.2.1\nb\0c 1 A 192.0.2.1\nd 1 A 192.0.2.1\n";
    struct told told;
    assert_int_equal(run(text, sizeof text - 1, &told), ERR_ZONE);
    assert_string_equal(told.problems.data, "2:2: a NUL byte; is this a text file?\n");
    assert_non_null(strstr(told.records.data, "d.example.org."));
    fini(&told);
}

#define L50  "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMN"
#define L250 L50 L50 L50 L50 L50

/* A plain line and the same with parentheses, which is read word by word, mean the same or are both
 * wrong. */
static void plain_lines_are_nothing_else(void **state)
{
    (void)state;
    static const char *const heads[] = {"a ",
                                        "@ 60 ",
                                        "\t",
                                        "b IN ",
                                        "c 1h IN ",
                                        "d IN 5 ",
                                        "e.x. ",
                                        "Mi.Xed in 00060 ",
                                        "f CH ",
                                        "g 5 6 ",
                                        "h\r ",
                                        "a..b ",
                                        ". ",
                                        "i 2147483648 ",
                                        "* ",
                                        "a.example.org. ",
                                        "j 4294967296 ",
                                        "k IN IN ",
                                        "nine.labels.and.more.than.thirty-two.bytes.x.y ",
                                        "  1 ",
                                        "l\v ",
                                        "\"m\" ",
                                        "\"n o\" IN ",
                                        "p \"IN\" "};
    static const char *const datas[] = {"A 192.0.2.1",
                                        "a 192.0.2.01",
                                        "A 192.0.2",
                                        "A 192.0.2.256",
                                        "A 0.0.0.0",
                                        "A 00.0.0.0",
                                        "A 260.0.0.0",
                                        "A 1.2.3.",
                                        "A .1.2.3",
                                        "A 1..2.3",
                                        "A 1.2.3.4.",
                                        "A 255.255.255.255",
                                        "A\t\t 192.0.2.1\t",
                                        "A 1.2.3.4.5",
                                        "A 192.0.2.1 x",
                                        "A",
                                        "AAAA 2001:db8::1",
                                        "AAAA ::",
                                        "AAAA 1::2::3",
                                        "AAAA x",
                                        "NS ns1",
                                        "NS ns1.",
                                        "NS @",
                                        "NS .",
                                        "NS a..b",
                                        "ns NS",
                                        "MX 10 mail",
                                        "MX 65536 mail",
                                        "MX -1 mail",
                                        "MX 010 mail",
                                        "MX mail",
                                        "SRV 1 2 3 t.x.",
                                        "SRV 1 2 3",
                                        "CNAME a.b.c",
                                        "PTR x.y.",
                                        "DNAME z",
                                        "AFSDB 1 host",
                                        "RP a b",
                                        "KX 1 kx",
                                        "SOA ns h 1 2 3 4 5",
                                        "SOA ns h 4294967295 02 3 4 4294967295",
                                        "SOA ns h 4294967296 2 3 4 5",
                                        "SOA ns h 1 2h 3 4 5",
                                        "SOA ns h 1h 2 3 4 5",
                                        "SOA ns h 1 2 3 4 4294967296",
                                        "SOA ns h 1 2 3 4",
                                        "SOA ns h 1 2 3 4 5 6",
                                        "SOA . a.. 1 2 3 4 5",
                                        "TXT word",
                                        "TXT two words",
                                        "TXT \"in quotes; (not) a comment\"",
                                        "TXT \"one\" two \"three\"",
                                        "TXT \"one\"\"two\"three",
                                        "TXT \"\"",
                                        "TXT \"\" \"\"",
                                        "TXT \" v=spf1  -all \" ; comment",
                                        "TXT v=\"spf1 -all\"",
                                        "TXT \"a\\\"b\"",
                                        "TXT \"a\\065b\" c",
                                        "TXT \"tab\there\" \"return\r\"",
                                        "TXT \"\xc3\xa9\xff\x01\x7f\"",
                                        "TXT \"open",
                                        "TXT \"open and \"more",
                                        "TXT @ . \"@\"",
                                        "txt \"" L250 "12345\"",
                                        "TXT \"" L250 "123456\"",
                                        "TXT " L250 "12345 x",
                                        "TXT " L250 "123456",
                                        "TXT \"" L250 "\" \"" L250 "\" \"" L250 "\"",
                                        "TXT 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21",
                                        "\"TXT\" word",
                                        "\"IN\" TXT word",
                                        "\"5\" TXT word",
                                        "A \"192.0.2.1\"",
                                        "MX 10 \"mail\"",
                                        "MX \"10\" mail",
                                        "NS \"ns1\"",
                                        "TYPE1 \\# 4 c0000201",
                                        "WHAT 1",
                                        "A 1.2.3.4;5"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        for (size_t k = 0; k < sizeof datas / sizeof *datas; k++) {
            char plain[1000], words[1000];
            struct told a, b;
            const char *end = strcspn(datas[k], ";") < strlen(datas[k]) ? "\n)" : ")";
            snprintf(plain, sizeof plain, "first 7 A 192.0.2.9\n%s%s\n", heads[i], datas[k]);
            snprintf(words, sizeof words, "first 7 A ( 192.0.2.9 )\n%s( %s %s\n", heads[i],
                     datas[k], end);
            int one = run(plain, strlen(plain), &a), other = run(words, strlen(words), &b);
            if (one != other || strcmp(a.records.data, b.records.data))
                fail_msg("%s\n%d: %s\n%d: %s", plain, one, a.records.data, other, b.records.data);
            fini(&a);
            fini(&b);
        }
    }
}

static void plain_directives_are_nothing_else(void **state)
{
    (void)state;
    static const char *const directives[] = {"$TTL", "$ttl", "$ORIGIN", "$Origin", "$TTLS", "$X"};
    static const char *const values[] = {"7",       "007",   "2147483647", "2147483648", "1h",
                                         "-1",      "",      "7 7",        "sub",        "sub.",
                                         "@",       ".",     "a.b",        "..",         "\"7\"",
                                         "\"sub\"", "a\\.b", "*",          L50 L50,      L250 L50};
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            char plain[1000], words[1000];
            struct told a, b;
            static const char text[] =
                "first 5 A 192.0.2.1\n%s %s%s%s\n x A 192.0.2.2\ny.z MX 1 @\n";
            snprintf(plain, sizeof plain, text, directives[i], "", values[k], "");
            snprintf(words, sizeof words, text, directives[i], "( ", values[k], " )");
            int one = run(plain, strlen(plain), &a), other = run(words, strlen(words), &b);
            const char *x = a.records.data ? a.records.data : "";
            const char *y = b.records.data ? b.records.data : "";
            if (one != other || strcmp(x, y))
                fail_msg("%s\n%d: %s\n%d: %s", plain, one, x, other, y);
            fini(&a);
            fini(&b);
        }
    }
}

/* What most zones are of is plain: else all of it would be read the slow way, with the same result.
 */
static void most_lines_are_plain(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool plain;
    } cases[] = {
        {"d123456 IN NS ns1.d123456", true},
        {"ns1.d123456 3600 IN A 10.20.30.40", true},
        {"\tAAAA 2001:db8::1 ; comment", true},
        {"@ IN SOA ns1 hostmaster 1 3600 600 604800 300", true},
        {"_sip._tcp 60 SRV 10 20 5060 a.very.long.name.in.another.domain.example.", true},
        {"@ MX 10 mail", true},
        {"", true},
        {"; comment", true},
        {"@ TXT text", true},
        {"@ IN TXT \"v=spf1 mx -all\" ; comment", true},
        {"x TXT \"one\" \"two; (three)\"", true},
        {"x TXT \"a \\\" b\"", false},
        {"a ( A 192.0.2.1 )", false},
        {"$TTL 5", true},
        {"$ttl 5 ; comment", true},
        {"$TTL 5m", false},
        {"$TTL", false},
        {"$TTL 5 5", false},
        {"$ORIGIN example.org.", true},
        {"$Origin sub", true},
        {"$ORIGIN a..b", false},
        {"$ORIGIN \"sub\"", false},
        {"$INCLUDE file", false},
        {"$", false},
        {" $TTL 5", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200] = "";
        struct plain plain;
        size_t len = strlen(cases[i].line);
        memcpy(line, cases[i].line, len);
        if (plain_read(line, len, origin, sizeof origin, &plain) != cases[i].plain)
            fail_msg("%s", line);
    }
}

/* The same with words of every length, so that each ends at every place of a step. */
static void plain_words_of_every_length(void **state)
{
    (void)state;
    static const char dots[] =
        "abc.defghijklmnopqr.s.tuvwxyzabcdefghijklmnopqrstuvwxyz0123456789-abc.d"
        "e.fgh.ijklmnopqrs.tuvwxyz.0123456789.abcdefghijklmnopqrstuvwxyz";
    static const struct {
        const char *middle, *end;
    } forms[] = {{" 60  IN NS", ""}, {"    IN 60 NS ", " "}, {"\tNS", ".;x"}};
    for (size_t n = 1; n < sizeof dots; n++) {
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            char plain[400], words[400];
            struct told a, b;
            const char *last = dots + sizeof dots - 1 - n;
            snprintf(plain, sizeof plain, "$TTL 5\n%.*s%s %.*s%s\n", (int)n, dots, forms[i].middle,
                     (int)n, last, forms[i].end);
            snprintf(words, sizeof words, "$TTL 5\n%.*s%s (%.*s%s\n)\n", (int)n, dots,
                     forms[i].middle, (int)n, last, forms[i].end);
            int one = run(plain, strlen(plain), &a), other = run(words, strlen(words), &b);
            const char *x = a.records.data, *y = b.records.data;
            if (one != other || strcmp(x ? x : "", y ? y : ""))
                fail_msg("%s\n%d: %s\n%d: %s", plain, one, x, other, y);
            fini(&a);
            fini(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words_of_every_length),
        cmocka_unit_test(most_lines_are_plain),
        cmocka_unit_test(reads_good_text),
        cmocka_unit_test(plain_lines_are_nothing_else),
        cmocka_unit_test(plain_directives_are_nothing_else),
        cmocka_unit_test(tells_where_and_why),
        cmocka_unit_test(stops_after_many_problems),
        cmocka_unit_test(survives_any_cut),
        cmocka_unit_test(refuses_nul_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

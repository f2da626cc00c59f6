/* What is wrong in a configuration, and how it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "server/config/text.h"

#define HEAD   "server: {listen: 127.0.0.1@5300}\n"
#define L32    "abcdefghijklmnopqrstuvwxyzabcdef"
#define NO_KEY "is not among the keys; add it there"

struct row {
    const char *yaml;
    const char *errors[8]; /* each the start of a line without the path; in this order, no others */
};

static const struct row rows[] = {
    /* The file as a whole. */
    {"", {"1:1: the file is empty; it needs at least server.listen"}},
    {"# only a comment\n", {"1:1: the file is empty"}},
    {"---\n", {"2:1: the file is empty"}},
    {"just words", {"1:1: the file is a text; write a mapping"}},
    {"[a, b]", {"1:1: the file is a list; write a mapping"}},
    {"\x7f"
     "ELF\2\1",
     {"1:1: byte 0x7f is a control character; this is not a text file"}},
    {"server:\n  user: \"\xff\"\n", {"2:10: byte 0xff is not UTF-8; save the file as UTF-8 text"}},
    {"server: \xc0\x80", {"1:9: byte 0xc0 is not UTF-8"}},
    {"server: \xed\xa0\x80", {"1:9: byte 0xed is not UTF-8"}},
    {"server: \xf4\x90\x80\x80", {"1:9: byte 0xf4 is not UTF-8"}},
    {"\xff\xfes\1e\1", {"1:1: byte 0xff is not UTF-8"}},
    {HEAD "---\nserver: {}\n", {"2:1: a second document starts here; keep one"}},
    {"{}", {"1:1: server is missing; add for example server: {listen: [127.0.0.1@53]}"}},

    /* Syntax. */
    {"server:\n\tlisten: 127.0.0.1\n",
     {"2:1: a tab stands where YAML allows only spaces; use spaces"}},
    {"server: {listen: [127.0.0.1\nzones: []\n",
     {"2:6: not valid YAML: did not find expected ',' or ']', while parsing a flow sequence that "
      "starts at line 1; correct it"}},
    {"server: \"a\n",
     {"2:1: not valid YAML: found unexpected end of stream, while scanning a quoted"}},
    {"server: @53\n", {"1:9: a value cannot start with \"@\"; put the value in double quotes"}},
    {"server: {listen: [::1@53]}\n",
     {"1:19: a value in brackets or braces cannot start with \":\"; put the value in double "
      "quotes"}},
    {"server:\n  listen: 127.0.0.1\n threads: 2\n",
     {"3:2: not valid YAML: did not find expected key"}},
    {"server: &a {listen: 127.0.0.1}\nendpoint: *a\npolicy: *b\n",
     {"2:11: aliases (*name) are not supported; write the value out",
      "3:9: aliases (*name) are not supported; write the value out"}},
    {"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
     {"1:1: server is missing",
      "1:1: unknown key \"a\"; known are server, endpoint, rate-limit, keys",
      "2:1: unknown key \"b\"", "2:8: aliases (*name)", "2:12: aliases (*name)",
      "3:1: unknown key \"c\"", "3:5: aliases (*name)", "3:9: aliases (*name)"}},
    {"server: {listen: !!str 127.0.0.1}\n", {"1:18: tags (!...) are not supported; remove it"}},
    {"server: [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]", {"1:24: nested too deeply"}},

    /* Keys. */
    {HEAD "servr: {}\n", {"2:1: unknown key \"servr\"; did you mean \"server\"?"}},
    {HEAD "threads: 2\n", {"2:1: unknown key \"threads\"; it belongs into server"}},
    {"server: {listen: 127.0.0.1, Threads: 2, policy: 1, xyzzy: 1}",
     {"1:29: unknown key \"Threads\" in server; did you mean \"threads\"?",
      "1:41: unknown key \"policy\" in server; it belongs into the top level",
      "1:52: unknown key \"xyzzy\" in server; known are listen, threads, state, user, drills, "
      "version, identity, nsid, cookie-secret-file, require-cookie"}},
    {HEAD "policy: {memory_limit: 1G}\n",
     {"2:10: unknown key \"memory_limit\" in policy; did you mean \"memory-limit\"?"}},
    {HEAD "\"a\\e[1m\\n\": 1\n", {"2:1: unknown key \"a\\x1b[1m\\x0a\"; known are"}},
    {HEAD "\"zones\\0x\": 1\n", {"2:1: unknown key \"zones\\x00x\""}},
    {HEAD "? [a]\n: b\n", {"2:3: a key must be a text, not a list; correct it"}},
    {"server: {listen: 127.0.0.1, listen: 127.0.0.2}",
     {"1:29: server.listen is given twice; the first is at line 1, remove one"}},
    {HEAD "server: {listen: 127.0.0.2}\n",
     {"2:1: server is given twice; the first is at line 1, remove one"}},

    /* server. */
    {"server:\n", {"1:8: server: expected mapping, found nothing; write for example"}},
    {"server: [listen]\n", {"1:9: server: expected mapping, found a list; write for example"}},
    {"server: {threads: 1}", {"1:9: server.listen is missing; add for example listen: [192.0.2.1"}},
    {"server: {listen: []}", {"1:18: server.listen is an empty list; write for example listen:"}},
    {"server: {listen: {a: b}}",
     {"1:18: server.listen: expected list of ADDRESS[@PORT], found a mapping"}},
    {"server: {listen: [[127.0.0.1], {a: b}, '']}",
     {"1:19: server.listen: expected list of ADDRESS[@PORT], found a list",
      "1:32: server.listen: expected list of ADDRESS[@PORT], found a mapping",
      "1:40: server.listen: expected list of ADDRESS[@PORT], found nothing"}},
    {"server: {listen: [localhost, 127.0.0.1@0, 127.0.0.1@65536, 127.0.0.1@x, 127.0.0.256]}",
     {"1:19: server.listen: \"localhost\" is not an IP address; write ADDRESS",
      "1:30: server.listen: \"127.0.0.1@0\" has a bad port; write a number from 1 to 65535",
      "1:43: server.listen: \"127.0.0.1@65536\" has a bad port",
      "1:60: server.listen: \"127.0.0.1@x\" has a bad port",
      "1:73: server.listen: \"127.0.0.256\" is not an IP address"}},
    {"server: {listen: ['*', '127.0.0.1:53', '[::1]:53', 'fe80::1%eth0', '::ffff:127.0.0.1', '']}",
     {"1:19: server.listen: \"*\" is not an address; write 0.0.0.0",
      "1:24: server.listen: \"127.0.0.1:53\" has a colon before the port; write ADDRESS@PORT",
      "1:40: server.listen: \"[::1]:53\" has brackets",
      "1:52: server.listen: \"fe80::1%eth0\" has a scope",
      "1:68: server.listen: \"::ffff:127.0.0.1\" is an IPv4 address in IPv6 form",
      "1:88: server.listen: expected list of ADDRESS[@PORT], found nothing"}},
    {"server: {listen: ['::1', '0::1@53', 127.0.0.1, 127.0.0.1@053]}",
     {"1:26: server.listen: \"0::1@53\" stands in the list already; remove one",
      "1:48: server.listen: \"127.0.0.1@053\" stands in the list already"}},
    {"server: {listen: [\"127.0.0.1\\0x\"]}",
     {"1:19: server.listen: \"127.0.0.1\\x00x\" holds a control character or a line break"}},
    {"server: {listen: 127.0.0.1, threads: 0}",
     {"1:38: server.threads: \"0\" is not a number from 1 to 64"}},
    {"server: {listen: 127.0.0.1, threads: 65}", {"1:38: server.threads: \"65\" is not"}},
    {"server: {listen: 127.0.0.1, tcp-connections: 0}",
     {"1:46: server.tcp-connections: \"0\" is not a number from 1 to 65536; write one"}},
    {"server: {listen: 127.0.0.1, tcp-idle-timeout: 1h}",
     {"1:47: server.tcp-idle-timeout: \"1h\" is not a number from 1 to 3600"}},
    {"server: {listen: 127.0.0.1, threads: 18446744073709551617}",
     {"1:38: server.threads: \"18446744073709551617\" is not"}},
    {"server: {listen: 127.0.0.1, threads: [2]}",
     {"1:38: server.threads: expected 1 to 64, found a list"}},
    {"server: {listen: 127.0.0.1, threads: -1, drills: yes, user: '', state: }",
     {"1:38: server.threads: \"-1\" is not a number",
      "1:50: server.drills: \"yes\" is neither; write true",
      "1:61: server.user: expected user name, found nothing",
      "1:72: server.state: expected directory, found nothing"}},

    /* endpoint. */
    {HEAD "endpoint: {listen: ['unix:', 0.0.0.0@8053, 192.0.2.1@8053, 127.0.0.1, '::@80']}",
     {"2:21: endpoint.listen: \"unix:\" names no path; write unix:PATH",
      "2:30: endpoint.listen: \"0.0.0.0@8053\" is not a loopback address; it would need TLS, which "
      "is "
      "not available yet",
      "2:44: endpoint.listen: \"192.0.2.1@8053\" is not a loopback address",
      "2:60: endpoint.listen: \"127.0.0.1\" has no port",
      "2:71: endpoint.listen: \"::@80\" is not a loopback address"}},
    {HEAD "endpoint: {listen: ['unix:a', 'unix:a', 127.0.0.1@80, 127.0.0.1@80]}",
     {"2:31: endpoint.listen: \"unix:a\" stands in the list already",
      "2:55: endpoint.listen: \"127.0.0.1@80\" stands in the list already"}},
    {HEAD "endpoint: {listen: 'unix:/" L32 L32 L32 "abcdefghijk'}",
     {"2:20: endpoint.listen: \"unix:/" L32 L32
      "abcdefghijklmnopqrstuvwx...\" is too long for a unix "
      "socket"}},

    /* keys. */
    {HEAD "keys: [{name: a, algorithm: hmac-sha3, secret: 'xyz'}, {}, 5]",
     {"2:29: keys[].algorithm: \"hmac-sha3\" is not known; write hmac-md5",
      "2:48: keys[].secret is not base64; write the secret as tsig-keygen prints it",
      "2:56: keys[].algorithm is missing", "2:56: keys[].name is missing",
      "2:56: keys[].secret is missing", "2:60: keys: expected list of mappings, found a text"}},
    {HEAD "keys: [{name: a, algorithm: hmac-md5, secret: QQ==}, {name: A., algorithm: HMAC-SHA1, "
          "secret: QQ=A}]",
     {"2:61: keys: \"A.\" stands in the list already; remove one",
      "2:95: keys[].secret is not base64"}},

    /* zones. */
    {HEAD "zones: {name: a}", {"2:8: zones: expected list of mappings, found a mapping"}},
    {HEAD "zones: [{}, a, {name: a}, {file: x}]",
     {"2:9: an entry of zones needs a name or a directory; add one",
      "2:13: zones: expected list of mappings, found a text",
      "2:16: a zone needs a file or primaries; add file if",
      "2:27: an entry of zones needs a name or a directory"}},
    {HEAD "zones: [{name: a..b, file: x}, {name: 'a\\300', file: x}, {name: " L32 L32 ", file: x}]",
     {"2:16: zones[].name: \"a..b\" is not a domain name: empty, an empty label or a bad escape",
      "2:39: zones[].name: \"a\\300\" is not a domain name",
      "2:65: zones[].name: \"" L32 L32 "\" is too long for a domain name"}},
    {HEAD "zones: [{name: a, file: x, primaries: 192.0.2.1}]",
     {"2:39: a zone has a file when this server is its primary, or primaries when it is a "
      "secondary; "
      "remove one"}},
    {HEAD "zones: [{name: a, file: x, allow-notify: any}]",
     {"2:42: zones[].allow-notify is for secondaries; remove it"}},
    {HEAD "zones:\n- {name: Example.COM, file: x}\n- {name: b, file: y}\n- {name: example.com., "
          "file: z}\n"
          "- {name: 'ex\\097mple.com', file: z}\n",
     {"5:10: zone \"example.com.\" is configured twice; the first is at line 3, remove one",
      "6:10: zone \"example.com.\" is configured twice; the first is at line 3"}},
    {HEAD "zones: [{directory: /nonexistent/zones}]",
     {"2:21: zones[].directory: \"/nonexistent/zones\" cannot be listed: No such file or "
      "directory; "
      "create it"}},
    {HEAD "zones: [{directory: /nonexistent, name: a, file: b, primaries: 192.0.2.1, allow-notify: "
          "none}]",
     {"2:41: zones[].name and directory exclude each other; make two entries",
      "2:50: zones[].file goes with name", "2:64: a zone has a file",
      "2:64: zones[].primaries goes", "2:89: zones[].allow-notify is for secondaries",
      "2:89: zones[].allow-notify is for secondaries"}},
    {HEAD "zones: [{name: a, primaries: [{address: 192.0.2.1, key: k}, {key: k}, {}]}]",
     {"2:57: primaries[].key: \"k\" " NO_KEY, "2:61: primaries[].address is missing",
      "2:67: primaries[].key: \"k\" " NO_KEY, "2:71: primaries[].address is missing"}},
    {HEAD
     "zones: [{name: a, file: x, notify: [{address: 192.0.2.1, key: k}, 192.0.2.1, 192.0.2.1@53]}]",
     {"2:63: primaries[].key: \"k\" " NO_KEY,
      "2:67: zones[].notify: \"192.0.2.1\" stands in the list already",
      "2:78: zones[].notify: \"192.0.2.1@53\" stands in the list already"}},
    {HEAD "zones: [{name: a, primaries: []}]", {"2:30: zones[].primaries is an empty list"}},
    {HEAD "zones: [{name: a, file: x, allow-transfer: [10.0.0.1/8, 10.0.0.0/33, '::/129', x, "
          "1.2.3.4@53]}]",
     {"2:45: zones[].allow-transfer: \"10.0.0.1/8\" has bits beyond its prefix",
      "2:57: zones[].allow-transfer: \"10.0.0.0/33\" has a bad prefix length; write a number from "
      "0 to 32",
      "2:70: zones[].allow-transfer: \"::/129\" has a bad prefix length; write a number from 0 to "
      "128",
      "2:80: zones[].allow-transfer: \"x\" is not an address; write ADDRESS, ADDRESS/PREFIX, any "
      "or none",
      "2:83: zones[].allow-transfer: \"1.2.3.4@53\" has a port"}},
    {HEAD "zones: [{name: a, file: x, allow-transfer: [127.0.0.1, key:k, none]}]",
     {"2:56: zones[].allow-transfer: \"key:k\" " NO_KEY,
      "2:63: zones[].allow-transfer: \"none\" stands beside other entries"}},
    {HEAD "zones: [{name: a, file: x, allow-query: ['key:', 'key:a..b', key:k]}]\n"
          "keys: [{name: K, algorithm: hmac-sha256, secret: QQ==}]",
     {"2:42: zones[].allow-query: \"key:\" is not a domain name",
      "2:50: zones[].allow-query: \"key:a..b\" is not a domain name"}},
    {HEAD "rate-limit: {exempt: [key:k]}\nkeys: [{name: k, algorithm: hmac-md5, secret: QQ==}]",
     {"2:22: rate-limit.exempt has a key; only addresses are possible here"}},

    /* policy and dependents. */
    {HEAD "policy: {memory-limit: 2}",
     {"2:24: policy.memory-limit: \"2\" is less than 1M; write a larger"}},
    {HEAD "policy: {memory-limit: 2X}", {"2:24: policy.memory-limit: \"2X\" is not a size"}},
    {HEAD "policy: {memory-limit: 99999999T}",
     {"2:24: policy.memory-limit: \"99999999T\" is too large"}},
    {HEAD "policy: {memory-limit: G}", {"2:24: policy.memory-limit: \"G\" is not a size"}},
    {HEAD "dependents: [{name: a}, {name: a, mx: b, active-directory: c}, {mx: a..b}]",
     {"2:14: a dependent needs one of active-directory and mx; write exactly one",
      "2:25: a dependent needs one of", "2:32: dependents: \"a\" stands in the list already",
      "2:64: dependents[].name is missing",
      "2:69: dependents[].mx: \"a..b\" is not a domain name"}},
};

/* Compares line by line; how many differ. */
static unsigned check(const struct row *row, char *got)
{
    unsigned wrong = 0;
    char *line = strtok(got, "\n");
    for (size_t i = 0; (i < 8 && row->errors[i]) || line;
         i++, line = line ? strtok(NULL, "\n") : NULL) {
        const char *want = i < 8 && row->errors[i] ? row->errors[i] : NULL;
        if (want && line && strncmp(line, "c.yaml:", 7) == 0 &&
            strncmp(line + 7, want, strlen(want)) == 0)
            continue;
        print_error("%s\n  want: %s\n  got:  %s\n", row->yaml, want ? want : "no more",
                    line ? line : "no more");
        wrong++;
    }
    return wrong;
}

static void test_errors(void **state)
{
    (void)state;
    unsigned wrong = 0;
    char empty[] = "";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf errors = {0};
        struct config *config = config_parse("c.yaml", rows[i].yaml, strlen(rows[i].yaml), &errors);
        assert_false(errors.failed);
        assert_true(!config == (errors.len > 0));
        wrong += check(&rows[i], errors.data ? errors.data : empty);
        config_free(config);
        buf_fini(&errors);
    }
    assert_int_equal(wrong, 0);
}

/* Repeats a text; the caller frees it. */
static char *repeat(const char *head, const char *body, size_t times, const char *tail)
{
    struct buf b = {0};
    buf_puts(&b, head);
    size_t len = strlen(body);
    char *to = buf_reserve(&b, times * len);
    assert_non_null(to);
    for (size_t i = 0; i < times; i++)
        memcpy(to + i * len, body, len);
    b.len += times * len;
    buf_puts(&b, tail);
    assert_false(b.failed);
    return buf_take(&b);
}

/* Large nonsense: told in a few lines, and in the time of one reading. */
static void test_large(void **state)
{
    (void)state;
    static const struct {
        const char *head, *body;
        size_t times;
        const char *tail, *error;
    } large[] = {
        {"server: {listen: ", "x", 10 << 20, "}\n", "c.yaml:1:18: server.listen: \"xxxx"},
        {"server: ", "[", 1 << 20, "", "c.yaml:1:24: nested too deeply"},
        {"server: ", "{a: ", 1 << 20, "", "c.yaml:1:"},
        {HEAD, "x: 1\n", 200000, "", "c.yaml:2:1: unknown key \"x\""},
        {HEAD "zones: [", "{},", 200000, "]", "c.yaml:2:9: an entry of zones needs"},
        {HEAD "zones: [{name: a, file: x, notify: [", "192.0.2.1,", 200000, "]}]",
         "c.yaml:2:36: zones[].notify has more than 64 entries"},
        {HEAD "zones: [{name: a, file: x, allow-transfer: [", "192.0.2.1,", 200000, "]}]",
         "c.yaml:2:685: zones[].allow-transfer has more than 64 entries"},
        {"server: {listen: [", "127.0.0.1,", 200000, "]}",
         "c.yaml:1:18: server.listen has 200000 entries; at most 1024"},
        {"", "- ", 5000, "x", "c.yaml:1:"},
    };
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        char *yaml = repeat(large[i].head, large[i].body, large[i].times, large[i].tail);
        struct buf errors = {0};
        assert_null(config_parse("c.yaml", yaml, strlen(yaml), &errors));
        if (!strstr(errors.data, large[i].error))
            fail_msg("want: %s\ngot: %.300s", large[i].error, errors.data);
        assert_true(errors.len < 300 * 1000);
        buf_fini(&errors);
        free(yaml);
    }
}

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *path, *error;
    } files[] = {
        {"/nonexistent/c.yaml", "/nonexistent/c.yaml: cannot be read: No such file or directory; "},
        {"/", "/: cannot be read: it is a directory; "},
        {"/dev/null", "/dev/null: cannot be read: it is not a regular file"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct buf errors = {0};
        int fd;
        assert_int_equal(text_read(files[i].path, &fd, &errors), ERR_CONFIG);
        assert_int_equal(fd, -1);
        assert_memory_equal(errors.data, files[i].error, strlen(files[i].error));
        buf_fini(&errors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a good configuration becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "backend/base/buf.h"
#include "server/config/config.h"

static struct config *parse(const char *path, const char *yaml)
{
    struct buf errors = {0};
    struct config *config = config_parse(path, yaml, strlen(yaml), &errors);
    if (!config)
        fail_msg("%s", errors.data);
    assert_int_equal(errors.len, 0);
    buf_fini(&errors);
    return config;
}

static void test_least(void **state)
{
    (void)state;
    struct config *c =
        parse("/etc/zonedeck/zonedeck.yaml", "server: {listen: 192.0.2.1}\n"
                                             "endpoint:\nkeys:\nzones:\npolicy:\ndependents:\n");
    assert_int_equal(c->listen_count, 1);
    assert_string_equal(c->listen[0].text, "192.0.2.1@53");
    assert_in_range(c->threads, 1, 64);
    assert_string_equal(c->state, "/var/lib/zonedeck");
    assert_null(c->user);
    assert_false(c->drills);
    assert_int_equal(c->tcp.connections, 1024);
    assert_int_equal(c->tcp.per_client, 256);
    assert_int_equal(c->tcp.idle, 10);
    assert_int_equal(c->tcp.query, 5);
    assert_int_equal(c->tcp.send, 30);
    assert_int_equal(c->endpoint_count, 1);
    assert_string_equal(c->endpoint[0].unix_path, "/run/zonedeck/endpoint.sock");
    assert_string_equal(c->token_file, "/var/lib/zonedeck/token");
    assert_string_equal(c->version, "zonedeck " ZONEDECK_VERSION);
    assert_string_equal(c->identity, "");
    assert_string_equal(c->nsid, "");
    assert_string_equal(c->cookie_secret_file, "/var/lib/zonedeck/cookie.secret");
    assert_false(c->require_cookie);
    assert_int_equal(c->key_count, 0);
    assert_int_equal(c->zone_count, 0);
    assert_int_equal(c->memory_limit, 0);
    assert_null(config_find_zone(c, (const uint8_t *)"", 1));
    config_free(c);
    config_free(NULL);
}

static void test_what_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *version, *identity, *nsid;
    } rows[] = {
        {"version: none", "", "", ""},
        {"identity: ns1", "zonedeck " ZONEDECK_VERSION, "ns1", "ns1"},
        {"version: a b, identity: ns1, nsid: none", "a b", "ns1", ""},
        {"identity: none, nsid: x", "zonedeck " ZONEDECK_VERSION, "", "x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml,
                 "server: {listen: 192.0.2.1, %s, require-cookie: true, cookie-secret-file: c}",
                 rows[i].yaml);
        struct config *c = parse("/etc/zonedeck.yaml", yaml);
        assert_string_equal(c->version, rows[i].version);
        assert_string_equal(c->identity, rows[i].identity);
        assert_string_equal(c->nsid, rows[i].nsid);
        assert_string_equal(c->cookie_secret_file, "/etc/c");
        assert_true(c->require_cookie);
        config_free(c);
    }
}

static const char full[] =
    "\xef\xbb\xbf# with a byte order mark and DOS line ends\r\n"
    "server:\r\n"
    "  listen: [127.0.0.1@5300, \"0:0::1@5300\", 0.0.0.0, \"::\"]\r\n"
    "  threads: 3\r\n"
    "  state: state\r\n"
    "  user: dns\r\n"
    "  drills: true\r\n"
    "endpoint:\r\n"
    "  listen: [unix:run/e.sock, 127.1.2.3@8053, \"::1@8053\"]\r\n"
    "  token-file: secret/token\r\n"
    "keys:\r\n"
    "  - {name: Key, algorithm: hmac-sha256, secret: AAH+/w==}\r\n"
    "zones:\r\n"
    "  - name: Example.COM\r\n"
    "    file: \"zones/caf\xc3\xa9 1.zone\"\r\n"
    "    allow-transfer: [any, 192.0.2.0/24, 2001:db8::/32, 192.0.2.9]\r\n"
    "    notify: [192.0.2.2, \"2001:db8::2@5301\", {address: 192.0.2.3@54}]\r\n"
    "  - name: a.example\r\n"
    "    primaries: [192.0.2.1@5300, {address: \"2001:db8::1\"}]\r\n"
    "  - {name: b.example, primaries: 192.0.2.1, allow-notify: 198.51.100.0/24}\r\n"
    "  - {name: c.example, primaries: 192.0.2.1, allow-notify: none}\r\n"
    "  - {name: ., file: /root.zone}\r\n"
    "policy: {memory-limit: 512M}\r\n"
    "dependents:\r\n"
    "  - {name: logon, active-directory: ad.example.com}\r\n"
    "  - {name: mail, mx: example.com}\r\n";

static const struct config_zone *zone_of(const struct config *c, const char *wire, size_t len)
{
    const struct config_zone *zone = config_find_zone(c, (const uint8_t *)wire, len);
    assert_non_null(zone);
    return zone;
}

static void check_service(const struct config *c)
{
    static const char *const listen[] = {"127.0.0.1@5300", "::1@5300", "0.0.0.0@53", "::@53"};
    assert_int_equal(c->listen_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(c->listen[i].text, listen[i]);
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&c->listen[1].address;
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_int_equal(ntohs(v6->sin6_port), 5300);
    assert_int_equal(c->listen[1].address_len, sizeof *v6);
    assert_int_equal(c->threads, 3);
    assert_string_equal(c->state, "/etc/zd/state");
    assert_string_equal(c->user, "dns");
    assert_true(c->drills);
    assert_int_equal(c->endpoint_count, 3);
    assert_string_equal(c->endpoint[0].unix_path, "/etc/zd/run/e.sock");
    assert_null(c->endpoint[1].unix_path);
    assert_string_equal(c->endpoint[1].address.text, "127.1.2.3@8053");
    assert_string_equal(c->endpoint[2].address.text, "::1@8053");
    assert_string_equal(c->token_file, "/etc/zd/secret/token");
    assert_int_equal(c->key_count, 1);
    assert_string_equal(c->keys[0].name, "key.");
    assert_string_equal(c->keys[0].algorithm, "hmac-sha256");
    assert_int_equal(c->keys[0].secret_len, 4);
    assert_memory_equal(c->keys[0].secret, "\0\1\376\377", 4);
    assert_true(c->memory_limit == UINT64_C(512) << 20);
}

static void check_primary(const struct config *c)
{
    static const struct config_acl want[] = {
        {.family = AF_INET},
        {.family = AF_INET6},
        {.family = AF_INET, .address = {192, 0, 2}, .prefix = 24},
        {.family = AF_INET6, .address = {0x20, 1, 0x0d, 0xb8}, .prefix = 32},
        {.family = AF_INET, .address = {192, 0, 2, 9}, .prefix = 32},
    };
    static const char *const notify[] = {"192.0.2.2@53", "2001:db8::2@5301", "192.0.2.3@54"};
    const struct config_zone *zone = zone_of(c, "\7example\3com\0", 13);
    assert_string_equal(zone->name, "example.com.");
    assert_int_equal(zone->line, 14);
    assert_string_equal(zone->file, "/etc/zd/zones/caf\xc3\xa9 1.zone");
    assert_int_equal(zone->lists->primaries.count, 0);
    assert_int_equal(zone->lists->allow_notify.count, 0);
    assert_int_equal(zone->lists->allow_transfer.count, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct config_acl *acl = &zone->lists->allow_transfer.items[i];
        assert_int_equal(acl->kind, CONFIG_ACL_ADDRESS);
        assert_int_equal(acl->family, want[i].family);
        assert_int_equal(acl->prefix, want[i].prefix);
        assert_memory_equal(acl->address, want[i].address, 16);
    }
    assert_int_equal(zone->lists->notify.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(zone->lists->notify.items[i].text, notify[i]);
}

static void check_secondaries(const struct config *c)
{
    const struct config_zone *zone = zone_of(c, "\1a\7example\0", 11);
    assert_null(zone->file);
    assert_int_equal(zone->lists->primaries.count, 2);
    assert_string_equal(zone->lists->primaries.items[0].text, "192.0.2.1@5300");
    assert_string_equal(zone->lists->primaries.items[1].text, "2001:db8::1@53");
    assert_null(zone->lists->primaries.items[1].key);
    assert_int_equal(zone->lists->allow_transfer.count, 0);
    /* The primaries may notify when nothing else is said. */
    assert_int_equal(zone->lists->allow_notify.count, 2);
    assert_int_equal(zone->lists->allow_notify.items[0].prefix, 32);
    assert_memory_equal(zone->lists->allow_notify.items[0].address, "\300\0\2\1", 4);
    assert_int_equal(zone->lists->allow_notify.items[1].family, AF_INET6);
    assert_int_equal(zone->lists->allow_notify.items[1].prefix, 128);
    zone = zone_of(c, "\1b\7example\0", 11);
    assert_int_equal(zone->lists->allow_notify.count, 1);
    assert_int_equal(zone->lists->allow_notify.items[0].prefix, 24);
    zone = zone_of(c, "\1c\7example\0", 11);
    assert_int_equal(zone->lists->allow_notify.count, 0);
}

static void test_full(void **state)
{
    (void)state;
    struct config *c = parse("/etc/zd/zonedeck.yaml", full);
    assert_int_equal(c->zone_count, 5);
    check_service(c);
    check_primary(c);
    check_secondaries(c);
    assert_string_equal(zone_of(c, "", 1)->file, "/root.zone");
    assert_null(config_find_zone(c, (const uint8_t *)"\3com\0", 5));
    assert_null(config_find_zone(c, (const uint8_t *)"\1d\7example\0", 11));
    assert_null(config_find_zone(c, (const uint8_t *)"\1a\7example\0", 10));
    config_free(c);
}

/* Relative paths start at the folder of the file, which may itself be relative. */
static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *folder;
    } rows[] = {{"c.yaml", ""}, {"./c.yaml", "/."}, {"a/b/c.yaml", "/a/b"}, {"../c.yaml", "/.."}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *here = getcwd(NULL, 0);
        struct buf want = {0};
        buf_printf(&want, "%s%s/z", here, rows[i].folder);
        struct config *c = parse(rows[i].path, "server: {listen: '::1', state: z}");
        assert_string_equal(c->state, want.data);
        config_free(c);
        buf_fini(&want);
        free(here);
    }
    struct config *c = parse("/c.yaml", "server: {listen: '::1', state: z}");
    assert_string_equal(c->state, "/z");
    config_free(c);
}

static void make_file(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void remove_file(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void test_directory(void **state)
{
    (void)state;
    static const char *const files[] = {
        "Example.NET.zone", "b.example.zone", "0\\0471.example.zone",
        ".hidden.zone",     "notes.txt",      ".zone"};
    char folder[] = "/tmp/zonedeck-test-XXXXXX", yaml[512], path[128];
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        make_file(folder, files[i]);
    snprintf(yaml, sizeof yaml,
             "server: {listen: '::1'}\nzones:\n- {directory: %s, allow-transfer: 192.0.2.1}\n",
             folder);
    struct config *c = parse("c.yaml", yaml);
    assert_int_equal(c->zone_count, 3);
    const struct config_zone *zone = zone_of(c, "\7example\3net\0", 13);
    snprintf(path, sizeof path, "%s/Example.NET.zone", folder);
    assert_string_equal(zone->name, "example.net.");
    assert_string_equal(zone->file, path);
    assert_int_equal(zone->line, 0);
    assert_int_equal(zone->lists->allow_transfer.count, 1);
    zone_of(c, "\1b\7example\0", 11);
    zone_of(c,
            "\3"
            "0/1\7example\0",
            13);
    config_free(c);

    /* What is wrong with a directory's files is told at its line. */
    make_file(folder, "a..b.zone");
    make_file(folder, "B.Example.zone");
    struct buf errors = {0}, want = {0};
    assert_null(config_parse("c.yaml", yaml, strlen(yaml), &errors));
    buf_puts(&want, "c.yaml:3:15: zone \"b.example.\" is configured twice, here by the file \"");
    if (!strstr(errors.data, want.data) ||
        !strstr(errors.data,
                "c.yaml:3:15: zones[].directory: a file in it, \"a..b.zone\", is not named"))
        fail_msg("%s", errors.data);
    buf_fini(&errors);
    buf_fini(&want);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove_file(folder, files[i]);
    remove_file(folder, "a..b.zone");
    remove_file(folder, "B.Example.zone");
    rmdir(folder);
}

/* Many zones: each is found again. */
static void test_many(void **state)
{
    (void)state;
    enum { ZONES = 20000 };
    struct buf yaml = {0};
    buf_puts(&yaml, "server: {listen: '::1'}\nzones:\n");
    for (unsigned i = 0; i < ZONES; i++)
        buf_printf(&yaml, "- {name: z%u.example, file: z%u.zone}\n", i * 7919u % ZONES, i);
    struct config *c = parse("/c.yaml", yaml.data);
    buf_fini(&yaml);
    assert_int_equal(c->zone_count, ZONES);
    for (unsigned i = 0; i < ZONES; i++) {
        char wire[32];
        int n = snprintf(wire + 1, sizeof wire - 1, "z%u", i);
        wire[0] = (char)n;
        memcpy(wire + 1 + n, "\7example", 9);
        zone_of(c, wire, (size_t)n + 10);
    }
    config_free(c);
}

static void test_tcp(void **state)
{
    (void)state;
    struct config *c = parse("c", "server:\n"
                                  "  listen: 192.0.2.1\n"
                                  "  tcp-connections: 65536\n"
                                  "  tcp-connections-per-client: 1\n"
                                  "  tcp-idle-timeout: 2\n"
                                  "  tcp-query-timeout: 3\n"
                                  "  tcp-send-timeout: 4\n");
    assert_int_equal(c->tcp.connections, 65536);
    assert_int_equal(c->tcp.per_client, 1);
    assert_int_equal(c->tcp.idle, 2);
    assert_int_equal(c->tcp.query, 3);
    assert_int_equal(c->tcp.send, 4);
    config_free(c);
}

static void test_keys_are_named(void **state)
{
    (void)state;
    struct config *c = parse("/etc/zd/zonedeck.yaml",
                             "server: {listen: 127.0.0.1}\n"
                             "zones:\n"
                             "  - {name: a, file: f, allow-transfer: [10.0.0.0/8, key:B]}\n"
                             "  - {name: b, primaries: [{address: 192.0.2.1, key: a.}]}\n"
                             "keys:\n"
                             "  - {name: b, algorithm: hmac-sha512, secret: AAA=}\n"
                             "  - {name: a, algorithm: hmac-md5, secret: AAAA}\n");
    assert_int_equal(c->tsig.count, 2);
    assert_int_equal(c->tsig.item[0].algorithm, TSIG_MD5);
    assert_int_equal(c->zones[0].lists->allow_transfer.items[1].kind, CONFIG_ACL_KEY);
    assert_ptr_equal(c->zones[0].lists->allow_transfer.items[1].key, &c->tsig.item[1]);
    assert_ptr_equal(c->zones[1].lists->primaries.items[0].key, &c->tsig.item[0]);
    config_free(c);
}

/* What makes a reload put a new serve process into place. */
static void test_same_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {"",
                                       "keys: [{name: k, algorithm: hmac-sha256, secret: AAAA}]",
                                       "keys: [{name: k, algorithm: hmac-sha256, secret: AAAB}]",
                                       "keys: [{name: k, algorithm: hmac-sha224, secret: AAAA}]",
                                       "keys: [{name: l, algorithm: hmac-sha256, secret: AAAA}]",
                                       ("keys: [{name: k, algorithm: hmac-sha256, secret: AAAA}, "
                                        "{name: l, algorithm: hmac-sha256, secret: AAAA}]")};
    enum { COUNT = sizeof keys / sizeof *keys };
    for (size_t i = 0; i < COUNT * COUNT; i++) {
        char a[200], b[200];
        snprintf(a, sizeof a, "server: {listen: 127.0.0.1}\n%s", keys[i / COUNT]);
        snprintf(b, sizeof b, "server: {listen: 127.0.0.1}\n%s", keys[i % COUNT]);
        struct config *x = parse("/c.yaml", a), *y = parse("/c.yaml", b);
        assert_int_equal(config_same_keys(x, y), i / COUNT == i % COUNT);
        config_free(x);
        config_free(y);
    }
}

static void test_allow_query(void **state)
{
    (void)state;
    struct config *c = parse("c", "server: {listen: 192.0.2.1}\n"
                                  "zones:\n"
                                  "  - {name: a, file: f}\n"
                                  "  - {name: b, file: f, allow-query: none}\n"
                                  "  - {name: c, file: f, allow-query: [192.0.2.0/24, \"::1\"]}\n");
    static const size_t counts[] = {0, 0, 2};
    for (size_t i = 0; i < c->zone_count; i++) {
        assert_int_equal(c->zones[i].lists->limits_queries, i > 0);
        assert_int_equal(c->zones[i].lists->allow_query.count, counts[i]);
    }
    config_free(c);
}

static void test_rate(void **state)
{
    (void)state;
    struct config *c = parse("c", "server: {listen: 192.0.2.1}\n"
                                  "rate-limit: {answers: 50}\n");
    assert_int_equal(c->rate.answers, 50);
    assert_int_equal(c->rate.nxdomain, 0);
    assert_int_equal(c->rate.errors, 0);
    assert_int_equal(c->rate.slip, 2);
    assert_int_equal(c->rate.bits4, 24);
    assert_int_equal(c->rate.bits6, 56);
    assert_int_equal(c->rate.exempt.count, 0);
    config_free(c);
    c = parse("c", "server: {listen: 192.0.2.1}\n"
                   "rate-limit:\n"
                   "  nxdomain: 3\n"
                   "  errors: 4\n"
                   "  slip: 0\n"
                   "  ipv4-prefix: 32\n"
                   "  ipv6-prefix: 48\n"
                   "  exempt: [192.0.2.0/24, \"2001:db8::/32\"]\n");
    assert_int_equal(c->rate.answers, 0);
    assert_int_equal(c->rate.nxdomain, 3);
    assert_int_equal(c->rate.errors, 4);
    assert_int_equal(c->rate.slip, 0);
    assert_int_equal(c->rate.bits4, 32);
    assert_int_equal(c->rate.bits6, 48);
    assert_int_equal(c->rate.exempt.count, 2);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),          cmocka_unit_test(test_rate),
        cmocka_unit_test(test_allow_query),  cmocka_unit_test(test_keys_are_named),
        cmocka_unit_test(test_same_keys),    cmocka_unit_test(test_least),
        cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_full),
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "server/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "server/config/lists.h"
#include "server/config/peers.h"
#include "server/config/readers.h"
#include "server/config/zones.h"

#define AT(field) .offset = offsetof(struct config, field)

const struct schema_key schema_keys[] = {
    {"", "server", "mapping", "", "server: {listen: [127.0.0.1@53]}", "the service itself",
     .required = true, .read = read_section},
    {"", "endpoint", "mapping", "", "endpoint: {listen: [127.0.0.1@8053]}",
     "where the console and other programs reach the server", .read = read_section},
    {"", "rate-limit", "mapping", "", "rate-limit: {answers: 50, nxdomain: 50, errors: 20}",
     "limits what a network is sent over UDP, against misuse as an amplifier",
     .read = read_section},
    {"", "keys", "list of mappings", "none",
     "keys: [{name: k., algorithm: hmac-sha256, secret: \"...\"}]",
     "TSIG keys (RFC 8945); lists and servers of a zone name them", .early = true,
     .read = read_keys},
    {"", "zones", "list of mappings", "none",
     "zones: [{name: example.com., file: example.com.zone}]", "what is served", .read = read_zones},
    {"", "policy", "mapping", "", "policy: {memory-limit: 2G}",
     "when to act before something breaks", .read = read_section},
    {"", "dependents", "list of mappings", "none", "dependents: [{name: mail, mx: example.com}]",
     "services that need this server; checked, and kept for later", .read = read_dependents},

    {"server", "listen", "list of ADDRESS[@PORT]", "", "listen: [192.0.2.1, \"::1@5300\"]",
     "addresses that answer DNS over UDP and TCP; the port is 53 when left out", .required = true,
     .read = read_listen},
    {"server", "threads", "1 to 64", "one per processor", "threads: 2", "threads that answer",
     .read = read_number, AT(threads), .least = 1, .most = 64},
    {"server", "state", "directory", "/var/lib/zonedeck", "state: /var/lib/zonedeck",
     "compiled zones, transferred zones and history", .read = read_path, AT(state)},
    {"server", "user", "user name", "zonedeck", "user: zonedeck",
     "whom to become when started as root", .read = read_text, AT(user)},
    {"server", "drills", "true or false", "false", "drills: false",
     "allow built-in faults to be triggered for practice; not on a server that matters",
     .read = read_bool, AT(drills)},
    {"server", "version", "text or none", "zonedeck and its version", "version: none",
     "what is told as version.bind and version.server, class CHAOS; none: it is refused",
     .read = read_told, AT(version)},
    {"server", "identity", "text or none", "none", "identity: ns1-berlin",
     "which server this is, told as hostname.bind and id.server, class CHAOS; none: it is refused",
     .read = read_told, AT(identity)},
    {"server", "nsid", "text or none", "the identity", "nsid: ns1-berlin",
     "told in every answer to who asks for it with EDNS (RFC 5001)", .read = read_told, AT(nsid)},
    {"server", "cookie-secret-file", "file", "`cookie.secret` in the state directory",
     "cookie-secret-file: /etc/zonedeck/cookie.secret",
     "secrets of DNS cookies, 32 hexadecimal digits a line, at most 8; the first makes cookies, "
     "all "
     "are accepted; made when it is missing",
     .read = read_path, AT(cookie_secret_file)},
    {"server", "require-cookie", "true or false", "false", "require-cookie: false",
     "answer a UDP query that has a cookie, but none of ours, only with one of ours (BADCOOKIE)",
     .read = read_bool, AT(require_cookie)},

    {"server", "tcp-connections", "1 to 65536", "1024", "tcp-connections: 1024",
     "TCP connections open at once; of more, the one idle longest is closed", .read = read_number,
     AT(tcp.connections), .least = 1, .most = 65536},
    {"server", "tcp-connections-per-client", "1 to 65536", "256", "tcp-connections-per-client: 256",
     "of these, how many one IPv4 address or IPv6 /56 may have", .read = read_number,
     AT(tcp.per_client), .least = 1, .most = 65536},
    {"server", "tcp-idle-timeout", "seconds, 1 to 3600", "10", "tcp-idle-timeout: 10",
     "how long a TCP connection may be without a query", .read = read_number, AT(tcp.idle),
     .least = 1, .most = 3600},
    {"server", "tcp-query-timeout", "seconds, 1 to 3600", "5", "tcp-query-timeout: 5",
     "how long one query over TCP may take from its first byte to its last", .read = read_number,
     AT(tcp.query), .least = 1, .most = 3600},
    {"server", "tcp-send-timeout", "seconds, 1 to 3600", "30", "tcp-send-timeout: 30",
     "how long a peer may read nothing of its answers or its transfer", .read = read_number,
     AT(tcp.send), .least = 1, .most = 3600},

    {"rate-limit", "answers", "a second, 1 to 1000000", "without limit", "answers: 50",
     "how often a network is answered the same name over UDP", .read = read_number,
     AT(rate.answers), .least = 1, .most = 1000000},
    {"rate-limit", "nxdomain", "a second, 1 to 1000000", "without limit", "nxdomain: 50",
     "how often it is told that a name of one zone does not exist", .read = read_number,
     AT(rate.nxdomain), .least = 1, .most = 1000000},
    {"rate-limit", "errors", "a second, 1 to 1000000", "without limit", "errors: 20",
     "how often it is sent an error", .read = read_number, AT(rate.errors), .least = 1,
     .most = 1000000},
    {"rate-limit", "slip", "0 to 100", "2", "slip: 2",
     "of the answers over the limit, every n-th is an empty one with TC set; 0 is none",
     .read = read_number, AT(rate.slip), .least = 0, .most = 100},
    {"rate-limit", "ipv4-prefix", "1 to 32", "24", "ipv4-prefix: 24",
     "bits of an IPv4 address that are one network", .read = read_number, AT(rate.bits4),
     .least = 1, .most = 32},
    {"rate-limit", "ipv6-prefix", "1 to 63", "56", "ipv6-prefix: 56",
     "bits of an IPv6 address that are one network", .read = read_number, AT(rate.bits6),
     .least = 1, .most = 63},
    {"rate-limit", "exempt", "list of ADDRESS, ADDRESS/PREFIX, any or none", "none",
     "exempt: [192.0.2.0/24]", "who is never limited; at most 64 entries", .read = read_addresses,
     AT(rate.exempt)},

    {"endpoint", "listen", "list of unix:PATH or loopback ADDRESS@PORT",
     "unix:/run/zonedeck/endpoint.sock",
     "listen: [unix:/run/zonedeck/endpoint.sock, 127.0.0.1@8053]", "where HTTP is served",
     .read = read_endpoints},
    {"endpoint", "token-file", "file", "`token` in the state directory",
     "token-file: /etc/zonedeck/token", "holds the token that actions over TCP need",
     .read = read_path, AT(token_file)},

    {"keys[]", "name", "domain name", "", "name: xfr-key.",
     "the key's name, as on the other server", .required = true, .read = read_name_text,
     .offset = offsetof(struct config_key, name)},
    {"keys[]", "algorithm",
     "hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512", "",
     "algorithm: hmac-sha256", "of the signature", .required = true, .read = read_algorithm,
     .offset = offsetof(struct config_key, algorithm)},
    {"keys[]", "secret", "base64", "", "secret: \"c2VjcmV0IHNlY3JldCBzZWNyZXQ=\"",
     "the shared secret", .required = true, .read = read_secret},

    {"zones[]", "name", "domain name", "", "name: example.com.",
     "the zone; an entry has this or `directory`", .read = read_zone_name,
     .offset = offsetof(struct zone_entry, zone)},
    {"zones[]", "directory", "directory", "", "directory: zones",
     "every NAME.zone in it is a primary zone NAME", .read = read_path,
     .offset = offsetof(struct zone_entry, directory)},
    {"zones[]", "file", "file", "", "file: example.com.zone",
     "the zone's text; makes this server its primary", .read = read_path,
     .offset = offsetof(struct zone_entry, zone.file)},
    {"zones[]", "primaries", "list of ADDRESS[@PORT] or mappings", "", "primaries: [192.0.2.1]",
     "where the zone is transferred from; makes this server a secondary", .read = read_peers,
     .offset = offsetof(struct zone_entry, lists.primaries)},
    {"zones[]", "notify", "list of ADDRESS[@PORT] or mappings", "none", "notify: [192.0.2.2]",
     "secondaries that are told of each new version", .read = read_peers,
     .offset = offsetof(struct zone_entry, lists.notify)},
    {"zones[]", "allow-transfer", "list of ADDRESS, ADDRESS/PREFIX, key:NAME, any or none", "none",
     "allow-transfer: [192.0.2.2, 198.51.100.0/24, key:xfr-key.]",
     "who may transfer the zone; at most 64 entries", .read = read_acls,
     .offset = offsetof(struct zone_entry, lists.allow_transfer)},
    {"zones[]", "allow-query", "list of ADDRESS, ADDRESS/PREFIX, key:NAME, any or none", "any",
     "allow-query: [192.0.2.0/24]",
     "who may ask for the zone's data; others are told REFUSED; at most 64 entries",
     .read = read_acls, .offset = offsetof(struct zone_entry, lists.allow_query)},
    {"zones[]", "allow-notify", "list of ADDRESS, ADDRESS/PREFIX, key:NAME, any or none",
     "the primaries", "allow-notify: [192.0.2.1]",
     "who may announce a new version of a secondary zone; at most 64 entries; a list given "
     "replaces the default",
     .read = read_acls, .offset = offsetof(struct zone_entry, lists.allow_notify)},

    {"primaries[]", "address", "ADDRESS[@PORT]", "", "address: 192.0.2.1@53",
     "a server; a mapping of `primaries` or `notify` has it", .required = true,
     .read = read_peer_address},
    {"primaries[]", "key", "name of a key", "none", "key: xfr-key.",
     "signs what is sent to the server, which must sign what it answers", .read = read_peer_key},

    {"policy", "memory-limit", "bytes, or with K, M, G or T", "none", "memory-limit: 2G",
     "memory of all processes together that calls for action", .read = read_size, AT(memory_limit)},

    {"dependents[]", "name", "text", "", "name: logon", "what the service is called",
     .required = true, .read = read_text, .offset = offsetof(struct dependent, name)},
    {"dependents[]", "active-directory", "domain name", "", "active-directory: ad.example.com",
     "a domain whose members find it through this server; an entry has this or `mx`",
     .read = read_name_text, .offset = offsetof(struct dependent, active_directory)},
    {"dependents[]", "mx", "domain name", "", "mx: example.com",
     "a domain whose mail finds its way through this server", .read = read_name_text,
     .offset = offsetof(struct dependent, mx)},
    {0},
};

const char *schema_path(const struct schema_key *key, char out[SCHEMA_PATH_MAX])
{
    snprintf(out, SCHEMA_PATH_MAX, "%s%s%s", key->in, *key->in ? "." : "", key->name);
    return out;
}

void schema_refuse(struct schema_reader *r, const struct schema_key *key,
                   const struct tree_node *value, const char *why)
{
    char path[SCHEMA_PATH_MAX], quote[REPORT_QUOTE];
    if (value->kind == TREE_TEXT)
        report_add(r->report, value->line, value->column, "%s: %s %s", schema_path(key, path),
                   report_quote(value->text, value->len, quote), why);
    else if (value->kind != TREE_BAD)
        report_add(r->report, value->line, value->column, "%s %s", schema_path(key, path), why);
}

void schema_refuse_kind(struct schema_reader *r, const struct schema_key *key,
                        const struct tree_node *value)
{
    char path[SCHEMA_PATH_MAX];
    bool empty = value->kind == TREE_TEXT && value->len == 0;
    if (value->kind != TREE_BAD)
        report_add(r->report, value->line, value->column,
                   "%s: expected %s, found %s; write for example %s", schema_path(key, path),
                   key->type, empty ? "nothing" : tree_kind_name(value), key->example);
}

const char *schema_text(struct schema_reader *r, const struct schema_key *key,
                        const struct tree_node *value)
{
    if (value->kind != TREE_TEXT || value->len == 0) {
        schema_refuse_kind(r, key, value);
        return NULL;
    }
    for (size_t i = 0; i < value->len; i++) {
        unsigned char c = (unsigned char)value->text[i];
        if (c < ' ' || c == 0x7f) {
            schema_refuse(r, key, value, "holds a control character or a line break; remove it");
            return NULL;
        }
    }
    return value->text;
}

const struct tree_node *schema_next(struct schema_reader *r, const struct schema_key *key,
                                    const struct tree_node *value, const struct tree_node *at)
{
    if (value->kind == TREE_LIST)
        return at ? at->next : value->first;
    if (at)
        return NULL;
    if (value->kind == TREE_TEXT && value->len > 0)
        return value;
    schema_refuse_kind(r, key, value);
    return NULL;
}

static size_t least3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's distance of two short texts; a long one is far from everything. */
static size_t distance(const char *a, const char *b)
{
    enum { LONG = 32 };
    size_t row[LONG + 1], na = strlen(a), nb = strlen(b);
    if (na > LONG || nb > LONG)
        return LONG;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t above = row[j];
            row[j] = least3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[nb];
}

static void list_known(const char *in, struct buf *out)
{
    for (const struct schema_key *k = schema_keys; k->name; k++) {
        if (strcmp(k->in, in) == 0)
            buf_printf(out, "%s%s", out->len ? ", " : "", k->name);
    }
}

/* What to do about an unknown key: a near name here, the same name elsewhere, or what there is. */
static void advise(const char *in, const char *name, struct buf *out)
{
    const struct schema_key *near = NULL, *elsewhere = NULL;
    size_t best = 2 + strlen(name) / 4;
    for (const struct schema_key *k = schema_keys; k->name; k++) {
        bool here = strcmp(k->in, in) == 0;
        size_t d = distance(name, k->name);
        if (here && d < best) {
            near = k;
            best = d;
        }
        if (!here && d == 0)
            elsewhere = k;
    }
    if (near)
        buf_printf(out, "did you mean \"%s\"?", near->name);
    else if (elsewhere)
        buf_printf(out, "it belongs into %s", *elsewhere->in ? elsewhere->in : "the top level");
    else
        list_known(in, out);
}

static void refuse_unknown(struct schema_reader *r, const char *in, const struct tree_node *name)
{
    char quote[REPORT_QUOTE];
    struct buf advice = {0};
    if (name->kind == TREE_TEXT) {
        advise(in, name->text, &advice);
        report_add(r->report, name->line, name->column, "unknown key %s%s%s; %s%s",
                   report_quote(name->text, name->len, quote), *in ? " in " : "", in,
                   advice.data && strchr(advice.data, ',') ? "known are " : "",
                   advice.data ? advice.data : "remove it");
    } else if (name->kind != TREE_BAD) {
        report_add(r->report, name->line, name->column, "a key must be a text, not %s; correct it",
                   tree_kind_name(name));
    }
    buf_fini(&advice);
}

/* The rows of a mapping stand together. Very many mappings in a row are zones. */
static const struct schema_key *rows_of(struct schema_reader *r, const char *in)
{
    const struct schema_key *k = r->rows ? r->rows : schema_keys;
    if (strcmp(k->in, in) != 0) {
        for (k = schema_keys; strcmp(k->in, in) != 0;)
            k++;
    }
    r->rows = k;
    return k;
}

static bool same_rows(const struct schema_key *a, const struct schema_key *b)
{
    return b->name && (a->in == b->in || strcmp(a->in, b->in) == 0);
}

static const struct schema_key *find_key(struct schema_reader *r, const char *in,
                                         const struct tree_node *name)
{
    const struct schema_key *rows = rows_of(r, in);
    for (const struct schema_key *k = rows; same_rows(rows, k); k++) {
        if (name->kind == TREE_TEXT && strlen(k->name) == name->len &&
            memcmp(k->name, name->text, name->len) == 0)
            return k;
    }
    return NULL;
}

static void read_pair(struct schema_reader *r, const char *in, const struct tree_node *map,
                      const struct tree_node *name, char *base, bool early)
{
    char path[SCHEMA_PATH_MAX];
    const struct schema_key *key = find_key(r, in, name);
    if ((key && key->early) != early)
        return;
    if (!key) {
        refuse_unknown(r, in, name);
        return;
    }
    const struct tree_node *first = tree_get(map, key->name);
    if (first != name->next) {
        report_add(r->report, name->line, name->column,
                   "%s is given twice; the first is at line %u, remove one", schema_path(key, path),
                   first->line);
        return;
    }
    key->read(r, key, name->next, base + key->offset);
}

void schema_read_map(struct schema_reader *r, const char *in, const struct tree_node *node,
                     void *base)
{
    char path[SCHEMA_PATH_MAX];
    for (int pass = 0; pass < 2; pass++) {
        for (const struct tree_node *name = node->first; name && !report_full(r->report);
             name = name->next->next)
            read_pair(r, in, node, name, base, pass == 0);
    }
    const struct schema_key *rows = rows_of(r, in);
    for (const struct schema_key *k = rows; same_rows(rows, k); k++) {
        if (k->required && !tree_get(node, k->name))
            report_add(r->report, node->line, node->column, "%s is missing; add for example %s",
                       schema_path(k, path), k->example);
    }
}

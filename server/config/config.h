/* The configuration: a YAML file to a checked struct, or every error in it at its line and column.
 *
 * A struct config is read-only after it was made, and one configuration is one allocation lifetime:
 * config_free frees all of it. The text is parsed, never the file: the supervisor reads the file
 * once (text.h) and hands the same bytes to every process, so no process sees another version of
 * it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "backend/base/buf.h"
#include "server/dns/tsig.h"

enum { CONFIG_TOLD_MAX = 255 };

enum config_acl_kind { CONFIG_ACL_ADDRESS, CONFIG_ACL_KEY };

/* One element of an address list: an address with a prefix (host: 32 or 128), or a key. */
struct config_acl {
    enum config_acl_kind kind;
    int family;          /* AF_INET, AF_INET6 */
    uint8_t address[16]; /* network order; the first 4 for AF_INET */
    unsigned prefix;
    const struct tsig_key *key; /* only for CONFIG_ACL_KEY */
};

struct config_acls {
    struct config_acl *items;
    size_t count;
};

/* A server elsewhere: a primary to fetch from or a secondary to notify. */
struct config_peer {
    struct sockaddr_storage address;
    socklen_t address_len;
    char text[64];              /* ADDRESS@PORT, IPv6 without brackets */
    const struct tsig_key *key; /* what is sent to it is signed with; NULL none */
};

struct config_peers {
    struct config_peer *items;
    size_t count;
};

/* Who has to do with a zone. */
struct config_lists {
    struct config_peers primaries; /* empty for a primary */
    struct config_peers notify;
    struct config_acls allow_transfer, allow_notify;
    struct config_acls allow_query;
    bool limits_queries; /* else anybody may ask, whatever allow_query */
};

/* Of zones that say nothing of others. */
extern const struct config_lists config_no_lists;

/* There may be very many. */
struct config_zone {
    char *name;                       /* text form, lower case, with a final dot */
    uint8_t *wire;                    /* the same in wire form, lower case */
    char *file;                       /* absolute; NULL for a secondary */
    const struct config_lists *lists; /* mostly config_no_lists */
    unsigned line;                    /* of its entry; 0 when it comes from a directory */
    uint8_t wire_len;
};

struct config_listen {
    struct sockaddr_storage address;
    socklen_t address_len;
    char text[64];
};

struct config_endpoint_listen {
    char *unix_path; /* absolute; NULL for an address */
    struct config_listen address;
};

struct config_key {
    char *name, *algorithm;
    uint8_t *secret;
    size_t secret_len;
};

/* Of all threads together; times in seconds. */
struct config_tcp {
    unsigned connections, per_client; /* at most open: in all, and of one client */
    unsigned idle, query, send;       /* without a query; for a whole query; without reading */
};

/* Of each thread; answers a second, 0 without limit. */
struct config_rate {
    unsigned answers, nxdomain, errors;
    unsigned slip, bits4, bits6;
    struct config_acls exempt;
};

struct config {
    struct config_listen *listen;
    size_t listen_count;
    unsigned threads; /* at least 1 */
    char *state;      /* absolute */
    char *user;       /* NULL when not given */
    bool drills;      /* server.drills: built-in faults may be triggered */
    struct config_tcp tcp;
    struct config_rate rate;
    /* What the server tells of itself, at most CONFIG_TOLD_MAX bytes; "" nothing. */
    char *version, *identity, *nsid;
    char *cookie_secret_file; /* absolute; default STATE/cookie.secret */
    bool require_cookie;
    struct config_endpoint_listen *endpoint;
    size_t endpoint_count;
    char *token_file; /* endpoint.token-file: absolute; default STATE/token */
    struct config_key *keys;
    size_t key_count;
    struct tsig_keys tsig;     /* the same, ready for use */
    struct config_zone *zones; /* sorted by wire form; no two of one name */
    size_t zone_count;
    uint64_t memory_limit; /* policy.memory-limit in bytes; 0 none */
};

/* Checks `text` (of the file `path`, which is only for messages and for relative paths) and makes a
 * config of it. On success returns it. Else returns NULL and `errors` has a line per error, in the
 * order of the file: "PATH:LINE:COLUMN: what is wrong; what to do". Directories named in zones are
 * listed here. Files are not opened. */
struct config *config_parse(const char *path, const char *text, size_t len, struct buf *errors);
/* The same without zones, of which nothing is read or checked: for who has no use for them. There
 * may be very many, and finding them takes time and memory. */
struct config *config_parse_service(const char *path, const char *text, size_t len,
                                    struct buf *errors);
/* Frees the zones of a configuration that had only to be checked. */
void config_drop_zones(struct config *config);
void config_free(struct config *config);
/* Has it secrets in a file, `path`, that everybody may read? */
bool config_is_exposed(const struct config *config, const char *path);
/* Have both the same keys, secrets included? */
bool config_same_keys(const struct config *a, const struct config *b);
/* The zone of a lower-case wire name, or NULL. */
const struct config_zone *config_find_zone(const struct config *config, const uint8_t *wire,
                                           size_t len);

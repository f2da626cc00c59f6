#include "server/answer/cookie.h"

#include <netinet/in.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"

/* Where the parts of a cookie stand (RFC 9018 section 4). */
enum { VERSION = 8, TIME = 12, HASH = 16, VERSION_1 = 1 };

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* One line; false when it is neither a secret nor nothing. */
static bool read_line(struct cookie_secrets *s, const char *line, size_t len)
{
    const char *remark = memchr(line, '#', len);
    len = remark ? (size_t)(remark - line) : len;
    for (; len && is_blank(*line); len--)
        line++;
    while (len && is_blank(line[len - 1]))
        len--;
    if (len == 0)
        return true;
    uint8_t bytes[COOKIE_SECRET];
    if (len != sizeof bytes * 2 || s->count == COOKIE_SECRETS)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++) {
        int high = digit(line[2 * i]), low = digit(line[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    s->key[s->count++] = hash_key_from(bytes);
    return true;
}

int cookie_secrets_read(struct cookie_secrets *s, const char *text, size_t len)
{
    s->count = 0;
    bool good = true;
    while (len && good) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;
        good = read_line(s, text, line);
        line += end != NULL;
        text += line;
        len -= line;
    }
    if (good && s->count)
        return ERR_OK;
    explicit_bzero(s, sizeof *s);
    return ERR_FORMAT;
}

/* The client's address as it goes into the hash; an IPv4 address that a socket for IPv6 shows is
 * one of IPv4, as it may be on the next server. */
static size_t put_address(uint8_t out[16], const struct sockaddr *source)
{
    if (source->sa_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)(const void *)source)->sin_addr, 4);
        return 4;
    }
    if (source->sa_family != AF_INET6)
        return 0;
    const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)source)->sin6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(a);
    memcpy(out, a->s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    return mapped ? 4 : 16;
}

/* RFC 9018 section 4.4: client's part, version, reserved, time, address. */
static uint64_t hash(const struct hash_key *key, const uint8_t *cookie,
                     const struct sockaddr *source)
{
    uint8_t bytes[HASH + 16];
    memcpy(bytes, cookie, HASH);
    return hash_bytes(key, bytes, HASH + put_address(bytes + HASH, source));
}

enum cookie_verdict cookie_check(const struct cookie_secrets *s, const struct sockaddr *source,
                                 const uint8_t *cookie, size_t len, uint32_t now)
{
    if (len != COOKIE_LEN || cookie[VERSION] != VERSION_1)
        return COOKIE_BAD;
    uint64_t shown;
    memcpy(&shown, cookie + HASH, sizeof shown);
    bool known = false;
    /* Two words compared at once tell nothing by the time it takes. */
    for (unsigned i = 0; i < s->count; i++)
        known |= hash(&s->key[i], cookie, source) == shown;
    uint32_t age = now - wire_get32(cookie + TIME);
    bool ahead = age > UINT32_MAX - COOKIE_AHEAD;
    if (!known || (!ahead && age > COOKIE_AGE))
        return COOKIE_BAD;
    return ahead || age <= COOKIE_RENEW ? COOKIE_FRESH : COOKIE_AGED;
}

void cookie_make(const struct cookie_secrets *s, const struct sockaddr *source,
                 const uint8_t client[EDNS_COOKIE_CLIENT], uint32_t now, uint8_t out[COOKIE_LEN])
{
    memcpy(out, client, EDNS_COOKIE_CLIENT);
    wire_put32(out + VERSION, (uint32_t)VERSION_1 << 24);
    wire_put32(out + TIME, now);
    uint64_t value = hash(&s->key[0], out, source);
    memcpy(out + HASH, &value, sizeof value);
}

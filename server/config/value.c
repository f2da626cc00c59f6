#include "server/config/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/dns/name.h"
#include "server/dns/name_text.h"

enum { TEXT_ADDRESS_MAX = 64 };

static const char not_address[] =
    "is not an IP address; write ADDRESS or ADDRESS@PORT, such as 192.0.2.1 or 2001:db8::1@53";

const char *value_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    uint64_t n = 0;
    const char *p = text;
    for (; isdigit((unsigned char)*p) && n <= UINT64_MAX / 10 - 1; p++)
        n = n * 10 + (uint64_t)(*p - '0');
    if (p == text || (*p != '\0' && !isdigit((unsigned char)*p)))
        return "is not a whole number; write it in decimal digits";
    if (*p != '\0' || n < least || n > most)
        return "is out of range; see docs/configuration.md for the limits";
    *number = n;
    return NULL;
}

static const char *why_no_address(const char *host, const char *text)
{
    if (strcmp(host, "*") == 0)
        return "is not an address; write 0.0.0.0 for all IPv4 and \"::\" for all IPv6 addresses";
    if (text[0] == '[')
        return "has brackets; write an IPv6 address and port as \"2001:db8::1@53\"";
    if (strchr(host, '%'))
        return "has a scope; link-local addresses are not supported, use a global or loopback one";
    const char *colon = strchr(host, ':');
    if (colon && colon == strrchr(host, ':') && strchr(host, '.'))
        return "has a colon before the port; write ADDRESS@PORT";
    return not_address;
}

const char *value_address(const char *text, uint16_t default_port, struct sockaddr_storage *address,
                          socklen_t *address_len, char text_out[64])
{
    char host[TEXT_ADDRESS_MAX];
    const char *at = strchr(text, '@');
    size_t len = at ? (size_t)(at - text) : strlen(text);
    uint64_t port = default_port;
    if (len >= sizeof host)
        return not_address;
    memcpy(host, text, len);
    host[len] = '\0';
    if (at && value_number(at + 1, 1, 65535, &port))
        return "has a bad port; write a number from 1 to 65535 behind the @";

    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *address_len = sizeof *v4;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *address_len = sizeof *v6;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            return "is an IPv4 address in IPv6 form; write the IPv4 address";
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    } else {
        return why_no_address(host, text);
    }
    snprintf(text_out, 64, "%.50s@%u", host, (unsigned)port);
    return NULL;
}

static bool bits_beyond(const uint8_t *address, unsigned prefix, unsigned bits)
{
    for (unsigned bit = prefix; bit < bits; bit++) {
        if (address[bit / 8] & (0x80 >> bit % 8))
            return true;
    }
    return false;
}

const char *value_prefix(const char *text, struct config_acl *acl)
{
    char host[TEXT_ADDRESS_MAX];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (strchr(text, '@'))
        return "has a port; an access list takes addresses without one";
    if (len >= sizeof host)
        return "is not an address; write ADDRESS, ADDRESS/PREFIX, any or none";
    memcpy(host, text, len);
    host[len] = '\0';

    *acl = (struct config_acl){.kind = CONFIG_ACL_ADDRESS, .family = AF_INET};
    if (inet_pton(AF_INET, host, acl->address) != 1) {
        acl->family = AF_INET6;
        if (inet_pton(AF_INET6, host, acl->address) != 1)
            return "is not an address; write ADDRESS, ADDRESS/PREFIX, any or none";
        if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)acl->address))
            return "is an IPv4 address in IPv6 form; write the IPv4 address";
    }
    uint64_t bits = acl->family == AF_INET ? 32 : 128, prefix = bits;
    if (slash && value_number(slash + 1, 0, bits, &prefix))
        return bits == 32 ? "has a bad prefix length; write a number from 0 to 32"
                          : "has a bad prefix length; write a number from 0 to 128";
    acl->prefix = (unsigned)prefix;
    if (bits_beyond(acl->address, acl->prefix, (unsigned)bits))
        return "has bits beyond its prefix; write them as 0 or make the prefix longer";
    return NULL;
}

const char *value_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    size_t len = strlen(text);
    const char *unit = len > 1 ? strchr(units, toupper((unsigned char)text[len - 1])) : NULL;
    char digits[32];
    if (unit)
        len--;
    if (len >= sizeof digits)
        return "is too large; write bytes, or a number with K, M, G or T";
    memcpy(digits, text, len);
    digits[len] = '\0';
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    uint64_t n;
    if (value_number(digits, 0, UINT64_MAX, &n))
        return "is not a size; write bytes, or a number with K, M, G or T, such as 512M";
    if (n > UINT64_MAX >> 1 >> shift)
        return "is too large; write bytes, or a number with K, M, G or T";
    if (n << shift < 1 << 20)
        return "is less than 1M; write a larger size, such as 512M (is a unit missing?)";
    *bytes = n << shift;
    return NULL;
}

const char *value_bool(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0 ? NULL : "is neither; write true or false";
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(digits, c) : NULL;
    return p ? (int)(p - digits) : -1;
}

const char *value_base64(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    static const char wrong[] = "is not base64; write the secret as tsig-keygen prints it";
    size_t n = 0, padding = 0;
    if (len == 0 || len % 4 != 0)
        return wrong;
    while (padding < 2 && text[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len; i += 4) {
        unsigned value = 0, take = i + 4 == len ? 3 - (unsigned)padding : 3;
        for (size_t j = 0; j < 4; j++) {
            int digit = j <= take ? base64_digit(text[i + j]) : 0;
            if (digit < 0)
                return wrong;
            value = value << 6 | (unsigned)digit;
        }
        for (unsigned j = 0; j < take; j++)
            out[n++] = (uint8_t)(value >> (16 - 8 * j));
    }
    *out_len = n;
    return NULL;
}

const char *value_name(const char *text, uint8_t wire[255], size_t *len)
{
    int err = name_from_text(text, wire, len);
    if (err == ERR_LIMIT)
        return "is too long for a domain name: a label may have 63 bytes, a name 255; shorten it";
    if (err)
        return "is not a domain name: empty, an empty label or a bad escape; correct it";
    name_lower(wire, *len);
    return NULL;
}

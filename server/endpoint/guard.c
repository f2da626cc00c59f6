#include "server/endpoint/guard.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void guard_note(struct guard_headers *h, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **value;
        unsigned *count;
    } known[] = {
        {"Host", &h->host, &h->host_count},
        {"Origin", &h->origin, &h->origin_count},
        {"Sec-Fetch-Site", &h->fetch_site, &h->fetch_site_count},
        {"Content-Type", &h->content_type, &h->content_type_count},
        {"Content-Length", &h->content_length, &h->content_length_count},
        {"Transfer-Encoding", NULL, &h->transfer_encoding_count},
        {"Authorization", &h->authorization, &h->authorization_count},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(name, known[i].name))
            continue;
        ++*known[i].count;
        if (known[i].value)
            *known[i].value = value ? value : "";
    }
}

/* The root zone's name is a dot, which is a segment only as the third one: /v1/zones/. */
static bool is_segment_allowed(const char *segment, size_t len, unsigned number)
{
    if (len == 1 && segment[0] == '.')
        return number == 3;
    return len > 0 && !(len == 2 && segment[0] == '.' && segment[1] == '.');
}

bool guard_path(const char *path)
{
    if (path[0] != '/')
        return false;
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (*p < 0x20 || *p >= 0x7f)
            return false;
    }
    unsigned number = 1;
    for (const char *p = path + 1; path[1]; number++) {
        size_t len = strcspn(p, "/");
        if (!is_segment_allowed(p, len, number))
            return false;
        if (!p[len])
            break;
        p += len + 1;
    }
    return true;
}

/* Splits HOST[:PORT]; false when it is neither a name nor an address in the form of RFC 3986. */
static bool split_host(const char *text, char *host, size_t cap)
{
    const char *end;
    const char *begin = text;
    if (*text == '[') {
        begin++;
        end = strchr(text, ']');
        if (!end)
            return false;
    } else {
        end = text + strcspn(text, ":");
    }
    size_t len = (size_t)(end - begin);
    const char *port = end + (*text == '[');
    if (len == 0 || len >= cap || (*port && *port != ':') ||
        strspn(port + !!*port, "0123456789") > 5 ||
        (*port && port[1 + strspn(port + 1, "0123456789")]))
        return false;
    memcpy(host, begin, len);
    host[len] = '\0';
    if (len > 1 && host[len - 1] == '.')
        host[len - 1] = '\0';
    return true;
}

static bool is_short_name(const char *host, const char *full)
{
    size_t len = strcspn(full, ".");
    return len > 0 && strlen(host) == len && !strncasecmp(host, full, len);
}

bool guard_host(const struct guard_place *place, const char *text)
{
    char host[256];
    if (!split_host(text, host, sizeof host))
        return false;
    if (!strcasecmp(host, "localhost"))
        return true;
    if (place->host && place->host[0] &&
        (!strcasecmp(host, place->host) || is_short_name(host, place->host)))
        return true;
    if (place->is_unix)
        return !strcasecmp(host, "zonedeck") || !strcasecmp(host, "zonedeckd");
    return !strcasecmp(host, place->address);
}

/* A page of our own says http:// and the very Host it asks. */
static bool is_own_origin(const char *origin, const char *host)
{
    static const char scheme[] = "http://";
    return !strncasecmp(origin, scheme, sizeof scheme - 1) &&
           !strcasecmp(origin + sizeof scheme - 1, host);
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t len = sizeof json - 1;
    return !strncasecmp(type, json, len) && (!type[len] || type[len] == ';' || type[len] == ' ');
}

static bool read_length(const char *text, unsigned long long *length)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits])
        return false;
    *length = strtoull(text, NULL, 10);
    return true;
}

static struct guard_verdict bad(const char *error)
{
    return (struct guard_verdict){400, true, error, "Send a request as RFC 9112 has it."};
}

static struct guard_verdict check_framing(const struct guard_headers *h, const char *version,
                                          bool post)
{
    unsigned long long length = 0;
    if (strcmp(version, "HTTP/1.1") && strcmp(version, "HTTP/1.0"))
        return bad("unknown version of HTTP");
    if (h->content_length_count > 1 || h->transfer_encoding_count > 1 ||
        (h->content_length_count && h->transfer_encoding_count))
        return bad("the length of the body is ambiguous");
    if (h->content_length && !read_length(h->content_length, &length))
        return bad("Content-Length is not a number");
    if (h->transfer_encoding_count)
        return (struct guard_verdict){411, true, "a body needs a Content-Length",
                                      "Send no body, or {} with its length."};
    if (length > GUARD_BODY_MOST)
        return (struct guard_verdict){413, true, "the body is too large", "Send no body, or {}."};
    if (length && !post)
        return bad("a GET has no body");
    return (struct guard_verdict){0};
}

static struct guard_verdict check_source(const struct guard_headers *h,
                                         const struct guard_place *place)
{
    if (h->host_count != 1)
        return bad(h->host_count ? "there is more than one Host" : "there is no Host");
    if (!guard_host(place, h->host))
        return (struct guard_verdict){421, false, "this is not the server of that Host",
                                      "Ask by its address, its host name or localhost."};
    bool foreign = h->origin_count > 1 || (h->origin && !is_own_origin(h->origin, h->host));
    bool crossing =
        h->fetch_site_count > 1 ||
        (h->fetch_site && strcmp(h->fetch_site, "same-origin") && strcmp(h->fetch_site, "none"));
    if (foreign || crossing)
        return (struct guard_verdict){403, false, "a page of another site sent this request",
                                      "Nothing to do when it was not you: it was refused."};
    return (struct guard_verdict){0};
}

struct guard_verdict guard_check(const struct guard_headers *h, const struct guard_place *place,
                                 const char *version, const char *path, bool post)
{
    struct guard_verdict v = check_framing(h, version, post);
    if (!v.status)
        v = check_source(h, place);
    if (!v.status && !guard_path(path))
        v = (struct guard_verdict){400, true, "the path is not well formed",
                                   "Ask for a path of docs/http.md."};
    if (!v.status && h->authorization_count > 1)
        v = bad("there is more than one Authorization");
    return v;
}

struct guard_verdict guard_type(const struct guard_headers *h)
{
    if (h->content_type_count == 1 && is_json(h->content_type))
        return (struct guard_verdict){0};
    return (struct guard_verdict){415, false, "an action needs Content-Type: application/json",
                                  "Add that header."};
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool guard_unescape(char *text, size_t *len)
{
    char *to = text;
    bool good = true;
    for (const char *p = text; *p && good; p++) {
        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);
        good = low >= 0 && high * 16 + low != 0;
        if (good)
            *to++ = (char)(high * 16 + low);
        p += 2;
    }
    if (!good)
        to = text;
    *to = '\0';
    *len = (size_t)(to - text);
    return good;
}

enum { BODY_BEGIN, BODY_OPEN, BODY_CLOSED };

bool guard_body(unsigned *state, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '{' && *state == BODY_BEGIN)
            *state = BODY_OPEN;
        else if (data[i] == '}' && *state == BODY_OPEN)
            *state = BODY_CLOSED;
        else if (data[i] == '\0' || !strchr(" \t\r\n", data[i]))
            return false;
    }
    return true;
}

bool guard_body_ends(unsigned state)
{
    return state != BODY_OPEN;
}

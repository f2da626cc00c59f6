#include "server/endpoint/route.h"

#include <ctype.h>
#include <string.h>

#include "server/endpoint/events.h"
#include "server/endpoint/metrics.h"
#include "server/endpoint/status.h"
#include "server/endpoint/transfers.h"
#include "server/endpoint/zones.h"

static const struct {
    const char *path;
    route_get *get;
} pages[] = {
    {"/v1/status", status_get}, {"/v1/zones", zones_get},   {"/v1/transfers", transfers_get},
    {"/v1/events", events_get}, {"/v1/memory", memory_get}, {"/metrics", metrics_get},
    {"/healthz", health_get},   {"/readyz", ready_get},
};

static const char zone_prefix[] = "/v1/zones/";
static const char service_prefix[] = "/v1/service/";

const char *route_list(void)
{
    return "GET /v1/status /v1/zones /v1/zones/NAME /v1/transfers /v1/events /v1/memory /metrics "
           "/healthz /readyz; POST /v1/zones/NAME/reload|retransfer|refresh|notify "
           "/v1/service/restart|reload|stop";
}

/* "@" stands for the root zone, as many clients drop a segment that is a dot. */
static bool copy_zone(char zone[1024], const char *text, size_t len)
{
    if (len == 1 && *text == '@')
        text = ".";
    if (len == 0 || len >= 1023)
        return false;
    for (size_t i = 0; i < len; i++)
        zone[i] = (char)tolower((unsigned char)text[i]);
    if (zone[len - 1] != '.' || (len > 1 && zone[len - 2] == '\\'))
        zone[len++] = '.';
    zone[len] = '\0';
    return true;
}

/* An action: PREFIX[NAME/]VERB. The name of a zone may hold a slash (RFC 2317). */
static bool find_action(struct route *r, const char *path)
{
    const char *verb = strrchr(path, '/') + 1;
    size_t prefix = sizeof zone_prefix - 1;
    if (!strncmp(path, service_prefix, sizeof service_prefix - 1)) {
        r->action = action_find(path + sizeof service_prefix - 1, false);
        return r->action != ACTION_COUNT;
    }
    if (strncmp(path, zone_prefix, prefix) || verb - path <= (ptrdiff_t)prefix)
        return false;
    r->action = action_find(verb, true);
    return r->action != ACTION_COUNT &&
           copy_zone(r->zone, path + prefix, (size_t)(verb - 1 - path) - prefix);
}

static bool find_page(struct route *r, const char *path)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (!strcmp(path, pages[i].path)) {
            r->get = pages[i].get;
            return true;
        }
    }
    if (strncmp(path, zone_prefix, sizeof zone_prefix - 1))
        return false;
    r->get = zone_get;
    path += sizeof zone_prefix - 1;
    return copy_zone(r->zone, path, strlen(path));
}

void route_find(struct route *r, const char *method, const char *path)
{
    bool get = !strcmp(method, "GET") || !strcmp(method, "HEAD"), post = !strcmp(method, "POST");
    *r = (struct route){.status = 200, .action = ACTION_COUNT};
    if (path[0] != '/') {
        r->status = 404;
        return;
    }
    if (find_action(r, path)) {
        r->status = post ? 200 : 405;
        r->allow = "POST";
        return;
    }
    *r = (struct route){.status = 404, .action = ACTION_COUNT};
    if (find_page(r, path)) {
        r->status = get ? 200 : 405;
        r->allow = "GET, HEAD";
    }
}

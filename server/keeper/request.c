#include "server/keeper/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/config/text.h"
#include "server/dns/name.h"
#include "server/dns/name_text.h"
#include "server/keeper/sync.h"
#include "server/keeper/zones.h"

enum { SEND_MS = 1000, FAILURES_SHOWN = 5 };

/* A reload of the service: answered when the last of its zones is done. */
struct reload {
    uint64_t id;
    unsigned pending, loaded, failed, came, went;
    unsigned notes; /* of zones whose secondaries will not see what was loaded */
    char failures[MSG_TEXT_MAX - 160];
};

struct request {
    struct request *next;
    struct zone *zone;
    enum request_kind kind;
    uint32_t number; /* of the load, refresh or round it waits for */
    uint64_t id;
    struct reload *reload; /* NULL: a request of its own */
};

struct result {
    struct after after;
    struct msg_result message;
};

static void tell(struct keeper *k, const struct msg_result *m)
{
    if (channel_send(k->supervisor, MSG_RESULT, m, sizeof *m, NULL, 0, SEND_MS))
        log_line(LOG_WARNING, "a result could not be delivered: %s", m->text);
}

static void tell_result(struct keeper *k, struct after *after)
{
    struct result *r = (struct result *)after;
    tell(k, &r->message);
    free(r);
}

static void answer(struct keeper *k, uint64_t id, int status, const char *text)
{
    struct result *r = calloc(1, sizeof *r);
    struct msg_result m = {.id = id, .status = status};
    snprintf(m.text, sizeof m.text, "%s", text);
    if (!r) {
        tell(k, &m);
        return;
    }
    r->message = m;
    after_served(k, &r->after, tell_result);
}

static void answer_reload(struct keeper *k, struct reload *r)
{
    char text[MSG_TEXT_MAX];
    bool listed = r->failures[0];
    snprintf(text, sizeof text, "%u zones loaded, %u failed%s%s; %u new, %u gone", r->loaded,
             r->failed, listed ? ": " : "", r->failures, r->came, r->went);
    answer(k, r->id, r->failed ? ERR_ZONE : ERR_OK, text);
    free(r);
}

static void count_zone(struct reload *r, const struct zone *z, int status, const char *text)
{
    size_t at = strlen(r->failures);
    r->loaded += status == ERR_OK;
    r->failed += status != ERR_OK;
    char note[160] = "";
    if (!status)
        zone_serial_text(z, note);
    r->notes += note[0] != '\0';
    if ((status || note[0]) && r->failed + r->notes <= FAILURES_SHOWN)
        snprintf(r->failures + at, sizeof r->failures - at, "%s%s: %.120s", at ? "; " : "",
                 z->config->name, note[0] ? note : text);
}

static void settle(struct keeper *k, struct request *r, const struct zone *z, int status,
                   const char *text)
{
    if (!r->reload) {
        answer(k, r->id, status, text);
    } else {
        count_zone(r->reload, z, status, text);
        if (--r->reload->pending == 0)
            answer_reload(k, r->reload);
    }
    free(r);
}

/* Takes the requests of a zone that are settled by the `number`th of a kind; all kinds when `all`.
 */
static struct request *take(struct zone *z, bool all, enum request_kind kind, uint32_t number)
{
    struct request *taken = NULL, **tail = &taken;
    for (struct request **at = &z->keeper->requests.first; *at;) {
        struct request *r = *at;
        if (r->zone != z || (!all && (r->kind != kind || (int32_t)(number - r->number) < 0))) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        r->next = NULL;
        *tail = r;
        tail = &r->next;
    }
    return taken;
}

static void settle_all(struct keeper *k, struct request *list, struct zone *z, int status,
                       const char *text)
{
    while (list) {
        struct request *next = list->next;
        settle(k, list, z, status, text);
        list = next;
    }
}

void request_done(struct zone *z, enum request_kind kind, uint32_t number, int status,
                  const char *text)
{
    settle_all(z->keeper, take(z, false, kind, number), z, status, text);
}

void request_forget(struct zone *z)
{
    settle_all(z->keeper, take(z, true, REQUEST_LOAD, 0), z, ERR_MISSING,
               "the zone was removed from the configuration");
}

void request_fini(struct keeper *k)
{
    while (k->requests.first) {
        struct request *r = k->requests.first;
        k->requests.first = r->next;
        settle(k, r, r->zone, ERR_CLOSED, "the keeper stops");
    }
    after_run(k, true);
}

static bool add(struct zone *z, enum request_kind kind, uint32_t number, uint64_t id,
                struct reload *reload)
{
    struct keeper *k = z->keeper;
    struct request *r = calloc(1, sizeof *r);
    if (!r) {
        if (!reload)
            answer(k, id, ERR_MEMORY, err_text(ERR_MEMORY));
        return false;
    }
    *r = (struct request){k->requests.first, z, kind, number, id, reload};
    k->requests.first = r;
    return true;
}

static void act_load(struct zone *z, uint64_t id)
{
    if (add(z, REQUEST_LOAD, z->load.started + 1, id, NULL))
        load_zone(z);
}

static void act_refresh(struct zone *z, uint64_t id, bool force)
{
    if (add(z, REQUEST_REFRESH, z->secondary->started + 1, id, NULL))
        refresh_start(z, force, true);
}

static void act_notify(struct zone *z, uint64_t id)
{
    struct keeper *k = z->keeper;
    if (!z->config->lists->notify.count) {
        answer(k, id, ERR_USAGE, "the zone has no secondaries to notify");
    } else if (!z->has_image || z->expired) {
        answer(k, id, ERR_ZONE, "the zone is not served, so there is nothing to notify of");
    } else if (add(z, REQUEST_NOTIFY, (z->notifier ? z->notifier->started : 0) + 1, id, NULL)) {
        if (notify_start(z, true))
            request_done(z, REQUEST_NOTIFY, REQUEST_ALL, ERR_MEMORY, err_text(ERR_MEMORY));
    }
}

static struct zone *find_zone(const struct keeper *k, const char *text)
{
    uint8_t wire[NAME_WIRE_MAX];
    size_t len;
    if (name_from_text(text, wire, &len))
        return NULL;
    name_lower(wire, len);
    return zones_find(k, wire, len);
}

void request_action(struct keeper *k, const struct msg_action *action)
{
    char name[sizeof action->zone];
    memcpy(name, action->zone, sizeof name);
    name[sizeof name - 1] = '\0';
    struct zone *z = find_zone(k, name);
    bool primary = z && !z->secondary;
    log_line(LOG_INFO, "action: %s %s by %.*s",
             action->action < ACTION_COUNT ? action_info[action->action].verb : "?", name,
             (int)sizeof action->actor, action->actor);
    if (!z) {
        answer(k, action->id, ERR_MISSING, "no such zone");
        return;
    }
    switch (action->action) {
    case ACTION_ZONE_RELOAD:
        if (primary)
            act_load(z, action->id);
        else
            act_refresh(z, action->id, false);
        break;
    case ACTION_ZONE_RETRANSFER:
    case ACTION_ZONE_REFRESH:
        if (primary)
            answer(k, action->id, ERR_USAGE,
                   "the zone is a primary: it has a file, not a primary server");
        else
            act_refresh(z, action->id, action->action == ACTION_ZONE_RETRANSFER);
        break;
    case ACTION_ZONE_NOTIFY:
        act_notify(z, action->id);
        break;
    default:
        answer(k, action->id, ERR_USAGE, "not an action on a zone");
    }
}

/* Every primary whose file is not the one that is served is loaded, those that failed before or
 * are not in the state directory too. */
static void reload_changed(struct keeper *k, struct reload *reload)
{
    for (size_t i = 0; i < k->zone_count; i++) {
        struct zone *z = k->zones[i];
        if (!z || z->secondary ||
            (!z->load.queued && zone_is_current(z) && !z->error && !z->unwritten))
            continue;
        if (add(z, REQUEST_LOAD, z->load.started + 1, reload->id, reload)) {
            reload->pending++;
            load_zone(z);
        }
    }
}

void request_config(struct keeper *k, const struct msg_action *action, int fd)
{
    struct buf errors = {0};
    bool taken = false;
    struct reload *reload = calloc(1, sizeof *reload);
    struct config *config = NULL;
    if (reload)
        text_parse(fd, k->config_path, true, &config, &errors);
    int err =
        config ? zones_configure(k, config, &reload->came, &reload->went, &taken) : ERR_CONFIG;
    if (!reload || err) {
        answer(k, action->id, reload ? err : ERR_MEMORY,
               errors.data ? errors.data : err_text(reload ? err : ERR_MEMORY));
        if (!taken)
            config_free(config);
        free(reload);
    } else {
        reload->id = action->id;
        reload->pending = 1; /* ourselves, so that it is not answered while we count */
        reload_changed(k, reload);
        if (--reload->pending == 0)
            answer_reload(k, reload);
    }
    buf_fini(&errors);
}

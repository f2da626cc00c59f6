#include "backend/act/act.h"

#include <stdio.h>
#include <string.h>

#include "backend/base/err.h"
#include "backend/model/format.h"
#include "backend/source/reply.h"

static void copy(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);
    memcpy(to, from, len);
    to[len] = '\0';
}

static const struct model_zone *find_zone(const struct model *m, const char *name)
{
    if (m->detail.stamp.present && !m->detail.missing && !strcmp(m->detail.zone.name, name))
        return &m->detail.zone;
    for (unsigned i = 0; i < m->zones.count; i++) {
        if (!strcmp(m->zones.rows[i].name, name))
            return &m->zones.rows[i];
    }
    return NULL;
}

void act_target_take(struct act_target *t, const struct http_address *address,
                     const struct model *m, const char *zone)
{
    memset(t, 0, sizeof(*t));
    copy(t->url, sizeof(t->url), address->url);
    copy(t->host, sizeof(t->host), m->status.server.name);
    copy(t->boot, sizeof(t->boot), m->status.stamp.boot);
    copy(t->zone, sizeof(t->zone), zone);
    t->zones = m->status.zones_total;
    const struct model_zone *z = find_zone(m, zone);
    if (!zone[0] || !z)
        return;
    copy(t->role, sizeof(t->role), z->role);
    copy(t->state, sizeof(t->state), z->state);
    t->serial = z->serial;
    t->notify_targets = z->notify_targets;
}

void act_short_host(const struct act_target *t, char *to, size_t size)
{
    copy(to, size, t->host);
    to[strcspn(to, ".")] = '\0';
}

bool act_allowed(const struct act_target *t, enum action action, char *why, size_t size)
{
    const struct action_info *info = &action_info[action];
    why[0] = '\0';
    if (info->zone && !t->zone[0])
        copy(why, size, "no zone is selected");
    else if (info->zone && info->role[0] && t->role[0] && strcmp(info->role, t->role))
        snprintf(why, size, "the zone is %s, not %s", t->role, info->role);
    else if (action == ACTION_ZONE_RELOAD && !strcmp(t->role, "secondary"))
        copy(why, size, "a secondary has no file; see refresh");
    else if (action == ACTION_ZONE_NOTIFY && value_known(t->notify_targets) && !t->notify_targets.n)
        copy(why, size, "the zone has no secondaries to notify");
    else if (info->typed && !t->host[0])
        copy(why, size, "the server has not told its name yet");
    return !why[0];
}

bool act_check(const struct act_target *t, const struct model *m, char *why, size_t size)
{
    why[0] = '\0';
    if (strcmp(t->host, m->status.server.name))
        copy(why, size, "another server answers here now");
    else if (t->boot[0] && strcmp(t->boot, m->status.stamp.boot))
        copy(why, size, "the server was started anew since the menu was opened");
    return !why[0];
}

void act_name(const struct act_target *t, enum action action, char *to, size_t size)
{
    const struct action_info *info = &action_info[action];
    snprintf(to, size, "%s %s", info->verb, info->zone ? t->zone : t->host[0] ? t->host : t->url);
}

void act_confirm_text(const struct act_target *t, enum action action, struct buf *to)
{
    const struct action_info *info = &action_info[action];
    buf_printf(to, "server  %s (%s)\n", t->host[0] ? t->host : "?", t->url);
    if (info->zone) {
        buf_printf(to, "zone    %s\n", t->zone);
        buf_printf(to, "now     %s %s, serial %s\n", t->role[0] ? t->role : "role unknown",
                   t->state[0] ? t->state : "state unknown",
                   format_value(t->serial, UNIT_EXACT).text);
    } else {
        buf_printf(to, "zones   %s\n", format_value(t->zones, UNIT_EXACT).text);
    }
    buf_printf(to, "effect  %s\n", info->help);
}

void act_path(enum action action, const char *zone, struct buf *to)
{
    const struct action_info *info = &action_info[action];
    if (info->zone) {
        buf_puts(to, "/v1/zones/");
        http_zone(to, zone);
    } else {
        buf_puts(to, "/v1/service");
    }
    buf_printf(to, "/%s", info->verb);
}

static void read_no_reply(struct act_result *to, const struct http_reply *reply, int result)
{
    if (result == ERR_REFUSED && !reply->sent) {
        to->outcome = ACT_FAILED;
        snprintf(to->text, sizeof(to->text), "nothing was asked of the server: %s", reply->error);
        return;
    }
    to->outcome = ACT_UNKNOWN;
    snprintf(to->text, sizeof(to->text), "the answer was lost (%s)",
             reply->error[0] ? reply->error : err_text(result));
    snprintf(to->remedy, sizeof(to->remedy), "look before you ask again");
}

void act_result_read(struct act_result *to, const struct http_reply *reply, int result)
{
    struct reply_outcome o;
    memset(to, 0, sizeof(*to));
    if (result) {
        read_no_reply(to, reply, result);
        return;
    }
    bool told = reply->body.data && !reply_outcome(&o, reply->body.data, reply->body.len);
    if (!told)
        memset(&o, 0, sizeof(o));
    if (!strcmp(o.result, "done") && reply->status == 200)
        to->outcome = ACT_DONE;
    else if (!strcmp(o.result, "failed") || (reply->status >= 400 && reply->status < 500))
        to->outcome = ACT_FAILED;
    else
        to->outcome = ACT_UNKNOWN;
    const char *text = o.text[0] ? o.text : o.error;
    if (text[0])
        snprintf(to->text, sizeof(to->text), "%s", text);
    else if (to->outcome != ACT_DONE)
        snprintf(to->text, sizeof(to->text), "HTTP status %ld", reply->status);
    snprintf(to->remedy, sizeof(to->remedy), "%s", o.remedy);
}

bool act_is_early(const struct http_reply *reply)
{
    return reply->status == 429;
}

void act_result_json(enum action action, const char *zone, const struct act_result *result,
                     struct buf *to)
{
    static const char *const words[] = {
        [ACT_DONE] = "done", [ACT_FAILED] = "failed", [ACT_UNKNOWN] = "unknown"};
    const char *const members[] = {"action", action_info[action].verb, "zone", zone,
                                   "result", words[result->outcome],   "text", result->text,
                                   "remedy", result->remedy,           NULL};
    reply_write(to, members);
}

const char *act_outcome_name(enum act_outcome outcome)
{
    static const char *const names[] = {"DONE", "FAILED", "UNKNOWN"};
    return names[outcome];
}

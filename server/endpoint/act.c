#include "server/endpoint/act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/endpoint/archive.h"
#include "server/endpoint/auth.h"
#include "server/endpoint/command.h"
#include "server/endpoint/zones.h"

struct act {
    const struct context *context;
    enum action action;
    char zone[1024];
    char actor[128];
    bool challenge;
    int ticket;   /* 0: not sent */
    bool decided; /* the outcome is known */
    bool recorded;
    struct command_outcome outcome;
};

/* Over a unix socket the kernel says who it is; over TCP the token does. */
static bool is_allowed(struct act *a, const struct act_source *source)
{
    if (!source->is_unix) {
        bool good = auth_bearer(a->context->auth, source->authorization);
        snprintf(a->actor, sizeof a->actor, "%s over %s", good ? "token" : "stranger",
                 source->address);
        return good;
    }
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof peer;
    bool known =
        getsockopt(source->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && len == sizeof peer;
    snprintf(a->actor, sizeof a->actor, "uid %d pid %d over unix", (int)peer.uid, (int)peer.pid);
    return known && auth_uid(a->context->auth, peer.uid);
}

void act_refuse(struct act *a, unsigned status, const char *error, const char *text,
                const char *remedy)
{
    if (a->decided || a->ticket)
        return;
    a->decided = true;
    a->outcome = (struct command_outcome){
        .status = status, .result = "failed", .error = error, .remedy = remedy};
    snprintf(a->outcome.text, sizeof a->outcome.text, "%s", text);
}

static void refuse_stranger(struct act *a, bool is_unix)
{
    if (is_unix) {
        act_refuse(a, 403, "refused", "this user may not act on the server",
                   "Act as root, as the server's user or as the one who started it.");
        return;
    }
    a->challenge = true;
    act_refuse(a, 401, "refused", "an action over TCP needs the token",
               "Send Authorization: Bearer TOKEN; the token is in the endpoint's token file.");
}

static void check_zone(struct act *a)
{
    const struct action_info *info = &action_info[a->action];
    struct stats_zone z;
    uint32_t row;
    char text[128];
    if (!info->zone)
        return;
    if (!zone_find(a->context->stats, a->zone, &row, &z)) {
        act_refuse(a, 404, "missing", "no such zone",
                   "See the zones there are with: zonedeck zones.");
    } else if (info->role[0] && strcmp(info->role, zone_role_name(z.role))) {
        snprintf(text, sizeof text, "%s is for a %s zone; this is a %s", info->verb, info->role,
                 zone_role_name(z.role));
        act_refuse(a, 409, "usage", text, "Reload a primary zone instead.");
    }
}

struct act *act_new(const struct context *context, enum action action, const char *zone,
                    const struct act_source *source)
{
    struct act *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->context = context;
    a->action = action;
    snprintf(a->zone, sizeof a->zone, "%s", zone);
    if (!is_allowed(a, source))
        refuse_stranger(a, source->is_unix);
    else if (!command_allow(context->command, action_info[action].zone, clk_mono_ns()))
        act_refuse(a, 429, "limit",
                   action_info[action].zone ? "more than 10 actions on zones a second"
                                            : "more than 10 actions on the service a second",
                   "Wait a moment and ask again.");
    else
        check_zone(a);
    return a;
}

void act_free(struct act *a)
{
    if (!a)
        return;
    /* Who asked went away: the ticket is given back when its outcome is known. */
    if (a->ticket)
        command_abandon(a->context->command, a->ticket);
    free(a);
}

bool act_send(struct act *a, void (*wake)(void *), void *arg)
{
    int ticket = command_ask(a->context->command, a->action, a->zone, a->actor, wake, arg);
    if (ticket > 0) {
        a->ticket = ticket;
        return true;
    }
    command_refused(ticket, &a->outcome);
    a->decided = true;
    return false;
}

bool act_is_ready(struct act *a)
{
    if (!a->decided && a->ticket && command_take(a->context->command, a->ticket, &a->outcome)) {
        a->ticket = 0;
        a->decided = true;
    }
    return a->decided;
}

static void record(struct act *a)
{
    const struct command_outcome *o = &a->outcome;
    struct history_action action = {
        .at = clk_wall(),
        .action = action_info[a->action].verb,
        .zone = a->zone,
        .actor = a->actor,
        .result = o->result,
        .text = o->text,
        .status = o->status,
        .duration_ms = o->took_ms,
    };
    a->recorded = true;
    if (!archive_action(a->context->archive, &action))
        return;
    log_line(LOG_NOTICE, "action %s%s%s by %s: %s (%u)%s%s", action.action, a->zone[0] ? " " : "",
             a->zone, a->actor, o->result, o->status, o->text[0] ? ": " : "", o->text);
}

void act_reply(struct act *a, struct reply *r)
{
    const struct command_outcome *o = &a->outcome;
    if (!a->recorded)
        record(a);
    reply_open(r, a->context, o->status);
    r->challenge = a->challenge;
    json_text(&r->body, "result", o->result);
    if (o->error)
        json_text(&r->body, "error", o->error);
    json_text(&r->body, "text", o->text);
    if (o->remedy)
        json_text(&r->body, "remedy", o->remedy);
    reply_end(r);
}

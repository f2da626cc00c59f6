#include "server/supervisor/actions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/contract/actions.h"
#include "server/supervisor/children.h"
#include "server/supervisor/reload.h"
#include "server/supervisor/restart.h"
#include "server/supervisor/stop.h"

static void send_result(struct supervisor *sup, uint64_t id, int status, const char *text)
{
    struct msg_result result = {.id = id, .status = status};
    snprintf(result.text, sizeof result.text, "%s", text);
    struct child *endpoint = children_find(sup, ROLE_ENDPOINT);
    if (endpoint)
        children_send(sup, endpoint, MSG_RESULT, &result, sizeof result, NULL, 0);
}

void actions_reply(struct supervisor *sup, const struct request *request, int status,
                   const char *format, ...)
{
    char text[MSG_TEXT_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (request->from_endpoint)
        send_result(sup, request->id, status, text);
}

static void forward(struct supervisor *sup, const struct msg_action *action)
{
    const struct request request = {true, action->id};
    struct child *keeper = children_find(sup, ROLE_KEEPER);
    if (!keeper) {
        actions_reply(sup, &request, ERR_CLOSED, "the keeper is being restarted; try again");
        return;
    }
    for (unsigned i = 0; i < FORWARDS; i++) {
        if (sup->forward[i] != 0)
            continue;
        sup->forward[i] = action->id;
        if (children_send(sup, keeper, MSG_ACTION, action, sizeof *action, NULL, 0) != ERR_OK) {
            sup->forward[i] = 0;
            actions_reply(sup, &request, ERR_CLOSED, "the keeper does not take requests");
        }
        return;
    }
    actions_reply(sup, &request, ERR_LIMIT, "too many actions at once; try again");
}

static void restart_service(struct supervisor *sup, const struct request *request)
{
    int err = sup->reload.busy ? ERR_EXISTS : restart_begin(sup, request, false, sup->dns);
    if (err == ERR_EXISTS)
        actions_reply(sup, request, err, "a restart is running");
    else if (err != ERR_OK)
        actions_reply(sup, request, err, "no process serves; one is being started");
}

static const struct {
    enum action action;
    void (*begin)(struct supervisor *sup, const struct request *request);
} service_actions[] = {
    {ACTION_SERVICE_RESTART, restart_service},
    {ACTION_SERVICE_RELOAD, reload_begin},
    {ACTION_SERVICE_STOP, stop_begin},
};

void actions_take(struct supervisor *sup, const struct msg_action *action)
{
    const struct request request = {true, action->id};
    if (action->action >= ACTION_COUNT || !memchr(action->zone, '\0', sizeof action->zone) ||
        !memchr(action->actor, '\0', sizeof action->actor)) {
        actions_reply(sup, &request, ERR_FORMAT, "malformed request");
        return;
    }
    log_line(LOG_NOTICE, "action %s %s: asked for by %s", action_info[action->action].verb,
             *action->zone ? action->zone : "service", *action->actor ? action->actor : "unknown");
    if (sup->stop.phase != STOP_NONE) {
        actions_reply(sup, &request, ERR_CLOSED, "the server is being stopped");
        return;
    }
    for (size_t i = 0; i < sizeof service_actions / sizeof *service_actions; i++) {
        if (service_actions[i].action == (enum action)action->action) {
            service_actions[i].begin(sup, &request);
            return;
        }
    }
    forward(sup, action);
}

void actions_keeper_result(struct supervisor *sup, const struct msg_result *result)
{
    struct msg_result copy = *result;
    copy.text[sizeof copy.text - 1] = '\0';
    if (copy.id == RELOAD_ID(atomic_load(&sup->stats->config_generation))) {
        reload_keeper_done(sup, &copy);
        return;
    }
    for (unsigned i = 0; i < FORWARDS; i++) {
        if (sup->forward[i] != copy.id || copy.id == 0)
            continue;
        sup->forward[i] = 0;
        send_result(sup, copy.id, copy.status, copy.text);
        return;
    }
}

void actions_keeper_gone(struct supervisor *sup)
{
    for (unsigned i = 0; i < FORWARDS; i++) {
        if (sup->forward[i] == 0)
            continue;
        uint64_t id = sup->forward[i];
        sup->forward[i] = 0;
        send_result(sup, id, ERR_CLOSED, "the keeper ended before it was done; it is restarted");
    }
}

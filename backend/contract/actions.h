/* What an operator can ask for; one table for the HTTP paths, the command line and the menus. */
#pragma once

#include <stdbool.h>

/* id, verb, on a zone?, role it is for ("" any, "secondary"), confirm by typing the host name?,
 * what it does */
#define ACTION_LIST(X)                                                                             \
    X(ACTION_ZONE_RELOAD, "reload", true, "", false,                                               \
      "read its file again; a bad one changes nothing")                                            \
    X(ACTION_ZONE_RETRANSFER, "retransfer", true, "secondary", false,                              \
      "transfer all of it again, whatever the serial")                                             \
    X(ACTION_ZONE_REFRESH, "refresh", true, "secondary", false,                                    \
      "ask the primary now; transfer what is newer")                                               \
    X(ACTION_ZONE_NOTIFY, "notify", true, "", false, "send NOTIFY to the zone's secondaries")      \
    X(ACTION_SERVICE_RELOAD, "reload", false, "", false,                                           \
      "read configuration and changed zone files again")                                           \
    X(ACTION_SERVICE_RESTART, "restart", false, "", true,                                          \
      "replace the serving process; no query is lost")                                             \
    X(ACTION_SERVICE_STOP, "stop", false, "", true,                                                \
      "answer what was received, then stop the server")

enum action {
#define X(id, verb, zone, role, typed, help) id,
    ACTION_LIST(X)
#undef X
        ACTION_COUNT
};

struct action_info {
    const char *verb;
    bool zone;
    const char *role;
    bool typed;
    const char *help;
};

/* ACTION_COUNT rows, in the order of the enum. */
extern const struct action_info action_info[ACTION_COUNT];
/* The action of a verb on a zone or on the service; ACTION_COUNT when there is none. */
enum action action_find(const char *verb, bool zone);

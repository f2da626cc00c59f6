#include "backend/contract/actions.h"

#include <string.h>

const struct action_info action_info[ACTION_COUNT] = {
#define X(id, verb, zone, role, typed, help) {verb, zone, role, typed, help},
    ACTION_LIST(X)
#undef X
};

enum action action_find(const char *verb, bool zone)
{
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (action_info[i].zone == zone && !strcmp(action_info[i].verb, verb))
            return (enum action)i;
    }
    return ACTION_COUNT;
}

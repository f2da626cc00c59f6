#include "backend/contract/states.h"

#include <stddef.h>

static const char *const roles[] = {
#define X(id, name) name,
    ROLE_LIST(X)
#undef X
};
static const char *const process_states[] = {
#define X(id, name) name,
    PROCESS_STATE_LIST(X)
#undef X
};
static const char *const transfer_states[] = {
#define X(id, name) name,
    TRANSFER_STATE_LIST(X)
#undef X
};
static const struct {
    const char *name;
    unsigned severity;
} zone_states[] = {
#define X(id, name, severity, help) {name, severity},
    ZONE_STATE_LIST(X)
#undef X
};

const char *role_name(unsigned role)
{
    return role < ROLE_COUNT ? roles[role] : "?";
}

const char *process_state_name(unsigned state)
{
    return state < PROCESS_STATE_COUNT ? process_states[state] : "?";
}

const char *zone_state_name(unsigned state)
{
    return state < ZONE_STATE_COUNT ? zone_states[state].name : "?";
}

const char *zone_role_name(unsigned role)
{
    return role == ZONE_PRIMARY ? "primary" : role == ZONE_SECONDARY ? "secondary" : "?";
}

const char *transfer_state_name(unsigned state)
{
    return state < TRANSFER_STATE_COUNT ? transfer_states[state] : "?";
}

const char *transfer_direction_name(unsigned direction)
{
    return direction == TRANSFER_IN ? "in" : direction == TRANSFER_OUT ? "out" : "?";
}

unsigned zone_state_severity(unsigned state)
{
    return state < ZONE_STATE_COUNT ? zone_states[state].severity : 2;
}

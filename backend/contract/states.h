/* The words both sides use for processes, zones and transfers; each defined once. */
#pragma once

/* id, name, is it a process that answers queries? */
#define ROLE_LIST(X)                                                                               \
    X(ROLE_SUPERVISOR, "supervisor")                                                               \
    X(ROLE_SERVE, "serve")                                                                         \
    X(ROLE_KEEPER, "keeper")                                                                       \
    X(ROLE_ENDPOINT, "endpoint")

enum role {
#define X(id, name) id,
    ROLE_LIST(X)
#undef X
        ROLE_COUNT
};

#define PROCESS_STATE_LIST(X)                                                                      \
    X(PROCESS_NONE, "none")                                                                        \
    X(PROCESS_STARTING, "starting")                                                                \
    X(PROCESS_STANDBY, "standby")                                                                  \
    X(PROCESS_ACTIVE, "active")                                                                    \
    X(PROCESS_DRAINING, "draining")                                                                \
    X(PROCESS_DEAD, "dead")

enum process_state {
#define X(id, name) id,
    PROCESS_STATE_LIST(X)
#undef X
        PROCESS_STATE_COUNT
};

/* id, name, severity for a person (0 fine, 1 watch, 2 bad), what it means */
#define ZONE_STATE_LIST(X)                                                                         \
    X(ZONE_NONE, "none", 0, "no zone in this row")                                                 \
    X(ZONE_QUEUED, "queued", 1, "waits to be loaded; nothing is served yet")                       \
    X(ZONE_LOADING, "loading", 1, "is being loaded; nothing is served yet")                        \
    X(ZONE_OK, "ok", 0, "served, and what is served is what the source holds")                     \
    X(ZONE_RELOADING, "reloading", 0, "served while a new version is loaded or transferred")       \
    X(ZONE_STALE, "stale", 2,                                                                      \
      "the last good version is served; the new one failed or the primaries do not answer")        \
    X(ZONE_FAILED, "failed", 2, "cannot be served: no good version")                               \
    X(ZONE_EXPIRED, "expired", 2, "not served: no primary confirmed it for the SOA's expire time")

enum zone_state {
#define X(id, name, severity, help) id,
    ZONE_STATE_LIST(X)
#undef X
        ZONE_STATE_COUNT
};

#define TRANSFER_STATE_LIST(X)                                                                     \
    X(TRANSFER_NONE, "none")                                                                       \
    X(TRANSFER_IDLE, "idle")                                                                       \
    X(TRANSFER_QUEUED, "queued")                                                                   \
    X(TRANSFER_CHECKING, "checking")                                                               \
    X(TRANSFER_RUNNING, "running")                                                                 \
    X(TRANSFER_DONE, "done")                                                                       \
    X(TRANSFER_IN_SYNC, "in-sync")                                                                 \
    X(TRANSFER_FAILED, "failed")                                                                   \
    X(TRANSFER_REFUSED, "refused")

enum transfer_state {
#define X(id, name) id,
    TRANSFER_STATE_LIST(X)
#undef X
        TRANSFER_STATE_COUNT
};

enum zone_role { ZONE_PRIMARY, ZONE_SECONDARY };
enum transfer_direction { TRANSFER_IN, TRANSFER_OUT };

/* Names for the enums above; "?" for a value out of range. */
const char *role_name(unsigned role);
const char *process_state_name(unsigned state);
const char *zone_state_name(unsigned state);
const char *zone_role_name(unsigned role);
const char *transfer_state_name(unsigned state);
const char *transfer_direction_name(unsigned direction);
/* 0 fine, 1 watch, 2 bad; 2 for a value out of range. */
unsigned zone_state_severity(unsigned state);

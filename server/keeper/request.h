/* What operators asked for and is not done yet: each gets one definite result.
 *
 * A result is told when what it says is served: "done" means that the next query gets the new
 * version.
 *
 * A request waits for the next load, refresh or notification of its zone that begins after it came;
 * a reload of the service waits for many. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/contract/actions.h"
#include "backend/contract/message.h"

struct keeper;
struct zone;
struct config;

enum { REQUEST_ALL = INT32_MAX }; /* a number that settles all of a kind */
enum request_kind { REQUEST_LOAD, REQUEST_REFRESH, REQUEST_NOTIFY };

struct requests {
    struct request *first;
};

/* Carries out MSG_ACTION. */
void request_action(struct keeper *k, const struct msg_action *action);
/* Carries out MSG_CONFIG: `fd` holds the text and stays the caller's. */
void request_config(struct keeper *k, const struct msg_action *action, int fd);
/* Something of a zone ended; `number` counts those of its kind. Answers who waited for it. */
void request_done(struct zone *z, enum request_kind kind, uint32_t number, int status,
                  const char *text);
/* The zone goes away: who waits for it is told so. */
void request_forget(struct zone *z);
void request_fini(struct keeper *k);

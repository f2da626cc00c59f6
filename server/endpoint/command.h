/* Actions on their way: asked by the supervisor's channel, answered there, or given up after 60 s.
 *
 * The threads that serve HTTP ask and take; the main thread tells what came back. A ticket is one
 * action; there are COMMAND_TICKETS of them. `wake` is called once, by the main thread or within
 * command_ask, when the outcome can be taken. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/contract/actions.h"
#include "backend/contract/message.h"

enum { COMMAND_TICKETS = 32, COMMAND_SECONDS = 60, COMMAND_RATE = 10 };

struct command;

struct command_outcome {
    unsigned status;    /* of HTTP */
    const char *result; /* "done", "failed", "unknown" */
    const char *error;  /* short name, NULL when done */
    const char *remedy;
    char text[MSG_TEXT_MAX];
    int64_t took_ms;
};

int command_new(struct command **command, int supervisor);
void command_free(struct command *command);

/* Takes one of this second's COMMAND_RATE actions on zones, or of as many on the service; false
 * when they are used up. The service has its own, so that nothing asked of zones keeps an operator
 * from restarting it. */
bool command_allow(struct command *command, bool zone, int64_t now);
/* Sends an action. Returns a ticket (from 1 on), or a negative error: ERR_EXISTS the same action on
 * the same zone is on its way, ERR_LIMIT too many are, ERR_CLOSED no supervisor, ERR_TIMEOUT it
 * does not take messages. `wake` is not called then. */
int command_ask(struct command *command, enum action action, const char *zone, const char *actor,
                void (*wake)(void *), void *arg);
/* The outcome of a ticket, which is then free; false while it is not known. */
bool command_take(struct command *command, int ticket, struct command_outcome *out);
/* Nobody waits for a ticket any more. */
void command_abandon(struct command *command, int ticket);
/* What command_ask's error means to whoever asked. */
void command_refused(int err, struct command_outcome *out);

/* The main thread: a result came; time passed; the supervisor is gone. */
void command_result(struct command *command, const struct msg_result *result);
void command_tick(struct command *command, int64_t now);
void command_gone(struct command *command);

/* One action from the request to the reply: who asks and may they, does it fit, what came of it;
 * and its line in the log and in the history, refused or not.
 *
 * Used by one thread at a time. */
#pragma once

#include <stdbool.h>

#include "backend/contract/actions.h"
#include "server/endpoint/reply.h"

struct act;

struct act_source {
    bool is_unix;
    int fd;                    /* of the connection, for the peer's identity */
    const char *address;       /* of the listener */
    const char *authorization; /* header, NULL none */
};

/* Checks the caller and the action; what is wrong is said by act_reply. NULL: out of memory. */
struct act *act_new(const struct context *context, enum action action, const char *zone,
                    const struct act_source *source);
/* Ends it, sent or not. */
void act_free(struct act *act);
/* Refuses it, when it was not refused before. */
void act_refuse(struct act *act, unsigned status, const char *error, const char *text,
                const char *remedy);
/* Sends it; `wake` is called when act_is_ready. False when it is ready at once (wake is not
 * called). */
bool act_send(struct act *act, void (*wake)(void *), void *arg);
/* Can act_reply be called? False only between act_send and wake, and before act_send. */
bool act_is_ready(struct act *act);
/* Renders the outcome, and puts it on record. */
void act_reply(struct act *act, struct reply *reply);

/* Requests of operators: those for the service are done here, those for zones by the keeper. */
#pragma once

#include "server/supervisor/state.h"

/* A request of the endpoint. */
void actions_take(struct supervisor *sup, const struct msg_action *action);
/* A result of the keeper: of a configuration, or of an action to be passed on. */
void actions_keeper_result(struct supervisor *sup, const struct msg_result *result);
/* The keeper ended: what it worked on has failed. */
void actions_keeper_gone(struct supervisor *sup);
/* Tells the outcome to who asked, and to the log. */
void actions_reply(struct supervisor *sup, const struct request *request, int status,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The planned restart of the service: a new process gets ready beside the old one, which then stops
 * receiving, and goes on from the same sockets. No query is lost; until the old one is told to
 * drain, any failure leaves it serving.
 *
 *     PREPARE  the new process maps every zone and says ready (30 s)
 *     CLEAR    the standby is ended, so that nobody else can take over (1 s)
 *     DRAIN    the old one stops receiving (2 s, else it is killed); the new one gets GO
 */
#pragma once

#include "server/supervisor/state.h"

/* Begins one. `listeners` is the set for the new process: the current one, or another, which then
 * belongs to the restart. ERR_EXISTS one is running; ERR_MISSING nobody serves. `request` is
 * answered when it is over, unless it is `for_reload`, which is told by reload_restarted. */
int restart_begin(struct supervisor *sup, const struct request *request, bool for_reload,
                  struct listeners *listeners);
/* Takes every step that can be taken now. */
void restart_step(struct supervisor *sup);
/* Gives one up because the server stops. */
void restart_cancel(struct supervisor *sup);
/* Lets a ready process serve: claim, sockets, GO. */
void restart_activate(struct supervisor *sup, struct child *c, bool replay);

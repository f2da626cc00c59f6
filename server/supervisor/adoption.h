/* The start after the supervisor before ended without stopping its processes: the one that serves
 * is taken over with its sockets and receive rings (server/serve/orphan.h), and a new process then
 * follows it as in a planned restart, so no query is lost. The others are ended and started anew.
 *
 * The orphan stands in a row of the new stats like a process of ours, with the claim: if it dies
 * before the hand-over, the new process takes over from it as from any other. */
#pragma once

#include "server/supervisor/state.h"

/* How many processes of the supervisor before still live. */
unsigned adoption_count_left(const struct supervisor *sup);
/* Looks for what the supervisor before left. After the state directory was locked, before the
 * sockets are opened; those taken over are then in sup->dns. */
void adoption_begin(struct supervisor *sup);
/* Begins the hand-over, and tells when it is done. */
void adoption_step(struct supervisor *sup);

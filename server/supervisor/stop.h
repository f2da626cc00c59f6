/* The end of the server: serve finishes what it received, then the keeper, then the endpoint, which
 * has told the outcome and kept the last events. */
#pragma once

#include "server/supervisor/state.h"

/* Asked for again: everything is ended at once. */
void stop_begin(struct supervisor *sup, const struct request *request);
void stop_step(struct supervisor *sup);

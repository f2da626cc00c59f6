/* What the configuration says of the answers, read once at the start of a serve process.
 *
 * A reload that changes any of it restarts the service; so does `zonedeck restart`, after which a
 * changed file of cookie secrets counts. */
#pragma once

#include "backend/contract/stats.h"
#include "server/answer/answer.h"
#include "server/config/config.h"

/* Fills `setting`, which lends the keys of `config`; what is wrong with the secrets is logged, and
 * random ones are used then. */
void setting_read(struct answer_setting *setting, const struct config *config,
                  const struct stats *stats);

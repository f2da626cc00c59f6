/* Who is active, and taking over from a dead process.
 *
 * stats->claim is generation << 8 | slot: the serve process that may use the rings and the sockets.
 * The supervisor writes it in a planned hand-over; a standby that sees the active process dead
 * takes it by compare-and-swap, so only one ever does. Then it answers what the dead one had read
 * and not answered, from the rings, and serves. After a death by a fault these queries are
 * suspects: they are tried in a process made for it, and what kills that is quarantined. */
#pragma once

#include "server/serve/worker.h"

struct takeover_result {
    int dead_pid;
    unsigned replayed, quarantined;
};

/* The slot that has the claim; STATS_SERVE for none. */
unsigned takeover_active(const struct stats *stats);
/* A descriptor that becomes readable when the active process has ended; -1 nobody is active, this
 * process is, or none can be had now (ask again); -2 it is dead already. */
int takeover_watch(const struct stats *stats, unsigned own);
/* Takes the claim from `from`. False: somebody else has it, or a planned hand-over runs. */
bool takeover_claim(struct stats *stats, unsigned own, unsigned from);
/* Answers what is left in all rings, with the memory of one worker that does not run yet. */
void takeover_replay(struct worker *worker, struct takeover_result *result);
/* Marks the rings when this process dies by a fault: installs handlers for SIGSEGV, SIGBUS,
 * SIGABRT, SIGFPE, SIGILL. */
void takeover_mark_faults(struct rings *rings);

/* Starts a process: fork, give up privileges, exec the same program with what it inherits. */
#pragma once

#include <sys/types.h>

#include "server/supervisor/identity.h"
#include "server/supervisor/inherit.h"

/* Starts `program` (when it cannot be run: the file this process runs) in a process group of its
 * own, so that a terminal's signals reach the supervisor only. It waits until a byte is written to
 * `*gate`, which the caller closes, and ends when that is closed without: so nobody runs of whom
 * nothing was noted. Returns the pid; ERR_SYSTEM and errno, ERR_LIMIT, ERR_MEMORY. A child that
 * cannot exec says why in the log and ends with status 127. */
pid_t spawn(const struct inherit *in, const char *program, const struct identity *id, int *gate);
/* Lets it run. */
void spawn_open_gate(int gate);

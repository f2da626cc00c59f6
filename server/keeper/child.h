/* Short-lived children of the keeper: what is slow or risky runs in them, and what they took from
 * the system goes back with them.
 *
 * The keeper has one thread, so a child goes on from a fork without exec. It reports over a channel
 * (backend/base/channel.h) and dies with the keeper. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Forks. In the parent: returns the child's id and *channel is the end to read. In the child:
 * returns 0, *channel is the end to write, all other descriptors but 0 to 2 and `keep` (-1 none)
 * are closed. ERR_SYSTEM and errno. */
pid_t child_start(const char *title, int keep, int *channel);
/* Ends the child's process at once. */
void child_exit(int status) __attribute__((noreturn));
/* Waits for a child that closed its channel, and says how it ended: "" when it exited with 0, else
 * "was killed by signal 9 (Killed)". *killed: by a signal that comes from outside. */
void child_wait(pid_t pid, char text[64], bool *killed);
/* Ends a child that is not wanted any more. */
void child_kill(pid_t pid);

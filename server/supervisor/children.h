/* The life of each child process: started, watched, ended, started again.
 *
 * A child that ended while it holds the claim (it served) is not reaped before another holds it:
 * its successor watches it by pid, and a pid that is not reaped cannot be given to a stranger. */
#pragma once

#include "server/supervisor/state.h"

void children_init(struct supervisor *sup);
/* Starts a process in a free row and connects it to the keeper. ERR_LIMIT no row is free;
 * ERR_SYSTEM (told as an event). `dns` are the sockets of a serve process. */
int children_start(struct supervisor *sup, enum role role, const struct listeners *dns,
                   struct child **started);
/* Notes in the state directory which processes there are, for a supervisor that comes after this
 * one was killed. A new process is noted before it runs. */
void children_note(struct supervisor *sup);
/* Sends a message; one that cannot take it is broken or hangs and is ended. ERR_CLOSED. */
int children_send(struct supervisor *sup, struct child *c, uint32_t type, const void *payload,
                  size_t len, const int *fds, unsigned nfds);
/* Asks it to end, and kills it after `grace` ns. */
void children_stop(struct supervisor *sup, struct child *c, int64_t grace);
/* Kills it and what it started. */
void children_kill(struct supervisor *sup, struct child *c);
/* The serve process whose slot is claimed; NULL when nobody ever claimed. It may have ended. */
struct child *children_active(struct supervisor *sup);
/* A living process of a role that is not about to end; NULL. */
struct child *children_find(struct supervisor *sup, enum role role);
/* Sets the state others see. */
void children_set_state(struct supervisor *sup, struct child *c, enum process_state state);

/* Notes children that ended; reaps those that may be. */
void children_reap(struct supervisor *sup);
/* Tells of deaths: with their successors, or without when none came. After children_reap. */
void children_announce(struct supervisor *sup);
/* Sends signals that are due. */
void children_signal(struct supervisor *sup);
/* Starts what should run and does not. */
void children_ensure(struct supervisor *sup);

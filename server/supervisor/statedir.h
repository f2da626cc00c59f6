/* The state directory and the small secrets in it: lock, hash key, token, cookie secret.
 *
 * Everything here is done as the user the server runs as. Without a usable directory the server
 * goes on and keeps nothing over a restart. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/base/buf.h"
#include "server/supervisor/identity.h"

enum { STATEDIR_PIDS = 16 };

struct statedir {
    const char *path; /* the caller's */
    bool usable;
    int lock;                  /* descriptor, -1 none */
    pid_t left[STATEDIR_PIDS]; /* processes noted by a server that did not stop; they may live */
    unsigned left_count;
};

/* Makes the directory if it is missing and locks it; a server that is about to end is waited for:
 * 2 s, and 20 s when it has noted that it stops. 0; ERR_EXISTS another server has it;
 * ERR_SYSTEM it cannot be used. `problem` then says why and what to do. */
int statedir_open(struct statedir *dir, const char *path, const struct identity *id,
                  struct buf *problem);
void statedir_close(struct statedir *dir);
/* Notes in the lock file, for the next server: the processes there are, and whether this one stops.
 */
void statedir_note(const struct statedir *dir, bool stopping, const pid_t *pids, unsigned count);
/* The key of the hashes in images: read, or made and kept. Always gives a key; ERR_SYSTEM when it
 * will not be the same after a restart. */
int statedir_hash_key(const struct statedir *dir, const struct identity *id, uint8_t key[16],
                      struct buf *problem);
/* Makes the endpoint's token file if it is missing. ERR_SYSTEM or, for an empty one, ERR_FORMAT,
 * and `problem`. */
int statedir_token(const char *path, const struct identity *id, struct buf *problem);
/* Makes the file of the secrets of DNS cookies, with one, if it is missing. Errors as above. */
int statedir_cookie_secret(const char *path, const struct identity *id, struct buf *problem);
/* Makes a directory with its parents, those with mode 0755, itself with `mode`; what is made
 * belongs to the user if `own`. ERR_SYSTEM and errno. */
int statedir_make(const char *path, unsigned mode, bool own, const struct identity *id);
/* The same without its parents: one that is missing is a mistake. */
int statedir_make_last(const char *path, unsigned mode, bool own, const struct identity *id);

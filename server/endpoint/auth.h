/* Who may act: over the unix socket root, this process's user and the one who started the server;
 * over TCP whoever knows the token of the token file. Reading needs neither.
 *
 * The file is read again when it changes. The token is never logged. Any thread may ask. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

enum { AUTH_TOKEN_MOST = 256, AUTH_TOKEN_LEAST = 16 };

struct auth {
    pthread_mutex_t lock;
    char path[1100];
    uid_t operator_uid;
    struct timespec changed;
    off_t size;
    ino_t inode;
    char token[AUTH_TOKEN_MOST + 1]; /* "" none */
};

void auth_init(struct auth *auth, const char *token_file, uid_t operator_uid);
void auth_fini(struct auth *auth);
bool auth_uid(const struct auth *auth, uid_t uid);
/* Is the value of an Authorization header (NULL when absent) the right one? */
bool auth_bearer(struct auth *auth, const char *authorization);
/* Takes as long whatever differs; the lengths are no secret. */
bool auth_equal(const char *a, size_t a_len, const char *b, size_t b_len);

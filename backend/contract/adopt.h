/* Where a serve process without a supervisor and the next supervisor meet: STATE/adopt.sock, a unix
 * socket of whole messages (struct msg_adopt). */
#pragma once

#include <sys/un.h>

struct adopt_path {
    struct sockaddr_un address;
    int folder; /* -1 none: keeps a path valid that is too long for an address */
};

/* The address in a state directory. ERR_SYSTEM and errno. */
int adopt_path_open(struct adopt_path *path, const char *state_dir);
void adopt_path_close(struct adopt_path *path);

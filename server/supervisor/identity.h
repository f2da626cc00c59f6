/* Who the server runs as: root keeps only what needs root and everything else belongs to the user
 * of the configuration; started as anyone else there is nothing to change. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "backend/base/buf.h"

enum { IDENTITY_GROUPS = 64 };

struct identity {
    bool change; /* started as root and the user is another */
    char name[64];
    uid_t uid;
    gid_t gid;
    gid_t groups[IDENTITY_GROUPS];
    int group_count;
};

/* Looks up `user` (NULL: "zonedeck") when root. ERR_CONFIG with the cure in `problem` when there is
 * no such user. */
int identity_resolve(const char *user, struct identity *id, struct buf *problem);
/* Becomes the user for good and verifies that there is no way back; between fork and exec. 0 or
 * ERR_SYSTEM. */
int identity_drop(const struct identity *id);
/* Acts as the user until identity_resume, so that what the supervisor does in a directory of the
 * user can do no more than the user can. ERR_SYSTEM; errno is kept by identity_resume. */
int identity_assume(const struct identity *id);
void identity_resume(const struct identity *id);

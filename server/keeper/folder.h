/* The folder that file after file is opened in, kept open so that each is found in it at once.
 *
 * Of very many small zones a good part of the work is finding their files from the root on. A
 * folder is kept once a second file in a row is opened in it, and while further ones are. One that
 * is moved away meanwhile is read where it is then, as long as it has the files. */
#pragma once

#include <limits.h>
#include <stddef.h>

struct folder {
    int fd;     /* -1: not open */
    size_t len; /* of its path; 0 none */
    char path[PATH_MAX];
};

void folder_init(struct folder *folder);
void folder_fini(struct folder *folder);
/* open() of a path, without creating. -1 and errno. */
int folder_open(struct folder *folder, const char *path, int flags);

/* Opens the file an $INCLUDE names. */
#pragma once

#include <sys/stat.h>

/* `name` is relative to the folder of the file `from`. Only plain files are opened, so none blocks
 * or has no end; a symbolic link must stay within its own folder, for who may write there must not
 * have the server read what lies elsewhere. Returns 0 with the descriptor and the path (the
 * caller's to close and free), or ERR_FORMAT with `*reason`, ERR_MEMORY. */
int include_open(const char *from, const char *name, int *fd, char **path, struct stat *st,
                 const char **reason);

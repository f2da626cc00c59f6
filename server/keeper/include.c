#include "server/keeper/include.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/err.h"

static char *resolve(const char *from, const char *name)
{
    struct buf b = {0};
    const char *slash = strrchr(from, '/');
    if (*name != '/' && slash)
        buf_add(&b, from, (size_t)(slash - from) + 1);
    buf_puts(&b, name);
    if (b.failed) {
        buf_fini(&b);
        return NULL;
    }
    return buf_take(&b);
}

/* Does the link `path` lead to something within its own folder? */
static bool stays_inside(const char *path)
{
    char folder[PATH_MAX], target[PATH_MAX], dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + (slash == path) : 1;
    if (len >= sizeof dir)
        return false;
    memcpy(dir, slash ? path : ".", len);
    dir[len] = '\0';
    if (!realpath(dir, folder) || !realpath(path, target))
        return false;
    size_t n = strlen(folder);
    return !strncmp(folder, target, n) && (target[n] == '/' || n == 1);
}

static const char *refusal(const char *path, int *fd, struct stat *st)
{
    struct stat link;
    *fd = -1;
    if (lstat(path, &link) == 0 && S_ISLNK(link.st_mode) && access(path, F_OK) == 0 &&
        !stays_inside(path))
        return "is a symbolic link out of its folder";
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0 || fstat(*fd, st) < 0)
        return errno == ENOENT ? "the file does not exist" : strerror(errno);
    if (S_ISDIR(st->st_mode))
        return "is a directory, not a file of records";
    return S_ISREG(st->st_mode) ? NULL : "is not a plain file";
}

int include_open(const char *from, const char *name, int *fd, char **path, struct stat *st,
                 const char **reason)
{
    *path = resolve(from, name);
    if (!*path)
        return ERR_MEMORY;
    *reason = refusal(*path, fd, st);
    if (!*reason)
        return ERR_OK;
    if (*fd >= 0)
        close(*fd);
    free(*path);
    *path = NULL;
    return ERR_FORMAT;
}

#include "server/keeper/folder.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void folder_init(struct folder *f)
{
    f->fd = -1;
    f->len = 0;
}

void folder_fini(struct folder *f)
{
    if (f->fd >= 0)
        close(f->fd);
    folder_init(f);
}

static void change(struct folder *f, const char *path, size_t len)
{
    folder_fini(f);
    if (len >= sizeof f->path)
        return;
    memcpy(f->path, path, len);
    f->path[len] = '\0';
    f->len = len;
}

int folder_open(struct folder *f, const char *path, int flags)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (!len || !slash[1])
        return open(path, flags);
    if (len != f->len || memcmp(path, f->path, len)) {
        change(f, path, len);
        return open(path, flags);
    }
    if (f->fd < 0)
        f->fd = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = f->fd < 0 ? -1 : openat(f->fd, slash + 1, flags);
    if (fd >= 0)
        return fd;
    folder_fini(f); /* another folder may have its name now */
    return open(path, flags);
}

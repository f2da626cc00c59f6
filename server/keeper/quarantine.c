#include "server/keeper/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "backend/base/err.h"

/* How many files the directory has; it is opened anew, as reading moves its place. */
static unsigned count_files(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

int quarantine_keep(const char *state, const uint8_t *query, size_t len)
{
    char path[2048], name[32];
    snprintf(path, sizeof path, "%s/quarantine", state);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return ERR_SYSTEM;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ERR_SYSTEM;
    snprintf(name, sizeof name, "%016llx.query", (unsigned long long)XXH3_64bits(query, len));
    int err = count_files(dir) >= QUARANTINE_FILES ? ERR_LIMIT : ERR_OK;
    int fd =
        err ? -1 : openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (!err && fd < 0 && errno != EEXIST)
        err = ERR_SYSTEM;
    if (fd >= 0 && write(fd, query, len) != (ssize_t)len)
        err = ERR_SYSTEM;
    if (fd >= 0)
        close(fd);
    close(dir);
    return err;
}

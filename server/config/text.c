#include "server/config/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "backend/base/io.h"

enum { TEXT_MAX = 512 << 20, STEP = 4 << 20 };

/* As sendfile, for file systems that cannot do that. */
static ssize_t copy_some(int from, int to)
{
    char some[64 << 10];
    ssize_t n = read(from, some, sizeof some);
    return n > 0 && io_write_all(to, some, (size_t)n) ? -1 : n;
}

static int copy_all(int from, int to)
{
    for (size_t len = 0; len <= TEXT_MAX;) {
        ssize_t n = sendfile(to, from, NULL, STEP);
        if (n < 0 && (errno == EINVAL || errno == ENOSYS))
            n = copy_some(from, to);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? ERR_SYSTEM : ERR_OK;
        len += (size_t)n;
    }
    errno = EFBIG;
    return ERR_SYSTEM;
}

int text_read(const char *path, int *memory, struct buf *errors)
{
    static const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    struct stat st;
    const char *why = NULL;
    int err = ERR_OK;
    /* Not blocking: a FIFO that nobody writes must not hold up the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    *memory = -1;
    if (fd < 0 || fstat(fd, &st) != 0)
        why = strerror(errno);
    else if (S_ISDIR(st.st_mode))
        why = "it is a directory";
    else if (!S_ISREG(st.st_mode))
        why = "it is not a regular file, and a reload has to read it again";
    else if ((*memory = memfd_create("zonedeck-config", MFD_CLOEXEC | MFD_ALLOW_SEALING)) < 0)
        err = ERR_SYSTEM;
    else if (copy_all(fd, *memory))
        why = strerror(errno);
    else if (fcntl(*memory, F_ADD_SEALS, seals) < 0)
        err = ERR_SYSTEM;
    if (err)
        buf_printf(errors, "%s: cannot be kept in memory: %s\n", path, strerror(errno));
    else if (why)
        buf_printf(errors, "%s: cannot be read: %s; correct that or name another file with -c\n",
                   path, why);
    if (fd >= 0)
        close(fd);
    if (*memory >= 0 && (err || why)) {
        close(*memory);
        *memory = -1;
    }
    return why ? ERR_CONFIG : err;
}

static int map(int fd, const char **text, size_t *len)
{
    struct stat st;
    *text = "";
    *len = 0;
    if (fstat(fd, &st) < 0)
        return ERR_SYSTEM;
    if (st.st_size > TEXT_MAX)
        return ERR_LIMIT;
    if (!st.st_size)
        return ERR_OK;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return ERR_SYSTEM;
    *text = data;
    *len = (size_t)st.st_size;
    return ERR_OK;
}

int text_parse(int fd, const char *path, bool with_zones, struct config **config,
               struct buf *errors)
{
    const char *text;
    size_t len;
    int err = map(fd, &text, &len);
    *config = NULL;
    if (err) {
        buf_printf(errors, "%s: its text cannot be read again: %s\n", path,
                   err == ERR_SYSTEM ? strerror(errno) : err_text(err));
        return err;
    }
    *config = (with_zones ? config_parse : config_parse_service)(path, text, len, errors);
    if (len)
        munmap((void *)(uintptr_t)text, len);
    return *config ? ERR_OK : ERR_CONFIG;
}

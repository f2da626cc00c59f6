#include "backend/base/io.h"

#include <errno.h>
#include <unistd.h>

#include "backend/base/err.h"

int io_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_SYSTEM;
        p += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

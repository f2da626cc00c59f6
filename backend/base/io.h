/* What read and write leave to do. */
#pragma once

#include <stddef.h>

/* Writes all of it, however the system cuts it up. ERR_SYSTEM (errno): a part may be written. */
int io_write_all(int fd, const void *data, size_t len);

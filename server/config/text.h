/* The text of a configuration: read from its file once, into sealed memory that is handed from
 * process to process. Each maps it to read it; none can change it. */
#pragma once

#include <stdbool.h>

#include "backend/base/buf.h"
#include "server/config/config.h"

/* Reads a file; `*memory` becomes the descriptor of the memory. ERR_CONFIG when the file cannot be
 * read, ERR_SYSTEM when there is no memory for it: then it is -1, and `errors` says which file and
 * why. */
int text_read(const char *path, int *memory, struct buf *errors);
/* Makes a configuration of such a memory, as config_parse does or, without zones,
 * config_parse_service. The descriptor stays the caller's. ERR_CONFIG when it has errors,
 * ERR_SYSTEM or ERR_LIMIT when it cannot be read; `errors` says what. */
int text_parse(int fd, const char *path, bool with_zones, struct config **config,
               struct buf *errors);

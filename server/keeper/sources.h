/* What identifies the content of the files a zone was made from: the zone's own (struct
 * image_source) and those it includes, a list that the image keeps. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "backend/base/buf.h"
#include "server/image/builder.h"

struct image_source sources_of(const struct stat *st);
/* Of the present content of a file; false when there is none that could be read. */
bool sources_read(const char *path, struct image_source *source);
/* Appends a file to a list. */
void sources_add(struct buf *list, const char *path, const struct stat *st);
/* Are all files of a list as they were? */
bool sources_are_current(const void *list, size_t len);

/* The bytes of a zone's text in order: of a file, of a part of one, or in memory.
 *
 * A file is read in blocks, never mapped: one that is cut off meanwhile must not kill the reader.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* So many bytes behind each line can be read, too: what they are means nothing. */
enum { BYTES_BEHIND = 16 };

struct bytes {
    const char *at, *end; /* what is there and not yet taken */
    int fd;               /* -1: memory */
    bool failed;          /* reading did, with `error` for errno */
    int error;
    int64_t next, stop; /* where in the file the next block is; where to stop */
    char *buffer;
};

/* The bytes [from, to) of a file, or up to its end when that is sooner; the descriptor stays the
 * caller's. */
void bytes_of_file(struct bytes *t, int fd, int64_t from, int64_t to);
/* A copy of bytes in memory; without memory for it, `failed`. */
void bytes_of_memory(struct bytes *t, const void *bytes, size_t len);
void bytes_fini(struct bytes *t);
/* Reads on when everything was taken; false at the end, or when reading failed. */
bool bytes_more(struct bytes *t);
/* The rest of the line at hand, without its end of line, or of the last line without one; NULL at
 * the end, and when the line is longer than a block. It is not taken. */
const char *bytes_line(struct bytes *t, size_t *len);
/* Takes what bytes_line gave, with its end of line. */
void bytes_take_line(struct bytes *t, size_t len);
/* Where in the file, or in memory from its start, the next byte is. */
int64_t bytes_position(const struct bytes *t);

static inline int bytes_peek(struct bytes *t)
{
    return t->at < t->end || bytes_more(t) ? (unsigned char)*t->at : EOF;
}

static inline int bytes_get(struct bytes *t)
{
    return t->at < t->end || bytes_more(t) ? (unsigned char)*t->at++ : EOF;
}

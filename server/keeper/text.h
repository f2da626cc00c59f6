/* The bytes of a zone's text in order: of a file, of a part of one, or in memory.
 *
 * A file is read in blocks, never mapped: one that is cut off meanwhile must not kill the reader.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct text {
    const char *at, *end; /* what is there and not yet taken */
    int fd;               /* -1: memory */
    bool failed;          /* reading did, with `error` for errno */
    int error;
    int64_t next, stop; /* where in the file the next block is; where to stop */
    char *buffer;
};

/* The bytes [from, to) of a file, or up to its end when that is sooner; the descriptor stays the
 * caller's. */
void text_of_file(struct text *t, int fd, int64_t from, int64_t to);
/* Bytes in memory, which stay the caller's. */
void text_of_memory(struct text *t, const void *bytes, size_t len);
void text_fini(struct text *t);
/* Reads on when everything was taken; false at the end, or when reading failed. */
bool text_more(struct text *t);
/* The rest of the line at hand, without its end of line, or of the last line without one; NULL at
 * the end, and when the line is longer than a block. It is not taken. */
const char *text_line(struct text *t, size_t *len);
/* Takes what text_line gave, with its end of line. */
void text_take_line(struct text *t, size_t len);
/* Where in the file, or in memory from its start, the next byte is. */
int64_t text_position(const struct text *t);

static inline int text_peek(struct text *t)
{
    return t->at < t->end || text_more(t) ? (unsigned char)*t->at : EOF;
}

static inline int text_get(struct text *t)
{
    return t->at < t->end || text_more(t) ? (unsigned char)*t->at++ : EOF;
}

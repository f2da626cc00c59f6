/* Where the bytes of an image go: into memory, or piece by piece into a file, so that no more of a
 * large image is held than what threads are at. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "server/image/crew.h"

struct sink {
    uint8_t *memory; /* all of the image; NULL it goes into the file */
    int fd;
    uint8_t *buffers; /* one for each thread */
    size_t room;
    unsigned count;
    _Atomic unsigned char taken[CREW_MAX + 1];
    _Atomic int error; /* errno of the first write that failed */
};

/* For pieces of at most `room` bytes, of which so many threads fill one each. ERR_MEMORY. */
int sink_begin(struct sink *s, int fd, unsigned threads, size_t room);
void sink_end(struct sink *s);
/* Room for a piece, all zeros. */
uint8_t *sink_open(struct sink *s, uint64_t at, size_t len);
/* The piece is filled. */
void sink_close(struct sink *s, uint64_t at, size_t len, uint8_t *piece);
/* Writes what lies in memory anyway; for a sink that is a file. */
void sink_put(struct sink *s, uint64_t at, size_t len, const void *bytes);

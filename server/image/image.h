/* A compiled zone: reading side.
 *
 * An image is one immutable, position-independent block: header, nodes in canonical order with
 * their RRsets, hash table, index of NSEC owners. image_open checks header and checksum; nothing of
 * an image that passed is trusted beyond its bounds by image_verify, which walks all of it. An
 * opened image is read-only and may be used by any number of threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/image/builder.h"

struct image;

/* Maps `size` bytes at `offset` (a multiple of the page size) of `fd`, which stays the caller's.
 * `key` is the hash key the image must have been built with. Returns 0 and an image; ERR_FORMAT not
 * an image; ERR_VERSION of another format or key; ERR_CHECKSUM; ERR_SYSTEM; ERR_MEMORY. With
 * `check` false the checksum is not read again (the caller knows that another process of this
 * server did). */
int image_open(int fd, uint64_t offset, uint64_t size, const uint8_t key[16], bool check,
               struct image **image);
/* Unmaps and frees; NULL is fine. */
void image_close(struct image *image);
/* Brings near the first bytes of an image that will be looked at soon. */
static inline void image_ahead(const void *base)
{
    enum { LINE = 64, LINES = 5 }; /* its header, mostly */
    for (unsigned i = 0; i < LINES; i++)
        __builtin_prefetch((const char *)base + (size_t)i * LINE);
}

/* The same for an image that lies in memory, 8-byte aligned, for as long as it is used. Allocates
 * nothing; there is nothing to close. */
int image_at(const void *base, uint64_t size, const uint8_t key[16], bool check,
             struct image *image);

/* Walks every node, RRset and reference; ERR_FORMAT when one points or reaches outside. */
int image_verify(const struct image *image);

const struct image_summary *image_get_summary(const struct image *image);
const struct image_source *image_get_source(const struct image *image);
/* Have both the same records, whatever their order in an RRset? */
bool image_same_content(const struct image *a, const struct image *b);
/* What image_builder_set_files gave; `*len` is 0 when nothing. */
const void *image_get_files(const struct image *image, size_t *len);
/* The zone's name in wire form, lower case. */
const uint8_t *image_get_origin(const struct image *image, size_t *len);
/* Has it signatures, so that answers to queries with DO have more than others? */
bool image_is_signed(const struct image *image);
/* When it was built: wall clock, ns. */
int64_t image_get_built(const struct image *image);

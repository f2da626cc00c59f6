/* Packs: files that hold the images of many small zones, STATE/images/ID.pack.
 *
 *   header | images, each at a multiple of 8 | index: struct pack_entry for each image
 *
 * A pack is written beside its place and renamed into it, and never changed: a zone that changes
 * gets its next image elsewhere, and of two images of a zone the one that was built later counts
 * (image_get_built). Like an image a pack is only a cache: it may be deleted at any time, and one
 * that is damaged, foreign or of another version is not used. Header and index have a checksum of
 * their own, so one damaged image costs only its own zone.
 *
 * The writer is used by short-lived children, the reader by the keeper. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/image/file.h"
#include "server/image/image.h"

enum {
    PACK_IMAGE_MAX = 64 << 10, /* larger images have a file of their own */
    PACK_BYTES = 4 << 20,      /* a pack is closed when it has so many, */
    PACK_ZONES = 4096,         /* or so many zones */
    PACK_NAME_MAX = 32
};
#define PACK_MAGIC "zdpack1"

struct pack_header {
    char magic[8];
    uint32_t format, order; /* of the images; as in their headers */
    uint8_t key[16];
    uint64_t id; /* random, not 0 */
    uint64_t size, index;
    uint32_t count, pad;
    uint64_t checksum; /* XXH3 of the header up to here, seeded with that of the index */
};

struct pack_entry {
    uint32_t at;   /* offset of the image, in units of 8 bytes */
    uint32_t size; /* in bytes */
};

/* The file of a pack. */
void pack_name(uint64_t id, char name[PACK_NAME_MAX]);
/* Is that the name of such a file? */
bool pack_is_name(const char *name, uint64_t *id);

struct pack_writer {
    uint8_t *bytes; /* header and images */
    size_t len, cap;
    struct pack_entry *entries;
    size_t count, entry_cap;
};

/* Adds an image; its offset, or 0 when memory runs out. */
uint64_t pack_add(struct pack_writer *w, const void *image, uint64_t size);
/* Takes the last one back. */
void pack_take_back(struct pack_writer *w);
bool pack_is_full(const struct pack_writer *w);
/* Writes all of it into `fd`, which is empty; *id and *size tell what it became. Not to be added to
 * after that. ERR_SYSTEM, ERR_MEMORY. */
int pack_write(struct pack_writer *w, const uint8_t key[16], int fd, uint64_t *id, uint64_t *size);
/* Empties it. */
void pack_writer_fini(struct pack_writer *w);

/* What a mapped file says; points into it. */
struct pack_index {
    const struct pack_entry *entries;
    uint32_t count;
    uint64_t id;
};

/* What the checksum of a header with h->count entries must be. */
uint64_t pack_checksum(const struct pack_header *h, const struct pack_entry *entries);
/* Checks header, index and that every image lies within. ERR_FORMAT, ERR_VERSION, ERR_CHECKSUM. */
int pack_read(const uint8_t *bytes, uint64_t size, const uint8_t key[16], struct pack_index *index);

/* A file with images, mapped once and shared by all who use an image within it. Counting is safe
 * between threads; what is mapped is read-only. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_file {
    const uint8_t *base;
    uint64_t size, id;
    struct image_file *next; /* the owner's list */
    _Atomic uint32_t users;
    bool rested; /* the owner's: nothing was read of it since */
};

/* Maps `size` bytes of `fd`, which stays the caller's; the caller is the first user. ERR_FORMAT the
 * file has fewer; ERR_SYSTEM, ERR_MEMORY. */
int image_file_map(int fd, uint64_t id, uint64_t size, struct image_file **file);
struct image_file *image_file_get(struct image_file *file);
/* Gives back the memory of what has been read of it; it is read again when it is asked for. */
void image_file_rest(struct image_file *file);
/* Unmaps it after the last user; NULL is fine. */
void image_file_put(struct image_file *file);

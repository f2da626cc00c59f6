/* Image files in the state directory: STATE/images/NAME.img.
 *
 * A file is written beside its place and renamed into it, so a reader sees the old version or the
 * new one. An image is only a cache: it may vanish or be damaged at any time. A store whose
 * directory cannot be used has `dir` -1; its calls fail with ERR_SYSTEM and errno. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/image/image.h"

enum { STORE_NAME_MAX = 256 };

struct store {
    int dir;
    uint8_t key[16];
};

/* Opens, and makes if missing, the directory below `state`; removes what was left half written.
 * ERR_SYSTEM: the store is unusable but may be asked to open again. */
int store_open(struct store *store, const char *state, const uint8_t key[16]);
void store_close(struct store *store);

/* The file of a zone: the letters, digits, '-', '_' and '.' of its name as they are, others as %XX;
 * a long name as the hash of its wire form. */
void store_name(const struct config_zone *zone, char name[STORE_NAME_MAX]);

/* Opens the image of a zone; the caller closes both. ERR_MISSING no file; ERR_FORMAT, ERR_VERSION
 * or ERR_CHECKSUM it cannot be used; ERR_SYSTEM, ERR_MEMORY. `check` reads all of it. */
int store_get(const struct store *store, const struct config_zone *zone, bool check,
              struct image **image, int *fd);
/* Opens an image of a zone held by `fd`, as above. */
int store_open_image(const struct store *store, const struct config_zone *zone, int fd, bool check,
                     struct image **image);
/* Copies the image in `memory` to the zone's file, on disk for good when `durable`. ERR_SYSTEM. */
int store_put(const struct store *store, const struct config_zone *zone, int memory, bool durable);
/* Sets the file's time, which says when a transferred zone was last confirmed. */
void store_touch(const struct store *store, const struct config_zone *zone, int64_t when);
void store_remove(const struct store *store, const struct config_zone *zone);

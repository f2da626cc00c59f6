/* Image files in the state directory: STATE/images/NAME.img, and packs (pack.h).
 *
 * A file is written beside its place and renamed into it, so a reader sees the old version or the
 * new one; who has it open goes on with the same file. An image is only a cache: it may vanish or
 * be damaged at any time. A store whose directory cannot be used has `dir` -1; its calls fail with
 * ERR_SYSTEM and errno. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/image/image.h"

struct pack_writer;

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

/* What is in the directory. */
struct store_list {
    uint64_t *images; /* hashes of the files of zones, sorted */
    size_t image_count, image_cap;
    uint64_t *packs; /* their ids */
    size_t pack_count, pack_cap;
};
/* Lists it as far as there is memory for it. */
void store_list(const struct store *store, struct store_list *list);
/* May there be a file of the zone? */
bool store_list_has(const struct store_list *list, const struct config_zone *zone);
void store_list_fini(struct store_list *list);

/* Opens the image of a zone; the caller closes both. ERR_MISSING no file; ERR_FORMAT, ERR_VERSION
 * or ERR_CHECKSUM it cannot be used; ERR_SYSTEM, ERR_MEMORY. `check` reads all of it. */
int store_get(const struct store *store, const struct config_zone *zone, bool check,
              struct image **image, int *fd);
/* Opens an image of a zone held by `fd`, as above. */
int store_open_image(const struct store *store, const struct config_zone *zone, int fd, bool check,
                     struct image **image);
/* Makes an empty file for a zone's next image, which nobody finds until it is kept; the caller
 * closes it. ERR_SYSTEM. */
int store_begin(const struct store *store, const struct config_zone *zone, int *fd);
/* Everything is written: *fd becomes one that can only be read. ERR_SYSTEM. */
int store_written(const struct store *store, const struct config_zone *zone, int *fd);
/* Puts that file in the zone's place, on disk for good when `durable`. After ERR_SYSTEM it is gone
 * from the directory, but the descriptor is good. */
int store_keep(const struct store *store, const struct config_zone *zone, int fd, bool durable);
/* Removes that file. */
void store_drop(const struct store *store, const struct config_zone *zone);
void store_remove(const struct store *store, const struct config_zone *zone);

/* Writes a pack and puts it in its place; *fd can only be read, and the caller closes it. When the
 * store cannot take it the pack is in memory and *store_errno says why. ERR_SYSTEM, ERR_MEMORY. */
int store_put_pack(const struct store *store, struct pack_writer *w, int *fd, uint64_t *id,
                   uint64_t *size, int *store_errno);
void store_remove_pack(const struct store *store, uint64_t id);

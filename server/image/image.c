#include "server/image/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "backend/base/err.h"
#include "server/image/crew.h"
#include "server/image/node.h"

enum { SUM_PIECE = 1 << 20, SUMS_MOST = 1024, LARGE = 8 << 20 };

struct summing {
    const uint8_t *at;
    uint64_t size, piece;
    uint64_t sum[SUMS_MOST];
};

static void sum_piece(void *arg, unsigned i)
{
    struct summing *s = arg;
    const uint8_t *from = s->at + i * s->piece;
    uint64_t left = s->size - i * s->piece, size = left < s->piece ? left : s->piece;
    s->sum[i] = XXH3_64bits(from, size);
}

uint64_t image_checksum(const void *base, uint64_t size, unsigned threads)
{
    size_t skip = offsetof(struct image_header, checksum) + sizeof(uint64_t);
    struct summing s;
    s.at = (const uint8_t *)base + skip;
    s.size = size - skip;
    s.piece = (s.size / SUMS_MOST / SUM_PIECE + 1) * SUM_PIECE;
    if (s.size <= s.piece)
        return XXH3_64bits(s.at, s.size);
    unsigned count = (unsigned)((s.size + s.piece - 1) / s.piece);
    crew_run(threads, count, sum_piece, &s);
    return XXH3_64bits(s.sum, count * sizeof *s.sum);
}

/* A start waits for the largest zones. */
static bool is_whole(const struct image_header *h)
{
    long threads = h->size < LARGE ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    return image_checksum(h, h->size, threads < 1 ? 1 : (unsigned)threads) == h->checksum;
}

static bool within(uint64_t at, uint64_t count, uint64_t unit, uint64_t size)
{
    return at <= size && count <= (size - at) / unit;
}

static int check_header(const struct image_header *h, uint64_t size, const uint8_t key[16])
{
    if (size < sizeof *h || memcmp(h->magic, IMAGE_MAGIC, sizeof h->magic))
        return ERR_FORMAT;
    if (h->format != IMAGE_FORMAT || h->order != IMAGE_ORDER || memcmp(h->key, key, sizeof h->key))
        return ERR_VERSION;
    struct name origin;
    if (h->size != size || h->nodes != image_nodes_at(h->origin_len, h->nsec3_salt_len) ||
        h->nodes > h->nodes_end || h->nodes_end > size || h->hash % 8 || h->nsec % IMAGE_UNIT ||
        h->nsec3 % IMAGE_UNIT || h->slots == 0 ||
        !within(h->hash, h->slots, sizeof(struct image_slot), size) ||
        !within(h->nsec, h->nsec_count, 4, size) ||
        !within(h->nsec3, h->nsec3_count, sizeof(struct image_nsec3), size) ||
        !within(h->files, h->files_len, 1, size) || h->nsec3_iterations > NSEC3_ITERATIONS_MAX ||
        h->exist_count >= h->slots || !h->origin_len ||
        name_read(&origin, h->text, h->origin_len) != h->origin_len ||
        origin.count != h->origin_labels)
        return ERR_FORMAT;
    return ERR_OK;
}

int image_at(const void *base, uint64_t size, const uint8_t key[16], bool check,
             struct image *image)
{
    image->base = base;
    int err = check_header(image->header, size, key);
    if (!err && check && !is_whole(image->header))
        err = ERR_CHECKSUM;
    return err;
}

int image_open(int fd, uint64_t offset, uint64_t size, const uint8_t key[16], bool check,
               struct image **image)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_SYSTEM;
    /* Reading past the end of a mapped file kills the process: believe the file, not the message.
     */
    if (size < sizeof(struct image_header) || (uint64_t)st.st_size < offset ||
        (uint64_t)st.st_size - offset < size)
        return ERR_FORMAT;
    struct image *im = malloc(sizeof *im);
    if (!im)
        return ERR_MEMORY;
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)offset);
    if (map == MAP_FAILED) {
        free(im);
        return ERR_SYSTEM;
    }
    int err = image_at(map, size, key, check, im);
    if (err) {
        munmap(map, size);
        free(im);
        return err;
    }
    *image = im;
    return ERR_OK;
}

void image_close(struct image *image)
{
    if (!image)
        return;
    munmap((void *)(uintptr_t)image->base, image->header->size);
    free(image);
}

const struct image_summary *image_get_summary(const struct image *image)
{
    return &image->header->summary;
}

const struct image_source *image_get_source(const struct image *image)
{
    return &image->header->source;
}

const void *image_get_files(const struct image *image, size_t *len)
{
    *len = image->header->files_len;
    return image->base + image->header->files;
}

const uint8_t *image_get_origin(const struct image *image, size_t *len)
{
    *len = image->header->origin_len;
    return image->header->text;
}

int64_t image_get_built(const struct image *image)
{
    return image->header->built_at;
}

bool image_is_signed(const struct image *image)
{
    return image->header->is_signed;
}

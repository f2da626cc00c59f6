#include "server/keeper/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backend/base/err.h"
#include "backend/base/io.h"
#include "backend/base/rnd.h"
#include "server/image/layout.h"

enum { UNIT = 8, WRITE = 64 << 10 };
static const char suffix[] = ".pack";

void pack_name(uint64_t id, char name[PACK_NAME_MAX])
{
    snprintf(name, PACK_NAME_MAX, "%016" PRIx64 "%s", id, suffix);
}

bool pack_is_name(const char *name, uint64_t *id)
{
    char again[PACK_NAME_MAX];
    *id = strtoull(name, NULL, 16);
    pack_name(*id, again);
    return !strcmp(name, again) && *id;
}

static size_t round_up(size_t n)
{
    return (n + UNIT - 1) & ~(size_t)(UNIT - 1);
}

static void *grow(void *items, size_t *cap, size_t need, size_t unit)
{
    size_t more = *cap ? *cap : 256;
    while (more < need)
        more *= 2;
    void *p = more == *cap ? items : realloc(items, more * unit);
    if (p)
        *cap = more;
    return p;
}

uint64_t pack_add(struct pack_writer *w, const void *image, uint64_t size)
{
    size_t at = w->len ? w->len : sizeof(struct pack_header), end = round_up(at + size);
    void *bytes = grow(w->bytes, &w->cap, end, 1);
    if (!bytes)
        return 0;
    w->bytes = bytes;
    void *entries = grow(w->entries, &w->entry_cap, w->count + 1, sizeof *w->entries);
    if (!entries)
        return 0;
    w->entries = entries;
    memcpy(w->bytes + at, image, size);
    memset(w->bytes + at + size, 0, end - at - size);
    w->entries[w->count++] = (struct pack_entry){(uint32_t)(at / UNIT), (uint32_t)size};
    w->len = end;
    return at;
}

void pack_take_back(struct pack_writer *w)
{
    w->len = (size_t)w->entries[--w->count].at * UNIT;
}

bool pack_is_full(const struct pack_writer *w)
{
    return w->len >= PACK_BYTES || w->count >= PACK_ZONES;
}

uint64_t pack_checksum(const struct pack_header *h, const struct pack_entry *entries)
{
    uint64_t index = XXH3_64bits(entries, h->count * sizeof *entries);
    return XXH3_64bits_withSeed(h, offsetof(struct pack_header, checksum), index);
}

/* What is written at once the page cache may keep and map as one: a zone that is asked for shall
 * not bring all others of its pack with it. */
static int write_steps(int fd, const uint8_t *from, size_t len)
{
    int err = ERR_OK;
    for (size_t n; len && !err; from += n, len -= n) {
        n = len < WRITE ? len : WRITE;
        err = io_write_all(fd, from, n);
    }
    return err;
}

int pack_write(struct pack_writer *w, const uint8_t key[16], int fd, uint64_t *id, uint64_t *size)
{
    struct pack_header h = {.format = IMAGE_FORMAT,
                            .order = IMAGE_ORDER,
                            .index = w->len,
                            .size = w->len + w->count * sizeof *w->entries,
                            .count = (uint32_t)w->count};
    memcpy(h.magic, PACK_MAGIC, sizeof h.magic);
    memcpy(h.key, key, sizeof h.key);
    do
        rnd_fill(&h.id, sizeof h.id);
    while (!h.id);
    h.checksum = pack_checksum(&h, w->entries);
    memcpy(w->bytes, &h, sizeof h);
    *id = h.id;
    *size = h.size;
    int err = write_steps(fd, w->bytes, w->len);
    return err ? err : write_steps(fd, (const uint8_t *)w->entries, w->count * sizeof *w->entries);
}

void pack_writer_fini(struct pack_writer *w)
{
    free(w->bytes);
    free(w->entries);
    *w = (struct pack_writer){0};
}

int pack_read(const uint8_t *bytes, uint64_t size, const uint8_t key[16], struct pack_index *index)
{
    const struct pack_header *h = (const void *)bytes;
    if (size < sizeof *h || memcmp(h->magic, PACK_MAGIC, sizeof h->magic))
        return ERR_FORMAT;
    if (h->format != IMAGE_FORMAT || h->order != IMAGE_ORDER || memcmp(h->key, key, sizeof h->key))
        return ERR_VERSION;
    if (h->size != size || h->index % UNIT || h->index < sizeof *h || h->index > size ||
        (size - h->index) / sizeof(struct pack_entry) != h->count ||
        (size - h->index) % sizeof(struct pack_entry) || !h->id)
        return ERR_FORMAT;
    const struct pack_entry *entries = (const void *)(bytes + h->index);
    if (pack_checksum(h, entries) != h->checksum)
        return ERR_CHECKSUM;
    for (uint32_t i = 0; i < h->count; i++) {
        uint64_t at = (uint64_t)entries[i].at * UNIT;
        if (at < sizeof *h || at > h->index || entries[i].size > h->index - at)
            return ERR_FORMAT;
    }
    *index = (struct pack_index){entries, h->count, h->id};
    return ERR_OK;
}

/* Any bytes as a pack: refused, or every image it names lies within and is refused or opened. */
#include <stdlib.h>
#include <string.h>

#include "server/image/node.h"
#include "server/keeper/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[16] = "a key for tests.";
    uint8_t *copy = malloc(size ? size : 1);
    struct pack_header *h = (void *)copy;
    struct pack_index index;
    if (size)
        memcpy(copy, data, size);
    /* The checksum would keep the fuzzer out. */
    if (size >= sizeof *h && h->index <= size &&
        (size - h->index) / sizeof(struct pack_entry) >= h->count && h->index % 8 == 0) {
        h->size = size;
        h->checksum = pack_checksum(h, (const void *)(copy + h->index));
    }
    if (pack_read(copy, size, key, &index) == 0) {
        for (uint32_t i = 0; i < index.count; i++) {
            struct image image;
            if (!image_at(copy + (uint64_t)index.entries[i].at * 8, index.entries[i].size, key,
                          false, &image))
                image_verify(&image);
        }
    }
    free(copy);
    return 0;
}

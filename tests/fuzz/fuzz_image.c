/* Any bytes as an image file, or a good image with some bytes changed: refused, or walked and asked
 * without harm.
 *
 * An input that begins as an image does is one. Any other is changes to the image of a zone made
 * here: five bytes each, where (modulo the size) and what; so inputs outlive changes of the format.
 */
#include "server/answer/transfer.h"
#include "tests/fuzz/zones.h"
#include "server/dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct zone_table *zones, const struct hash_key *key)
{
    static struct answer_scratch scratch;
    static uint8_t out[DNS_MESSAGE_MAX];
    static const char *const names[] = {"\1z",       "\1a\1z", "\1x\1w\1z",
                                        "\1x\1s\1z", "\1n\1z", "\1x\3d39\1z"};
    struct sockaddr source = {.sa_family = AF_UNSPEC};
    scratch.near = NULL;
    struct answer_facts facts = {.source = &source, .tcp = true};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t q[64] = {[5] = 1};
        size_t n = strlen(names[i]) + 1;
        memcpy(q + DNS_HEADER, names[i], n);
        wire_put16(q + DNS_HEADER + n, i == 2 ? TYPE_ANY : TYPE_NS);
        wire_put16(q + DNS_HEADER + n + 2, CLASS_IN);
        struct answer a;
        answer_query(&a, &scratch, zones, key, q, DNS_HEADER + n + 4, &facts, out, sizeof out);
        if (i == 0 && a.zone) {
            struct transfer t;
            transfer_begin(&t, &a, out);
            for (int k = 0; k < 100 && transfer_next(&t, &scratch.names, 0, out, sizeof out); k++)
                ;
        }
    }
}

/* The bytes to be tried; the caller frees them. */
static uint8_t *make(const uint8_t *data, size_t *size)
{
    static const struct image *good;
    if (*size >= sizeof IMAGE_MAGIC && !memcmp(data, IMAGE_MAGIC, sizeof IMAGE_MAGIC)) {
        uint8_t *copy = malloc(*size);
        memcpy(copy, data, *size);
        return copy;
    }
    if (!good) {
        char *text = fuzz_large_zone();
        good = zone_text_image("z.", text);
        free(text);
    }
    size_t good_size = good->header->size;
    uint8_t *copy = malloc(good_size);
    memcpy(copy, good->base, good_size);
    for (size_t at = 0; at + 5 <= *size; at += 5) {
        uint32_t where;
        memcpy(&where, data + at, 4);
        copy[where % good_size] = data[at + 4];
    }
    *size = good_size;
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz", 0);
    bool unchanged = size < 5;
    uint8_t *copy = make(data, &size);
    struct image_header *h = (void *)copy;
    if (size >= sizeof *h) { /* the checksum would keep the fuzzer out */
        h->size = size;
        h->checksum = image_checksum(copy, size, 1);
    }
    struct image *image = NULL;
    if (ftruncate(fd, 0) == 0 && pwrite(fd, copy, size, 0) == (ssize_t)size &&
        !image_open(fd, 0, size, zone_text_key, true, &image)) {
        struct hash_key key = hash_key_from(zone_text_key);
        struct msg_zone m = {.name_len = 3, .name = "\1z", .flags = ZONE_HAS_IMAGE};
        struct zone_table *zones = zone_table_new(1);
        size_t len;
        const uint8_t *origin = image_get_origin(image, &len);
        bool ours = name_equal(origin, len, m.name, m.name_len);
        struct zone *zone = ours && !image_verify(image) ? zone_new(&m, image, &key) : NULL;
        if (!zone && unchanged)
            abort();
        if (zone) {
            zone_table_put(zones, zone);
            ask(zones, &key);
            zone_unpin(zone);
        } else {
            image_close(image);
        }
        zone_table_free(zones);
    } else if (unchanged) {
        abort(); /* else nothing would be tried */
    }
    free(copy);
    return 0;
}

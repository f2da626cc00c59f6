/* Any bytes as the stream of a transfer (messages, each behind its length) and as an answer to a
 * SOA query: never out of bounds, and a zone that is complete builds into an image that stands its
 * verification. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "server/dns/wire.h"
#include "server/image/image.h"
#include "server/keeper/ask.h"
#include "server/keeper/axfr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t zone[] = "\1z";
static const uint8_t key[16] = {1};

static int take_record(void *ctx, const uint8_t *owner, size_t owner_len, uint16_t type,
                       uint32_t ttl, const uint8_t *rdata, size_t rdata_len, const char **reason)
{
    *reason = "";
    return image_builder_add(ctx, owner, owner_len, type, ttl, rdata, rdata_len);
}

static void build(struct image_builder *builder)
{
    static const struct image_source none;
    struct image_summary summary;
    struct buf findings = {0};
    struct image *image;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0)
        return;
    if (image_builder_finish(builder, key, &none, fd, &summary, &findings) == 0) {
        if (image_open(fd, 0, summary.bytes, key, true, &image) || image_verify(image))
            abort();
        image_close(image);
    }
    buf_fini(&findings);
    close(fd);
}

static void transfer(const uint8_t *data, size_t size)
{
    struct axfr *a = calloc(1, sizeof *a);
    struct image_builder *builder = image_builder_new(zone, sizeof zone);
    int r = 0;
    memcpy(a->zone, zone, sizeof zone);
    a->zone_len = sizeof zone;
    a->record = take_record;
    a->ctx = builder;
    while (r == 0 && size >= 2) {
        size_t len = wire_get16(data);
        len = len < size - 2 ? len : size - 2;
        /* In memory of its own, so that one byte too far is seen. */
        uint8_t *exact = malloc(len ? len : 1);
        memcpy(exact, data + 2, len);
        r = axfr_message(a, exact, len);
        free(exact);
        data += 2 + len;
        size -= 2 + len;
    }
    if (r < 0 && !*a->reason)
        abort();
    if (r == 1)
        build(builder);
    image_builder_free(builder);
    free(a);
}

static void answer(const uint8_t *data, size_t size)
{
    struct ask_reply reply;
    uint16_t id = size >= 2 ? wire_get16(data) : 0;
    for (enum ask_kind kind = 0; kind < ASK_KINDS; kind++)
        ask_read(data, size, kind, id, zone, sizeof zone, &reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    transfer(data, size);
    answer(data, size);
    return 0;
}

/* Any bytes as a configuration: a struct or errors, never both, never neither; and the same by the
 * short way for plain zones as by libyaml alone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buf.h"
#include "tests/unit/config/both_ways.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_zone(const struct config *config, const struct config_zone *zone)
{
    if (config_find_zone(config, zone->wire, zone->wire_len) != zone)
        abort();
    if (!zone->file == (zone->lists->primaries.count == 0))
        abort();
    if (zone->lists->allow_transfer.count > 64 || zone->lists->allow_notify.count > 64)
        abort();
}

/* Listing folders of the machine makes results depend on it, and is slow. */
static int names_folder(const uint8_t *data, size_t size)
{
    return size > 0 && memmem(data, size, "directory", 9) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf errors = {0};
    if (names_folder(data, size))
        return 0;
    struct config *config = config_parse("/etc/zonedeck/c.yaml", (const char *)data, size, &errors);
    if (!config == (errors.len == 0))
        abort();
    for (size_t i = 0; config && i < config->zone_count; i++)
        check_zone(config, &config->zones[i]);
    config_free(config);
    buf_fini(&errors);
    size_t count;
    if (!memchr(data, 0, size) &&
        both_differ("/etc/zonedeck/c.yaml", (const char *)data, size, false, &count))
        abort();
    return 0;
}

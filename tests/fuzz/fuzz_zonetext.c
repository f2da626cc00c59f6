/* Any bytes as zone text: records or problems, each in its place. */
#include <stdio.h>
#include <stdlib.h>

#include "server/dns/name.h"
#include "server/image/builder.h"
#include "server/keeper/zonetext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* Libldns leaks a few bytes for some bad text; it runs in processes that end with the zone. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libldns\n";
}

static const uint8_t origin[] = "\1z";

struct told {
    struct image_builder *builder;
    unsigned problems;
};

static int take_record(void *ctx, const struct zonetext_record *record, const char **reason)
{
    struct told *told = ctx;
    if (name_length(record->owner, record->owner_len) != record->owner_len || !record->line)
        abort();
    int err = image_builder_add(told->builder, record->owner, record->owner_len, record->type,
                                record->ttl, record->rdata, record->rdata_len);
    if (err)
        *reason = image_builder_reason(told->builder);
    return err;
}

static void take_problem(void *ctx, unsigned line, unsigned column, const char *reason)
{
    struct told *told = ctx;
    if (!line || !column || !*reason)
        abort();
    told->problems++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct told told = {.builder = image_builder_new(origin, sizeof origin)};
    struct zonetext_sink sink = {.record = take_record, .problem = take_problem, .ctx = &told};
    struct zonetext_state state;
    struct bytes text;
    zonetext_begin(&state, origin, sizeof origin);
    bytes_of_memory(&text, data, size);
    int err = zonetext_read(&text, NULL, &state, &sink);
    if ((err == 0) != (told.problems == 0))
        abort();
    bytes_fini(&text);
    image_builder_free(told.builder);
    return 0;
}

/* A large zone file read by several threads, a part each.
 *
 * Where a part begins, what directives have set is guessed from those before it. Whatever does not
 * fit (a fault anywhere, a part that ends in another state than the next one began in, a directive
 * that reads further text) gives the whole attempt up, and the file is read as any other: what it
 * means, and what is told of it, is decided in one place only. */
#pragma once

#include "server/image/builder.h"
#include "server/keeper/zonetext.h"

enum {
    SPLIT_LEAST = 1 << 20, /* bytes worth a part */
    SPLIT_EACH = 16,       /* parts a thread: a processor that is slower reads fewer of them */
    SPLIT_MOST = 64        /* parts */
};

struct split_job {
    int fd;
    int64_t size, least; /* least: bytes of a part; 0 SPLIT_LEAST */
    const uint8_t *origin;
    size_t origin_len;
    unsigned threads;
    struct image_builder
        *builder; /* gets the records; useless after an attempt that was given up */
    void (*progress)(void *ctx, unsigned permille); /* by any thread, never by two at once */
    void *ctx;
};

struct split_result {
    uint64_t records;
    bool has_soa;
};

/* Returns 0; ERR_LIMIT it was given up; ERR_MEMORY. */
int split_read(const struct split_job *job, struct split_result *result);

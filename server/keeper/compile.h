/* Compiles one zone file into an image. Slow, and libldns runs in it: only for a short-lived
 * process (server/keeper/load.h, check.h). */
#pragma once

#include <stdbool.h>

#include "backend/base/buf.h"
#include "backend/contract/events.h"
#include "server/config/config.h"
#include "server/image/builder.h"
#include "server/keeper/folder.h"
#include "server/keeper/pack.h"
#include "server/keeper/places.h"
#include "server/keeper/store.h"

struct compile_result {
    int status;       /* 0, ERR_MISSING, ERR_SYSTEM, ERR_FORMAT, ERR_ZONE, ERR_MEMORY */
    enum event event; /* what to tell of a failure; EVENT_COUNT none */
    int fd;           /* of the image; -1 none; the caller closes it */
    bool in_memory;   /* `fd` is all there is of it: it could not be stored */
    bool pending;     /* it is in the store's file system, but not yet in its place */
    uint64_t packed;  /* its offset in the job's pack, 0 it is not there; `fd` is -1 then */
    int store_errno;  /* why it could not be stored */
    bool changed;     /* the records are not those of `served` */
    struct image_summary summary;
    struct buf text;  /* a line a finding: "FILE:LINE:COLUMN: severity: reason" */
    char reason[512]; /* the first error: "FILE:LINE:COLUMN: reason" */
    struct image_builder *spent;
};

struct compile_job {
    const struct config_zone *zone;
    const struct store *store;  /* NULL: the zone is only looked at, and there will be no image */
    struct pack_writer *pack;   /* where a small image goes; NULL none */
    struct folder *folder;      /* of the file before, to find this one in; NULL none */
    bool keep_later;            /* a large image may stay pending, so that it is served sooner */
    bool yields;                /* nobody waits for it: it leaves some processors to others */
    const struct image *served; /* the version of before, to compare with; NULL none */
    uint8_t key[16];
    void (*progress)(void *ctx, unsigned permille);
    void *ctx;
};

void compile_zone(const struct compile_job *job, struct compile_result *result);
/* Frees what the zone was made from, which takes its time: after the result was told. */
void compile_forget(struct compile_result *result);
/* That too. */
void compile_fini(struct compile_result *result);
/* How many threads a zone of so many bytes, as text or on the wire, is worth. */
unsigned compile_threads(const struct compile_job *job, uint64_t bytes);
/* Finishes a builder that has all its records into an image in memory; `where` goes before each
 * finding, or the line of `places` (NULL: none) it names. Used for files and transfers. */
void compile_finish(const struct compile_job *job, struct image_builder *builder,
                    const struct image_source *source, const char *where,
                    const struct places *places, struct compile_result *result);
/* Puts a pending image in its place, on disk for good if that is worth it; when that fails it
 * counts as in memory and store_errno is set. With keep_later a large one stays pending. */
void compile_store(const struct compile_job *job, struct compile_result *result);
/* The same for one that stayed pending. */
void compile_keep(const struct compile_job *job, struct compile_result *result);
/* Adds a finding: "WHERE: error: …", and keeps the first error as the reason. */
void compile_tell(struct compile_result *result, const char *severity, const char *where,
                  const char *reason);

/* Zone text to records: directives, owners, TTLs and classes here, plain lines in plain.h, the
 * RDATA of others in zonerdata.h, with libldns, which runs only in the short-lived process that
 * calls this.
 *
 * Streams: a record is handed on and forgotten. After a fault it goes on with the next entry, so
 * that one run tells them all, up to ZONETEXT_PROBLEMS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "server/keeper/bytes.h"

enum {
    ZONETEXT_PROBLEMS = 20,
    ZONETEXT_DEPTH = 16,         /* of files that include files */
    ZONETEXT_FILES = 1000,       /* included ones, each as often as it is named */
    ZONETEXT_GENERATED = 1 << 18 /* records of all $GENERATE of a zone: four networks of 65,536 */
};

struct zonetext_record {
    const uint8_t *owner, *rdata; /* uncompressed; lent for the call */
    size_t owner_len, rdata_len;
    uint32_t ttl;
    uint16_t type;
    unsigned line, column; /* of its first word */
    int64_t at;            /* how far the zone's own file has been read, bytes */
};

struct zonetext_sink {
    /* Takes a record. Returns 0, or an error with `*reason` for a fault of the record, which is
     * then told as a problem at its place; ERR_MEMORY ends the reading. */
    int (*record)(void *ctx, const struct zonetext_record *record, const char **reason);
    void (*problem)(void *ctx, unsigned line, unsigned column, const char *reason);
    /* What follows is from line `line` on of the file `path`: an included one that was just opened
     * (`st`), or the one that goes on behind it (`st` NULL). */
    void (*file)(void *ctx, const char *path, unsigned line, const struct stat *st);
    void *ctx;
    const char *path; /* of the zone's file; NULL: $INCLUDE is refused, and `file` may be NULL */
};

/* What directives have set, from one line to the next. */
struct zonetext_state {
    uint8_t origin[255];
    size_t origin_len;
    uint32_t default_ttl;
    bool has_default;
};

/* The state at the start of a zone. */
void zonetext_begin(struct zonetext_state *state, const uint8_t *origin, size_t origin_len);
/* Reads text that begins in `state`, to its end, and leaves there what it ends in. Returns 0;
 * ERR_ZONE when problems were told (reading stops after ZONETEXT_PROBLEMS of them); ERR_MEMORY;
 * ERR_SYSTEM when the text could not be read. `st` is of the file `text` is of (NULL: memory). */
int zonetext_read(struct bytes *text, const struct stat *st, struct zonetext_state *state,
                  const struct zonetext_sink *sink);
/* Parses a TTL such as 3600 or 1h30m; ERR_FORMAT, or ERR_LIMIT above 2^31-1 (RFC 2181 section 8).
 */
int zonetext_parse_ttl(const char *text, uint32_t *ttl);

/* Zone text to records: directives, owners, TTLs and classes here, the RDATA of most types through
 * libldns, which runs only in the short-lived process that calls this.
 *
 * Streams: a record is handed on and forgotten. After a fault it goes on with the next entry, so
 * that one run tells them all, up to ZONETEXT_PROBLEMS. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

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

/* Reads a whole zone whose origin is `origin`. Returns 0; ERR_ZONE when problems were told (reading
 * stops after ZONETEXT_PROBLEMS of them); ERR_MEMORY; ERR_SYSTEM when the file could not be read.
 */
int zonetext_read(FILE *file, const uint8_t *origin, size_t origin_len,
                  const struct zonetext_sink *sink);
/* Parses a TTL such as 3600 or 1h30m; ERR_FORMAT, or ERR_LIMIT above 2^31-1 (RFC 2181 section 8).
 */
int zonetext_parse_ttl(const char *text, uint32_t *ttl);

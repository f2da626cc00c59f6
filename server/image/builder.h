/* Builds the image of one zone from its records.
 *
 * Records come in any order, one call each; image_builder_finish sorts them, checks the zone as a
 * whole and writes the image. Used in short-lived children: when memory runs out a call returns
 * ERR_MEMORY and the builder can only be freed.
 *
 * A zone may be read by several threads: each fills a part of its own. What counts as first, where
 * that matters, goes by the order of the parts, not by who was quicker. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buf.h"

struct image_builder;
struct image_part;

/* What identifies the source of an image, so that an unchanged one is not compiled again. */
struct image_source {
    uint64_t size, inode;
    int64_t mtime_ns, ctime_ns; /* all 0 for a transfer */
};

/* What the finished image holds. */
struct image_summary {
    uint32_t serial;
    uint64_t records, bytes;
    uint32_t refresh, retry, expire, minimum; /* of the SOA */
};

/* `origin` is the zone's name in wire form. NULL when memory runs out. */
struct image_builder *image_builder_new(const uint8_t *origin, size_t origin_len);
void image_builder_free(struct image_builder *b);
/* How many threads image_builder_finish may use; 1 when nothing is said. */
void image_builder_set_threads(struct image_builder *b, unsigned threads);

/* Adds one record of class IN: owner and names within RDATA uncompressed, RDATA as on the wire
 * (RFC 1035 section 3.3). A second identical record is counted once. Returns 0; ERR_MISSING the
 * owner is outside the zone (nothing was added); ERR_FORMAT the RDATA does not fit its type;
 * ERR_EXISTS a second, different SOA; ERR_LIMIT; ERR_MEMORY. image_builder_reason says more after
 * an error. */
int image_builder_add(struct image_builder *b, const uint8_t *owner, size_t owner_len,
                      uint16_t type, uint32_t ttl, const uint8_t *rdata, size_t rdata_len);
/* A further part, behind those there are; NULL when memory runs out. It goes with the builder. */
struct image_part *image_builder_part(struct image_builder *b);
/* Says that the part's records are about so many bytes of text, before the first one. What is
 * reserved and not used costs nothing. */
void image_part_expect(struct image_part *p, uint64_t bytes);
/* As image_builder_add, into one part; parts are filled by a thread each. */
int image_part_add(struct image_part *p, const uint8_t *owner, size_t owner_len, uint16_t type,
                   uint32_t ttl, const uint8_t *rdata, size_t rdata_len);
void image_part_set_place(struct image_part *p, uint32_t place);
const char *image_part_reason(const struct image_part *p);
/* Records added from here on come from `place`, a number of the caller's (0 none) that findings
 * name. */
void image_builder_set_place(struct image_builder *b, uint32_t place);
/* Bytes the image keeps for who built it (which further files it was made from); lent until the
 * image has been written. */
void image_builder_set_files(struct image_builder *b, const void *files, size_t len);

enum { IMAGE_SMALL = 256 << 10 }; /* bytes up to which an image is built in memory */

/* Checks the zone (one SOA, NS at the apex, CNAME alone, ...), adding a line for each finding to
 * `findings` ("error: …" or "warning: …"; "error 17: …" with the place of a record), and writes the
 * image into `fd` (a file or memfd, empty; -1 not now). `key` is the state directory's hash key
 * (server/dns/hash.h). Returns 0 and the summary, ERR_ZONE when a finding is an error, ERR_SYSTEM
 * when writing failed (errno), ERR_MEMORY. */
int image_builder_finish(struct image_builder *b, const uint8_t key[16],
                         const struct image_source *source, int fd, struct image_summary *summary,
                         struct buf *findings);
/* Writes the finished image, or writes it again elsewhere when writing was what failed; `fd` can be
 * read and written. A large image is made only now, in pieces. ERR_SYSTEM (errno), ERR_MEMORY. */
int image_builder_write(struct image_builder *b, int fd);
/* The finished image when it is small, for as long as the builder lives; else NULL. */
const void *image_builder_image(const struct image_builder *b);
/* Why the last call failed, for a person; valid until the next call. */
const char *image_builder_reason(const struct image_builder *b);

/* The RDATA of one record of zone text, to its wire form.
 *
 * Names and numbers are read here, strictly; the other kinds of field by libldns, one at a time, so
 * that a fault is told at its word. RFC 3597's generic form is taken for every type. Either way the
 * bytes must fit the type (rdatacheck.h), which libldns does not always see to. It must have been
 * loaded (libldns.h), but for a SOA record, which does without. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/keeper/lines.h"

enum { ZONERDATA_MAX = 65535 };

struct zonerdata {
    const uint8_t *origin; /* of relative names */
    size_t origin_len;
    size_t len;
    size_t word; /* after an error: where */
    char reason[160];
    uint8_t data[ZONERDATA_MAX]; /* last: it need not be cleared */
};

/* The words of `l` from `first` on are the data of a record of `type`. ERR_FORMAT (reason, word),
 * ERR_MEMORY. */
int zonerdata_read(struct zonerdata *r, const struct lines *l, size_t first, uint16_t type);
/* A name of zone text, relative to an origin: "@" is the origin. ERR_FORMAT, ERR_LIMIT. */
int zonerdata_name(const char *text, const uint8_t *origin, size_t origin_len, uint8_t wire[255],
                   size_t *len);

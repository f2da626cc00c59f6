/* Records as most lines of a zone are: on one line, of a common type, without escapes or
 * parentheses, and with quotes only around strings. They are read at once, straight from the text,
 * and so are the directives that nearly every zone has.
 *
 * It never says that something is wrong: what it does not take, zonetext.c reads and judges. What
 * it takes must mean the same to both. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAIN_RDATA = 640, PLAIN_NAME = 272 };

enum plain_kind {
    PLAIN_EMPTY, /* nothing but blanks or a comment */
    PLAIN_RECORD,
    PLAIN_TTL,   /* $TTL: `ttl` */
    PLAIN_ORIGIN /* $ORIGIN: the name is in `rdata` */
};

struct plain {
    enum plain_kind kind;
    const char *owner; /* text; NULL: the line begins with a blank */
    size_t owner_len;
    unsigned column; /* of the first word */
    bool has_ttl;
    uint32_t ttl;
    uint16_t type;
    size_t rdata_len;
    uint8_t rdata[PLAIN_RDATA];
};

/* Reads a line of `len` bytes, with BYTES_BEHIND more that can be read. False: it is not plain. */
bool plain_read(const char *line, size_t len, const uint8_t *origin, size_t origin_len,
                struct plain *plain);
/* A name without escapes, with BYTES_BEHIND more that can be read; returns the length of its wire
 * form, 0 when it is not plain. What is behind the name in `wire` may be written over. */
size_t plain_name(const char *text, size_t len, const uint8_t *origin, size_t origin_len,
                  uint8_t wire[PLAIN_NAME]);

/* The errors found in one configuration: collected in any order, written in the order of the file.
 *
 * After REPORT_MAX errors further ones are left out, so that a file of nonsense costs little.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/base/buf.h"
#include "server/config/arena.h"

enum { REPORT_MAX = 1000, REPORT_QUOTE = 100 };

struct report_row {
    unsigned line, column;
    char *text;
};

struct report {
    const char *path;
    struct arena arena;
    struct report_row *rows;
    size_t count, cap;
    bool more;   /* some were left out */
    bool failed; /* memory ran out */
};

/* `path` is lent until report_fini. */
void report_init(struct report *report, const char *path);
void report_fini(struct report *report);
/* The text is "what is wrong; what to do". Line and column count from 1. */
void report_add(struct report *report, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Is it of no use to look for more errors? */
bool report_full(const struct report *report);
/* Was anything reported, or did memory run out? */
bool report_any(const struct report *report);
/* Appends the lines "PATH:LINE:COLUMN: text". */
void report_write(struct report *report, struct buf *out);
/* A value as it may stand in a message: in quotes, its head only, nothing but printable ASCII. */
const char *report_quote(const char *text, size_t len, char out[REPORT_QUOTE]);

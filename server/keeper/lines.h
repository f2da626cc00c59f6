/* Cuts zone text into entries (RFC 1035 section 5.1): the words of one record or directive, over as
 * many lines as its parentheses span, without comments, each with its place.
 *
 * A word is kept as it was written, escapes included, but for the quotes around a quoted one. One
 * entry is held at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/base/buf.h"
#include "server/keeper/bytes.h"

enum { LINES_WORDS_MAX = 70000, LINES_ENTRY_MAX = 1 << 20 };

struct word {
    size_t at, len;        /* in text; a NUL follows it */
    unsigned line, column; /* from 1 */
    bool quoted;           /* it was in quotes as a whole */
};

struct lines {
    struct bytes *source;
    struct buf text;
    struct word *words;
    size_t count, room;
    bool blank_first;      /* the entry's line starts with a blank: no owner is given */
    unsigned line, column; /* of the next character */
    unsigned error_line, error_column;
    const char *reason; /* after an error */
};

/* Reads from `source`, which stays the caller's. Between two entries the caller may take whole
 * lines from it, and say so. */
void lines_init(struct lines *l, struct bytes *source);
void lines_took(struct lines *l);
void lines_fini(struct lines *l);
/* The next entry that has a word. Returns 1, 0 at the end, ERR_FORMAT (reason and place are set,
 * and the next call goes on at the next line), ERR_LIMIT, ERR_MEMORY, ERR_SYSTEM. */
int lines_next(struct lines *l);
/* The text of a word of the current entry. */
const char *lines_word(const struct lines *l, size_t i);

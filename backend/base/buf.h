/* A growing byte buffer for text and messages built off the query path.
 *
 * When memory runs out the buffer keeps what it has, `failed` is set and stays set, and further
 * appends do nothing: check once at the end. `data` is always NUL-terminated when not NULL. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len, cap;
    bool failed;
};

/* An empty buffer is {0}. Frees the memory and empties it again. */
void buf_fini(struct buf *b);
/* Empties the buffer and keeps its memory. */
void buf_clear(struct buf *b);
/* Makes room for `more` bytes behind the end; returns where they go, or NULL. */
void *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Appends a JSON string literal with its quotes; bytes outside printable ASCII become \u00XX. */
void buf_json(struct buf *b, const char *text);
/* Hands the memory over: the caller frees it; the buffer is empty again. */
char *buf_take(struct buf *b);

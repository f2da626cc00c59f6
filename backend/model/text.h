/* Where the strings of one section of a model live: they are added, never changed, and freed all
 * at once. Out of memory ends the program with a message: a console without memory is of no use,
 * and must not show half a model. */
#pragma once

#include <stddef.h>

struct text_chunk;

/* An empty one is {0}. */
struct text {
    struct text_chunk *chunks;
};

/* A copy of at most `most` bytes of `string`, which lives as long as the text. */
const char *text_copy(struct text *t, const char *string, size_t most);
void text_fini(struct text *t);
/* calloc that ends the program instead of returning NULL. */
void *text_calloc(size_t count, size_t size);

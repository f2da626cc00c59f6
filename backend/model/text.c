#include "backend/model/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4000 };

struct text_chunk {
    struct text_chunk *next;
    size_t used, size;
    char bytes[];
};

void *text_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p) {
        fputs("zonedeck: out of memory\n", stderr);
        abort();
    }
    return p;
}

static struct text_chunk *chunk_for(struct text *t, size_t need)
{
    if (t->chunks && t->chunks->size - t->chunks->used >= need)
        return t->chunks;
    size_t size = need > CHUNK ? need : CHUNK;
    struct text_chunk *chunk = text_calloc(1, sizeof(*chunk) + size);
    chunk->size = size;
    chunk->next = t->chunks;
    t->chunks = chunk;
    return chunk;
}

const char *text_copy(struct text *t, const char *string, size_t most)
{
    size_t len = strnlen(string, most);
    if (len == 0)
        return "";
    struct text_chunk *chunk = chunk_for(t, len + 1);
    char *to = chunk->bytes + chunk->used;
    memcpy(to, string, len);
    to[len] = '\0';
    chunk->used += len + 1;
    return to;
}

void text_fini(struct text *t)
{
    while (t->chunks) {
        struct text_chunk *next = t->chunks->next;
        free(t->chunks);
        t->chunks = next;
    }
}

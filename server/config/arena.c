#include "server/config/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 32 << 10, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *previous;
    size_t used, size;
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->previous = arena->last;
    arena->last = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t want = size > SIZE_MAX - ARENA_ALIGN
                      ? SIZE_MAX
                      : (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    struct arena_block *block = arena->last;
    if (!block || block->size - block->used < want)
        block = add_block(arena, want > ARENA_BLOCK ? want : ARENA_BLOCK);
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    void *to = block->data + block->used;
    block->used += want;
    return to;
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);
    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}

void arena_wipe(struct arena *arena)
{
    for (struct arena_block *block = arena->last; block; block = block->previous)
        explicit_bzero(block->data, block->used);
}

void arena_fini(struct arena *arena)
{
    while (arena->last) {
        struct arena_block *block = arena->last;
        arena->last = block->previous;
        free(block);
    }
    arena->failed = false;
}

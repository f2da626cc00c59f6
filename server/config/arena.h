/* Memory of one lifetime: many allocations, one free.
 *
 * What is allocated is zeroed and aligned for anything, and cannot be freed by itself. When memory
 * runs out NULL is returned and `failed` stays set: a caller may check once at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *last;
    bool failed;
};

/* An empty arena is {0}. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of `len` bytes with a NUL behind them. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
/* Overwrites all that was allocated. */
void arena_wipe(struct arena *arena);
void arena_fini(struct arena *arena);

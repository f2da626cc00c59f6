#include "server/keeper/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    STEPS = 64,         /* of each part: how far one is made before it is the other's turn */
    LEAST = 1024 * 1024 /* less is not worth a thread */
};

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14 */
#endif

void pages_add(struct pages *pages, void *at, size_t len)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE), skip = (size - (uintptr_t)at % size) % size;
    if (pages->count == PAGES_MOST || len < skip + size)
        return;
    pages->part[pages->count].at = (char *)at + skip;
    pages->part[pages->count++].len = (len - skip) / size * size;
}

/* The piece of a part in step `i` of STEPS, in whole pages. */
static bool make(char *at, size_t len, unsigned i, size_t size)
{
    size_t from = len / size * i / STEPS * size, to = len / size * (i + 1) / STEPS * size;
    return from == to || madvise(at + from, to - from, MADV_POPULATE_WRITE) == 0;
}

static void *run(void *arg)
{
    const struct pages *pages = arg;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < STEPS; i++) {
        for (unsigned j = 0; j < pages->count; j++) {
            if (!make(pages->part[j].at, pages->part[j].len, i, size))
                return NULL;
        }
    }
    return NULL;
}

void pages_start(struct pages *pages)
{
    size_t len = 0;
    for (unsigned i = 0; i < pages->count; i++)
        len += pages->part[i].len;
    pages->started = len >= LEAST && !pthread_create(&pages->thread, NULL, run, pages);
}

void pages_end(struct pages *pages)
{
    if (pages->started)
        pthread_join(pages->thread, NULL);
    *pages = (struct pages){0};
}

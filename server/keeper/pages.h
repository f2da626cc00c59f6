/* Memory that is about to be filled, made ready by a second thread.
 *
 * The first touch of each page of new memory costs some microseconds, which with very many zones is
 * half of what making them takes. A thread that has the system make them in larger steps stays
 * ahead of the one that fills them, where there is a second processor. Without a thread, or on a
 * system that cannot do so, nothing is lost. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { PAGES_MOST = 2 };

struct pages {
    struct {
        char *at;
        size_t len;
    } part[PAGES_MOST];
    unsigned count;
    pthread_t thread;
    bool started;
};

/* Adds memory that can be written, all of which will be. Begin with all zero. */
void pages_add(struct pages *pages, void *at, size_t len);
/* Begins; the parts go ahead side by side. */
void pages_start(struct pages *pages);
/* Waits until the thread is done. */
void pages_end(struct pages *pages);

#include "server/image/crew.h"

#include <pthread.h>
#include <stdatomic.h>

struct crew {
    _Atomic unsigned next;
    unsigned pieces;
    void (*work)(void *arg, unsigned i);
    void *arg;
};

static void *run(void *arg)
{
    struct crew *crew = arg;
    unsigned i;
    while ((i = atomic_fetch_add(&crew->next, 1)) < crew->pieces)
        crew->work(crew->arg, i);
    return NULL;
}

void crew_run(unsigned threads, unsigned pieces, void (*work)(void *arg, unsigned i), void *arg)
{
    struct crew crew = {.pieces = pieces, .work = work, .arg = arg};
    pthread_t others[CREW_MAX];
    unsigned started = 0;
    while (started + 1 < threads && started + 1 < pieces && started < CREW_MAX &&
           !pthread_create(&others[started], NULL, run, &crew))
        started++;
    run(&crew);
    while (started)
        pthread_join(others[--started], NULL);
}

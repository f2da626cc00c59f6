#include "server/keeper/after.h"

#include <stddef.h>

#include "server/keeper/sync.h"
#include "server/keeper/zones.h"

void after_cancel(struct keeper *k, struct after *after)
{
    if (!after->waits)
        return;
    struct after **at = &k->afters.first;
    while (*at != after)
        at = &(*at)->next;
    *at = after->next;
    if (k->afters.last == &after->next)
        k->afters.last = at;
    after->waits = false;
}

void after_served(struct keeper *k, struct after *after,
                  void (*run)(struct keeper *k, struct after *after))
{
    after_cancel(k, after);
    *after = (struct after){.mark = sync_mark(k), .waits = true, .run = run};
    if (!k->afters.first)
        k->afters.last = &k->afters.first;
    *k->afters.last = after;
    k->afters.last = &after->next;
    after_run(k, false);
}

void after_run(struct keeper *k, bool all)
{
    struct after *a;
    while ((a = k->afters.first) && (all || sync_has_passed(k, a->mark))) {
        after_cancel(k, a);
        a->run(k, a);
    }
}

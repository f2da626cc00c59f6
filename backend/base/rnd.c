#include "backend/base/rnd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void rnd_fill(void *to, size_t len)
{
    char *p = to;
    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort();
        p += n;
        len -= (size_t)n;
    }
}

uint32_t rnd_u32(void)
{
    uint32_t v;
    rnd_fill(&v, sizeof v);
    return v;
}

uint32_t rnd_below(uint32_t limit)
{
    /* Values of the last, incomplete run of `limit` would favour small results. */
    uint32_t whole = UINT32_MAX - UINT32_MAX % limit, v;
    do
        v = rnd_u32();
    while (v >= whole);
    return v % limit;
}

#include "server/keeper/suspect.h"

#include <netinet/in.h>
#include <string.h>
#include <xxhash.h>

#include "backend/base/clk.h"

static const int64_t memory = 60 * CLK_SECOND;

/* The bytes of an address that tell it from others. */
static size_t identity(const struct sockaddr_storage *address, uint8_t out[18])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    bool four = address->ss_family == AF_INET;
    memcpy(out, four ? &v4->sin_port : &v6->sin6_port, 2);
    if (four)
        memcpy(out + 2, &v4->sin_addr, 4);
    else
        memcpy(out + 2, &v6->sin6_addr, 16);
    return four ? 6 : 18;
}

static size_t place_of(const struct sockaddr_storage *address)
{
    uint8_t id[18];
    size_t len = identity(address, id);
    return XXH3_64bits(id, len) % SUSPECT_PLACES;
}

static bool same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    uint8_t x[18], y[18];
    return a->ss_family == b->ss_family && identity(a, x) == identity(b, y) &&
           !memcmp(x, y, a->ss_family == AF_INET ? 6 : 18);
}

void suspect_note(struct suspects *s, const struct sockaddr_storage *address, int64_t now,
                  bool silent)
{
    size_t i = place_of(address);
    if (silent) {
        s->place[i].address = *address;
        s->place[i].until = now + memory;
    } else if (s->place[i].until && same(&s->place[i].address, address)) {
        s->place[i].until = 0;
    }
}

bool suspect_is(const struct suspects *s, const struct sockaddr_storage *address, int64_t now)
{
    size_t i = place_of(address);
    return s->place[i].until > now && same(&s->place[i].address, address);
}

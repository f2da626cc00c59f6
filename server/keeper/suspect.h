/* Servers that did not answer lately: a small table, so that many zones of a dead primary do not
 * keep the zones of the living ones waiting.
 *
 * A place for each hash of an address; two addresses that share one forget each other, which costs
 * time and nothing else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SUSPECT_PLACES = 1024 };

struct suspects {
    struct {
        struct sockaddr_storage address;
        int64_t until; /* monotonic ns */
    } place[SUSPECT_PLACES];
};

/* It did not answer; or it did. */
void suspect_note(struct suspects *s, const struct sockaddr_storage *address, int64_t now,
                  bool silent);
bool suspect_is(const struct suspects *s, const struct sockaddr_storage *address, int64_t now);

/* The listening sockets, all in one table: made by the supervisor, inherited by the others, never
 * closed while an address is wanted.
 *
 * A set is made whole from a configuration and the set before it: sockets of addresses that stay
 * are carried over, so nothing queued in them is lost. Sockets added to an address that is being
 * served are bound only by listeners_bind_rest, when the process that reads them is about to serve.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "server/config/config.h"
#include "server/supervisor/identity.h"

struct listener {
    char text[128]; /* ADDRESS@PORT or unix:PATH */
    struct sockaddr_storage address;
    socklen_t address_len;
    unsigned worker;
    bool tcp;
    bool bound;
    int fd;
};

struct listeners {
    unsigned workers;
    bool shared_ports; /* SO_REUSEPORT is set on all of them */
    size_t count;
    struct listener item[];
};

/* Told of each address that cannot be used: errno, the address, why and what to do. */
struct listeners_report {
    void (*tell)(void *arg, bool tcp, int error, const char *subject, const char *text);
    void *arg;
};

/* Opens the DNS sockets of `config`: per address and worker one for UDP and one for TCP. `old` may
 * be NULL. NULL when memory runs out; an address that cannot be bound is reported and left out. */
struct listeners *listeners_open_dns(const struct config *config, const struct listeners *old,
                                     const struct listeners_report *report);
/* A socket that another process had open. */
struct listener_found {
    int fd;
    unsigned worker;
    bool tcp;
};

/* The set they were, with the names `config` has for their addresses; takes the sockets. NULL when
 * memory runs out. */
struct listeners *listeners_adopt(const struct config *config, const struct listener_found *found,
                                  size_t count);
/* Opens the endpoint's sockets. */
struct listeners *listeners_open_endpoint(const struct config *config, const struct listeners *old,
                                          const struct identity *id,
                                          const struct listeners_report *report);
/* Binds what was left unbound; what cannot be bound is reported. */
void listeners_bind_rest(struct listeners *set, const struct listeners_report *report);
/* Is any address of that text in the set? */
bool listeners_have(const struct listeners *set, const char *text);
/* Do both sets hold the same sockets for the same workers? */
bool listeners_same(const struct listeners *a, const struct listeners *b);
/* Closes what is not in `keep` (may be NULL) and frees the set; NULL is fine. Unix sockets that are
 * closed are also removed from the file system. */
void listeners_close(struct listeners *set, const struct listeners *keep);

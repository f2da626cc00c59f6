/* What a child process is started with, as command line arguments and descriptors that keep their
 * numbers: written by the supervisor, read by main. Both ends are in this file so that they agree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/base/buf.h"
#include "backend/contract/states.h"

enum { INHERIT_ARGS = 16 };

struct inherit_socket {
    int fd;
    unsigned worker;
    bool tcp;
};

struct inherit {
    enum role role;
    unsigned slot;
    int stats, channel, config, ring; /* descriptors, -1 none */
    unsigned workers;
    unsigned operator_uid;
    const char *config_path, *token_file; /* "" none */
    struct inherit_socket *sockets;
    size_t socket_count;
};

/* The arguments of a program run with execv; free with inherit_args_fini. */
struct inherit_args {
    struct buf text;
    char *argv[INHERIT_ARGS];
};

/* Writes the arguments. ERR_LIMIT when there are more sockets than a command line can name,
 * ERR_MEMORY. */
int inherit_write(const struct inherit *in, const char *program, struct inherit_args *args);
void inherit_args_fini(struct inherit_args *args);
/* Reads the arguments behind the program's name; texts point into them. ERR_USAGE when they are not
 * what inherit_write makes, ERR_MEMORY. */
int inherit_read(int argc, char **argv, struct inherit *in);
void inherit_fini(struct inherit *in);
/* Sets or clears close-on-exec on all its descriptors; safe between fork and exec. ERR_SYSTEM. */
int inherit_cloexec(const struct inherit *in, bool on);

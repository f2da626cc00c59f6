/* Libraries that are loaded while the program runs: those that one process of several needs, as the
 * linker would load them, with all that they need, into each.
 *
 * A library is known by its soname, which the build takes from the one it found. Its functions are
 * called through a table of pointers. It stays for good, and its names are no one else's. Any
 * thread. */
#pragma once

#include <stddef.h>

enum { DL_REASON = 256 };

/* A function, and where in the table its pointer is. */
struct dl_function {
    const char *name;
    size_t at;
};

/* Loads a library and fills `table`. ERR_MISSING, with what is missing and what to do in `reason`,
 * when there is no such library, when it cannot be loaded (then also: why), or when it lacks one of
 * the functions; the table is as it was then. */
int dl_load(const char *library, const struct dl_function *functions, size_t count, void *table,
            char reason[DL_REASON]);

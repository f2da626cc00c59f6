/* Work in pieces on a few threads, for the time of one call. */
#pragma once

#include <stddef.h>

enum { CREW_MAX = 16 };

/* Calls work(arg, i) once for each i below `pieces`, on at most `threads` threads, this one among
 * them, and returns when all are done. When no thread can be made this one does it all. */
void crew_run(unsigned threads, unsigned pieces, void (*work)(void *arg, unsigned i), void *arg);

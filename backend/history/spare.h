/* Moves rows between the store on disk and the one in memory: the part of history.h that runs when
 * a disk fails and when it comes back. Both are SQLite connections with the tables of history.c. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

/* Copies the newest `limit` events of one to the other; what cannot be read is left out. */
void spare_fill(sqlite3 *from, sqlite3 *to, unsigned limit);
/* Copies events above `id` and all actions and places, in one transaction of `to`. An SQLite code.
 */
int spare_return(sqlite3 *from, sqlite3 *to, int64_t id);

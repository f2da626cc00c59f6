/* Drills: faults an operator can bring about on purpose, to see them survived. Only with `drills:
 * true` in the configuration. A query for segv.drill.zonedeck. kills the process that answers it,
 * for hang.drill.zonedeck. makes it spin for ever. */
#pragma once

#include <stddef.h>

void drill_query(const unsigned char *query, size_t len);

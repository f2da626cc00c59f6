/* GET /v1/zones and the zone part of /v1/zones/NAME.
 *
 * The order by name is kept from one request to the next and made anew when zones were added, or
 * after a minute. A page is written row by row as the client takes it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/endpoint/reply.h"

struct zone_order;

int zone_order_new(struct zone_order **order);
void zone_order_free(struct zone_order *order);

void zones_get(const struct request *request, struct reply *reply);
void zone_get(const struct request *request, struct reply *reply);
/* Finds the row of a zone by its name, lower case with a final dot; false when there is none. */
bool zone_find(const struct stats *stats, const char *name, uint32_t *row, struct stats_zone *copy);

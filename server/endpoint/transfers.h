/* GET /v1/transfers, and the transfers of one zone: the ledger the keeper writes for transfers in,
 * and what the workers remember of transfers out. */
#pragma once

#include <stdint.h>

#include "server/endpoint/reply.h"

void transfers_get(const struct request *request, struct reply *reply);
/* Appends the transfers of one zone, separated by commas. */
void transfers_of_zone(const struct stats *stats, uint32_t row, const struct stats_zone *zone,
                       struct buf *body);
/* Running transfers out. */
uint32_t transfers_out_running(const struct stats *stats);

/* GET /metrics: OpenMetrics 1.0 text, from the table of counters and what /v1/status knows. */
#pragma once

#include "server/endpoint/reply.h"

void metrics_get(const struct request *request, struct reply *reply);

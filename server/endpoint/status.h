/* GET /v1/status, /v1/memory, /healthz and /readyz: the state of the whole server on one page. */
#pragma once

#include "server/endpoint/reply.h"

void status_get(const struct request *request, struct reply *reply);
void memory_get(const struct request *request, struct reply *reply);
void health_get(const struct request *request, struct reply *reply);
void ready_get(const struct request *request, struct reply *reply);

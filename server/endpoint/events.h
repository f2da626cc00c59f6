/* GET /v1/events. */
#pragma once

#include "server/endpoint/reply.h"

void events_get(const struct request *request, struct reply *reply);

/* A reply as libmicrohttpd sends it: whole, or part by part as the client takes it; with the
 * headers every reply has. */
#pragma once

#include "server/endpoint/mhd.h"
#include "server/endpoint/reply.h"

/* Takes the body and the state of a reply; its status stays. NULL when memory ran out, also within
 * the body; then the reply keeps what it has. */
struct MHD_Response *respond_make(struct reply *reply);

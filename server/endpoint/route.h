/* The paths there are (docs/http.md): one table for what is read, and the actions of
 * backend/contract/actions.h. */
#pragma once

#include "backend/contract/actions.h"
#include "server/endpoint/reply.h"

typedef void route_get(const struct request *request, struct reply *reply);

struct route {
    unsigned status;    /* 200, 404 or 405 */
    const char *allow;  /* of a 405 */
    route_get *get;     /* of a GET; NULL for an action */
    enum action action; /* of a POST */
    char zone[1024];    /* lower case, with a final dot; "" none */
};

/* Where a method and a decoded path lead. HEAD is a GET. */
void route_find(struct route *route, const char *method, const char *path);
/* The paths, for whoever asked for one that is not there. */
const char *route_list(void);

/* The functions of libmicrohttpd that are used, which is loaded when the endpoint starts: it
 * brings GnuTLS and more along, and the other processes have no use for them.
 *
 * The one piece of state is the table. It is filled before there are threads that use it, and does
 * not change. */
#pragma once

#include <microhttpd.h>

#include "backend/base/dl.h"

#define MHD_FUNCTIONS(X)                                                                           \
    X(add_response_header)                                                                         \
    X(create_response_from_buffer)                                                                 \
    X(create_response_from_callback)                                                               \
    X(destroy_response)                                                                            \
    X(get_connection_info)                                                                         \
    X(get_connection_values)                                                                       \
    X(lookup_connection_value)                                                                     \
    X(queue_response)                                                                              \
    X(quiesce_daemon)                                                                              \
    X(resume_connection)                                                                           \
    X(start_daemon)                                                                                \
    X(stop_daemon)                                                                                 \
    X(suspend_connection)

struct mhd {
#define X(name) __typeof__(MHD_##name) *name;
    MHD_FUNCTIONS(X)
#undef X
};

/* mhd.start_daemon is MHD_start_daemon, and so on. */
extern struct mhd mhd;

/* Loads it. ERR_MISSING and `reason` (dl.h). For the main thread. */
int mhd_load(char reason[DL_REASON]);

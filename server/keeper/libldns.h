/* The functions of libldns that are used, which is loaded when a process first reads zone text that
 * needs them: it brings OpenSSL along, and hardly any process reads zone text.
 *
 * The one piece of state is the table. It is filled once, by whichever thread comes first, and does
 * not change. */
#pragma once

#include <ldns/ldns.h>

#define LIBLDNS_FUNCTIONS(X)                                                                       \
    X(get_rr_type_by_name)                                                                         \
    X(rdf_data)                                                                                    \
    X(rdf_deep_free)                                                                               \
    X(rdf_new_frm_str)                                                                             \
    X(rdf_size)                                                                                    \
    X(rr_descript)                                                                                 \
    X(rr_descriptor_field_type)                                                                    \
    X(rr_descriptor_maximum)                                                                       \
    X(rr_descriptor_minimum)

struct libldns {
#define X(name) __typeof__(ldns_##name) *name;
    LIBLDNS_FUNCTIONS(X)
#undef X
};

/* libldns.rdf_size is ldns_rdf_size, and so on; after libldns_load. */
extern struct libldns libldns;

/* Loads it; a glance when that was done. Any thread. ERR_MISSING and *reason (backend/base/dl.h),
 * which stays; it is not tried again in this process or its children. */
int libldns_load(const char **reason);

/* A query message cut into its parts (RFC 1035 section 4.1, RFC 6891, RFC 8945): strict, in place,
 * without allocation. Bytes are untrusted; a signature is read here and not verified. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/dns/edns.h"
#include "server/dns/name.h"
#include "server/dns/tsig.h"

enum query_verdict {
    QUERY_GOOD,
    QUERY_DROP,    /* not a query, or too short to be answered */
    QUERY_FORMERR, /* answer FORMERR */
    QUERY_NOTIMP,  /* an opcode this server does not know */
    QUERY_BADVERS, /* EDNS version above 0 */
    QUERY_COOKIE   /* no question, but a cookie: a new one is asked for (RFC 7873 section 5.4) */
};

struct query {
    const uint8_t *bytes;
    size_t len;
    uint16_t id, flags;
    uint8_t opcode;
    uint8_t has_question; /* question fields below are set, and echoed in the answer */
    uint16_t qtype, qclass;
    uint16_t question_end; /* offset behind the question */
    struct name qname;     /* points into bytes */
    bool edns, dnssec_ok;
    uint16_t udp_size;           /* the client's, at least 512 */
    struct edns_options options; /* none of a version above 0; points into bytes */
    bool has_serial; /* NOTIFY with a SOA in the answer section, IXFR with one in authority */
    uint32_t serial;
    struct tsig tsig; /* `at` is 0 when there is none; of no use after FORMERR */
};

/* Reads `len` bytes. On QUERY_DROP nothing else is set; otherwise id, flags and opcode are, and
 * what could be read of question and EDNS. */
enum query_verdict query_parse(struct query *query, const uint8_t *bytes, size_t len);

/* Reads the messages of an AXFR (RFC 5936), strictly: bytes here come from the network.
 *
 * Every message must carry the query's id and question; records must be of class IN and in the
 * zone, the first and the last the same SOA. Names within the RDATA of the types that may be
 * compressed are written out. Pure but for the callbacks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/dns/name.h"

enum { AXFR_QUERY_MAX = 12 + NAME_MAX_LEN + 4, AXFR_RDATA_MAX = 65535 + 3 * NAME_MAX_LEN };

struct axfr {
    /* Set by the caller. */
    uint8_t zone[NAME_MAX_LEN];
    size_t zone_len;
    uint16_t id;
    /* The serial of the first SOA; an error ends the transfer and is returned. */
    int (*serial)(void *ctx, uint32_t serial);
    /* A record, the first SOA included, the last one not. As above; *reason says why. */
    int (*record)(void *ctx, const uint8_t *owner, size_t owner_len, uint16_t type, uint32_t ttl,
                  const uint8_t *rdata, size_t rdata_len, const char **reason);
    void *ctx;
    /* Read by the caller. */
    uint64_t records, messages;
    unsigned rcode;
    char reason[200];
    /* Own. */
    unsigned empty;
    bool ended;
    size_t soa_len;
    uint8_t soa[2 * NAME_MAX_LEN + 20];
    uint8_t rdata[AXFR_RDATA_MAX];
};

/* Writes the query without the length that goes before it over TCP; returns its length. */
size_t axfr_query(const struct axfr *a, uint8_t out[AXFR_QUERY_MAX]);
/* Takes one message. Returns 0 go on, 1 the zone is complete, ERR_FORMAT (reason), ERR_REFUSED
 * (rcode, reason), or what a callback returned. */
int axfr_message(struct axfr *a, const uint8_t *message, size_t len);
/* Sets `reason`: a record of that type was not taken; `reason` NULL: what `err` says. */
void axfr_refuse(struct axfr *a, uint16_t type, int err, const char *reason);
/* Is serial `a` newer than `b` (RFC 1982)? */
bool axfr_is_newer(uint32_t a, uint32_t b);

/* A whole zone as a stream of messages (AXFR, RFC 5936): SOA, every record, SOA. When the query was
 * signed each message is (RFC 8945 section 5.3.1).
 *
 * The stream reads the image and keeps only where it is; the caller pins the zone while it lasts.
 */
#pragma once

#include "server/answer/answer.h"
#include "server/answer/edns.h"

enum { TRANSFER_MESSAGE = 16 * 1024 + 512 }; /* offsets above 16 KiB cannot be pointed at */

struct transfer {
    const struct image *image;
    const struct image_node *node; /* next to send; NULL: only the last SOA is left */
    unsigned rrset;                /* next of the node */
    bool begun, ended, failed;     /* failed: an RRset fits no message */
    uint16_t id, flags;
    uint8_t question[NAME_MAX_LEN + 4];
    uint16_t question_len;
    uint8_t opt[EDNS_OPT_MAX]; /* of the first message */
    uint16_t opt_len;
    bool is_signed; /* every message is */
    struct tsig_chain chain;
    uint64_t records, bytes, messages; /* of the zone: its SOA counts once */
};

/* `answer` is an ANSWER_TRANSFER, and `opt` what answer_query wrote. */
void transfer_begin(struct transfer *t, const struct answer *answer, const uint8_t *opt);
/* Writes the next message into `out` (`cap` at least 65535 bytes); returns its length, 0 when the
 * zone has been sent or cannot be (failed). `now`: the wall clock in seconds. */
size_t transfer_next(struct transfer *t, struct reply_names *names, uint64_t now, uint8_t *out,
                     size_t cap);

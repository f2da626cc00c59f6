/* Writing a message: header, question, records with compressed names, into the caller's buffer.
 *
 * A name of an image is a node, so compression (RFC 1035 section 4.1.4) is a table from node to
 * offset, no comparing of text. RRsets are written whole or not at all. No allocation; one thread
 * at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/dns/query.h"
#include "server/image/node.h"

enum section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL };
enum { REPLY_NAMES = 1024, REPLY_NAMES_USED = 512, REPLY_EDNS = 11, REPLY_POINTER_MAX = 0x3fff };

/* Names already in the message. `round` makes old entries void without clearing them. */
struct reply_names {
    uint32_t round, used;
    struct {
        const struct image_node *node;
        uint32_t round;
        uint16_t offset;
    } slot[REPLY_NAMES];
};

struct reply {
    uint8_t *bytes;
    size_t at, limit;
    uint16_t count[3]; /* records a section */
    uint16_t options;  /* bytes of options in the OPT */
    struct reply_names *names;
    /* The question's name as far as the zone has it; noted once names are written at all. */
    struct {
        const struct image *image;
        const struct image_node *node; /* NULL: nothing to be noted */
        const uint8_t *label;
        uint16_t at;
    } question;
};

/* Begins a message: 12 bytes for the header are kept free. `limit` bytes may be written. */
void reply_begin(struct reply *reply, uint8_t *bytes, size_t limit, struct reply_names *names);
/* Says where the question has the name of `node` and those above it: each at `at` plus its label's
 * offset. */
void reply_question(struct reply *reply, const struct image *image, const struct image_node *node,
                    const uint8_t *label, uint16_t at);
/* Writes the name of a node, compressed if `compress`; *where becomes an offset the same name can
 * be pointed at, 0 if there is none. False when it does not fit. */
bool reply_name(struct reply *reply, const struct image *image, const struct image_node *node,
                bool compress, uint16_t *where);

/* Whose records they are: the name at an offset of the message, or of a node. */
struct reply_owner {
    uint16_t offset; /* 0: use node */
    const struct image_node *node;
};

/* Writes an RRset and, if `sigs`, its signatures, to a section; `ttl` replaces the RRset's when
 * lower. When it does not fit, nothing is written and it returns false. *target becomes the offset
 * of the first name in the RDATA of the last record (a CNAME's target), 0 for none. */
bool reply_rrset(struct reply *reply, enum section section, const struct image *image,
                 struct reply_owner owner, const struct image_rrset *set, bool sigs, uint32_t ttl,
                 uint16_t *target);
/* The signatures of an RRset alone. */
bool reply_sigs(struct reply *reply, enum section section, const struct image *image,
                struct reply_owner owner, const struct image_rrset *set);
/* One record with RDATA as given (uncompressed). */
bool reply_record(struct reply *reply, enum section section, struct reply_owner owner,
                  const struct image *image, uint16_t type, uint32_t ttl, const uint8_t *rdata,
                  size_t len);
/* Writes what an image has written ahead for a node whose name is at offset `at` of the question.
 * When it does not fit, nothing is written and it returns false. Its names are not noted. */
bool reply_composed(struct reply *reply, const struct image_composed *composed, size_t at);
/* Takes back what was written from `at` on. */
void reply_rewind(struct reply *reply, size_t at);
/* Fills the header; returns the length. `flags` has QR, opcode, RD, ... and the low rcode bits. */
size_t reply_finish(struct reply *reply, uint16_t id, uint16_t flags, bool question);
/* The OPT record (RFC 6891) without options, the last of a message; there must be REPLY_EDNS bytes.
 */
void reply_edns(struct reply *reply, uint16_t udp_size, unsigned rcode, bool dnssec_ok);
/* Adds an option to the OPT just written. When it does not fit, nothing is written and it returns
 * false. */
bool reply_option(struct reply *reply, unsigned code, const uint8_t *data, size_t len);

/* What the server knows of record types: where names stand in their RDATA, and whether these may be
 * compressed.
 *
 * A layout is a string: a digit d is d bytes, 'x' 16 more bytes, 'n' a name that is compressed in
 * answers, 'N' one that is not (RFC 3597 section 4); nothing may follow. NULL: opaque bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where RDATA has the name whose addresses belong in the additional section. */
enum type_target {
    TARGET_NONE,
    TARGET_LAST, /* the layout's last name */
    TARGET_SVCB, /* RFC 9460 section 2.2: behind the priority, in opaque bytes */
    TARGET_NAPTR /* RFC 3403 section 4.1: behind three strings, in opaque bytes */
};

struct type_info {
    uint16_t type;
    const char *name;
    const char *layout;
    uint8_t target; /* enum type_target */
};

/* The row of a type; for an unknown one a row of opaque bytes with name NULL. Never NULL. */
const struct type_info *type_find(uint16_t type);
/* "A", "TYPE65280": writes at most `cap` bytes with the NUL. */
void type_text(uint16_t type, char *out, size_t cap);
/* Can the type only be asked for (RFC 6895 section 3.1), not stored? OPT and TSIG included. */
bool type_is_meta(uint16_t type);
/* Where in RDATA the bytes of one layout step end: a name's length or a count; 0 when it does not
 * fit into `room`. */
size_t type_step(char step, const uint8_t *rdata, size_t room);

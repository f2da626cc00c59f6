/* Domain names between text and wire form (RFC 1035 section 5.1).
 *
 * In text a dot ends a label, \X is the character X and \DDD the byte of that decimal number. The
 * wire form is a row of labels, each behind its length, up to the root's empty one. Case is kept.
 * Pure; any thread may call. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { NAME_WIRE_MAX = 255, NAME_LABEL_MAX = 63, NAME_TEXT_MAX = 1024 };

/* Parses a name; the final dot may be left out, "." is the root. `*len` is the length of `wire`.
 * ERR_FORMAT: empty, an empty label or a bad escape; ERR_LIMIT: a label over 63 bytes or a name
 * over 255. */
int name_from_text(const char *text, uint8_t wire[NAME_WIRE_MAX], size_t *len);
/* Why name_from_text returned that error, for a person. */
const char *name_text_reason(int err);
/* Writes a name with its final dot. What has a meaning in a zone file is escaped, and so is all
 * that is not printable ASCII. A malformed wire form is written up to its fault. */
void name_to_text(const uint8_t *wire, size_t len, char out[NAME_TEXT_MAX]);

/* Single values of a configuration: text in, checked value out.
 *
 * Each function returns NULL when the value is good, else what is wrong and what to do about it, as
 * it follows the value in a message: "is not a number; write ...". Pure; any thread may call. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/config/config.h"

/* ADDRESS[@PORT]; `text_out` gets the canonical ADDRESS@PORT. */
const char *value_address(const char *text, uint16_t default_port, struct sockaddr_storage *address,
                          socklen_t *address_len, char text_out[64]);
/* ADDRESS or ADDRESS/PREFIX; the bits beyond the prefix must be 0. */
const char *value_prefix(const char *text, struct config_acl *acl);
/* A decimal number from `least` to `most`. */
const char *value_number(const char *text, uint64_t least, uint64_t most, uint64_t *number);
/* Bytes, or a number followed by K, M, G or T (powers of 1024). */
const char *value_size(const char *text, uint64_t *bytes);
const char *value_bool(const char *text, bool *value);
/* Base64 with its padding; `out` has room for len / 4 * 3 bytes. */
const char *value_base64(const char *text, size_t len, uint8_t *out, size_t *out_len);
/* A domain name, lower-cased, in wire form. */
const char *value_name(const char *text, uint8_t wire[255], size_t *len);

/* Is RDATA well formed? For what comes as bytes (RFC 3597 form), and for what libldns lets pass. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for a type it knows nothing of. `data` is uncompressed. */
bool rdatacheck(uint16_t type, const uint8_t *data, size_t len);

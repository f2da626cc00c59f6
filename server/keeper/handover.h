/* Records on their way to a builder in a thread of its own, so that two processors share a large
 * transfer: one reads messages, the other takes what is in them.
 *
 * Records are handed over in batches, in order. One thread calls these functions. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/image/builder.h"

struct handover;

/* Starts the thread, to which the builder belongs until handover_end. NULL: there is no memory or
 * no thread for it, and nothing has changed. */
struct handover *handover_start(struct image_builder *builder);
/* Hands over a record, which is copied: as image_builder_add takes it, but later. Returns the first
 * error that a record before it met so far. */
int handover_add(struct handover *h, const uint8_t *owner, size_t owner_len, uint16_t type,
                 uint32_t ttl, const uint8_t *rdata, size_t rdata_len);
/* Waits until all records are taken and ends the thread. Returns ERR_OK, or the first error: *type
 * is then the type of its record, and image_builder_reason says why. */
int handover_end(struct handover *h, uint16_t *type);

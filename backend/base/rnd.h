/* Random bytes from the kernel: IDs and ports of our own queries, keys, jitter (RFC 5452). */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills `len` bytes; aborts the process when the kernel has no randomness, as nothing safe can
 * follow. */
void rnd_fill(void *to, size_t len);
uint32_t rnd_u32(void);
/* Evenly below `limit`, which is not 0. */
uint32_t rnd_below(uint32_t limit);

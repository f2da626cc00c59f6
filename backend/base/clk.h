/* Clocks. Intervals and deadlines use the monotonic clock; only what a person or a file sees uses
 * the wall clock. */
#pragma once

#include <stdint.h>

#define CLK_SECOND INT64_C(1000000000)
#define CLK_MS     INT64_C(1000000)

/* Nanoseconds of the monotonic clock; the same in all processes of a machine. */
int64_t clk_mono_ns(void);
/* Seconds since 1970-01-01 UTC. */
int64_t clk_wall(void);
/* The same in nanoseconds. */
int64_t clk_wall_ns(void);

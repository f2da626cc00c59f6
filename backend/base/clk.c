#include "backend/base/clk.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * CLK_SECOND + t.tv_nsec;
}

int64_t clk_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clk_wall(void)
{
    return read_clock(CLOCK_REALTIME) / CLK_SECOND;
}

int64_t clk_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

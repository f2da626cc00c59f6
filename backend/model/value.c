#include "backend/model/value.h"

struct value value_permille(struct value part, struct value whole)
{
    if (!value_known(part) || !value_known(whole) || whole.n <= 0 || part.n < 0)
        return (struct value){0};
    struct value v = {(int64_t)((double)part.n * 1000.0 / (double)whole.n), part.state};
    return v;
}

struct value value_sum(const struct value *values, unsigned count)
{
    struct value sum = {0};
    for (unsigned i = 0; i < count; i++) {
        if (!value_known(values[i]))
            continue;
        if (__builtin_add_overflow(sum.n, values[i].n, &sum.n))
            sum.n = INT64_MAX;
        if (sum.state != VALUE_STALE)
            sum.state = values[i].state;
    }
    return sum;
}

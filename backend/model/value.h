/* One number of a model, and whether it is one.
 *
 * A server that does not tell a value and a server that says 0 are different things, and so are a
 * number of now and one from before the link was lost. Nothing here is ever drawn as a zero that
 * nobody measured. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum value_state {
    VALUE_NONE, /* not told, or not known yet */
    VALUE_DATA, /* told in the last reply */
    VALUE_STALE /* told once; the server does not answer now */
};

struct value {
    int64_t n;
    enum value_state state;
};

static inline struct value value_of(int64_t n)
{
    return (struct value){n, VALUE_DATA};
}

static inline bool value_known(struct value v)
{
    return v.state != VALUE_NONE;
}

/* The number, or `otherwise` when there is none. */
static inline int64_t value_or(struct value v, int64_t otherwise)
{
    return v.state == VALUE_NONE ? otherwise : v.n;
}

/* `part` of `whole` in 1/1000; none when either is missing or the whole is not above 0. */
struct value value_permille(struct value part, struct value whole);
/* The sum of those that are known, none when none is; stale when one of them is. */
struct value value_sum(const struct value *values, unsigned count);

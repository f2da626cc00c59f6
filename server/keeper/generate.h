/* $GENERATE of BIND: a template that stands for many records.
 *
 * In a word of the template $ is the number of the round, ${OFFSET,WIDTH,BASE} the number with an
 * offset, filled up with zeros to a width, in base d, o, x, X, or as nibbles in reverse order with
 * dots between (n, N). \$ and $$ are the character $. Pure. */
#pragma once

#include <stdint.h>

#include "backend/base/buf.h"

struct generate_range {
    uint32_t first, last, step;
};

/* Parses FIRST-LAST or FIRST-LAST/STEP; ERR_FORMAT. */
int generate_parse_range(const char *text, struct generate_range *range);
/* How many rounds it has. */
uint64_t generate_rounds(const struct generate_range *range);
/* Appends a word of the template for the round `number`, without a NUL. ERR_FORMAT with `*reason`.
 */
int generate_expand(const char *word, uint32_t number, struct buf *out, const char **reason);

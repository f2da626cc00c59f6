/* Rows of the shared stats: which zone has which, and writing them.
 *
 * A keeper that was started again finds the rows of its predecessor and goes on with them, by name:
 * numbers of rows stay what they were, and counts of transfers go on. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct keeper;
struct zone;

struct row_block {
    uint32_t first, count;
};

struct rows {
    uint32_t *old; /* rows with a name of an earlier life, sorted by name; until rows_settle */
    size_t old_count;
    uint32_t *spare; /* rows without a zone */
    size_t spare_count, spare_room;
    struct row_block *blocks; /* free rows of transfers_in */
    size_t block_count, block_room;
};

/* Reads the rows that are there. ERR_MEMORY. */
int rows_init(struct keeper *k);
/* Empties the rows that no zone took again. */
void rows_settle(struct keeper *k);
void rows_fini(struct rows *rows);
/* Gives a zone its row, and rows of transfers_in for its primaries. ERR_LIMIT, ERR_MEMORY. */
int rows_take(struct zone *z);
/* Gives them back; the row is empty then. */
void rows_give(struct zone *z);
/* After the number of primaries changed. */
int rows_resize(struct zone *z);
/* Writes the zone's row. */
void row_write(struct zone *z);

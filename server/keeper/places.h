/* Numbers for the lines of a zone's files in the order they are read, so that a finding about a
 * record of any of them can say where it stands in four bytes a record. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct places_part {
    uint32_t from; /* its first number */
    unsigned line; /* of that number */
    char *path;
};

struct places {
    struct places_part *parts;
    size_t count, room;
    uint32_t last; /* the highest number given out */
};

/* An empty one is {0}. */
void places_fini(struct places *p);
/* What follows is from `line` on of the file `path`. ERR_MEMORY. */
int places_enter(struct places *p, const char *path, unsigned line);
/* The number of a line of the present file; 0 before the first. */
uint32_t places_number(struct places *p, unsigned line);
/* Path and line of a number; NULL when there is none. */
const char *places_find(const struct places *p, uint32_t number, unsigned *line);

#include "server/keeper/places.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"

void places_fini(struct places *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->parts[i].path);
    free(p->parts);
    *p = (struct places){0};
}

int places_enter(struct places *p, const char *path, unsigned line)
{
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 4;
        struct places_part *parts = realloc(p->parts, room * sizeof *parts);
        if (!parts)
            return ERR_MEMORY;
        p->parts = parts;
        p->room = room;
    }
    char *copy = strdup(path);
    if (!copy)
        return ERR_MEMORY;
    p->parts[p->count++] = (struct places_part){++p->last, line, copy};
    return ERR_OK;
}

uint32_t places_number(struct places *p, unsigned line)
{
    if (!p->count)
        return 0;
    const struct places_part *part = &p->parts[p->count - 1];
    uint32_t number = part->from + (line - part->line);
    p->last = number > p->last ? number : p->last;
    return number;
}

const char *places_find(const struct places *p, uint32_t number, unsigned *line)
{
    size_t i = p->count;
    while (i && p->parts[i - 1].from > number)
        i--;
    if (!i || !number)
        return NULL;
    *line = p->parts[i - 1].line + (number - p->parts[i - 1].from);
    return p->parts[i - 1].path;
}

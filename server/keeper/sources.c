#include "server/keeper/sources.h"

#include <limits.h>
#include <string.h>

/* A list is a row of these, each followed by its path and a NUL. */
struct entry {
    struct image_source source;
    uint32_t len; /* of the path with the NUL */
};

struct image_source sources_of(const struct stat *st)
{
    return (struct image_source){
        .size = (uint64_t)st->st_size,
        .inode = st->st_ino,
        .mtime_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
        .ctime_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec};
}

bool sources_read(const char *path, struct image_source *source)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    *source = sources_of(&st);
    return true;
}

void sources_add(struct buf *list, const char *path, const struct stat *st)
{
    struct entry e = {sources_of(st), (uint32_t)strlen(path) + 1};
    buf_add(list, &e, sizeof e);
    buf_add(list, path, e.len);
}

/* The list comes from a file: it may say anything. */
static bool take_entry(const char **at, size_t *len, struct entry *e, char path[PATH_MAX])
{
    if (*len < sizeof *e)
        return false;
    memcpy(e, *at, sizeof *e);
    if (!e->len || e->len > PATH_MAX || e->len > *len - sizeof *e)
        return false;
    memcpy(path, *at + sizeof *e, e->len);
    path[e->len - 1] = '\0';
    *at += sizeof *e + e->len;
    *len -= sizeof *e + e->len;
    return true;
}

bool sources_are_current(const void *list, size_t len)
{
    const char *at = list;
    while (len) {
        struct entry e;
        struct image_source now;
        char path[PATH_MAX];
        if (!take_entry(&at, &len, &e, path) || !sources_read(path, &now) ||
            memcmp(&now, &e.source, sizeof now))
            return false;
    }
    return true;
}

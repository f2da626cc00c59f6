#include "server/keeper/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "backend/base/err.h"
#include "server/dns/name.h"
#include "server/keeper/pack.h"

/* With the dot before and ".PID.tmp" behind a name stays below the 255 bytes of a file name. */
enum { NAME_KEPT_MAX = 200 };

static void remove_leftovers(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' && n > 4 && !strcmp(e->d_name + n - 4, ".tmp"))
            unlinkat(dir, e->d_name, 0);
    }
    closedir(d);
}

int store_open(struct store *store, const char *state, const uint8_t key[16])
{
    memmove(store->key, key, sizeof store->key); /* it may be this store's own */
    store->dir = -1;
    int top = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return ERR_SYSTEM;
    if (mkdirat(top, "images", 0700) == 0 || errno == EEXIST)
        store->dir = openat(top, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int saved = errno;
    close(top);
    errno = saved;
    if (store->dir < 0)
        return ERR_SYSTEM;
    remove_leftovers(store->dir);
    return ERR_OK;
}

void store_close(struct store *store)
{
    if (store->dir >= 0)
        close(store->dir);
    store->dir = -1;
}

static bool is_kept(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (c == '.' && !first);
}

void store_name(const struct config_zone *zone, char name[STORE_NAME_MAX])
{
    size_t n = 0, len = strlen(zone->name);
    bool root = len == 1;
    for (size_t i = 0; i < len - !root && n < NAME_KEPT_MAX; i++) {
        char c = zone->name[i];
        if (is_kept(c, i == 0))
            name[n++] = c;
        else
            n += (size_t)sprintf(name + n, "%%%02X", (unsigned char)c);
    }
    if (n >= NAME_KEPT_MAX) {
        XXH128_hash_t h = XXH3_128bits(zone->wire, zone->wire_len);
        n = (size_t)sprintf(name, "%%%%%016" PRIx64 "%016" PRIx64, h.high64, h.low64);
    }
    memcpy(name + n, ".img", 5);
}

static void add(uint64_t **items, size_t *count, size_t *cap, uint64_t item)
{
    if (*count == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        uint64_t *p = realloc(*items, more * sizeof *p);
        if (!p)
            return; /* what is not listed is made again */
        *items = p;
        *cap = more;
    }
    (*items)[(*count)++] = item;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void store_list(const struct store *store, struct store_list *list)
{
    *list = (struct store_list){0};
    int fd = store->dir < 0 ? -1 : openat(store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        uint64_t id;
        if (pack_is_name(e->d_name, &id))
            add(&list->packs, &list->pack_count, &list->pack_cap, id);
        else if (e->d_name[0] != '.')
            add(&list->images, &list->image_count, &list->image_cap,
                XXH3_64bits(e->d_name, strlen(e->d_name)));
    }
    if (d)
        closedir(d);
    if (list->image_count)
        qsort(list->images, list->image_count, sizeof *list->images, by_number);
}

bool store_list_has(const struct store_list *list, const struct config_zone *zone)
{
    char name[STORE_NAME_MAX];
    if (!list->image_count)
        return false;
    store_name(zone, name);
    uint64_t hash = XXH3_64bits(name, strlen(name));
    return bsearch(&hash, list->images, list->image_count, sizeof hash, by_number);
}

void store_list_fini(struct store_list *list)
{
    free(list->images);
    free(list->packs);
}

int store_open_image(const struct store *store, const struct config_zone *zone, int fd, bool check,
                     struct image **image)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_SYSTEM;
    if (!S_ISREG(st.st_mode))
        return ERR_FORMAT;
    int err = image_open(fd, 0, (uint64_t)st.st_size, store->key, check, image);
    if (err)
        return err;
    size_t len;
    const uint8_t *origin = image_get_origin(*image, &len);
    if (!name_equal(origin, len, zone->wire, zone->wire_len)) {
        image_close(*image);
        *image = NULL;
        return ERR_FORMAT;
    }
    return ERR_OK;
}

int store_get(const struct store *store, const struct config_zone *zone, bool check,
              struct image **image, int *fd)
{
    char name[STORE_NAME_MAX];
    store_name(zone, name);
    *image = NULL;
    if (store->dir < 0)
        return ERR_MISSING;
    *fd = openat(store->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0)
        return errno == ENOENT ? ERR_MISSING : ERR_SYSTEM;
    int err = store_open_image(store, zone, *fd, check, image);
    if (err) {
        close(*fd);
        *fd = -1;
    }
    return err;
}

/* The process is in the name, as another one may still be busy with an older version. */
static void temporary_name(const struct config_zone *zone, char name[STORE_NAME_MAX + 24])
{
    char final[STORE_NAME_MAX];
    store_name(zone, final);
    snprintf(name, STORE_NAME_MAX + 24, ".%s.%d.tmp", final, (int)getpid());
}

int store_begin(const struct store *store, const struct config_zone *zone, int *fd)
{
    char name[STORE_NAME_MAX + 24];
    errno = ENOENT;
    if (store->dir < 0)
        return ERR_SYSTEM;
    temporary_name(zone, name);
    unlinkat(store->dir, name, 0);
    *fd = openat(store->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *fd < 0 ? ERR_SYSTEM : ERR_OK;
}

int store_written(const struct store *store, const struct config_zone *zone, int *fd)
{
    char name[STORE_NAME_MAX + 24];
    temporary_name(zone, name);
    int again = openat(store->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (again < 0)
        return ERR_SYSTEM;
    close(*fd);
    *fd = again;
    return ERR_OK;
}

int store_keep(const struct store *store, const struct config_zone *zone, int fd, bool durable)
{
    char name[STORE_NAME_MAX], temporary[STORE_NAME_MAX + 24];
    store_name(zone, name);
    temporary_name(zone, temporary);
    if ((durable && fsync(fd) < 0) || renameat(store->dir, temporary, store->dir, name) < 0) {
        int saved = errno;
        unlinkat(store->dir, temporary, 0);
        errno = saved;
        return ERR_SYSTEM;
    }
    if (durable)
        fsync(store->dir);
    return ERR_OK;
}

void store_drop(const struct store *store, const struct config_zone *zone)
{
    char name[STORE_NAME_MAX + 24];
    temporary_name(zone, name);
    if (store->dir >= 0)
        unlinkat(store->dir, name, 0);
}

void store_remove(const struct store *store, const struct config_zone *zone)
{
    char name[STORE_NAME_MAX];
    store_name(zone, name);
    if (store->dir >= 0)
        unlinkat(store->dir, name, 0);
}

static int put_pack(const struct store *store, struct pack_writer *w, int *fd, uint64_t *id,
                    uint64_t *size)
{
    char temporary[PACK_NAME_MAX + 24], name[PACK_NAME_MAX];
    errno = ENOENT;
    if (store->dir < 0)
        return ERR_SYSTEM;
    snprintf(temporary, sizeof temporary, ".pack.%d.tmp", (int)getpid());
    unlinkat(store->dir, temporary, 0);
    int out =
        openat(store->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
        return ERR_SYSTEM;
    int err = pack_write(w, store->key, out, id, size);
    *fd = err ? -1 : openat(store->dir, temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    pack_name(*id, name);
    if (*fd >= 0 && renameat(store->dir, temporary, store->dir, name) == 0) {
        close(out);
        return ERR_OK;
    }
    int saved = errno;
    unlinkat(store->dir, temporary, 0);
    if (*fd >= 0)
        close(*fd);
    close(out);
    errno = saved;
    return ERR_SYSTEM;
}

int store_put_pack(const struct store *store, struct pack_writer *w, int *fd, uint64_t *id,
                   uint64_t *size, int *store_errno)
{
    *store_errno = 0;
    if (put_pack(store, w, fd, id, size) == ERR_OK)
        return ERR_OK;
    *store_errno = errno;
    *fd = memfd_create("zonedeck-pack", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return *fd < 0 ? ERR_SYSTEM : pack_write(w, store->key, *fd, id, size);
}

void store_remove_pack(const struct store *store, uint64_t id)
{
    char name[PACK_NAME_MAX];
    pack_name(id, name);
    if (store->dir >= 0)
        unlinkat(store->dir, name, 0);
}

#include "server/image/file.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "backend/base/err.h"

int image_file_map(int fd, uint64_t id, uint64_t size, struct image_file **file)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_SYSTEM;
    /* Reading past the end of a mapped file kills the process: believe the file, not the message.
     */
    if (!size || (uint64_t)st.st_size < size)
        return ERR_FORMAT;
    struct image_file *f = calloc(1, sizeof *f);
    if (!f)
        return ERR_MEMORY;
    void *base = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (base == MAP_FAILED) {
        free(f);
        return ERR_SYSTEM;
    }
    *f = (struct image_file){.base = base, .size = size, .id = id};
    atomic_init(&f->users, 1);
    *file = f;
    return ERR_OK;
}

struct image_file *image_file_get(struct image_file *file)
{
    atomic_fetch_add(&file->users, 1);
    return file;
}

void image_file_rest(struct image_file *file)
{
    madvise((void *)(uintptr_t)file->base, file->size, MADV_DONTNEED);
    file->rested = true;
}

void image_file_put(struct image_file *file)
{
    if (!file || atomic_fetch_sub(&file->users, 1) != 1)
        return;
    munmap((void *)(uintptr_t)file->base, file->size);
    free(file);
}

#include "server/image/sink.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/base/err.h"

enum { PAGE = 4096 };

int sink_begin(struct sink *s, int fd, unsigned threads, size_t room)
{
    *s = (struct sink){.fd = fd, .room = (room + PAGE - 1) / PAGE * PAGE, .count = threads};
    if (s->count > CREW_MAX + 1)
        s->count = CREW_MAX + 1;
    void *buffers =
        mmap(NULL, s->count * s->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffers == MAP_FAILED)
        return ERR_MEMORY;
    s->buffers = buffers;
    return ERR_OK;
}

void sink_end(struct sink *s)
{
    if (s->buffers)
        munmap(s->buffers, s->count * s->room);
    s->buffers = NULL;
}

uint8_t *sink_open(struct sink *s, uint64_t at, size_t len)
{
    unsigned i = 0;
    if (s->memory)
        return s->memory + at;
    while (atomic_exchange(&s->taken[i], 1)) /* as many as threads, so one is free */
        i = i + 1 < s->count ? i + 1 : 0;
    return memset(s->buffers + i * s->room, 0, len);
}

void sink_put(struct sink *s, uint64_t at, size_t len, const void *bytes)
{
    const uint8_t *from = bytes;
    while (len && !atomic_load(&s->error)) {
        ssize_t n = pwrite(s->fd, from, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            atomic_store(&s->error, n < 0 ? errno : ENOSPC);
            break;
        }
        from += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
}

void sink_close(struct sink *s, uint64_t at, size_t len, uint8_t *piece)
{
    if (s->memory)
        return;
    sink_put(s, at, len, piece);
    atomic_store(&s->taken[(size_t)(piece - s->buffers) / s->room], 0);
}

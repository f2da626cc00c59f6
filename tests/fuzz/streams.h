/* For fuzz targets: the system calls of server/serve/tcp.c on connections that exist in memory
 * alone, so that no run enters the kernel. Descriptors from STREAM_FIRST on are ours; on all others
 * the calls are the system's.
 *
 * The other side may send any bytes at any time, read as little as it likes, stop sending, or
 * break. The clock stands still unless it is moved. */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STREAMS = 4, STREAM_FIRST = 100000, STREAM_LISTENER = 99999, STREAM_SIZE = 1 << 17 };

struct stream {
    bool open, ended, broken; /* ended: no more bytes come; broken: every call fails */
    uint8_t in[STREAM_SIZE];  /* all that was ever sent to the server */
    size_t sent, taken;       /* bytes of `in`; those the server has received */
    size_t window;            /* how many bytes the other side will still take */
    uint32_t watched;         /* what the server waits for */
    uint64_t data;
    struct sockaddr_storage source;
};

static struct {
    struct stream stream[STREAMS];
    int waiting; /* the stream that accept gives next, -1 none */
    bool clock;  /* the clock is ours */
    int64_t now;
    /* What the server has sent is looked at here. */
    void (*written)(unsigned stream, const uint8_t *bytes, size_t len);
    void (*closed)(unsigned stream);
} streams = {.waiting = -1};

static inline struct stream *stream_of(int fd)
{
    return fd >= STREAM_FIRST && fd < STREAM_FIRST + STREAMS ? &streams.stream[fd - STREAM_FIRST]
                                                             : NULL;
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    if (fd != STREAM_LISTENER || streams.waiting < 0 || !(flags & SOCK_NONBLOCK)) {
        errno = EAGAIN;
        return -1;
    }
    int accepted = STREAM_FIRST + streams.waiting;
    streams.waiting = -1;
    struct stream *s = stream_of(accepted);
    s->open = true;
    memcpy(address, &s->source, sizeof s->source);
    *len = sizeof s->source;
    return accepted;
}

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL);
    if (!s->open || !len)
        abort();
    size_t n = s->sent - s->taken < len ? s->sent - s->taken : len;
    if (s->broken || (n == 0 && !s->ended)) {
        errno = s->broken ? ECONNRESET : EAGAIN;
        return -1;
    }
    memcpy(bytes, s->in + s->taken, n);
    s->taken += n;
    return (ssize_t)n;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
    if (!s->open || !len || !(flags & MSG_NOSIGNAL))
        abort();
    size_t n = s->window < len ? s->window : len;
    if (s->broken || n == 0) {
        errno = s->broken ? EPIPE : EAGAIN;
        return -1;
    }
    streams.written((unsigned)(fd - STREAM_FIRST), bytes, n);
    s->window -= s->window == SIZE_MAX ? 0 : n;
    return (ssize_t)n;
}

int close(int fd)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return (int)syscall(SYS_close, fd);
    if (!s->open)
        abort();
    s->open = false;
    streams.closed((unsigned)(fd - STREAM_FIRST));
    return 0;
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
    if (!s->open)
        abort();
    s->watched = event->events;
    s->data = event->data.u64;
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    /* The fuzzer itself measures by the wall clock. */
    if (!streams.clock || id != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, id, t);
    *t = (struct timespec){streams.now / 1000000000, streams.now % 1000000000};
    return 0;
}

/* What epoll would say of it now. */
static inline uint32_t stream_events(const struct stream *s)
{
    if (!s->open)
        return 0;
    if (s->broken)
        return EPOLLERR | EPOLLHUP | EPOLLIN | EPOLLOUT;
    uint32_t can = (s->sent > s->taken || s->ended ? (uint32_t)EPOLLIN : 0) |
                   (s->window ? (uint32_t)EPOLLOUT : 0);
    return can & s->watched;
}

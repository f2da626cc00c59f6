#include "backend/base/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/base/err.h"

struct head {
    uint32_t type, len;
};

int channel_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return ERR_SYSTEM;
    int size = 4 << 20;
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return ERR_OK;
}

int channel_send(int fd, uint32_t type, const void *payload, size_t len, const int *send_fds,
                 unsigned nfds, int timeout_ms)
{
    if (len > CHANNEL_PAYLOAD || nfds > CHANNEL_FDS)
        return ERR_LIMIT;
    struct head head = {type, (uint32_t)len};
    struct iovec iov[2] = {{&head, sizeof head}, {(void *)(uintptr_t)payload, len}};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS)];
    } control = {0};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};
    if (nfds) {
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(c), send_fds, sizeof(int) * nfds);
    }
    for (;;) {
        if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return ERR_OK;
        if (errno == EINTR)
            continue;
        if (errno == EPIPE || errno == ECONNRESET)
            return ERR_CLOSED;
        if (errno != EAGAIN && errno != ENOBUFS)
            return ERR_SYSTEM;
        struct pollfd p = {fd, POLLOUT, 0};
        int n = poll(&p, 1, timeout_ms);
        if (n == 0)
            return ERR_TIMEOUT;
        if (n < 0 && errno != EINTR)
            return ERR_SYSTEM;
    }
}

static void take_fds(struct msghdr *m, struct channel_frame *frame)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            if (frame->nfds < CHANNEL_FDS)
                frame->fds[frame->nfds++] = fd;
            else
                close(fd);
        }
    }
}

int channel_receive(int fd, struct channel_frame *frame)
{
    struct head head;
    struct iovec iov[2] = {{&head, sizeof head}, {frame->payload, sizeof frame->payload}};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS)];
    } control;
    struct msghdr m = {.msg_iov = iov,
                       .msg_iovlen = 2,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    frame->nfds = 0;
    ssize_t n;
    do
        n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n < 0)
        return errno == ECONNRESET ? ERR_CLOSED : ERR_SYSTEM;
    take_fds(&m, frame);
    if (n == 0)
        return ERR_CLOSED;
    if ((size_t)n < sizeof head || (m.msg_flags & MSG_TRUNC) ||
        head.len != (size_t)n - sizeof head) {
        channel_discard(frame);
        return ERR_FORMAT;
    }
    frame->type = head.type;
    frame->len = head.len;
    return 1;
}

void channel_discard(struct channel_frame *frame)
{
    for (unsigned i = 0; i < frame->nfds; i++) {
        if (frame->fds[i] >= 0)
            close(frame->fds[i]);
    }
    frame->nfds = 0;
}

/* The least a server can do: every datagram goes back with the bit of a response set. One thread,
 * batches of recvmmsg and sendmmsg, no look at what is in them. What answering costs beyond the
 * kernel's part is the difference to this.
 *
 *     bench_echo PORT */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, ROOM = 1280, BUFFER = 4 << 20 };

static struct mmsghdr head[BATCH];
static struct iovec iov[BATCH];
static struct sockaddr_in from[BATCH];
static uint8_t bytes[BATCH][ROOM];

static int bound(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at))
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

static int receive(int fd)
{
    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){bytes[i], ROOM};
        head[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                          .msg_namelen = sizeof from[i],
                                          .msg_iov = &iov[i],
                                          .msg_iovlen = 1};
    }
    return recvmmsg(fd, head, BATCH, MSG_WAITFORONE, NULL);
}

int main(int argc, char **argv)
{
    int fd = argc == 2 ? bound((uint16_t)atoi(argv[1])) : -1;
    if (fd < 0) {
        fprintf(stderr, "usage: bench_echo PORT (a free one)\n");
        return 2;
    }
    for (int count; (count = receive(fd)) >= 0;) {
        for (int i = 0; i < count; i++) {
            iov[i].iov_len = head[i].msg_len;
            bytes[i][2] |= 0x80;
        }
        for (int sent = 0, n; sent < count; sent += n) {
            n = sendmmsg(fd, head + sent, (unsigned)(count - sent), 0);
            if (n <= 0)
                n = 1; /* a client that has gone */
        }
    }
    return 1;
}

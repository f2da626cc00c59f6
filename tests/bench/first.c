/* When a server gives its first good answer: a query every millisecond until one comes back right.
 *
 *     bench_first PORT NAME TYPE_NUMBER TIMEOUT_S
 *
 * Prints "ready" when it begins to ask, so that the server can be started after it, then
 * "first_ns N": the monotonic clock at the first answer with the code NOERROR, and "refused N": how
 * many answers with another code came before. Exit status 1 when the time is over. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "backend/base/clk.h"

static size_t write_query(uint8_t wire[512], const char *name, unsigned type)
{
    size_t size = 12;
    memset(wire, 0, 12);
    wire[5] = 1;
    while (*name && *name != '.' && size < 300) {
        size_t label = strcspn(name, ".") & 63;
        wire[size] = (uint8_t)label;
        memcpy(wire + size + 1, name, label);
        size += label + 1;
        name += label + (name[label] == '.');
    }
    const uint8_t tail[] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
    memcpy(wire + size, tail, sizeof tail);
    return size + sizeof tail;
}

static int connected(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) ? -1 : fd;
}

/* Reads what has come; whether a good answer is among it. */
static bool good_answer(int fd, unsigned *refused)
{
    uint8_t wire[4096];
    while (recv(fd, wire, sizeof wire, 0) >= 12) {
        if (!(wire[3] & 15))
            return true;
        ++*refused;
    }
    return false;
}

/* Waits for a good answer until then. Who says no at once is not asked sooner for it, as one who
 * says nothing is not: a server that loads has other things to do. */
static bool answered_by(int fd, int64_t then, unsigned *refused)
{
    int64_t left;
    while ((left = then - clk_mono_ns()) > 0) {
        const struct timespec rest = {.tv_nsec = left};
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ppoll(&wait, 1, &rest, NULL);
        if (good_answer(fd, refused))
            return true;
        if (wait.revents & POLLERR) /* nobody listens yet: there will be no answer */
            nanosleep(&rest, NULL);
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    uint8_t query[512];
    size_t size = write_query(query, argv[2], (unsigned)atoi(argv[3]));
    int fd = connected((uint16_t)atoi(argv[1]));
    unsigned refused = 0;
    int64_t end = clk_mono_ns() + atoi(argv[4]) * CLK_SECOND;
    if (fd < 0)
        return 2;
    puts("ready");
    fflush(stdout);
    for (int64_t now; (now = clk_mono_ns()) < end;) {
        send(fd, query, size, 0);
        if (answered_by(fd, now + CLK_MS, &refused)) {
            printf("first_ns %lld refused %u\n", (long long)clk_mono_ns(), refused);
            return 0;
        }
    }
    fprintf(stderr, "no good answer in %s s (%u others)\n", argv[4], refused);
    return 1;
}

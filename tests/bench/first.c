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
    while (clk_mono_ns() < end) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        /* Refused while nobody listens: asked again a millisecond later all the same. */
        if (send(fd, query, size, 0) < 0 || poll(&wait, 1, 1) < 0 || wait.revents & POLLERR)
            poll(NULL, 0, 1);
        if (good_answer(fd, &refused)) {
            printf("first_ns %lld refused %u\n", (long long)clk_mono_ns(), refused);
            return 0;
        }
    }
    fprintf(stderr, "no good answer in %s s (%u others)\n", argv[4], refused);
    return 1;
}

/* A client that takes a zone over TCP as fast as it comes, and keeps nothing of it.
 *
 *     bench_axfr PORT ZONE
 *
 * Counts the records until the second SOA and prints "records N bytes N ns N", from before connect
 * to the last message. Exit status 1 when the transfer fails. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/base/clk.h"

enum { HEADER = 12, SOA = 6, AXFR = 252, MESSAGE = 65535 + 2 };

struct transfer {
    int fd;
    size_t have, used; /* of buffer */
    uint64_t records, bytes;
    unsigned soas;
    uint8_t buffer[1 << 20];
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

static bool ask(int fd, const char *name)
{
    uint8_t wire[2 + HEADER + 256 + 4] = {0, 0, 0x12, 0x34, 0, 0, 0, 1};
    size_t size = 2 + HEADER;
    for (size_t label; *name && size < 250; name += label + (name[label] == '.')) {
        label = strcspn(name, ".");
        if (!label || label > 63 || size + label > 250)
            return false;
        wire[size] = (uint8_t)label;
        memcpy(wire + size + 1, name, label);
        size += label + 1;
    }
    wire[size + 2] = AXFR;
    wire[size + 4] = 1;
    size += 5;
    wire[1] = (uint8_t)(size - 2);
    return write(fd, wire, size) == (ssize_t)size;
}

/* The next message, with its length before it; NULL at the end of the stream. */
static const uint8_t *next_message(struct transfer *t, size_t *len)
{
    for (;;) {
        size_t left = t->have - t->used;
        if (left >= 2 && left >= 2 + get16(t->buffer + t->used)) {
            const uint8_t *at = t->buffer + t->used;
            *len = get16(at);
            t->used += 2 + *len;
            return at + 2;
        }
        if (sizeof t->buffer - t->used < MESSAGE) {
            memmove(t->buffer, t->buffer + t->used, left);
            t->have = left;
            t->used = 0;
        }
        ssize_t got = read(t->fd, t->buffer + t->have, sizeof t->buffer - t->have);
        if (got <= 0)
            return NULL;
        t->have += (size_t)got;
        t->bytes += (size_t)got;
    }
}

static const uint8_t *skip_name(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at && *at < 0xc0)
        at += 1 + *at;
    return at + (at < end && *at ? 2 : 1);
}

static bool count_records(struct transfer *t, const uint8_t *wire, size_t len)
{
    const uint8_t *at = wire + HEADER, *end = wire + len;
    if (len < HEADER || wire[3] & 15)
        return false;
    for (unsigned i = get16(wire + 4); i > 0; i--)
        at = skip_name(at, end) + 4;
    for (unsigned i = get16(wire + 6); i > 0; i--) {
        at = skip_name(at, end);
        if (end - at < 10)
            return false;
        t->soas += get16(at) == SOA;
        t->records++;
        at += 10 + get16(at + 8);
    }
    return at <= end;
}

int main(int argc, char **argv)
{
    static struct transfer t;
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (argc != 3)
        return 2;
    to.sin_port = htons((uint16_t)atoi(argv[1]));
    int64_t start = clk_mono_ns();
    t.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t.fd < 0 || connect(t.fd, (struct sockaddr *)&to, sizeof to) || !ask(t.fd, argv[2])) {
        perror("bench_axfr");
        return 1;
    }
    while (t.soas < 2) {
        size_t len;
        const uint8_t *wire = next_message(&t, &len);
        if (!wire || !count_records(&t, wire, len)) {
            fprintf(stderr, "the transfer ended after %llu records\n",
                    (unsigned long long)t.records);
            return 1;
        }
    }
    printf("records %llu bytes %llu ns %lld\n", (unsigned long long)t.records - 1,
           (unsigned long long)t.bytes, (long long)(clk_mono_ns() - start));
    close(t.fd);
    return 0;
}

/* Sends packets of a file in turn, as fast as the server on loopback answers.
 *
 *     bench_soak PORT FILE COUNT
 *
 * FILE holds packets, each behind its length in 16 bits; the last is a good query. Each gets a new
 * ID. SOCKETS batches are under way at a time; each ends with the good query, and the next one of
 * its socket is sent when that is answered, so that no packet is lost for want of room. After every
 * TCP_EVERY batches one goes over TCP, and every fourth of these is cut anywhere and closed unread.
 * Prints "sent answers tcp again" at the end; status 1 when the good query stays unanswered. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    SOCKETS = 8,
    BATCH = 32,
    TCP_EVERY = 100,
    PACKET_MAX = 65535,
    PROBE_ID = 0x8000, /* and more: only IDs of probes have this bit */
    WAIT_MS = 1000,
    TRIES = 10
};

struct packet {
    uint8_t *data;
    unsigned len;
};

struct soak {
    struct sockaddr_in to;
    struct packet *pool;
    size_t pool_count, next;
    struct pollfd sockets[SOCKETS];
    unsigned tries[SOCKETS];
    uint16_t probe[SOCKETS]; /* the ID its good query has */
    uint16_t id;
    uint64_t sent, answers, tcp, again;
    uint8_t wire[BATCH * (2 + PACKET_MAX)], answer[2 + PACKET_MAX];
};

static bool read_pool(struct soak *soak, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t room = 0;
    uint8_t head[2];
    bool ok = file != NULL;
    while (ok && fread(head, 1, 2, file) == 2) {
        if (soak->pool_count == room) {
            room = room ? room * 2 : 4096;
            soak->pool = realloc(soak->pool, room * sizeof *soak->pool);
            if (!soak->pool)
                abort();
        }
        struct packet *packet = &soak->pool[soak->pool_count++];
        packet->len = (unsigned)(head[0] << 8 | head[1]);
        packet->data = malloc(packet->len + 2);
        ok = packet->data && fread(packet->data, 1, packet->len, file) == packet->len;
    }
    if (file)
        fclose(file);
    return ok && soak->pool_count > 1 && soak->pool[soak->pool_count - 1].len >= 12;
}

/* The next packet of the pool, with an ID no other of the last 32768 had. */
static struct packet *next_packet(struct soak *soak)
{
    struct packet *packet = &soak->pool[soak->next];
    soak->next = (soak->next + 1) % (soak->pool_count - 1);
    soak->id = (uint16_t)((soak->id + 1) % PROBE_ID);
    if (packet->len > 0)
        packet->data[0] = (uint8_t)(soak->id >> 8);
    if (packet->len > 1)
        packet->data[1] = (uint8_t)soak->id;
    return packet;
}

static struct packet *good_query(struct soak *soak, uint16_t id)
{
    struct packet *packet = &soak->pool[soak->pool_count - 1];
    packet->data[0] = (uint8_t)(id >> 8);
    packet->data[1] = (uint8_t)id;
    return packet;
}

/* A batch, or only its good query once more, from socket i. */
static void send_batch(struct soak *soak, unsigned i, unsigned count)
{
    struct mmsghdr head[BATCH] = {0};
    struct iovec iov[BATCH];
    soak->probe[i] = (uint16_t)(PROBE_ID | ((soak->probe[i] + 1) & (PROBE_ID - 1)));
    for (unsigned n = 0; n < count; n++) {
        struct packet *packet =
            n + 1 < count ? next_packet(soak) : good_query(soak, soak->probe[i]);
        iov[n] = (struct iovec){packet->data, packet->len};
        head[n].msg_hdr = (struct msghdr){.msg_iov = &iov[n], .msg_iovlen = 1};
    }
    for (unsigned done = 0; done < count;) {
        int n = sendmmsg(soak->sockets[i].fd, head + done, count - done, 0);
        if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
            break; /* the good query is missed and sent again */
        done += n > 0 ? (unsigned)n : 0;
        soak->sent += n > 0 ? (unsigned)n : 0;
    }
}

/* Takes what has come; whether the good query was answered. */
static bool drain(struct soak *soak, unsigned i)
{
    bool found = false;
    ssize_t n;
    while ((n = recv(soak->sockets[i].fd, soak->answer, sizeof soak->answer, MSG_DONTWAIT)) >= 0) {
        soak->answers++;
        found |= n >= 12 && (soak->answer[0] << 8 | soak->answer[1]) == soak->probe[i];
    }
    return found;
}

static bool read_all(int fd, uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = recv(fd, data, len, 0);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* One connection. The server may close it for what it was sent, so any end of it is a good one. */
static void over_tcp(struct soak *soak)
{
    struct timeval limit = {.tv_sec = 5};
    uint16_t probe = PROBE_ID;
    size_t len = 0;
    for (unsigned n = 0; n < BATCH; n++) {
        struct packet *packet = n + 1 < BATCH ? next_packet(soak) : good_query(soak, probe);
        soak->wire[len] = (uint8_t)(packet->len >> 8);
        soak->wire[len + 1] = (uint8_t)packet->len;
        memcpy(soak->wire + len + 2, packet->data, packet->len);
        len += 2 + packet->len;
    }
    bool cut = soak->tcp / BATCH % 4 == 3;
    if (cut)
        len = 1 + (size_t)random() % len;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (!connect(fd, (struct sockaddr *)&soak->to, sizeof soak->to) &&
        send(fd, soak->wire, len, MSG_NOSIGNAL) > 0) {
        soak->tcp += BATCH;
        soak->sent += BATCH;
        while (!cut && read_all(fd, soak->answer, 2)) {
            size_t size = (size_t)(soak->answer[0] << 8 | soak->answer[1]);
            if (!read_all(fd, soak->answer, size))
                break;
            soak->answers++;
            if (size >= 2 && (soak->answer[0] << 8 | soak->answer[1]) == probe)
                break;
        }
    }
    close(fd);
}

/* False when the server has stopped answering. */
static bool run(struct soak *soak, uint64_t count)
{
    uint64_t batches = 0;
    for (unsigned i = 0; i < SOCKETS; i++)
        send_batch(soak, i, BATCH);
    while (soak->sent < count) {
        int ready = poll(soak->sockets, SOCKETS, WAIT_MS);
        for (unsigned i = 0; i < SOCKETS; i++) {
            if (drain(soak, i)) {
                soak->tries[i] = 0;
                send_batch(soak, i, BATCH);
                if (++batches % TCP_EVERY == 0)
                    over_tcp(soak);
            } else if (!ready) {
                soak->again++;
                send_batch(soak, i, 1);
                if (++soak->tries[i] == TRIES)
                    return false;
            }
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct soak soak;
    if (argc != 4 || !read_pool(&soak, argv[2])) {
        fprintf(stderr, "usage: bench_soak PORT FILE COUNT\n");
        return 2;
    }
    soak.to =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    soak.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned i = 0; i < SOCKETS; i++) {
        int size = 4 << 20;
        soak.sockets[i] = (struct pollfd){socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), POLLIN, 0};
        if (connect(soak.sockets[i].fd, (struct sockaddr *)&soak.to, sizeof soak.to)) {
            perror("connect");
            return 2;
        }
        setsockopt(soak.sockets[i].fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    bool ok = run(&soak, strtoull(argv[3], NULL, 10));
    printf("%llu %llu %llu %llu\n", (unsigned long long)soak.sent, (unsigned long long)soak.answers,
           (unsigned long long)soak.tcp, (unsigned long long)soak.again);
    for (size_t i = 0; i < soak.pool_count; i++)
        free(soak.pool[i].data);
    free(soak.pool);
    return ok ? 0 : 1;
}

/* A scripted primary on loopback, in a process of its own: serial and behaviour are changed by the
 * test while it runs. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "server/dns/wire.h"

enum primary_mode {
    PRIMARY_GOOD,
    PRIMARY_SILENT,  /* no answer over UDP */
    PRIMARY_REFUSES, /* AXFR is refused */
    PRIMARY_CUTS,    /* the stream ends after `cut` bytes */
    PRIMARY_LIES,    /* the last SOA differs */
    PRIMARY_FORGES,  /* wrong answers before the right one: id, question, opcode, length */
    PRIMARY_STALLS   /* the stream stops and stays open */
};

struct primary {
    _Atomic uint32_t serial, mode, cut, refresh, retry, expire;
    _Atomic uint32_t asked, transferred, notified;
    uint16_t port;
    char address[32]; /* ADDRESS@PORT */
    pid_t pid;
};

static inline size_t primary_soa(const struct primary *p, uint8_t *to, uint32_t serial)
{
    static const uint8_t head[] = "\xc0\x0c\0\6\0\1\0\0\0\74\0\30\xc0\x0c\xc0\x0c";
    uint32_t numbers[] = {serial, p->refresh, p->retry, p->expire, 60};
    memcpy(to, head, 16);
    for (int i = 0; i < 5; i++)
        wire_put32(to + 16 + 4 * i, numbers[i]);
    return 36;
}

/* NS and 200 addresses, in one message with both SOAs. */
static inline size_t primary_axfr(const struct primary *p, const uint8_t *query,
                                  size_t question_end, uint8_t *to)
{
    size_t n = question_end;
    memcpy(to, query, n);
    wire_put16(to + 2, p->mode == PRIMARY_REFUSES ? FLAG_QR | RCODE_REFUSED : FLAG_QR | FLAG_AA);
    wire_put16(to + 10, 0);
    if (p->mode == PRIMARY_REFUSES)
        return n;
    n += primary_soa(p, to + n, p->serial);
    memcpy(to + n, "\xc0\x0c\0\2\0\1\0\0\0\74\0\5\2n0\xc0\x0c", 17);
    n += 17;
    for (int i = 0; i < 200; i++) {
        char owner[8];
        int len = snprintf(owner, sizeof owner, "n%d", i);
        to[n++] = (uint8_t)len;
        memcpy(to + n, owner, (size_t)len);
        n += (size_t)len;
        memcpy(to + n, "\xc0\x0c\0\1\0\1\0\0\0\74\0\4\300\0\2\1", 16);
        n += 16;
    }
    n += primary_soa(p, to + n, p->serial + (p->mode == PRIMARY_LIES));
    wire_put16(to + 6, 203);
    return n;
}

static inline size_t primary_question_end(const uint8_t *m, size_t len)
{
    size_t at = 12;
    while (at < len && m[at])
        at += m[at] + 1u;
    return at + 5;
}

static inline void primary_forge(int fd, const uint8_t *good, size_t len, const struct sockaddr *to,
                                 socklen_t to_len)
{
    uint8_t m[512];
    for (int i = 0; i < 5; i++) {
        memcpy(m, good, len);
        if (i == 0)
            m[1] ^= 1; /* id */
        if (i == 1)
            m[13] ^= 1; /* question */
        if (i == 2)
            m[2] ^= 0x20; /* opcode */
        if (i == 3)
            m[2] ^= 0x80;             /* not a response */
        wire_put32(m + len - 20, 99); /* the forged serial is newer */
        sendto(fd, m, i == 4 ? 11 : len, 0, to, to_len);
    }
}

static inline void primary_udp(struct primary *p, int fd)
{
    uint8_t m[512];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(fd, m, sizeof m, 0, (struct sockaddr *)&from, &from_len);
    if (n < 12)
        return;
    size_t len = primary_question_end(m, (size_t)n);
    if ((m[2] >> 3 & 15) == OPCODE_NOTIFY) {
        p->notified++;
        m[2] |= 0x80;
        if (p->mode != PRIMARY_SILENT)
            sendto(fd, m, (size_t)n, 0, (struct sockaddr *)&from, from_len);
        return;
    }
    p->asked++;
    if (p->mode == PRIMARY_SILENT)
        return;
    wire_put16(m + 2, FLAG_QR | FLAG_AA);
    wire_put16(m + 6, 1);
    len += primary_soa(p, m + len, p->serial);
    if (p->mode == PRIMARY_FORGES)
        primary_forge(fd, m, len, (struct sockaddr *)&from, from_len);
    sendto(fd, m, len, 0, (struct sockaddr *)&from, from_len);
}

static inline void primary_tcp(struct primary *p, int listener)
{
    static uint8_t query[512], out[65536];
    int fd = accept(listener, NULL, NULL);
    ssize_t n = recv(fd, query, sizeof query, 0);
    p->transferred++;
    if (n > 14) {
        size_t len =
            primary_axfr(p, query + 2, primary_question_end(query + 2, (size_t)n - 2), out + 2);
        wire_put16(out, (unsigned)len);
        len += 2;
        if (p->mode == PRIMARY_CUTS)
            len = p->cut < len ? p->cut : len;
        if (p->mode == PRIMARY_STALLS)
            len = 500;
        send(fd, out, len, MSG_NOSIGNAL);
        if (p->mode == PRIMARY_STALLS)
            recv(fd, query, sizeof query, 0); /* until the other side gives up */
    }
    close(fd);
}

/* UDP and TCP of one port of the kernel's choosing, so that tests may run beside each other. */
static inline uint16_t primary_bind(int *udp, int *tcp)
{
    for (int i = 0; i < 100; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof at;
        *udp = socket(AF_INET, SOCK_DGRAM, 0);
        *tcp = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(*udp, (struct sockaddr *)&at, sizeof at) == 0 &&
            getsockname(*udp, (struct sockaddr *)&at, &len) == 0 &&
            bind(*tcp, (struct sockaddr *)&at, sizeof at) == 0 && listen(*tcp, 16) == 0)
            return ntohs(at.sin_port);
        close(*udp);
        close(*tcp);
    }
    fail_msg("no free port");
    return 0;
}

static inline struct primary *primary_start(uint32_t serial)
{
    struct primary *p =
        mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int udp, tcp;
    assert_true(p != MAP_FAILED);
    p->port = primary_bind(&udp, &tcp);
    snprintf(p->address, sizeof p->address, "127.0.0.1@%u", p->port);
    p->serial = serial;
    p->refresh = p->retry = 2;
    p->expire = 600;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            struct pollfd fds[2] = {{udp, POLLIN, 0}, {tcp, POLLIN, 0}};
            poll(fds, 2, -1);
            if (fds[0].revents)
                primary_udp(p, udp);
            if (fds[1].revents)
                primary_tcp(p, tcp);
        }
    }
    assert_true(pid > 0);
    p->pid = pid;
    close(udp);
    close(tcp);
    return p;
}

static inline void primary_stop(struct primary *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    munmap(p, sizeof *p);
}

/* A steady client: RATE queries a second, evenly paced over 8 sockets, for SECONDS; every query is
 * followed until it is answered.
 *
 *     bench_steady PORT FILE RATE SECONDS [WAIT_S [LOST_FILE]]
 *
 * FILE has lines "NAME TYPE", asked in turn. Prints "started" when the first query leaves, and at
 * the end one line: sent lost dup late50ms servfail p50_us p99_us max_us worst_gap_ms. worst_gap is
 * the longest time in which no answer arrived at all. LOST_FILE gets a line "SENT_MS SOCKET NAME
 * TYPE" for each query that was never answered. Exit status 2 for an error in the arguments or the
 * file. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "backend/base/clk.h"

enum {
    SOCKETS = 8,
    IDS = 65536,
    QUERY_BYTES = 12 + 255 + 4,
    BURST = 8,        /* queries sent before answers are looked for again */
    BUFFER = 8 << 20, /* of each socket: the client itself must not lose an answer */
    LATE_NS = 50000000
};

struct query {
    uint16_t len;
    uint8_t wire[QUERY_BYTES];
};

struct steady {
    struct query *queries;
    size_t query_count;
    int sockets[SOCKETS];
    double step_ns;
    uint64_t total, sent, got, dup, servfail, late;
    int64_t start, last, gap;
    int64_t *sent_at; /* of query i; 0 once it is answered */
    uint32_t *latency_us;
};

static int type_code(const char *text)
{
    static const struct {
        const char *name;
        int code;
    } types[] = {{"A", 1},    {"NS", 2},    {"CNAME", 5}, {"SOA", 6}, {"MX", 15},
                 {"TXT", 16}, {"AAAA", 28}, {"SRV", 33},  {"DS", 43}, {"ANY", 255}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!strcasecmp(text, types[i].name))
            return types[i].code;
    }
    return -1;
}

/* Whether name and type make a query; names without escapes only. */
static bool write_query(struct query *query, const char *name, const char *type)
{
    int code = type_code(type);
    size_t size = 12;
    memset(query->wire, 0, 12);
    query->wire[5] = 1;
    while (*name) {
        size_t label = strcspn(name, ".");
        if (!label || label > 63 || size + label + 2 > 12 + 255)
            return false;
        query->wire[size] = (uint8_t)label;
        memcpy(query->wire + size + 1, name, label);
        size += label + 1;
        name += label + (name[label] == '.');
    }
    const uint8_t tail[] = {0, (uint8_t)(code >> 8), (uint8_t)code, 0, 1};
    memcpy(query->wire + size, tail, sizeof tail);
    query->len = (uint16_t)(size + sizeof tail);
    return code >= 0;
}

static bool read_queries(struct steady *steady, const char *path)
{
    FILE *file = fopen(path, "r");
    char name[300], type[20];
    size_t room = 0;
    bool ok = file != NULL;
    while (ok && fscanf(file, "%299s %19s", name, type) == 2) {
        if (steady->query_count == room) {
            room = room ? room * 2 : 4096;
            struct query *more = realloc(steady->queries, room * sizeof *more);
            if (!more) {
                ok = false;
                break;
            }
            steady->queries = more;
        }
        ok = write_query(&steady->queries[steady->query_count++], name, type);
        if (!ok)
            fprintf(stderr, "%s: cannot ask %s %s\n", path, name, type);
    }
    if (file)
        fclose(file);
    return ok && steady->query_count;
}

static bool open_sockets(struct steady *steady, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < SOCKETS; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int size = BUFFER;
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
            return false;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        steady->sockets[i] = fd;
    }
    return true;
}

/* Query i goes out on socket i % SOCKETS with the ID i / SOCKETS, so an answer tells its query. */
static void send_due(struct steady *steady, int64_t now)
{
    for (int burst = 0; burst < BURST && steady->sent < steady->total; burst++) {
        uint64_t i = steady->sent;
        if (steady->start + (int64_t)((double)i * steady->step_ns) > now)
            return;
        int fd = steady->sockets[i % SOCKETS];
        struct query *query = &steady->queries[i % steady->query_count];
        query->wire[0] = (uint8_t)(i / SOCKETS >> 8);
        query->wire[1] = (uint8_t)(i / SOCKETS);
        steady->sent_at[i] = clk_mono_ns();
        /* A refusal told by the kernel belongs to an earlier query: this one still has to go. */
        if (send(fd, query->wire, query->len, 0) < 0 && errno == ECONNREFUSED)
            send(fd, query->wire, query->len, 0);
        steady->sent++;
    }
}

static void take_answer(struct steady *steady, uint64_t socket_index, const uint8_t *wire)
{
    uint64_t i = (uint64_t)(wire[0] << 8 | wire[1]) * SOCKETS + socket_index;
    if (i >= steady->sent || !steady->sent_at[i]) {
        steady->dup++;
        return;
    }
    int64_t now = clk_mono_ns(), took = now - steady->sent_at[i];
    steady->sent_at[i] = 0;
    steady->latency_us[steady->got++] = (uint32_t)(took / 1000);
    steady->late += took > LATE_NS;
    steady->servfail += (wire[3] & 15) == 2;
    if (now - steady->last > steady->gap)
        steady->gap = now - steady->last;
    steady->last = now;
}

static void receive(struct steady *steady)
{
    uint8_t wire[4096];
    for (uint64_t i = 0; i < SOCKETS; i++) {
        while (recv(steady->sockets[i], wire, sizeof wire, 0) >= 12)
            take_answer(steady, i, wire);
    }
}

static void run(struct steady *steady, double seconds, double wait)
{
    steady->start = steady->last = clk_mono_ns();
    int64_t end = steady->start + (int64_t)((seconds + wait) * 1e9);
    for (int64_t now = steady->start; now < end; now = clk_mono_ns()) {
        if (steady->got == steady->total)
            return;
        send_due(steady, now);
        receive(steady);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_result(struct steady *steady)
{
    uint64_t got = steady->got;
    qsort(steady->latency_us, got, sizeof *steady->latency_us, by_size);
    printf("sent %llu lost %llu dup %llu late50ms %llu servfail %llu p50_us %u p99_us %u max_us %u "
           "worst_gap_ms %.1f\n",
           (unsigned long long)steady->sent, (unsigned long long)(steady->sent - got),
           (unsigned long long)steady->dup, (unsigned long long)steady->late,
           (unsigned long long)steady->servfail, got ? steady->latency_us[got / 2] : 0,
           got ? steady->latency_us[got * 99 / 100] : 0, got ? steady->latency_us[got - 1] : 0,
           (double)steady->gap / 1e6);
}

static void print_name(FILE *out, const struct query *query)
{
    const uint8_t *label = query->wire + 12;
    for (; *label; label += 1 + *label)
        fprintf(out, "%.*s.", *label, (const char *)label + 1);
    fprintf(out, " TYPE%d\n", label[1] << 8 | label[2]);
}

static bool write_lost(const struct steady *steady, const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return false;
    for (uint64_t i = 0; i < steady->sent; i++) {
        if (!steady->sent_at[i])
            continue;
        fprintf(out, "%.3f %d ", (double)(steady->sent_at[i] - steady->start) / 1e6,
                (int)(i % SOCKETS));
        print_name(out, &steady->queries[i % steady->query_count]);
    }
    return !fclose(out);
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_steady PORT FILE RATE SECONDS [WAIT_S [LOST_FILE]]\n"
                    "RATE x SECONDS is at most 524288\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 7)
        return usage();
    struct steady steady = {0};
    double rate = atof(argv[3]), seconds = atof(argv[4]), wait = argc > 5 ? atof(argv[5]) : 2;
    if (!(rate > 0) || !(seconds > 0) || rate * seconds > (double)SOCKETS * IDS)
        return usage();
    steady.total = (uint64_t)(rate * seconds);
    steady.step_ns = 1e9 / rate;
    steady.sent_at = calloc(steady.total + 1, sizeof *steady.sent_at);
    steady.latency_us = malloc((steady.total + 1) * sizeof *steady.latency_us);
    if (!steady.sent_at || !steady.latency_us || !read_queries(&steady, argv[2]) ||
        !open_sockets(&steady, (uint16_t)atoi(argv[1]))) {
        fprintf(stderr, "cannot start: %s\n", strerror(errno));
        return 2;
    }
    puts("started");
    fflush(stdout);
    run(&steady, seconds, wait);
    print_result(&steady);
    bool ok = argc < 7 || write_lost(&steady, argv[6]);
    for (int i = 0; i < SOCKETS; i++)
        shutdown(steady.sockets[i], SHUT_RDWR);
    free(steady.queries);
    free(steady.sent_at);
    free(steady.latency_us);
    return ok ? 0 : 2;
}

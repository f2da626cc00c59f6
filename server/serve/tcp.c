#include "server/serve/tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "server/dns/wire.h"
#include "server/serve/drill.h"
#include "server/serve/limit.h"
#include "server/serve/peer.h"

enum {
    LENGTH = 2,
    IN_SIZE = LENGTH + DNS_MESSAGE_MAX,
    OUT_SIZE = 2 * (LENGTH + DNS_MESSAGE_MAX),
    PAGE = 4096,
    /* Whole pages, as they are given back whole: none may be of two connections. */
    BUFFERS = (IN_SIZE + OUT_SIZE + PAGE - 1) / PAGE * PAGE,
    GIVE_BACK = 16384 /* a connection that used more returns its pages */
};

struct connection {
    bool used; /* by an open connection */
    int fd;
    uint32_t in, out, sent; /* bytes in the buffers; of out, those already sent */
    uint32_t most;          /* bytes of the buffers ever used */
    uint32_t events;        /* what epoll watches for */
    uint32_t round;         /* grows with each use of this place */
    uint64_t client;        /* who the peer counts as */
    int64_t active;         /* monotonic ns of the last progress */
    int64_t begun;   /* when the first byte of the query that is not yet whole came; 0 none */
    bool ended, bad; /* the peer sends no more; it sent what is not a query */
    struct sockaddr_storage source;
    struct zone *pinned;       /* transfer in progress */
    struct transfer *transfer; /* its state, while pinned */
    struct stats_transfer *row;
    unsigned row_bit;
};

struct tcp_pool {
    struct tcp_limits limits;
    unsigned char *buffers;
    struct transfer *transfers; /* one for each connection, behind the buffers: few are ever used */
    unsigned open, next_row;
    uint32_t rows; /* bit n: row n of the stats is of a transfer that runs */
    struct connection connection[];
};

static_assert(STATS_TRANSFERS_OUT == 32, "a bit for each row");

static unsigned char *in_buffer(struct tcp_pool *pool, unsigned i)
{
    return pool->buffers + (size_t)i * BUFFERS;
}

static unsigned char *out_buffer(struct tcp_pool *pool, unsigned i)
{
    return in_buffer(pool, i) + IN_SIZE;
}

static size_t buffers_size(unsigned connections)
{
    return connections * (BUFFERS + sizeof(struct transfer));
}

static size_t pool_size(unsigned connections)
{
    return sizeof(struct tcp_pool) + connections * sizeof(struct connection);
}

struct tcp_pool *tcp_pool_new(const struct tcp_limits *limits)
{
    unsigned count = limits->connections;
    void *p =
        mmap(NULL, pool_size(count), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    struct tcp_pool *pool = p;
    p = mmap(NULL, buffers_size(count), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        munmap(pool, pool_size(count));
        return NULL;
    }
    pool->limits = *limits;
    pool->buffers = p;
    pool->transfers = (void *)(pool->buffers + (size_t)count * BUFFERS);
    return pool;
}

void tcp_attach(struct worker *w)
{
    memset(w->tcp->connection, 0, w->tcp->limits.connections * sizeof *w->tcp->connection);
}

void tcp_pool_free(struct tcp_pool *pool)
{
    if (!pool)
        return;
    munmap(pool->buffers, buffers_size(pool->limits.connections));
    munmap(pool, pool_size(pool->limits.connections));
}

static void publish_open(struct worker *w)
{
    atomic_store_explicit(&w->stats->connections, w->tcp->open, memory_order_relaxed);
}

/* The transfer's row in the shared stats and a note for the event. */
static void end_transfer(struct worker *w, struct connection *c, enum transfer_state state,
                         const char *reason)
{
    if (!c->pinned)
        return;
    struct stats_transfer *row = c->row;
    stats_row_begin(&row->seq);
    row->state = (uint8_t)state;
    row->bytes = c->transfer->bytes;
    row->records = c->transfer->records;
    row->messages = c->transfer->messages;
    row->ended_at = clk_wall_ns();
    row->ok_at = state == TRANSFER_DONE ? clk_wall() : 0;
    row->failures = state != TRANSFER_DONE;
    snprintf(row->reason, sizeof row->reason, "%s", reason);
    stats_row_end(&row->seq);
    stats_add(w->stats, state == TRANSFER_DONE ? COUNTER_AXFR_OUT : COUNTER_AXFR_FAILED, 1);
    struct note note = {.kind = state == TRANSFER_DONE ? NOTE_XFR_DONE : NOTE_XFR_ABORTED,
                        .row = c->pinned->row,
                        .serial = image_get_summary(c->transfer->image)->serial,
                        .bytes = c->transfer->bytes,
                        .records = c->transfer->records,
                        .name_len = c->pinned->name_len,
                        .source = c->source};
    memcpy(note.name, zone_name(c->pinned), c->pinned->name_len);
    worker_note(w, &note);
    w->tcp->rows &= ~(UINT32_C(1) << c->row_bit);
    zone_unpin(c->pinned);
    c->pinned = NULL;
}

/* A row that no running transfer has, while there is one. */
static unsigned take_row(struct tcp_pool *pool)
{
    unsigned i = pool->next_row++ % STATS_TRANSFERS_OUT;
    for (unsigned n = 0; n < STATS_TRANSFERS_OUT && pool->rows >> i & 1; n++)
        i = pool->next_row++ % STATS_TRANSFERS_OUT;
    pool->rows |= UINT32_C(1) << i;
    return i;
}

static void begin_transfer(struct worker *w, struct connection *c, const struct answer *answer,
                           const unsigned char *opt)
{
    struct zone *zone = (struct zone *)(uintptr_t)answer->zone;
    zone_pin(zone);
    c->pinned = zone;
    transfer_begin(c->transfer, answer, opt);
    struct stats *stats = w->shared->stats;
    c->row_bit = take_row(w->tcp);
    c->row = &stats->transfers_out[w->shared->slot][w->index][c->row_bit];
    stats_row_begin(&c->row->seq);
    c->row->state = TRANSFER_RUNNING;
    c->row->direction = TRANSFER_OUT;
    c->row->used = 1;
    c->row->zone = zone->row;
    c->row->serial_from = 0;
    c->row->serial_to = image_get_summary(zone->image)->serial;
    c->row->attempts = 1;
    c->row->failures = 0;
    c->row->bytes = c->row->records = c->row->messages = 0;
    c->row->started_at = clk_wall_ns();
    c->row->ended_at = c->row->next_at = c->row->ok_at = 0;
    serve_peer_text(&c->source, c->row->peer, sizeof c->row->peer);
    c->row->reason[0] = '\0';
    stats_row_end(&c->row->seq);
}

static void close_connection(struct worker *w, unsigned i, enum counter why)
{
    struct connection *c = &w->tcp->connection[i];
    end_transfer(w, c, TRANSFER_FAILED,
                 why == COUNTER_TCP_TIMEOUT ? "the peer stopped reading"
                                            : "the peer closed the connection");
    c->round++;
    close(c->fd);
    c->used = false;
    stats_add(w->stats, why, 1);
    if (c->most > GIVE_BACK)
        madvise(in_buffer(w->tcp, i), BUFFERS, MADV_DONTNEED);
    w->tcp->open--;
    publish_open(w);
}

/* Where a new connection could go: places, -1 for none. */
struct room {
    int free, idle, own_idle; /* the longest idle of all, and of the same client */
    unsigned own;             /* connections of the same client */
};

static void take_older(const struct tcp_pool *pool, int *found, int i)
{
    if (*found < 0 || pool->connection[i].active < pool->connection[*found].active)
        *found = i;
}

static struct room look_for_room(const struct tcp_pool *pool, uint64_t client)
{
    struct room room = {-1, -1, -1, 0};
    for (int i = 0; i < (int)pool->limits.connections; i++) {
        const struct connection *c = &pool->connection[i];
        bool own = c->used && c->client == client;
        room.own += own;
        if (!c->used) {
            room.free = room.free < 0 ? i : room.free;
        } else if (!c->pinned && c->out == c->sent) {
            take_older(pool, &room.idle, i);
            if (own)
                take_older(pool, &room.own_idle, i);
        }
    }
    return room;
}

/* A place for a new connection of the client, if need be that of another; -1 when all are busy. */
static int make_room(struct worker *w, uint64_t client)
{
    struct room room = look_for_room(w->tcp, client);
    bool too_many = room.own >= w->tcp->limits.per_client;
    if (!too_many && room.free >= 0)
        return room.free;
    int evicted = too_many ? room.own_idle : room.idle;
    if (evicted >= 0)
        close_connection(w, (unsigned)evicted, COUNTER_TCP_EVICTED);
    return evicted;
}

static uint64_t epoll_data(const struct worker *w, unsigned i)
{
    return (uint64_t)w->tcp->connection[i].round << 32 | (WORKER_SOCKETS + i);
}

static void open_connection(struct worker *w, unsigned i, int fd,
                            const struct sockaddr_storage *source)
{
    struct connection *c = &w->tcp->connection[i];
    *c = (struct connection){.used = true,
                             .fd = fd,
                             .transfer = &w->tcp->transfers[i],
                             .round = c->round,
                             .active = clk_mono_ns(),
                             .events = EPOLLIN,
                             .client = limit_client(source),
                             .source = *source};
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = epoll_data(w, i)};
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
        close(fd);
        c->used = false;
        return;
    }
    w->tcp->open++;
    stats_add(w->stats, COUNTER_TCP_ACCEPTED, 1);
    publish_open(w);
}

bool tcp_accept(struct worker *w, int listener)
{
    for (int n = 0; n < 64; n++) {
        struct sockaddr_storage source;
        socklen_t len = sizeof source;
        int fd = accept4(listener, (struct sockaddr *)&source, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
        int i = make_room(w, limit_client(&source));
        if (i < 0) {
            close(fd);
            stats_add(w->stats, COUNTER_TCP_REFUSED, 1);
            continue;
        }
        open_connection(w, (unsigned)i, fd, &source);
    }
    return true;
}

static void answer_message(struct worker *w, unsigned i, const unsigned char *query, unsigned len,
                           const struct zone_table *zones)
{
    struct connection *c = &w->tcp->connection[i];
    unsigned char *out = out_buffer(w->tcp, i) + c->out;
    stats_add(w->stats,
              c->source.ss_family == AF_INET ? COUNTER_TCP4_QUERIES : COUNTER_TCP6_QUERIES, 1);
    stats_add(w->stats, COUNTER_RECEIVE_BYTES, len);
    if (atomic_load_explicit(&w->shared->rings->poisoned, memory_order_relaxed) &&
        ring_is_poison(w->shared->rings, query, len, clk_mono_ns())) {
        stats_add(w->stats, COUNTER_QUARANTINED, 1);
        c->bad = true;
        return;
    }
    if (w->shared->drills)
        drill_query(query, len);
    struct answer answer;
    struct answer_facts facts = {.source = (const struct sockaddr *)&c->source,
                                 .tcp = true,
                                 .keepalive = (uint16_t)(w->shared->tcp->idle / (100 * CLK_MS)),
                                 .now = w->now,
                                 .setting = &w->shared->setting};
    answer_query(&answer, &w->scratch, zones, &w->shared->key, query, len, &facts, out + LENGTH,
                 DNS_MESSAGE_MAX);
    worker_count(w->stats, &answer);
    worker_follow_up(w, &answer, &c->source);
    if (answer.kind == ANSWER_TRANSFER) {
        begin_transfer(w, c, &answer, out + LENGTH);
    } else if (answer.kind == ANSWER_NONE) {
        c->bad = true; /* not a query: this stream is not DNS */
    } else {
        wire_put16(out, (unsigned)answer.len);
        c->out += LENGTH + (uint32_t)answer.len;
        stats_add(w->stats, COUNTER_SEND_BYTES, answer.len);
    }
}

static bool has_room(const struct connection *c)
{
    return OUT_SIZE - c->out >= LENGTH + DNS_MESSAGE_MAX;
}

static bool has_query(struct worker *w, unsigned i)
{
    const struct connection *c = &w->tcp->connection[i];
    return !c->bad && c->in >= LENGTH &&
           c->in >= LENGTH + (unsigned)wire_get16(in_buffer(w->tcp, i));
}

/* Answers the whole queries in the buffer while there is room for answers. */
static void answer_buffered(struct worker *w, unsigned i, const struct zone_table *zones)
{
    struct connection *c = &w->tcp->connection[i];
    unsigned char *in = in_buffer(w->tcp, i);
    uint32_t at = 0;
    while (!c->pinned && !c->bad && has_room(c) && c->in - at >= LENGTH) {
        unsigned len = wire_get16(in + at);
        if (c->in - at < LENGTH + len)
            break;
        answer_message(w, i, in + at + LENGTH, len, zones);
        at += LENGTH + len;
    }
    if (at) {
        memmove(in, in + at, c->in - at);
        c->in -= at;
        c->begun = c->in ? c->active : 0;
    }
}

/* Fills the out buffer from the zone that is being transferred. */
static void stream(struct worker *w, unsigned i)
{
    struct connection *c = &w->tcp->connection[i];
    while (c->pinned && has_room(c)) {
        unsigned char *out = out_buffer(w->tcp, i) + c->out;
        size_t len =
            transfer_next(c->transfer, &w->scratch.names, w->now, out + LENGTH, DNS_MESSAGE_MAX);
        if (len == 0) {
            bool failed = c->transfer->failed;
            end_transfer(w, c, failed ? TRANSFER_FAILED : TRANSFER_DONE,
                         failed ? "an RRset is larger than a message" : "");
            c->bad |= failed;
            break;
        }
        wire_put16(out, (unsigned)len);
        c->out += LENGTH + (uint32_t)len;
        stats_add(w->stats, COUNTER_SEND_BYTES, len);
    }
}

/* Sends what is there; false when the connection is broken. */
static bool flush(struct worker *w, unsigned i)
{
    struct connection *c = &w->tcp->connection[i];
    unsigned char *out = out_buffer(w->tcp, i);
    if (c->out > c->most)
        c->most = c->out;
    while (c->sent < c->out) {
        ssize_t n = send(c->fd, out + c->sent, c->out - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        c->sent += (uint32_t)n;
        c->active = clk_mono_ns();
    }
    c->out = c->sent = 0;
    return true;
}

/* Returns 1 bytes came, 0 none for now, -1 the end. */
static int fill(struct worker *w, unsigned i)
{
    struct connection *c = &w->tcp->connection[i];
    if (c->in == IN_SIZE)
        return 0;
    ssize_t n = recv(c->fd, in_buffer(w->tcp, i) + c->in, IN_SIZE - c->in, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n == 0)
        return -1;
    c->active = clk_mono_ns();
    if (c->in == 0)
        c->begun = c->active;
    c->in += (uint32_t)n;
    if (c->in > c->most)
        c->most = c->in;
    return 1;
}

static void watch(struct worker *w, unsigned i)
{
    struct connection *c = &w->tcp->connection[i];
    /* Queries are not read while answers cannot be sent: a client that does not read is not served.
     */
    uint32_t want = c->sent < c->out || c->pinned || has_query(w, i) ? EPOLLOUT : EPOLLIN;
    if (want == c->events)
        return;
    struct epoll_event e = {.events = want, .data.u64 = epoll_data(w, i)};
    epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->fd, &e);
    c->events = want;
    if (want == EPOLLIN && c->begun) /* it was not read from: that time was ours */
        c->begun = clk_mono_ns();
}

void tcp_ready(struct worker *w, uint64_t data, uint32_t events, const struct zone_table *zones)
{
    unsigned i = (uint32_t)data - WORKER_SOCKETS;
    struct connection *c = &w->tcp->connection[i];
    if (!c->used || c->round != data >> 32)
        return;
    bool ok = !(events & EPOLLERR);
    if (ok && events & (EPOLLIN | EPOLLHUP) && c->sent == c->out && !c->pinned)
        c->ended |= fill(w, i) < 0;
    if (ok) { /* one buffer full; then others get a turn, also while a zone is transferred */
        answer_buffered(w, i, zones);
        stream(w, i);
        ok = flush(w, i);
    }
    bool idle = c->sent == c->out && !c->pinned && !has_query(w, i);
    if (!ok || ((c->ended || c->bad) && idle))
        close_connection(w, i, COUNTER_TCP_CLOSED);
    else
        watch(w, i);
}

static bool is_late(const struct connection *c, const struct tcp_limits *limits, int64_t now,
                    bool draining)
{
    if (c->pinned || c->sent < c->out)
        return now - c->active > limits->send;
    if (c->begun) /* a query that is under way is waited for, also by a process that drains */
        return now - c->begun > limits->query;
    return now - c->active > (draining && limits->idle > CLK_SECOND ? CLK_SECOND : limits->idle);
}

unsigned tcp_tick(struct worker *w, bool draining)
{
    int64_t now = clk_mono_ns();
    for (unsigned i = 0; i < w->tcp->limits.connections; i++) {
        if (w->tcp->connection[i].used &&
            is_late(&w->tcp->connection[i], &w->tcp->limits, now, draining))
            close_connection(w, i, COUNTER_TCP_TIMEOUT);
    }
    return w->tcp->open;
}

unsigned tcp_open(const struct worker *w)
{
    return w->tcp->open;
}

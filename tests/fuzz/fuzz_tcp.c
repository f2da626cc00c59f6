/* Any bytes as what clients do over TCP: segments of any length on several connections, readers
 * that are slow, half-closed or gone, time that passes. What the server sends must be, byte by
 * byte, the answers to the messages of each connection in their order; a connection that ends well
 * must have got all of them; and when all are gone, nothing is left behind. */
#include <stdio.h>
#include <sys/mman.h>

#include "backend/base/clk.h"
#include "server/answer/transfer.h"
#include "server/dns/wire.h"
#include "server/serve/tcp.h"
#include "tests/fuzz/grammar.h"
#include "tests/fuzz/streams.h"
#include "tests/fuzz/zones.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* A step is a byte, stream and kind, and what the kind says behind it. */
enum step_kind {
    STEP_SEND,      /* a byte: how many follow */
    STEP_SEND_MANY, /* two bytes: how many follow */
    STEP_MESSAGE,   /* the same, and their number goes before them, as it should */
    STEP_WINDOW,    /* a byte: so many times 16 bytes are read; 255: all */
    STEP_END,
    STEP_BREAK,
    STEP_TIME, /* a byte: so many times 100 ms */
    STEP_DRAIN,
    STEP_KINDS
};

enum { CONNECTIONS = 3, PER_CLIENT = 2, EVENTS_MAX = 20000 };

/* The answers that a stream must get: made from its bytes as they would be without any stream. */
struct expected {
    size_t at;    /* in the stream's bytes */
    bool over;    /* something that is not a query: the server closes */
    bool excused; /* time, another client or a break may have ended it */
    bool transferring;
    struct transfer transfer;
    uint8_t message[2 + DNS_MESSAGE_MAX];
    size_t len, seen;
};

static struct {
    struct worker worker;
    struct worker_shared shared;
    struct tcp_limits limits;
    struct zone_table *zones;
    struct expected expected[STREAMS];
    struct answer_scratch scratch;
} f;

/* Makes the next message that the stream must get; false when there is none. */
static bool expect(unsigned i)
{
    struct expected *e = &f.expected[i];
    const struct stream *s = &streams.stream[i];
    e->len = e->seen = 0;
    while (!e->len) {
        if (e->transferring) {
            e->len = transfer_next(&e->transfer, &f.scratch.names, f.worker.now, e->message + 2,
                                   DNS_MESSAGE_MAX);
            e->transferring = e->len > 0;
            continue;
        }
        if (e->over || s->sent - e->at < 2 || s->sent - e->at - 2 < wire_get16(s->in + e->at))
            return false;
        const uint8_t *query = s->in + e->at + 2;
        size_t len = wire_get16(s->in + e->at);
        e->at += 2 + len;
        struct answer a;
        struct answer_facts facts = {.source = (const struct sockaddr *)&s->source,
                                     .tcp = true,
                                     .keepalive = (uint16_t)(f.limits.idle / (100 * CLK_MS)),
                                     .now = f.worker.now,
                                     .setting = &f.shared.setting};
        answer_query(&a, &f.scratch, f.zones, &f.shared.key, query, len, &facts, e->message + 2,
                     DNS_MESSAGE_MAX);
        e->over = a.kind == ANSWER_NONE;
        if (a.kind == ANSWER_TRANSFER) {
            transfer_begin(&e->transfer, &a, e->message + 2);
            e->transferring = true;
        } else if (!e->over) {
            e->len = a.len;
        }
    }
    wire_put16(e->message, (unsigned)e->len);
    e->len += 2;
    return true;
}

static void see_written(unsigned i, const uint8_t *bytes, size_t len)
{
    struct expected *e = &f.expected[i];
    while (len) {
        if (e->seen == e->len && !expect(i))
            abort();
        size_t n = e->len - e->seen < len ? e->len - e->seen : len;
        if (memcmp(bytes, e->message + e->seen, n))
            abort();
        e->seen += n;
        bytes += n;
        len -= n;
    }
}

static bool got_all(unsigned i)
{
    const struct expected *e = &f.expected[i];
    return e->seen == e->len && !expect(i);
}

/* The server closes what has ended or is not DNS, when all is answered. */
static void see_closed(unsigned i)
{
    struct expected *e = &f.expected[i];
    if (!e->excused && (!got_all(i) || !(e->over || streams.stream[i].ended)))
        abort();
}

/* Lets the server work until there is nothing more to do. */
static void serve(void)
{
    bool again = true;
    for (unsigned n = 0; again; n++) {
        again = false;
        for (unsigned i = 0; i < STREAMS; i++) {
            uint32_t events = stream_events(&streams.stream[i]);
            if (!events)
                continue;
            tcp_ready(&f.worker, streams.stream[i].data, events, f.zones);
            again = true;
        }
        if (n > EVENTS_MAX) /* it is told of what it does nothing about */
            abort();
    }
}

static bool is_idle(unsigned i)
{
    const struct stream *s = &streams.stream[i];
    return s->sent == 0 && !s->open;
}

/* Opens the stream if it was not there yet. Two are of one client, one of them speaks IPv6. */
static void join(unsigned i)
{
    struct stream *s = &streams.stream[i];
    if (!is_idle(i) || s->ended || s->broken)
        return;
    struct sockaddr_in *four = (void *)&s->source;
    struct sockaddr_in6 *six = (void *)&s->source;
    if (i == 3) {
        six->sin6_family = AF_INET6;
        six->sin6_addr.s6_addr[0] = 0x20;
    } else {
        four->sin_family = AF_INET;
        four->sin_addr.s_addr = htonl(0xc0000201u + i / 2);
    }
    streams.waiting = (int)i;
    /* Someone may have to leave for it. */
    for (unsigned k = 0; k < STREAMS; k++)
        f.expected[k].excused |= tcp_open(&f.worker) == CONNECTIONS;
    if (!tcp_accept(&f.worker, STREAM_LISTENER))
        abort();
}

struct input {
    const uint8_t *at, *end;
};

static unsigned take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static void put(unsigned i, const uint8_t *bytes, size_t len)
{
    struct stream *s = &streams.stream[i];
    if (s->ended || s->broken || len > STREAM_SIZE - s->sent)
        return;
    memcpy(s->in + s->sent, bytes, len);
    s->sent += len;
}

static void step_send(struct input *in, unsigned i, enum step_kind kind)
{
    size_t len = take(in);
    if (kind != STEP_SEND)
        len = len << 8 | take(in);
    if (len > (size_t)(in->end - in->at))
        len = (size_t)(in->end - in->at);
    join(i);
    uint8_t before[2];
    wire_put16(before, (unsigned)len);
    if (kind == STEP_MESSAGE)
        put(i, before, sizeof before);
    put(i, in->at, len);
    in->at += len;
}

static void pass_time(int64_t time, bool draining)
{
    streams.now += time;
    for (unsigned i = 0; i < STREAMS; i++)
        f.expected[i].excused = true;
    tcp_tick(&f.worker, draining);
}

static void step(struct input *in)
{
    unsigned op = take(in), i = op % STREAMS, n;
    struct stream *s = &streams.stream[i];
    enum step_kind kind = op / STREAMS % STEP_KINDS;
    switch (kind) {
    case STEP_WINDOW:
        n = take(in);
        s->window = n == 255 ? SIZE_MAX : 16u * n;
        break;
    case STEP_END:
        s->ended = true;
        break;
    case STEP_BREAK:
        s->broken = f.expected[i].excused = true;
        break;
    case STEP_TIME:
    case STEP_DRAIN:
        pass_time(take(in) * 100 * CLK_MS, kind == STEP_DRAIN);
        break;
    default:
        step_send(in, i, kind);
    }
    serve();
}

static void *map_zero(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
}

static void set_up(void)
{
    f.limits = (struct tcp_limits){CONNECTIONS, PER_CLIENT, 10 * CLK_SECOND, 5 * CLK_SECOND,
                                   5 * CLK_SECOND};
    f.shared.stats = map_zero(sizeof *f.shared.stats);
    f.shared.rings = map_zero(sizeof *f.shared.rings);
    f.shared.key = hash_key_from(zone_text_key);
    f.shared.setting = fuzz_setting();
    f.shared.tell = -1;
    f.shared.tcp = &f.limits;
    f.worker.shared = &f.shared;
    f.worker.stats = &f.shared.stats->worker[0][0];
    f.worker.now = 1000000000;
    f.worker.tcp = tcp_pool_new(&f.limits);
    f.zones = fuzz_zones(&f.shared.key);
    streams.written = see_written;
    streams.closed = see_closed;
}

static void begin(void)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *s = &streams.stream[i];
        struct expected *e = &f.expected[i];
        s->open = s->ended = s->broken = false;
        s->sent = s->taken = 0;
        s->window = SIZE_MAX;
        memset(&s->source, 0, sizeof s->source);
        e->over = e->excused = e->transferring = false;
        e->at = e->len = e->seen = 0;
    }
    streams.now = 1000 * CLK_SECOND;
    streams.clock = true;
}

/* All read what there is and say no more; then nothing of them may be left. */
static void finish(void)
{
    for (unsigned i = 0; i < STREAMS; i++)
        streams.stream[i].window = SIZE_MAX;
    serve();
    for (unsigned i = 0; i < STREAMS; i++) {
        if (streams.stream[i].open && !got_all(i))
            abort();
        streams.stream[i].ended = true;
    }
    serve();
    streams.clock = false;
    if (tcp_open(&f.worker))
        abort();
    for (unsigned i = 0; i < f.zones->slots; i++) {
        const struct zone *zone = f.zones->slot[i];
        if (zone && zone->pins != 1)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    if (!f.zones)
        set_up();
    begin();
    while (in.at < in.end)
        step(&in);
    finish();
    return 0;
}

static void grammar_put8(struct grammar *g, unsigned v)
{
    if (g->at < GRAMMAR_MAX)
        g->out[g->at++] = (uint8_t)v;
}

/* A query behind its length, in segments. */
static void grammar_segments(struct grammar *g, unsigned stream)
{
    uint8_t query[2 + GRAMMAR_MAX];
    size_t len = 2 + grammar_query(grammar_random(g), query + 2), at = 0;
    wire_put16(query, (unsigned)len - 2);
    if (grammar_one_in(g, 2)) {
        grammar_put8(g, STEP_MESSAGE * STREAMS + stream);
        grammar_put16(g, (unsigned)len - 2);
        for (at = 2; at < len; at++)
            grammar_put8(g, query[at]);
        return;
    }
    while (at < len) {
        size_t n = 1 + grammar_pick(g, grammar_one_in(g, 3) ? 3 : 255);
        n = n < len - at ? n : len - at;
        grammar_put8(g, STEP_SEND * STREAMS + stream);
        grammar_put8(g, (unsigned)n);
        for (; n; n--)
            grammar_put8(g, query[at++]);
    }
}

static size_t grammar_steps(struct grammar *g)
{
    for (unsigned n = 1 + grammar_pick(g, 8); n; n--) {
        unsigned stream = grammar_pick(g, grammar_one_in(g, 3) ? STREAMS : 1);
        if (!grammar_one_in(g, 3)) {
            grammar_segments(g, stream);
            continue;
        }
        grammar_put8(g, (STEP_WINDOW + grammar_pick(g, 5)) * STREAMS + stream);
        grammar_put8(g, grammar_one_in(g, 3) ? 255 : grammar_pick(g, 60));
    }
    return g->at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    uint8_t bytes[GRAMMAR_MAX];
    struct grammar g = {.state = seed, .out = bytes};
    unsigned way = grammar_pick(&g, 4);
    if (way == 0 && LLVMFuzzerMutate)
        return LLVMFuzzerMutate(data, size, max);
    if (way == 1 && size)
        return grammar_damage(&g, data, size);
    size_t len = grammar_steps(&g), before = way == 2 ? size : 0;
    /* Behind what there was, or all anew. */
    if (before + len > max)
        before = 0;
    len = len < max ? len : max;
    memcpy(data + before, bytes, len);
    return before + len;
}

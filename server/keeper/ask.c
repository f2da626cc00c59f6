#include "server/keeper/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/rnd.h"
#include "server/dns/name.h"
#include "server/dns/wire.h"
#include "server/keeper/zones.h"

static const struct {
    unsigned opcode, flags, tries;
    int64_t pause[5]; /* s: for an answer to each try */
} kinds[ASK_KINDS] = {
    [ASK_SOA] = {OPCODE_QUERY, 0, 3, {1, 2, 4}},
    [ASK_NOTIFY] = {OPCODE_NOTIFY, FLAG_AA, 5, {1, 2, 4, 8, 8}},
};

static void queue_init(struct ask_queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
}

static void queue_put(struct ask_queue *q, struct ask *ask)
{
    ask->next = NULL;
    *q->tail = ask;
    q->tail = &ask->next;
}

static struct ask *queue_take(struct ask_queue *q)
{
    struct ask *ask = q->head;
    if (!ask)
        return NULL;
    q->head = ask->next;
    if (!q->head)
        q->tail = &q->head;
    return ask;
}

static void queue_drop(struct ask_queue *q, const struct ask *ask)
{
    struct ask **at = &q->head;
    while (*at && *at != ask)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = ask->next;
    if (!*at)
        q->tail = at;
}

void asks_init(struct keeper *k)
{
    for (int i = 0; i < ASK_KINDS; i++) {
        for (int lane = 0; lane < ASK_LANES; lane++)
            queue_init(&k->asks.queue[i][lane]);
    }
}

static void close_socket(struct ask *ask)
{
    int fd = ask->watch.fd;
    loop_unwatch(&ask->keeper->loop, &ask->watch);
    if (fd >= 0)
        close(fd);
}

static void pump(struct keeper *k, enum ask_kind kind);

static void stop(struct ask *ask)
{
    struct keeper *k = ask->keeper;
    close_socket(ask);
    loop_clear_timer(&k->loop, &ask->timer);
    for (int lane = 0; lane < ASK_LANES && ask->queued; lane++)
        queue_drop(&k->asks.queue[ask->kind][lane], ask);
    if (ask->running) {
        k->asks.running[ask->kind]--;
        k->asks.suspects[ask->kind] -= ask->suspect;
    }
    ask->queued = ask->running = ask->suspect = false;
}

static void finish(struct ask *ask, const struct ask_reply *reply)
{
    struct keeper *k = ask->keeper;
    enum ask_kind kind = ask->kind;
    suspect_note(&k->asks.silent, &ask->address, clk_mono_ns(), reply->status == ERR_TIMEOUT);
    stop(ask);
    ask->done(ask->ctx, reply);
    pump(k, kind);
}

enum { QUERY_MAX = DNS_HEADER + NAME_MAX_LEN + 4 + TSIG_RECORD_MAX };

static size_t write_query(struct ask *ask, uint8_t out[QUERY_MAX])
{
    memset(out, 0, DNS_HEADER);
    wire_put16(out, ask->id);
    wire_put16(out + 2, kinds[ask->kind].opcode << 11 | kinds[ask->kind].flags);
    wire_put16(out + 4, 1);
    memcpy(out + DNS_HEADER, ask->name, ask->name_len);
    wire_put16(out + DNS_HEADER + ask->name_len, TYPE_SOA);
    wire_put16(out + DNS_HEADER + ask->name_len + 2, CLASS_IN);
    size_t len = DNS_HEADER + ask->name_len + 4;
    tsig_chain_init(&ask->chain, ask->chain.key);
    return ask->chain.key ? tsig_sign(&ask->chain, out, len, (uint64_t)clk_wall()) : len;
}

static bool read_soa(const uint8_t *m, size_t len, size_t at, const uint8_t *name, size_t name_len,
                     struct ask_soa *soa)
{
    uint8_t unpacked[NAME_MAX_LEN];
    size_t unpacked_len;
    for (unsigned i = wire_get16(m + 6); i; i--) {
        size_t n = name_unpack(m, len, at, unpacked, &unpacked_len);
        if (!n || len - at - n < DNS_RR_FIXED)
            return false;
        const uint8_t *p = m + at + n;
        size_t rdata = at + n + DNS_RR_FIXED, rdata_len = wire_get16(p + 8);
        if (rdata_len > len - rdata)
            return false;
        at = rdata + rdata_len;
        if (wire_get16(p) != TYPE_SOA || wire_get16(p + 2) != CLASS_IN ||
            !name_equal(unpacked, unpacked_len, name, name_len))
            continue;
        size_t mname = name_unpack(m, len, rdata, unpacked, &unpacked_len);
        size_t rname = mname ? name_unpack(m, len, rdata + mname, unpacked, &unpacked_len) : 0;
        if (!rname || mname + rname + 20 != rdata_len)
            return false;
        p = m + rdata + mname + rname;
        *soa = (struct ask_soa){wire_get32(p), wire_get32(p + 4), wire_get32(p + 8),
                                wire_get32(p + 12)};
        return true;
    }
    return false;
}

bool ask_read(const uint8_t *m, size_t len, enum ask_kind kind, uint16_t id, const uint8_t *name,
              size_t name_len, struct ask_reply *reply)
{
    uint8_t asked[NAME_MAX_LEN];
    size_t asked_len;
    if (len < DNS_HEADER || wire_get16(m) != id)
        return false;
    unsigned flags = wire_get16(m + 2), rcode = flags & 15;
    if (!(flags & FLAG_QR) || (flags >> 11 & 15) != kinds[kind].opcode)
        return false;
    size_t n = wire_get16(m + 4) == 1 ? name_unpack(m, len, DNS_HEADER, asked, &asked_len) : 0;
    size_t at = DNS_HEADER + n;
    if (!n || len - at < 4 || !name_equal(asked, asked_len, name, name_len) ||
        wire_get16(m + at) != TYPE_SOA || wire_get16(m + at + 2) != CLASS_IN)
        return false;
    *reply = (struct ask_reply){.status = ERR_OK};
    if (rcode) {
        reply->status = ERR_REFUSED;
        snprintf(reply->reason, sizeof reply->reason, "answered with code %u%s", rcode,
                 rcode == RCODE_REFUSED    ? " (REFUSED)"
                 : rcode == RCODE_NOTAUTH  ? " (NOTAUTH)"
                 : rcode == RCODE_SERVFAIL ? " (SERVFAIL)"
                 : rcode == RCODE_NOTIMP   ? " (NOTIMP)"
                                           : "");
    } else if (kind == ASK_SOA && !(flags & FLAG_AA)) {
        reply->status = ERR_FORMAT;
        snprintf(reply->reason, sizeof reply->reason, "is not authoritative for the zone");
    } else if (kind == ASK_SOA && !read_soa(m, len, at + 4, name, name_len, &reply->soa)) {
        reply->status = ERR_FORMAT;
        snprintf(reply->reason, sizeof reply->reason, "answered without a SOA record");
    }
    return true;
}

static void try(struct ask *ask);

/* Looked at before the rest, as an answer of TSIG errors may be without the question. */
static bool is_trusted(struct ask *ask, const uint8_t *m, size_t len)
{
    struct tsig_stream stream = {.chain = ask->chain};
    if (!ask->chain.key)
        return true;
    if (len < DNS_HEADER || wire_get16(m) != ask->id || !(m[2] & 0x80))
        return false;
    enum tsig_verdict verdict = tsig_stream_take(&stream, m, len, (uint64_t)clk_wall());
    if (verdict != TSIG_GOOD)
        ask->distrust = tsig_reason(verdict, stream.error);
    return verdict == TSIG_GOOD;
}

static void on_socket(void *ctx, uint32_t events)
{
    struct ask *ask = ctx;
    (void)events;
    uint8_t m[4096];
    /* Bounded, so that a flood of forged answers leaves time for the rest of the loop. */
    for (int i = 0; i < 16; i++) {
        ssize_t n = recv(ask->watch.fd, m, sizeof m, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        struct ask_reply reply = {.status = ERR_REFUSED};
        if (n < 0)
            snprintf(reply.reason, sizeof reply.reason, "%s", strerror(errno));
        else if (!is_trusted(ask, m, (size_t)n) ||
                 !ask_read(m, (size_t)n, ask->kind, ask->id, ask->name, ask->name_len, &reply))
            continue;
        finish(ask, &reply);
        return;
    }
}

static void fail_now(struct ask *ask, int status, const char *reason)
{
    struct ask_reply reply = {.status = status};
    snprintf(reply.reason, sizeof reply.reason, "%s", reason);
    finish(ask, &reply);
}

/* With many waiting, a server that others found silent too gets no second chance in this round. */
static bool give_up(struct ask *ask)
{
    struct asks *asks = &ask->keeper->asks;
    int64_t now = clk_mono_ns();
    bool known = suspect_is(&asks->silent, &ask->address, now);
    suspect_note(&asks->silent, &ask->address, now, true);
    return ask->tries == kinds[ask->kind].tries ||
           (known && asks->running[ask->kind] > ASK_AT_ONCE / 2);
}

/* Fires at the start and after each try. */
static void on_timer(void *ctx)
{
    struct ask *ask = ctx;
    close_socket(ask);
    if (ask->distrust)
        fail_now(ask, ERR_SIGNATURE, ask->distrust);
    else if (ask->tries && give_up(ask))
        fail_now(ask, ERR_TIMEOUT, "does not answer");
    else
        try(ask);
}

static void try(struct ask *ask)
{
    struct keeper *k = ask->keeper;
    const struct sockaddr *to = (const struct sockaddr *)&ask->address;
    int64_t pause = kinds[ask->kind].pause[ask->tries++];
    uint8_t m[QUERY_MAX];
    ask->id = (uint16_t)rnd_u32();
    size_t len = write_query(ask, m);
    int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (connect(fd, to, ask->address_len) < 0 || send(fd, m, len, 0) < 0 ||
                    loop_watch(&k->loop, &ask->watch, fd, EPOLLIN, on_socket, ask))) {
        int saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    if (fd < 0) {
        fail_now(ask, ERR_SYSTEM, strerror(errno));
        return;
    }
    loop_set_timer(&k->loop, &ask->timer, clk_mono_ns() + pause * CLK_SECOND);
}

static void run(struct keeper *k, struct ask *ask, bool suspect)
{
    ask->queued = false;
    ask->running = true;
    ask->suspect = suspect;
    k->asks.running[ask->kind]++;
    k->asks.suspects[ask->kind] += suspect;
    loop_set_timer(&k->loop, &ask->timer, clk_mono_ns());
}

/* The next one that may run now. */
static struct ask *choose(struct keeper *k, enum ask_kind kind, bool *suspect)
{
    struct ask_queue *queue = k->asks.queue[kind];
    struct ask *ask = queue_take(&queue[ASK_URGENT]);
    int64_t now = clk_mono_ns();
    *suspect = false;
    while (!ask && (ask = queue_take(&queue[ASK_NORMAL])) &&
           suspect_is(&k->asks.silent, &ask->address, now)) {
        queue_put(&queue[ASK_SUSPECT], ask);
        ask = NULL;
    }
    if (!ask && k->asks.suspects[kind] < ASK_SUSPECTS) {
        ask = queue_take(&queue[ASK_SUSPECT]);
        *suspect = true;
    }
    return ask;
}

static void pump(struct keeper *k, enum ask_kind kind)
{
    bool suspect;
    struct ask *ask;
    while (k->asks.running[kind] < ASK_AT_ONCE && (ask = choose(k, kind, &suspect)))
        run(k, ask, suspect);
}

int ask_init(struct ask *ask, struct keeper *k)
{
    *ask = (struct ask){.keeper = k, .watch.fd = -1};
    return loop_add_timer(&k->loop, &ask->timer, on_timer, ask);
}

void ask_fini(struct ask *ask)
{
    if (!ask->keeper)
        return;
    ask_cancel(ask);
    loop_remove_timer(&ask->keeper->loop, &ask->timer);
}

void ask_start(struct ask *ask, enum ask_kind kind, bool urgent, const uint8_t *name,
               size_t name_len, const struct config_peer *peer,
               void (*done)(void *ctx, const struct ask_reply *reply), void *ctx)
{
    struct keeper *k = ask->keeper;
    ask->kind = kind;
    memcpy(ask->name, name, name_len);
    ask->name_len = name_len;
    ask->address = peer->address;
    ask->address_len = peer->address_len;
    ask->chain.key = peer->key;
    ask->distrust = NULL;
    ask->done = done;
    ask->ctx = ctx;
    ask->tries = 0;
    ask->queued = true;
    queue_put(&k->asks.queue[kind][urgent ? ASK_URGENT : ASK_NORMAL], ask);
    pump(k, kind);
}

void ask_rekey(struct ask *ask, const struct config_peer *peer)
{
    ask->chain.key = peer->key;
}

void ask_cancel(struct ask *ask)
{
    enum ask_kind kind = ask->kind;
    if (!ask->queued && !ask->running)
        return;
    stop(ask);
    pump(ask->keeper, kind);
}

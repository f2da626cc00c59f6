#include "server/keeper/fetch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/rnd.h"
#include "server/dns/wire.h"
#include "server/keeper/axfr.h"
#include "server/keeper/handover.h"
#include "server/keeper/split.h"

static const int64_t connect_limit = 10 * CLK_SECOND, idle_limit = 30 * CLK_SECOND;
static const int64_t progress_every = 200 * CLK_MS;
/* A stream that never ends, or trickles, is cut: a minute, and a second more for each kilobyte. */
static const int64_t grace = 60 * CLK_SECOND;
static const uint64_t least_rate = 1000, most_bytes = UINT64_C(16) << 30;

enum { STOP_CURRENT = 1, STOP_OLDER };
enum {
    SHARED_BYTES = 1 << 20, /* two threads share larger transfers */
    INPUT_SIZE = 2 + DNS_MESSAGE_MAX + 1 + (192 << 10)
};

struct fetch {
    const struct fetch_job *job;
    struct transfer_outcome *outcome;
    struct image_builder *builder;
    struct handover *handover; /* NULL: records go to the builder at once */
    bool large;                /* it was seen to be, and whether two threads share it is decided */
    int fd;
    int64_t started, told;
    int stop; /* STOP_*: the serial is not wanted */
    struct axfr axfr;
    struct tsig_stream signature; /* with a key alone */
    size_t from, to;              /* what is in input */
    uint8_t input[INPUT_SIZE];
};

static int __attribute__((format(printf, 3, 4)))
fail(struct fetch *f, enum transfer_verdict verdict, const char *format, ...)
{
    va_list ap;
    f->outcome->verdict = verdict;
    va_start(ap, format);
    vsnprintf(f->outcome->reason, sizeof f->outcome->reason, format, ap);
    va_end(ap);
    return ERR_CLOSED;
}

/* Waits until the socket is ready or `limit` has passed. */
static int wait_for(struct fetch *f, short events, int64_t limit)
{
    int64_t end = clk_mono_ns() + limit;
    int64_t last = f->started + grace + (int64_t)(f->outcome->bytes / least_rate) * CLK_SECOND;
    for (;;) {
        int64_t now = clk_mono_ns(), left = (end < last ? end : last) - now;
        struct pollfd p = {f->fd, events, 0};
        int n = left > 0 ? poll(&p, 1, (int)(left / CLK_MS) + 1) : 0;
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return fail(f, TRANSFER_LOCAL, "poll: %s", strerror(errno));
        if (n == 0 && now >= last)
            return fail(f, TRANSFER_BAD, "sends too slowly: %llu bytes in %lld s",
                        (unsigned long long)f->outcome->bytes,
                        (long long)((now - f->started) / CLK_SECOND));
        if (n == 0 && left <= 0)
            return fail(f, TRANSFER_UNREACHABLE, "%s",
                        events & POLLOUT ? "does not answer over TCP" : "stopped sending");
    }
}

static int connect_to(struct fetch *f)
{
    const struct config_peer *peer = f->job->peer;
    int error = 0, on = 1;
    socklen_t len = sizeof error;
    f->fd = socket(peer->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (f->fd < 0)
        return fail(f, TRANSFER_LOCAL, "socket: %s", strerror(errno));
    setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(f->fd, (const struct sockaddr *)&peer->address, peer->address_len) == 0)
        return ERR_OK;
    if (errno != EINPROGRESS)
        return fail(f, TRANSFER_UNREACHABLE, "cannot connect: %s", strerror(errno));
    int err = wait_for(f, POLLOUT, connect_limit);
    if (err)
        return err;
    if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
        return fail(f, TRANSFER_UNREACHABLE, "cannot connect: %s", strerror(error));
    return ERR_OK;
}

static int send_query(struct fetch *f)
{
    uint8_t m[2 + AXFR_QUERY_MAX + TSIG_RECORD_MAX];
    size_t len = axfr_query(&f->axfr, m + 2) + 2;
    tsig_chain_init(&f->signature.chain, f->job->peer->key);
    if (f->job->peer->key)
        len = tsig_sign(&f->signature.chain, m + 2, len - 2, (uint64_t)clk_wall()) + 2;
    wire_put16(m, (unsigned)(len - 2));
    for (size_t at = 0; at < len;) {
        int err = wait_for(f, POLLOUT, idle_limit);
        if (err)
            return err;
        ssize_t n = send(f->fd, m + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return fail(f, TRANSFER_UNREACHABLE, "cannot send: %s", strerror(errno));
        at += n > 0 ? (size_t)n : 0;
    }
    return ERR_OK;
}

/* Reads more behind what is there. */
static int fill(struct fetch *f)
{
    memmove(f->input, f->input + f->from, f->to - f->from);
    f->to -= f->from;
    f->from = 0;
    for (;;) {
        int err = wait_for(f, POLLIN, idle_limit);
        if (err)
            return err;
        ssize_t n = recv(f->fd, f->input + f->to, sizeof f->input - f->to, 0);
        if (n > 0) {
            f->to += (size_t)n;
            f->outcome->bytes += (uint64_t)n;
            return ERR_OK;
        }
        if (n == 0)
            return fail(f, f->outcome->messages ? TRANSFER_BAD : TRANSFER_UNREACHABLE,
                        "closed the connection before the end of the zone");
        if (errno != EAGAIN && errno != EINTR)
            return fail(f, TRANSFER_UNREACHABLE, "the connection broke: %s", strerror(errno));
    }
}

/* The next message of the stream; points into the input. */
static int next_message(struct fetch *f, const uint8_t **m, size_t *len)
{
    for (;;) {
        size_t have = f->to - f->from;
        if (have >= 2) {
            *len = wire_get16(f->input + f->from);
            if (have - 2 >= *len)
                break;
        }
        int err = fill(f);
        if (err)
            return err;
    }
    *m = f->input + f->from + 2;
    f->from += 2 + *len;
    return ERR_OK;
}

static int take_serial(void *ctx, uint32_t serial)
{
    struct fetch *f = ctx;
    f->outcome->serial = serial;
    if (!f->job->has_serial || axfr_is_newer(serial, f->job->serial))
        return ERR_OK;
    f->stop = serial == f->job->serial ? STOP_CURRENT : STOP_OLDER;
    return ERR_EXISTS;
}

static int take_record(void *ctx, const uint8_t *owner, size_t owner_len, uint16_t type,
                       uint32_t ttl, const uint8_t *rdata, size_t rdata_len, const char **reason)
{
    struct fetch *f = ctx;
    if (!f->large && f->outcome->bytes > SHARED_BYTES) {
        f->large = true;
        if (compile_threads(&f->job->compile, 2 * SPLIT_LEAST) > 1)
            f->handover = handover_start(f->builder);
    }
    if (f->handover) /* what it was is said in the end */
        return handover_add(f->handover, owner, owner_len, type, ttl, rdata, rdata_len);
    int err = image_builder_add(f->builder, owner, owner_len, type, ttl, rdata, rdata_len);
    if (err)
        *reason = image_builder_reason(f->builder);
    return err;
}

static void tell_progress(struct fetch *f)
{
    int64_t now = clk_mono_ns();
    if (now - f->told < progress_every)
        return;
    f->told = now;
    f->job->progress(f->job->ctx, f->outcome->bytes, f->axfr.records, f->axfr.messages);
}

static int message_failed(struct fetch *f, int err)
{
    if (f->stop)
        return fail(f, f->stop == STOP_CURRENT ? TRANSFER_CURRENT : TRANSFER_OLDER, "%s", "");
    if (err == ERR_MEMORY)
        return fail(f, TRANSFER_LOCAL, "out of memory");
    if (err == ERR_REFUSED)
        return fail(f, TRANSFER_DECLINED, "%s", f->axfr.reason);
    return fail(f, TRANSFER_BAD, "bad data: %s", f->axfr.reason);
}

/* Before anything else is read: an answer that is not from the primary says nothing. */
static int check_signature(struct fetch *f, const uint8_t *m, size_t len)
{
    if (!f->job->peer->key)
        return ERR_OK;
    enum tsig_verdict verdict = tsig_stream_take(&f->signature, m, len, (uint64_t)clk_wall());
    if (verdict == TSIG_GOOD)
        return ERR_OK;
    unsigned rcode = verdict == TSIG_MISSING && len >= DNS_HEADER ? m[3] & 15 : 0;
    const char *why = tsig_reason(verdict, f->signature.error);
    return rcode ? fail(f, TRANSFER_UNTRUSTED, "%s (code %u)", why, rcode)
                 : fail(f, TRANSFER_UNTRUSTED, "%s", why);
}

static int receive_all(struct fetch *f)
{
    for (;;) {
        const uint8_t *m;
        size_t len;
        int err = next_message(f, &m, &len);
        if (err)
            return err;
        if (check_signature(f, m, len))
            return ERR_CLOSED;
        int r = axfr_message(&f->axfr, m, len);
        f->outcome->records = f->axfr.records;
        f->outcome->messages = f->axfr.messages;
        if (r == 1 && f->signature.pending) /* RFC 8945 section 5.3.1 */
            return fail(f, TRANSFER_UNTRUSTED, "did not sign the last message");
        if (r == 1)
            return ERR_OK;
        if (r)
            return message_failed(f, r);
        if (f->outcome->bytes > most_bytes)
            return fail(f, TRANSFER_BAD, "sends more than 16 GiB");
        if (f->job->progress)
            tell_progress(f);
    }
}

/* The builder has all records afterwards. */
static int receive(struct fetch *f)
{
    uint16_t type;
    int err = receive_all(f), taken = f->handover ? handover_end(f->handover, &type) : ERR_OK;
    if (!taken)
        return err;
    axfr_refuse(&f->axfr, type, taken, image_builder_reason(f->builder));
    return message_failed(f, taken);
}

static void build(struct fetch *f, struct compile_result *result)
{
    char where[80];
    static const struct image_source none;
    snprintf(where, sizeof where, "%s", f->job->peer->text);
    image_builder_set_threads(f->builder, compile_threads(&f->job->compile, f->outcome->bytes));
    compile_finish(&f->job->compile, f->builder, &none, where, NULL, result);
    compile_store(&f->job->compile, result);
    if (result->status == ERR_ZONE)
        fail(f, TRANSFER_BAD, "sent a zone that cannot be served: %.150s",
             strstr(result->reason, ": ") ? strstr(result->reason, ": ") + 2 : result->reason);
    else if (result->status)
        fail(f, TRANSFER_LOCAL, "cannot build the zone: %s", err_text(result->status));
    else
        f->outcome->verdict = TRANSFER_COMPLETE;
}

void fetch_zone(const struct fetch_job *job, struct transfer_outcome *outcome,
                struct compile_result *result)
{
    const struct config_zone *zone = job->compile.zone;
    *outcome = (struct transfer_outcome){.verdict = TRANSFER_LOCAL};
    *result = (struct compile_result){.fd = -1, .event = EVENT_COUNT};
    struct fetch *f = calloc(1, sizeof *f);
    struct image_builder *builder = image_builder_new(zone->wire, zone->wire_len);
    if (!f || !builder) {
        snprintf(outcome->reason, sizeof outcome->reason, "out of memory");
    } else {
        f->job = job;
        f->outcome = outcome;
        f->builder = builder;
        f->fd = -1;
        f->started = f->told = clk_mono_ns();
        f->axfr.id = (uint16_t)rnd_u32();
        memcpy(f->axfr.zone, zone->wire, zone->wire_len);
        f->axfr.zone_len = zone->wire_len;
        f->axfr.serial = take_serial;
        f->axfr.record = take_record;
        f->axfr.ctx = f;
        if (!connect_to(f) && !send_query(f) && !receive(f))
            build(f, result);
        outcome->took_ns = clk_mono_ns() - f->started;
        if (f->fd >= 0)
            close(f->fd);
    }
    result->spent = builder;
    free(f);
}

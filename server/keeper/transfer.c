#include "server/keeper/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/keeper/child.h"
#include "server/keeper/fetch.h"
#include "server/keeper/zones.h"

enum {
    FRAME_PROGRESS = 1,
    FRAME_OUTCOME,
    FRAME_STORED /* int32_t errno: behind FRAME_OUTCOME with a pending image */
};

struct transfer_job {
    struct transfer_job *next;
    struct keeper *keeper;
    struct zone *zone;
    pid_t pid;
    struct loop_watch watch;
    bool reported, delivered; /* delivered: the zone has what came */
    bool storing;             /* its image is being put in its place */
    int memory, store_errno;  /* memory: the image when it is not stored */
    struct transfer_outcome outcome;
};

struct progress {
    uint64_t bytes, records, messages;
};

struct outcome_frame {
    struct transfer_outcome outcome;
    int32_t store_errno;
    uint32_t has_fd, pending;
};

void transfer_init(struct keeper *k)
{
    k->transfers = (struct transfers){0};
    k->transfers.tail = &k->transfers.head;
}

struct stats_transfer *transfer_row(const struct zone *z, unsigned primary)
{
    struct stats *stats = z->keeper->stats;
    return &stats->transfers_in[stats->zones[z->row].transfer + primary];
}

/* In the child. */
static void child_progress(void *ctx, uint64_t bytes, uint64_t records, uint64_t messages)
{
    struct progress p = {bytes, records, messages};
    channel_send(*(int *)ctx, FRAME_PROGRESS, &p, sizeof p, NULL, 0, 0);
}

static void child_main(struct zone *z, bool force, int channel)
{
    struct keeper *k = z->keeper;
    struct fetch_job job = {
        .compile = {.zone = z->config,
                    .store = &k->store,
                    .keep_later = true,
                    .yields = z->has_image && !z->expired},
        .peer = &z->config->lists->primaries.items[z->secondary->transfer.primary],
        .has_serial = z->has_image && !force,
        .serial = z->summary.serial,
        .progress = child_progress,
        .ctx = &channel,
    };
    struct compile_result result;
    struct outcome_frame frame = {0};
    memcpy(job.compile.key, k->store.key, sizeof job.compile.key);
    fetch_zone(&job, &frame.outcome, &result);
    frame.store_errno = result.store_errno;
    frame.pending = result.pending;
    frame.has_fd = result.fd >= 0 && (result.in_memory || result.pending);
    int err = channel_send(channel, FRAME_OUTCOME, &frame, sizeof frame, &result.fd,
                           frame.has_fd ? 1 : 0, -1);
    if (!err && frame.pending) {
        compile_forget(&result);
        compile_keep(&job.compile, &result);
        int32_t store_errno = result.store_errno;
        err = channel_send(channel, FRAME_STORED, &store_errno, sizeof store_errno, NULL, 0, -1);
    }
    child_exit(err ? 1 : 0);
}

static void drop_job(struct transfer_job *job)
{
    struct keeper *k = job->keeper;
    int fd = job->watch.fd;
    struct transfer_job **at = &k->transfers.jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    k->transfers.running--;
    loop_unwatch(&k->loop, &job->watch);
    if (fd >= 0)
        close(fd);
    if (job->memory >= 0)
        close(job->memory);
    free(job);
}

static void write_row(struct zone *z, const struct transfer_outcome *o, bool ended)
{
    struct stats_transfer *row = transfer_row(z, z->secondary->transfer.primary);
    stats_row_begin(&row->seq);
    row->bytes = o->bytes;
    row->records = o->records;
    row->messages = o->messages;
    if (ended) {
        row->ended_at = clk_wall_ns();
        row->serial_to = o->serial;
    }
    stats_row_end(&row->seq);
}

/* Says how it went, and serves what came. */
static void deliver(struct transfer_job *job, struct transfer_outcome o)
{
    struct zone *z = job->zone;
    write_row(z, &o, true);
    if (o.verdict == TRANSFER_COMPLETE) {
        zone_unwritten(z, job->store_errno);
        z->load_ns = o.took_ns;
        int err = zone_take_image(z, job->memory, false);
        job->memory = -1;
        if (err) {
            o.verdict = TRANSFER_LOCAL;
            snprintf(o.reason, sizeof o.reason, "cannot take the new image: %s", err_text(err));
        }
    }
    refresh_transferred(z, &o);
}

/* The image is in its place, or will never be. */
static void stored(struct transfer_job *job, int store_errno)
{
    struct zone *z = job->zone;
    bool storing = job->storing;
    job->storing = false;
    if (!storing)
        return;
    zone_unwritten(z, store_errno);
    if (!store_errno)
        zone_use_stored(z);
    zone_show(z);
}

/* The child is gone. */
static void finish(struct transfer_job *job)
{
    struct keeper *k = job->keeper;
    struct zone *z = job->zone;
    char how[64];
    bool killed;
    child_wait(job->pid, how, &killed);
    if (!job->reported) {
        job->outcome = (struct transfer_outcome){.verdict = TRANSFER_LOCAL};
        snprintf(job->outcome.reason, sizeof job->outcome.reason, "the transfer process %s",
                 *how ? how : "ended without a result");
    }
    stored(job, EIO);
    z->secondary->transfer.job = NULL;
    if (!job->delivered)
        deliver(job, job->outcome);
    drop_job(job);
    transfer_pump(k);
}

static void take_frame(struct transfer_job *job, struct channel_frame *f)
{
    struct progress p;
    struct outcome_frame o;
    int32_t store_errno;
    if (f->type == FRAME_PROGRESS && f->len == sizeof p) {
        memcpy(&p, f->payload, sizeof p);
        struct transfer_outcome now = {
            .bytes = p.bytes, .records = p.records, .messages = p.messages};
        write_row(job->zone, &now, false);
    } else if (f->type == FRAME_STORED && f->len == sizeof store_errno) {
        memcpy(&store_errno, f->payload, sizeof store_errno);
        stored(job, store_errno);
    } else if (f->type == FRAME_OUTCOME && f->len == sizeof o && !job->reported) {
        memcpy(&o, f->payload, sizeof o);
        o.outcome.reason[sizeof o.outcome.reason - 1] = '\0';
        if ((unsigned)o.outcome.verdict > TRANSFER_LOCAL)
            return;
        job->outcome = o.outcome;
        job->store_errno = o.store_errno;
        job->reported = true;
        if (o.has_fd && f->nfds) {
            job->memory = f->fds[0];
            f->fds[0] = -1;
        }
        job->storing = job->delivered = o.pending;
        if (job->delivered)
            deliver(job, job->outcome);
    }
}

static void on_channel(void *ctx, uint32_t events)
{
    struct transfer_job *job = ctx;
    struct channel_frame *f = &job->keeper->frame;
    (void)events;
    int r;
    while ((r = channel_receive(job->watch.fd, f)) == 1) {
        take_frame(job, f);
        channel_discard(f);
    }
    if (r != 0)
        finish(job);
}

static bool start(struct zone *z)
{
    struct keeper *k = z->keeper;
    bool force = z->secondary->force;
    struct transfer_job *job = calloc(1, sizeof *job);
    int channel;
    char title[300];
    if (!job)
        return false;
    snprintf(title, sizeof title, "transfer of %.256s", z->config->name);
    pid_t pid = child_start(title, k->store.dir, &channel);
    if (pid == 0)
        child_main(z, force, channel);
    if (pid < 0) {
        stats_event(k->stats, k->slot, EVENT_THREAD, errno, "keeper",
                    "cannot start a transfer of %s: %s", z->config->name, strerror(errno));
        free(job);
        return false;
    }
    *job = (struct transfer_job){.next = k->transfers.jobs,
                                 .keeper = k,
                                 .zone = z,
                                 .pid = pid,
                                 .watch.fd = -1,
                                 .memory = -1};
    k->transfers.jobs = job;
    k->transfers.running++;
    if (loop_watch(&k->loop, &job->watch, channel, EPOLLIN, on_channel, job)) {
        close(channel);
        child_kill(pid);
        drop_job(job);
        return false;
    }
    z->secondary->transfer.job = job;
    return true;
}

static void begin(struct zone *z)
{
    struct stats_transfer *row = transfer_row(z, z->secondary->transfer.primary);
    stats_row_begin(&row->seq);
    row->state = TRANSFER_RUNNING;
    row->attempts++;
    row->serial_from = z->has_image ? z->summary.serial : 0;
    row->serial_to = z->secondary->asked_serial;
    row->bytes = row->records = row->messages = 0;
    row->started_at = clk_wall_ns();
    row->ended_at = 0;
    stats_row_end(&row->seq);
    if (start(z)) {
        refresh_transferring(z);
        return;
    }
    struct transfer_outcome o = {.verdict = TRANSFER_LOCAL};
    snprintf(o.reason, sizeof o.reason, "could not be asked: no process could be started");
    write_row(z, &o, true);
    refresh_transferred(z, &o);
}

/* The first that can begin: one whose last image is still being stored waits for that. */
static struct zone *take_next(struct transfers *t)
{
    struct zone **at = &t->head;
    while (*at && (*at)->secondary->transfer.job)
        at = &(*at)->secondary->transfer.next;
    struct zone *z = *at;
    if (!z)
        return NULL;
    *at = z->secondary->transfer.next;
    if (!*at)
        t->tail = at;
    z->secondary->transfer.queued = false;
    return z;
}

void transfer_pump(struct keeper *k)
{
    struct transfers *t = &k->transfers;
    struct zone *z;
    while (t->running < TRANSFER_AT_ONCE && !k->stopping && (z = take_next(t)))
        begin(z);
}

void transfer_zone(struct zone *z, unsigned primary, bool urgent)
{
    struct transfers *t = &z->keeper->transfers;
    struct transfer_place *p = &z->secondary->transfer;
    struct stats_transfer *row = transfer_row(z, primary);
    stats_row_begin(&row->seq);
    row->state = TRANSFER_QUEUED;
    stats_row_end(&row->seq);
    p->primary = primary;
    p->queued = true;
    if (urgent) {
        p->next = t->head;
        if (!t->head)
            t->tail = &p->next;
        t->head = z;
    } else {
        p->next = NULL;
        *t->tail = z;
        t->tail = &p->next;
    }
    transfer_pump(z->keeper);
}

static void end_job(struct transfer_job *job)
{
    job->zone->secondary->transfer.job = NULL;
    child_kill(job->pid);
    drop_job(job);
}

void transfer_cancel(struct zone *z)
{
    struct transfers *t = &z->keeper->transfers;
    struct transfer_place *p = &z->secondary->transfer;
    for (struct zone **at = &t->head; p->queued && *at; at = &(*at)->secondary->transfer.next) {
        if (*at != z)
            continue;
        *at = p->next;
        if (!*at)
            t->tail = at;
        p->queued = false;
        break;
    }
    if (p->job && !p->job->storing)
        end_job(p->job);
}

void transfer_forget(struct zone *z)
{
    transfer_cancel(z);
    if (z->secondary->transfer.job)
        end_job(z->secondary->transfer.job);
}

void transfer_fini(struct keeper *k)
{
    while (k->transfers.jobs) {
        struct transfer_job *job = k->transfers.jobs;
        char how[64];
        bool killed;
        if (job->storing) { /* what is served now is there at the next start */
            job->zone->secondary->transfer.job = NULL;
            shutdown(job->watch.fd, SHUT_RDWR);
            child_wait(job->pid, how, &killed);
            drop_job(job);
        } else {
            end_job(job);
        }
    }
}

#include "server/keeper/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/keeper/child.h"
#include "server/keeper/compile.h"
#include "server/keeper/sources.h"
#include "server/keeper/zones.h"

enum {
    BATCH_ZONES = 256,
    BATCH_BYTES = 4 << 20, /* of zone text: what a child gets beside its first zone */
    KILLS_MAX = 2,         /* a zone whose child was killed from outside is tried once more */
    FRAME_PROGRESS = 1,
    FRAME_LOADED,
    FRAME_STORED /* struct stored_frame: behind FRAME_LOADED of a pending image */
};

struct load_job {
    struct load_job *next;
    struct keeper *keeper;
    pid_t pid;
    struct loop_watch watch;
    int64_t began;        /* of the zone that is being loaded */
    size_t count, done;   /* zones are reported in order */
    struct zone *storing; /* loaded and served; its image is being put in its place */
    struct zone *zones[BATCH_ZONES];
};

struct progress_frame {
    uint32_t index, permille;
};

struct loaded_frame {
    uint32_t index;
    int32_t status, store_errno;
    uint32_t event, has_fd, pending, changed;
    int64_t took_ns;
    char reason[512];
    char text[];
};

struct stored_frame {
    int32_t store_errno;
};

struct child_ctx {
    int channel;
    uint32_t index;
    int64_t told;
};

static void on_retry(void *ctx)
{
    load_pump(ctx);
}

int load_init(struct keeper *k)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    k->loads = (struct loads){.most = cpus > 1 ? (unsigned)cpus : 1};
    k->loads.tail = &k->loads.head;
    return loop_add_timer(&k->loop, &k->loads.retry, on_retry, k);
}

/* ---- in the child */

static void child_progress(void *ctx, unsigned permille)
{
    struct child_ctx *c = ctx;
    int64_t now = clk_mono_ns();
    if (now - c->told < 100 * CLK_MS)
        return;
    c->told = now;
    struct progress_frame f = {c->index, permille};
    channel_send(c->channel, FRAME_PROGRESS, &f, sizeof f, NULL, 0, 0);
}

static void child_report(struct child_ctx *c, struct compile_result *r, int64_t took)
{
    struct buf out = {0};
    struct loaded_frame head = {.index = c->index,
                                .status = r->status,
                                .store_errno = r->store_errno,
                                .event = r->event,
                                .has_fd = r->fd >= 0 && (r->in_memory || r->pending),
                                .pending = r->pending,
                                .changed = r->changed,
                                .took_ns = took};
    memcpy(head.reason, r->reason, sizeof head.reason);
    buf_add(&out, &head, sizeof head);
    size_t room = CHANNEL_PAYLOAD - sizeof head - 1;
    buf_add(&out, r->text.data, r->text.len < room ? r->text.len : room);
    if (out.failed ||
        channel_send(c->channel, FRAME_LOADED, out.data, out.len, &r->fd, head.has_fd ? 1 : 0, -1))
        child_exit(1);
    buf_fini(&out);
}

static void child_store(struct child_ctx *c, const struct compile_job *job,
                        struct compile_result *r)
{
    if (!r->pending)
        return;
    compile_keep(job, r);
    struct stored_frame f = {r->store_errno};
    if (channel_send(c->channel, FRAME_STORED, &f, sizeof f, NULL, 0, -1))
        child_exit(1);
}

/* What is served at the moment, NULL for nothing. */
static struct image *open_served(const struct zone *z)
{
    struct image *image;
    int fd;
    if (!z->has_image || zone_open_image(z, &image, &fd))
        return NULL;
    close(fd);
    return image;
}

static void child_main(struct load_job *job, int channel)
{
    struct keeper *k = job->keeper;
    struct child_ctx ctx = {.channel = channel};
    for (size_t i = 0; i < job->count; i++) {
        struct compile_job compile = {.zone = job->zones[i]->config,
                                      .store = &k->store,
                                      .keep_later = true,
                                      .progress = child_progress,
                                      .ctx = &ctx};
        struct compile_result result;
        memcpy(compile.key, k->store.key, sizeof compile.key);
        ctx.index = (uint32_t)i;
        int64_t began = clk_mono_ns();
        struct image *served = open_served(job->zones[i]);
        compile.served = served;
        compile_zone(&compile, &result);
        image_close(served);
        child_report(&ctx, &result, clk_mono_ns() - began);
        child_store(&ctx, &compile, &result);
        compile_fini(&result);
    }
    child_exit(0);
}

/* ---- in the keeper */

static void log_lines(struct zone *z, char *text)
{
    char *rest = text;
    for (char *line = strtok_r(rest, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_line(strstr(line, ": error: ") ? LOG_ERROR : LOG_WARNING, "zone %s: %s",
                 z->config->name, line);
}

/* Without the directories when a row has no room for them. */
static const char *short_reason(const char *reason)
{
    const char *base = reason;
    if (strlen(reason) < STATS_TEXT)
        return reason;
    for (const char *p = reason; *p && *p != ':'; p++)
        base = *p == '/' ? p + 1 : base;
    return base;
}

/* The zone is free for its next load. */
static void released(struct zone *z)
{
    z->load.job = NULL;
    if (z->load.again) {
        z->load.again = false;
        load_zone(z);
    }
    zone_show(z);
}

static void ended(struct zone *z, int status, const char *text)
{
    z->load.done = z->load.started;
    z->busy = false;
    if (z->load.job && z->load.job->storing == z)
        zone_show(z);
    else
        released(z);
    request_done(z, REQUEST_LOAD, z->load.done, status, text);
}

static void tell_written(struct zone *z)
{
    struct keeper *k = z->keeper;
    /* At a start with very many zones one event each would push all others out. */
    if (k->settled)
        stats_event(k->stats, k->slot, EVENT_ZONE_WRITTEN, 0, z->config->name,
                    "serial %u, %llu records in %.2f s", z->summary.serial,
                    (unsigned long long)z->summary.records, (double)z->load_ns / 1e9);
}

/* The image is in its place, or will never be. */
static void stored(struct load_job *job, int store_errno)
{
    struct zone *z = job->storing;
    job->storing = NULL;
    zone_unwritten(z, store_errno);
    if (!store_errno) {
        zone_use_stored(z);
        tell_written(z);
    }
    released(z);
}

static void failed(struct zone *z, int status, enum event event, const char *reason)
{
    struct keeper *k = z->keeper;
    const char *text = short_reason(reason);
    bool news = !z->error || !z->reason || strcmp(z->reason, text);
    zone_fault(z, status, event, text);
    if (event < EVENT_COUNT && (news || keeper_may_repeat(k)))
        stats_event(k->stats, k->slot, event, status, z->config->name, "%s%s", text,
                    z->has_image ? "; the last good version is served" : "");
    ended(z, status, text);
}

static void loaded(struct zone *z, int memory, const struct loaded_frame *f)
{
    uint64_t version = z->version;
    uint32_t serial = z->summary.serial;
    bool had_image = z->has_image;
    char text[400], note[160];
    int err = zone_take_image(z, memory, false);
    if (err) {
        failed(z, err, EVENT_IMAGE_DAMAGED, "the image that was just built cannot be opened");
        return;
    }
    z->load_ns = f->took_ns;
    z->load.kills = 0;
    zone_fault(z, ERR_OK, EVENT_COUNT, NULL);
    zone_unwritten(z, f->store_errno);
    if (had_image)
        zone_note_serial(z, serial, f->changed);
    snprintf(text, sizeof text, "serial %u, %llu records in %.2f s", z->summary.serial,
             (unsigned long long)z->summary.records, (double)f->took_ns / 1e9);
    log_line(LOG_INFO, "zone %s: %s", z->config->name, text);
    if (!f->store_errno && !f->pending)
        tell_written(z);
    zone_serial_text(z, note);
    if (note[0])
        snprintf(text + strlen(text), sizeof text - strlen(text), "; %s", note);
    ended(z, ERR_OK, text);
    if (version != z->version)
        notify_start(z, false);
}

static void take_frame(struct load_job *job, struct channel_frame *f)
{
    struct loaded_frame *loaded_frame = (void *)f->payload;
    struct progress_frame *progress = (void *)f->payload;
    if (f->type == FRAME_PROGRESS && f->len == sizeof *progress && job->done < job->count &&
        progress->index == job->done && progress->permille <= 1000) {
        struct zone *z = job->zones[job->done];
        z->progress = (uint16_t)progress->permille;
        row_write(z);
        return;
    }
    if (f->type == FRAME_STORED && f->len == sizeof(struct stored_frame) && job->storing) {
        stored(job, ((struct stored_frame *)(void *)f->payload)->store_errno);
        return;
    }
    if (f->type != FRAME_LOADED || job->storing || f->len < sizeof *loaded_frame ||
        job->done == job->count || loaded_frame->index != job->done)
        return;
    struct zone *z = job->zones[job->done++];
    int memory = -1;
    if (loaded_frame->has_fd && f->nfds) {
        memory = f->fds[0];
        f->fds[0] = -1;
    }
    f->payload[f->len < CHANNEL_PAYLOAD ? f->len : CHANNEL_PAYLOAD - 1] = '\0';
    loaded_frame->reason[sizeof loaded_frame->reason - 1] = '\0';
    log_lines(z, loaded_frame->text);
    z->progress = 1000;
    if (loaded_frame->status == ERR_OK && loaded_frame->pending)
        job->storing = z;
    if (loaded_frame->status == ERR_OK)
        loaded(z, memory, loaded_frame);
    else
        failed(z, loaded_frame->status, loaded_frame->event, loaded_frame->reason);
}

static void drop_job(struct load_job *job)
{
    struct keeper *k = job->keeper;
    int fd = job->watch.fd;
    struct load_job **at = &k->loads.jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    k->loads.running--;
    loop_unwatch(&k->loop, &job->watch);
    if (fd >= 0)
        close(fd);
    free(job);
}

/* Zones of a child that ended early go back into the queue. */
static void requeue(struct load_job *job, size_t from)
{
    for (size_t i = from; i < job->count; i++) {
        struct zone *z = job->zones[i];
        z->load.job = NULL;
        z->load.again = false;
        z->busy = false;
        load_zone(z);
    }
}

static void child_ended(struct load_job *job)
{
    struct keeper *k = job->keeper;
    char how[64], reason[160];
    bool killed;
    child_wait(job->pid, how, &killed);
    if (job->storing)
        stored(job, EIO);
    if (job->done < job->count) {
        struct zone *z = job->zones[job->done];
        if (killed && ++z->load.kills < KILLS_MAX) {
            log_line(LOG_WARNING, "zone %s: the loading process %s; it is loaded again",
                     z->config->name, how);
            requeue(job, job->done);
        } else {
            snprintf(reason, sizeof reason, "the process that loaded it %s",
                     *how ? how : "ended without a result");
            z->load.kills = 0;
            requeue(job, job->done + 1);
            failed(z, killed ? ERR_MEMORY : ERR_ZONE, killed ? EVENT_MEMORY_OUT : EVENT_FILE_PARSE,
                   reason);
        }
    }
    drop_job(job);
    load_pump(k);
}

static void on_channel(void *ctx, uint32_t events)
{
    struct load_job *job = ctx;
    struct channel_frame *f = &job->keeper->frame;
    (void)events;
    int r;
    /* One frame a turn of the loop: thousands of zones must not keep others waiting. */
    if ((r = channel_receive(job->watch.fd, f)) == 1) {
        take_frame(job, f);
        channel_discard(f);
    }
    if (r < 0)
        child_ended(job);
}

static struct zone *take_queued(struct loads *l)
{
    struct zone *z = l->head;
    l->head = z->load.next;
    if (!l->head)
        l->tail = &l->head;
    l->queued--;
    z->load.queued = false;
    return z;
}

static void gather(struct loads *l, struct load_job *job)
{
    size_t share = l->queued / l->most + 1, bytes = 0;
    while (l->head && job->count < BATCH_ZONES && job->count < share && bytes < BATCH_BYTES) {
        struct zone *z = take_queued(l);
        struct image_source source = {0};
        sources_read(z->config->file, &source);
        bytes += source.size;
        job->zones[job->count++] = z;
    }
}

static void mark_begun(struct load_job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        struct zone *z = job->zones[i];
        z->load.job = job;
        z->load.started++;
        z->progress = 0;
        z->waiting = false;
        z->busy = true;
        zone_show(z);
    }
}

static bool start_child(struct keeper *k)
{
    struct load_job *job = calloc(1, sizeof *job);
    int channel;
    if (!job)
        return false;
    *job = (struct load_job){.next = k->loads.jobs, .keeper = k, .watch.fd = -1};
    k->loads.jobs = job;
    k->loads.running++;
    gather(&k->loads, job);
    job->pid = child_start("loader", k->store.dir, &channel);
    if (job->pid == 0)
        child_main(job, channel);
    if (job->pid > 0 && loop_watch(&k->loop, &job->watch, channel, EPOLLIN, on_channel, job) == 0) {
        mark_begun(job);
        k->loads.told = false;
        return true;
    }
    if (!k->loads.told)
        stats_event(k->stats, k->slot, EVENT_THREAD, errno, "keeper",
                    "cannot start a process to load zones: %s", strerror(errno));
    k->loads.told = true;
    if (job->pid > 0) {
        close(channel);
        child_kill(job->pid);
    }
    requeue(job, 0);
    drop_job(job);
    return false;
}

void load_pump(struct keeper *k)
{
    while (k->loads.head && k->loads.running < k->loads.most && !k->stopping) {
        if (k->store.dir < 0)
            store_open(&k->store, k->config->state, k->store.key);
        if (!start_child(k)) {
            loop_set_timer(&k->loop, &k->loads.retry, clk_mono_ns() + CLK_SECOND);
            return;
        }
    }
}

void load_zone(struct zone *z)
{
    struct loads *l = &z->keeper->loads;
    if (z->load.job) {
        z->load.again = true;
        return;
    }
    if (z->load.queued)
        return;
    z->load.queued = true;
    z->load.next = NULL;
    *l->tail = z;
    l->tail = &z->load.next;
    l->queued++;
    z->waiting = true;
    zone_show(z);
    if (!l->retry.place)
        loop_set_timer(&z->keeper->loop, &l->retry, clk_mono_ns());
}

static void drop_queued(struct loads *l, struct zone *z)
{
    struct zone **at = &l->head;
    while (*at && *at != z)
        at = &(*at)->load.next;
    if (!*at)
        return;
    *at = z->load.next;
    if (!*at)
        l->tail = at;
    l->queued--;
    z->load.queued = false;
}

void load_forget(struct zone *z)
{
    struct load_job *job = z->load.job;
    if (z->load.queued)
        drop_queued(&z->keeper->loads, z);
    if (!job)
        return;
    /* The child must not store an image of a zone that is gone; what else it had is loaded anew. */
    child_kill(job->pid);
    if (job->storing && job->storing != z)
        stored(job, EIO);
    z->load.job = NULL;
    size_t kept = job->done;
    for (size_t i = job->done; i < job->count; i++) {
        if (job->zones[i] != z)
            job->zones[kept++] = job->zones[i];
    }
    job->count = kept;
    requeue(job, job->done);
    drop_job(job);
}

void load_fini(struct keeper *k)
{
    while (k->loads.jobs) {
        struct load_job *job = k->loads.jobs;
        if (job->storing)
            job->storing->load.job = NULL;
        for (size_t i = job->done; i < job->count; i++)
            job->zones[i]->load.job = NULL;
        child_kill(job->pid);
        drop_job(job);
    }
    loop_remove_timer(&k->loop, &k->loads.retry);
}

#include "server/keeper/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/dns/name.h"
#include "server/keeper/child.h"
#include "server/keeper/compile.h"
#include "server/keeper/sources.h"
#include "server/keeper/zones.h"

enum {
    BATCH_ZONES = 16384,    /* at most for a child, */
    BATCH_LEAST = 2048,     /* and at least while there are more than enough for all */
    BATCH_TEXT = 4 << 20,   /* of zone text: what a child gets beside its first zone, */
    BATCH_BYTES = 16 << 20, /* of images: a child that has made so many leaves the rest to others */
    PACK_LEAST = 64,        /* fewer zones at once have files of their own */
    KILLS_MAX = 2,          /* a zone whose child was killed from outside is tried once more */
    QUIET_ZONES = 1000,     /* with more the log does not name each at the start */
    AHEAD = 64,             /* files asked for at once when the disk is slow, */
    AHEAD_BYTES = 64 << 10, /* and of each so much */
    FRAME_PROGRESS = 1,
    FRAME_LOADED,
    FRAME_STORED, /* struct stored_frame: behind FRAME_LOADED of a pending image */
    FRAME_PACK,   /* struct pack_frame; fd: the pack */
    FRAME_PACKED, /* struct packed_item each: zones in the pack before it */
    FRAME_ENOUGH  /* the child ends; zones not reported are for the next one */
};

/* What a child is at; in memory that outlives it. */
struct load_place {
    _Atomic uint32_t index; /* the zone it compiles; NOWHERE between two */
};
enum { NOWHERE = UINT32_MAX };

static const int64_t slow_zone = CLK_MS / 8, very_slow_zone = CLK_MS;

struct load_job {
    struct load_job *next;
    struct keeper *keeper;
    pid_t pid;
    struct loop_watch watch;
    struct load_place *place;
    size_t count, left;   /* `left`: not yet reported */
    struct zone *storing; /* loaded and served; its image is being put in its place */
    struct pack *pack;    /* the last one that came */
    int pack_errno;       /* why it is not stored */
    bool enough;          /* the child left the rest to others */
    struct zone *zones[]; /* NULL once reported */
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

struct pack_frame {
    int32_t store_errno;
};

struct packed_item {
    uint64_t offset;
    int64_t took_ns;
    uint32_t index, size, changed, pad;
};
/* A status of struct loaded_frame: only what there is to say; the result follows. */
enum { LOADED_LATER = 1 };
enum { PACKED_ITEMS = CHANNEL_PAYLOAD / sizeof(struct packed_item) };

struct child_ctx {
    int channel;
    uint32_t index;
    int64_t told;
    const struct store *store;
    struct pack_writer pack;
    struct packed_item *packed; /* those of `pack` */
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

/* Writes the pack and says which zones are in it. */
static void child_flush(struct child_ctx *c)
{
    uint64_t id, size;
    struct pack_frame f;
    int fd;
    size_t count = c->pack.count;
    if (!count)
        return;
    if (store_put_pack(c->store, &c->pack, &fd, &id, &size, &f.store_errno) ||
        channel_send(c->channel, FRAME_PACK, &f, sizeof f, &fd, 1, -1))
        child_exit(1);
    for (size_t at = 0; at < count; at += PACKED_ITEMS) {
        size_t n = count - at < PACKED_ITEMS ? count - at : PACKED_ITEMS;
        if (channel_send(c->channel, FRAME_PACKED, c->packed + at, n * sizeof *c->packed, NULL, 0,
                         -1))
            child_exit(1);
    }
    close(fd);
    pack_writer_fini(&c->pack);
}

static void child_packed(struct child_ctx *c, const struct compile_result *r, int64_t took)
{
    if (!c->packed && !(c->packed = calloc(PACK_ZONES, sizeof *c->packed)))
        child_exit(1);
    c->packed[c->pack.count - 1] = (struct packed_item){.offset = r->packed,
                                                        .took_ns = took,
                                                        .index = c->index,
                                                        .size = (uint32_t)r->summary.bytes,
                                                        .changed = r->changed};
    if (r->text.len) { /* what there is to say of it goes before it */
        struct compile_result text = *r;
        text.status = LOADED_LATER;
        text.fd = -1;
        child_report(c, &text, took);
    }
    if (pack_is_full(&c->pack))
        child_flush(c);
}

struct ahead {
    size_t asked;       /* up to which zone */
    long blocks, waits; /* of input, and for anything, of this process so far */
};

/* Has the disk been read since the last call? Not every file system tells of what it reads: there
 * a long wait has to say it. That another process took the processor for long does not. */
static bool has_read_disk(struct ahead *ahead, int64_t took)
{
    struct rusage usage;
    struct ahead before = *ahead;
    if (getrusage(RUSAGE_SELF, &usage))
        return true;
    ahead->blocks = usage.ru_inblock;
    ahead->waits = usage.ru_nvcsw;
    return ahead->blocks > before.blocks || (took >= very_slow_zone && ahead->waits > before.waits);
}

/* A disk that is asked for one small file after another takes its time for each. A small zone that
 * took so long and was not in memory says that the next ones are likely not, either. */
static void ask_ahead(const struct load_job *job, size_t i, int64_t took, struct ahead *ahead)
{
    if (i < ahead->asked || !has_read_disk(ahead, took))
        return;
    size_t *asked = &ahead->asked;
    for (*asked = i + 1; *asked < job->count && *asked <= i + AHEAD; ++*asked) {
        const char *file = job->zones[*asked]->config->file;
        int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
            continue;
        posix_fadvise(fd, 0, AHEAD_BYTES, POSIX_FADV_WILLNEED);
        close(fd);
    }
    has_read_disk(ahead, 0); /* what was asked for now counts, too */
}

static void child_main(struct load_job *job, int channel)
{
    struct keeper *k = job->keeper;
    struct child_ctx ctx = {.channel = channel, .store = &k->store};
    uint64_t bytes = 0;
    struct ahead ahead = {0};
    struct folder folder;
    folder_init(&folder);
    has_read_disk(&ahead, 0);
    for (size_t i = 0; i < job->count && bytes < BATCH_BYTES; i++) {
        struct compile_job compile = {.zone = job->zones[i]->config,
                                      .store = &k->store,
                                      .folder = &folder,
                                      .keep_later = true,
                                      .yields = job->zones[i]->has_image,
                                      .pack = job->count < PACK_LEAST ? NULL : &ctx.pack,
                                      .progress = child_progress,
                                      .ctx = &ctx};
        struct compile_result result;
        memcpy(compile.key, k->store.key, sizeof compile.key);
        ctx.index = (uint32_t)i;
        int64_t began = clk_mono_ns();
        struct zone_image served = {.fd = -1};
        if (job->zones[i]->has_image && !zone_open_image(job->zones[i], &served))
            compile.served = served.image;
        atomic_store(&job->place->index, ctx.index);
        compile_zone(&compile, &result);
        atomic_store(&job->place->index, NOWHERE);
        zone_close_image(&served);
        bytes += result.summary.bytes;
        int64_t took = clk_mono_ns() - began;
        bool small = result.summary.bytes <= PACK_IMAGE_MAX;
        if (result.packed) {
            child_packed(&ctx, &result, took);
        } else {
            child_report(&ctx, &result, took);
            compile_forget(&result);
            child_store(&ctx, &compile, &result);
        }
        compile_fini(&result);
        if (small && took > slow_zone && bytes < BATCH_BYTES)
            ask_ahead(job, i, took, &ahead);
    }
    folder_fini(&folder);
    child_flush(&ctx);
    if (bytes >= BATCH_BYTES)
        channel_send(channel, FRAME_ENOUGH, NULL, 0, NULL, 0, -1);
    child_exit(0);
}

/* ---- in the keeper */

static void log_findings(struct zone *z, char *text)
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

/* What became of a zone that has its new image. */
struct load_outcome {
    int64_t built;
    uint32_t serial;
    bool had_image; /* and these were what it had */
    bool changed, pending;
    int store_errno;
    int64_t took_ns;
};

static struct load_outcome outcome_of(const struct zone *z)
{
    return (struct load_outcome){
        .built = z->built, .serial = z->summary.serial, .had_image = z->has_image};
}

static void loaded(struct zone *z, const struct load_outcome *o)
{
    struct keeper *k = z->keeper;
    char text[400] = "", note[160];
    bool many = !k->settled && k->zone_count > QUIET_ZONES;
    z->progress = 1000;
    z->load_ns = o->took_ns;
    z->load.kills = 0;
    zone_fault(z, ERR_OK, EVENT_COUNT, NULL);
    zone_unwritten(z, o->store_errno);
    if (o->had_image)
        zone_note_serial(z, o->serial, o->changed);
    if (!many || k->requests.first)
        snprintf(text, sizeof text, "serial %u, %llu records in %.2f s", z->summary.serial,
                 (unsigned long long)z->summary.records, (double)o->took_ns / 1e9);
    if (!many)
        log_line(LOG_INFO, "zone %s: %s", z->config->name, text);
    if (!o->store_errno && !o->pending)
        tell_written(z);
    zone_serial_text(z, note);
    if (note[0])
        snprintf(text + strlen(text), sizeof text - strlen(text), "; %s", note);
    ended(z, ERR_OK, text);
    if (o->built != z->built)
        notify_start(z, false);
}

static const char cannot_open[] = "the image that was just built cannot be opened";

static void take_loaded(struct zone *z, int memory, const struct loaded_frame *f)
{
    struct load_outcome o = outcome_of(z);
    int err = zone_take_image(z, memory, false);
    if (err) {
        failed(z, err, EVENT_IMAGE_DAMAGED, cannot_open);
        return;
    }
    o.changed = f->changed;
    o.pending = f->pending;
    o.store_errno = f->store_errno;
    o.took_ns = f->took_ns;
    loaded(z, &o);
}

/* The zone of an index, which is reported with that. */
static struct zone *take_reported(struct load_job *job, uint32_t index)
{
    struct zone *z = index < job->count ? job->zones[index] : NULL;
    if (z) {
        job->zones[index] = NULL;
        job->left--;
    }
    return z;
}

static void take_pack(struct load_job *job, struct channel_frame *f)
{
    struct keeper *k = job->keeper;
    const struct pack_frame *m = (const void *)f->payload;
    struct pack *pack = NULL;
    if (f->len != sizeof *m || !f->nfds || packs_take(k, f->fds[0], !m->store_errno, &pack))
        return;
    f->fds[0] = -1;
    packs_done(k, job->pack);
    job->pack = pack;
    job->pack_errno = m->store_errno;
    if (m->store_errno)
        packs_tidy(k);
}

static void take_packed_zone(struct load_job *job, const struct packed_item *item)
{
    const struct pack *pack = job->pack;
    struct zone *z = take_reported(job, item->index);
    struct image image;
    size_t len;
    if (!z)
        return;
    struct load_outcome o = outcome_of(z);
    bool ok =
        pack && !(item->offset % 8) && item->offset <= pack->file->size &&
        item->size <= pack->file->size - item->offset &&
        !image_at(pack->file->base + item->offset, item->size, z->keeper->store.key, false, &image);
    const uint8_t *origin = ok ? image_get_origin(&image, &len) : NULL;
    if (!ok || !name_equal(origin, len, z->config->wire, z->config->wire_len)) {
        failed(z, ERR_FORMAT, EVENT_IMAGE_DAMAGED, cannot_open);
        return;
    }
    zone_take_packed(z, job->pack, &image);
    o.changed = item->changed;
    o.store_errno = job->pack_errno;
    o.took_ns = item->took_ns;
    loaded(z, &o);
}

static void take_packed(struct load_job *job, const struct channel_frame *f)
{
    const struct packed_item *item = (const void *)f->payload;
    sync_hold(job->keeper);
    for (size_t i = 0; i < f->len / sizeof *item; i++)
        take_packed_zone(job, &item[i]);
    sync_release(job->keeper);
}

static void take_progress(struct load_job *job, const struct channel_frame *f)
{
    const struct progress_frame *progress = (const void *)f->payload;
    if (f->len != sizeof *progress || progress->index >= job->count ||
        !job->zones[progress->index] || progress->permille > 1000)
        return;
    struct zone *z = job->zones[progress->index];
    z->progress = (uint16_t)progress->permille;
    row_write(z);
}

static void take_result(struct load_job *job, struct channel_frame *f)
{
    struct loaded_frame *m = (void *)f->payload;
    if (job->storing || f->len < sizeof *m || m->index >= job->count || !job->zones[m->index])
        return;
    struct zone *z = job->zones[m->index];
    f->payload[f->len < CHANNEL_PAYLOAD ? f->len : CHANNEL_PAYLOAD - 1] = '\0';
    m->reason[sizeof m->reason - 1] = '\0';
    log_findings(z, m->text);
    if (m->status == LOADED_LATER)
        return;
    take_reported(job, m->index);
    int memory = -1;
    if (m->has_fd && f->nfds) {
        memory = f->fds[0];
        f->fds[0] = -1;
    }
    z->progress = 1000;
    if (m->status == ERR_OK && m->pending)
        job->storing = z;
    if (m->status == ERR_OK)
        take_loaded(z, memory, m);
    else
        failed(z, m->status, m->event, m->reason);
}

static void take_frame(struct load_job *job, struct channel_frame *f)
{
    const struct stored_frame *m = (const void *)f->payload;
    if (f->type == FRAME_PROGRESS)
        take_progress(job, f);
    else if (f->type == FRAME_LOADED)
        take_result(job, f);
    else if (f->type == FRAME_STORED && f->len == sizeof *m && job->storing)
        stored(job, m->store_errno);
    else if (f->type == FRAME_PACK)
        take_pack(job, f);
    else if (f->type == FRAME_PACKED)
        take_packed(job, f);
    else if (f->type == FRAME_ENOUGH)
        job->enough = true;
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
    if (job->place)
        munmap(job->place, sizeof *job->place);
    packs_done(k, job->pack);
    free(job);
}

/* Zones of a child that ended early go back into the queue. */
static void requeue(struct load_job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        struct zone *z = job->zones[i];
        if (!z)
            continue;
        z->load.job = NULL;
        z->load.again = false;
        z->busy = false;
        load_zone(z);
    }
}

/* The zone the child ended of: the one it was at, else the first that was not reported. */
static struct zone *take_culprit(struct load_job *job)
{
    uint32_t at = atomic_load(&job->place->index);
    if (at >= job->count || !job->zones[at]) {
        for (at = 0; !job->zones[at]; at++)
            ;
    }
    return take_reported(job, at);
}

static void blame(struct load_job *job, struct zone *z, const char *how, bool killed)
{
    char reason[160];
    if (killed && ++z->load.kills < KILLS_MAX) {
        log_line(LOG_WARNING, "zone %s: the loading process %s; it is loaded again",
                 z->config->name, how);
        z->load.job = NULL;
        z->load.again = false;
        z->busy = false;
        load_zone(z);
        requeue(job);
        return;
    }
    snprintf(reason, sizeof reason, "the process that loaded it %s",
             *how ? how : "ended without a result");
    z->load.kills = 0;
    requeue(job);
    failed(z, killed ? ERR_MEMORY : ERR_ZONE, killed ? EVENT_MEMORY_OUT : EVENT_FILE_PARSE, reason);
}

static void child_ended(struct load_job *job)
{
    struct keeper *k = job->keeper;
    char how[64];
    bool killed;
    child_wait(job->pid, how, &killed);
    if (job->storing)
        stored(job, EIO);
    if (job->enough)
        requeue(job);
    else if (job->left)
        blame(job, take_culprit(job), how, killed);
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

static void unqueue(struct loads *l, struct zone *z)
{
    *z->load.link = z->load.next;
    if (z->load.next)
        z->load.next->load.link = z->load.link;
    else
        l->tail = z->load.link;
    l->queued--;
    z->load.queued = false;
}

/* How many zones the next child gets. Of a few, none that is better left to another child; of very
 * many the child itself finds out when it has done enough. */
static size_t share_of(const struct loads *l)
{
    size_t share = l->queued / (l->most - l->running) + 1, count = 0;
    uint64_t bytes = 0;
    share = share < l->queued ? share : l->queued;
    if (share >= PACK_LEAST) {
        /* Less and less, so that all end at about the same time. */
        size_t most = l->queued / l->most / 2;
        most = most < BATCH_LEAST ? BATCH_LEAST : most < BATCH_ZONES ? most : BATCH_ZONES;
        return share < most ? share : most;
    }
    for (const struct zone *z = l->head; count < share && bytes < BATCH_TEXT; z = z->load.next) {
        struct image_source source = {0};
        sources_read(z->config->file, &source);
        bytes += source.size;
        count++;
    }
    return count;
}

static struct load_job *gather(struct keeper *k)
{
    size_t count = share_of(&k->loads);
    struct load_job *job = calloc(1, sizeof *job + count * sizeof(struct zone *));
    if (!job)
        return NULL;
    void *place =
        mmap(NULL, sizeof *job->place, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) {
        free(job);
        return NULL;
    }
    *job = (struct load_job){
        .next = k->loads.jobs, .keeper = k, .watch.fd = -1, .place = place, .left = count};
    atomic_store(&job->place->index, NOWHERE);
    k->loads.jobs = job;
    k->loads.running++;
    while (job->count < count) {
        job->zones[job->count++] = k->loads.head;
        unqueue(&k->loads, k->loads.head);
    }
    return job;
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
    struct load_job *job = gather(k);
    int channel;
    if (!job)
        return false;
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
    requeue(job);
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
    z->load.link = l->tail;
    *l->tail = z;
    l->tail = &z->load.next;
    l->queued++;
    z->waiting = true;
    zone_show(z);
    if (!l->retry.place)
        loop_set_timer(&z->keeper->loop, &l->retry, clk_mono_ns());
}

void load_forget(struct zone *z)
{
    struct load_job *job = z->load.job;
    if (z->load.queued)
        unqueue(&z->keeper->loads, z);
    if (!job)
        return;
    /* The child must not store an image of a zone that is gone; what else it had is loaded anew. */
    child_kill(job->pid);
    if (job->storing && job->storing != z)
        stored(job, EIO);
    z->load.job = NULL;
    for (uint32_t i = 0; i < job->count; i++) {
        if (job->zones[i] == z)
            take_reported(job, i);
    }
    requeue(job);
    drop_job(job);
}

void load_fini(struct keeper *k)
{
    while (k->loads.jobs) {
        struct load_job *job = k->loads.jobs;
        bool storing = job->storing, killed;
        char how[64];
        if (job->storing)
            job->storing->load.job = NULL;
        for (size_t i = 0; i < job->count; i++) {
            if (job->zones[i])
                job->zones[i]->load.job = NULL;
        }
        if (storing) { /* what is served now is there at the next start; nothing behind it */
            shutdown(job->watch.fd, SHUT_RDWR);
            child_wait(job->pid, how, &killed);
        } else {
            child_kill(job->pid);
        }
        drop_job(job);
    }
    loop_remove_timer(&k->loop, &k->loads.retry);
}

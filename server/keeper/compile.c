#include "server/keeper/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/node.h"
#include "server/keeper/sources.h"
#include "server/keeper/split.h"
#include "server/keeper/zonetext.h"

enum {
    ATTEMPTS = 3, /* at a file that changes while it is read */
    PROGRESS_RECORDS = 4096,
    DURABLE_BYTES = 1 << 20 /* smaller images of files are not worth waiting for the disk */
};

struct reading {
    const struct compile_job *job;
    struct compile_result *result;
    struct image_builder *builder;
    int fd;
    struct stat st;
    struct places places;
    struct buf files; /* the included ones (sources.h) */
    uint64_t records;
    bool has_soa, failed; /* failed: memory ran out */
};

void compile_tell(struct compile_result *result, const char *severity, const char *where,
                  const char *reason)
{
    buf_printf(&result->text, "%s: %s: %s\n", where, severity, reason);
    if (!*result->reason && !strcmp(severity, "error"))
        snprintf(result->reason, sizeof result->reason, "%s: %s", where, reason);
}

static void fail(struct compile_result *result, int status, enum event event, const char *where,
                 const char *reason)
{
    result->status = status;
    result->event = event;
    compile_tell(result, "error", where, reason);
}

static int take_record(void *ctx, const struct zonetext_record *record, const char **reason)
{
    struct reading *r = ctx;
    r->has_soa = r->has_soa || record->type == TYPE_SOA;
    image_builder_set_place(r->builder, places_number(&r->places, record->line));
    int err = image_builder_add(r->builder, record->owner, record->owner_len, record->type,
                                record->ttl, record->rdata, record->rdata_len);
    if (err)
        *reason = image_builder_reason(r->builder);
    if (++r->records % PROGRESS_RECORDS == 0 && r->job->progress && r->st.st_size > 0)
        r->job->progress(r->job->ctx, (unsigned)(record->at * 900 / r->st.st_size));
    return err;
}

static void take_problem(void *ctx, unsigned line, unsigned column, const char *reason)
{
    struct reading *r = ctx;
    char where[1200];
    const struct places *p = &r->places;
    const char *path = p->count ? p->parts[p->count - 1].path : r->job->zone->file;
    snprintf(where, sizeof where, "%s:%u:%u", path, line, column);
    compile_tell(r->result, "error", where, reason);
}

static void take_file(void *ctx, const char *path, unsigned line, const struct stat *st)
{
    struct reading *r = ctx;
    r->failed |= places_enter(&r->places, path, line) != ERR_OK;
    if (st)
        sources_add(&r->files, path, st);
    r->failed |= r->files.failed;
}

/* "error: …" and "warning 17: …" lines of the builder get the place before them. */
static void tell_findings(struct compile_result *result, struct buf *findings, const char *where,
                          const struct places *places)
{
    char at[1200];
    char *rest = findings->data;
    for (char *line = strtok_r(rest, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        bool error = !strncmp(line, "error", 5);
        char *text = strstr(line, ": "), *space = strchr(line, ' ');
        unsigned long place = text && space && space < text ? strtoul(space, NULL, 10) : 0;
        unsigned n;
        const char *path = places ? places_find(places, (uint32_t)place, &n) : NULL;
        if (path)
            snprintf(at, sizeof at, "%s:%u:1", path, n);
        compile_tell(result, error ? "error" : "warning", path ? at : where,
                     text ? text + 2 : line);
    }
}

static int memory_file(void)
{
    return memfd_create("zonedeck-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* Where the image goes: into the store, or into memory when it cannot be used. */
static int open_target(const struct compile_job *job, struct compile_result *result)
{
    int fd = -1;
    result->pending = store_begin(job->store, job->zone, &fd) == ERR_OK;
    if (!result->pending)
        result->store_errno = errno;
    return result->pending ? fd : memory_file();
}

/* The store took only a part: the image goes into memory. */
static int write_to_memory(const struct compile_job *job, struct image_builder *builder,
                           struct compile_result *result, int *fd)
{
    result->store_errno = errno;
    result->pending = false;
    store_drop(job->store, job->zone);
    close(*fd);
    *fd = memory_file();
    return *fd < 0 ? ERR_SYSTEM : image_builder_write(builder, *fd);
}

static int build(const struct compile_job *job, struct image_builder *builder,
                 const struct image_source *source, struct compile_result *result,
                 struct buf *findings, int *fd)
{
    *fd = -1;
    int err = image_builder_finish(builder, job->key, source, -1, &result->summary, findings);
    if (err)
        return err;
    uint64_t size = result->summary.bytes;
    if (job->pack && size <= PACK_IMAGE_MAX) {
        result->packed = pack_add(job->pack, image_builder_image(builder), size);
        return result->packed ? ERR_OK : ERR_MEMORY;
    }
    if (!job->store)
        return ERR_OK;
    *fd = open_target(job, result);
    err = *fd < 0 ? ERR_SYSTEM : image_builder_write(builder, *fd);
    if (result->pending && !err)
        err = store_written(job->store, job->zone, fd);
    if (result->pending && err == ERR_SYSTEM)
        err = write_to_memory(job, builder, result, fd);
    if (result->pending && err)
        store_drop(job->store, job->zone);
    return err;
}

void compile_finish(const struct compile_job *job, struct image_builder *builder,
                    const struct image_source *source, const char *where,
                    const struct places *places, struct compile_result *result)
{
    struct buf findings = {0};
    int fd, err = build(job, builder, source, result, &findings, &fd);
    if (findings.data)
        tell_findings(result, &findings, where, places);
    buf_fini(&findings);
    result->status = err;
    if (err) {
        result->pending = false;
        result->event = err == ERR_ZONE ? EVENT_FILE_PARSE : EVENT_MEMORY_OUT;
        if (!*result->reason)
            compile_tell(result, "error", where,
                         err == ERR_ZONE ? image_builder_reason(builder) : err_text(err));
        if (fd >= 0)
            close(fd);
        return;
    }
    result->fd = fd;
    result->in_memory = fd >= 0 && !result->pending;
}

void compile_keep(const struct compile_job *job, struct compile_result *result)
{
    bool durable = !job->zone->file || result->summary.bytes >= DURABLE_BYTES;
    if (!result->pending)
        return;
    result->pending = false;
    if (store_keep(job->store, job->zone, result->fd, durable)) {
        result->store_errno = errno;
        result->in_memory = true;
    }
}

void compile_store(const struct compile_job *job, struct compile_result *result)
{
    if (!job->keep_later || result->summary.bytes < DURABLE_BYTES)
        compile_keep(job, result);
}

/* From the start to the end of the file. */
static int read_whole(struct reading *r)
{
    const struct config_zone *zone = r->job->zone;
    struct zonetext_sink sink = {take_record, take_problem, take_file, r, zone->file};
    struct zonetext_state state;
    struct bytes text;
    zonetext_begin(&state, zone->wire, zone->wire_len);
    bytes_of_file(&text, r->fd, 0, r->st.st_size);
    int err = zonetext_read(&text, &r->st, &state, &sink);
    bytes_fini(&text);
    return r->failed ? ERR_MEMORY : err;
}

unsigned compile_threads(const struct compile_job *job, uint64_t bytes)
{
    uint64_t worth = bytes / SPLIT_LEAST;
    long cpus = worth > 1 ? sysconf(_SC_NPROCESSORS_ONLN) : 1; /* which reads a file */
    if (job->yields && cpus > 1)
        cpus = (cpus + 1) / 2;
    return cpus < 1 || worth < 1 ? 1 : worth < (uint64_t)cpus ? (unsigned)worth : (unsigned)cpus;
}

/* In parts. ERR_LIMIT: not that way. */
static int read_split(struct reading *r)
{
    const struct compile_job *job = r->job;
    struct split_job split = {.fd = r->fd,
                              .size = r->st.st_size,
                              .origin = job->zone->wire,
                              .origin_len = job->zone->wire_len,
                              .threads = compile_threads(job, (uint64_t)r->st.st_size),
                              .builder = r->builder,
                              .progress = job->progress,
                              .ctx = job->ctx};
    struct split_result result;
    int err = split_read(&split, &result);
    r->records = result.records;
    r->has_soa = result.has_soa;
    return err;
}

static int read_records(struct reading *r)
{
    const struct config_zone *zone = r->job->zone;
    take_file(r, zone->file, 1, NULL);
    if (compile_threads(r->job, (uint64_t)r->st.st_size) < 2)
        return read_whole(r);
    int err = read_split(r);
    if (err != ERR_LIMIT)
        return err;
    image_builder_free(r->builder);
    r->builder = image_builder_new(zone->wire, zone->wire_len);
    r->records = 0;
    r->has_soa = false;
    return r->builder ? read_whole(r) : ERR_MEMORY;
}

static void read_zone(struct reading *r, const struct image_source *source)
{
    const struct config_zone *zone = r->job->zone;
    int err = read_records(r);
    if (!err) {
        image_builder_set_files(r->builder, r->files.data, r->files.len);
        image_builder_set_threads(r->builder, compile_threads(r->job, (uint64_t)r->st.st_size));
    }
    if (err == ERR_MEMORY) {
        fail(r->result, err, EVENT_MEMORY_OUT, zone->file, err_text(err));
    } else if (err == ERR_SYSTEM) {
        fail(r->result, err, EVENT_FILE_OPEN, zone->file, strerror(errno));
    } else if (err) {
        r->result->status = err;
        r->result->event = EVENT_FILE_PARSE;
    } else if (!r->has_soa) {
        fail(r->result, ERR_ZONE, EVENT_NO_SOA, zone->file,
             r->records ? "the zone has no SOA record" : "the file has no record");
    } else {
        compile_finish(r->job, r->builder, source, zone->file, &r->places, r->result);
    }
}

/* A FIFO must not stop us, and only a plain file has an end. */
static int open_file(const struct compile_job *job, struct compile_result *result, struct stat *st)
{
    const char *path = job->zone->file;
    int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    int fd = job->folder ? folder_open(job->folder, path, flags) : open(path, flags);
    if (fd < 0 || fstat(fd, st) < 0) {
        fail(result, errno == ENOENT ? ERR_MISSING : ERR_SYSTEM, EVENT_FILE_OPEN, path,
             errno == ENOENT ? "the file does not exist" : strerror(errno));
    } else if (!S_ISREG(st->st_mode)) {
        fail(result, ERR_FORMAT, EVENT_FILE_OPEN, path,
             S_ISDIR(st->st_mode) ? "is a directory, not a zone file" : "is not a plain file");
    } else if (st->st_size == 0) {
        fail(result, ERR_ZONE, EVENT_NO_SOA, path, "the file is empty");
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool is_as_it_was(int fd, const struct stat *before)
{
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
           now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* One reading. Returns false when the file changed meanwhile: what was read may be a mixture. */
static bool attempt(const struct compile_job *job, struct compile_result *result)
{
    struct stat before;
    int fd = open_file(job, result, &before);
    if (fd < 0)
        return true;
    struct image_source source = sources_of(&before);
    struct reading r = {.job = job,
                        .result = result,
                        .builder = image_builder_new(job->zone->wire, job->zone->wire_len),
                        .fd = fd,
                        .st = before};
    if (r.builder)
        read_zone(&r, &source);
    else
        fail(result, ERR_MEMORY, EVENT_MEMORY_OUT, job->zone->file, err_text(ERR_MEMORY));
    bool same = is_as_it_was(fd, &before) && sources_are_current(r.files.data, r.files.len);
    places_fini(&r.places);
    buf_fini(&r.files);
    result->spent = r.builder;
    close(fd);
    return same || result->status == ERR_MEMORY;
}

/* A serial that differs is a SOA that differs: only the other case needs a look at all records. */
static void compare(const struct compile_job *job, struct compile_result *result)
{
    struct image *now = NULL, packed;
    uint64_t size = result->summary.bytes;
    if (result->status || !job->served)
        return;
    result->changed = true;
    if (result->summary.serial != image_get_summary(job->served)->serial ||
        (result->packed
             ? image_at(job->pack->bytes + result->packed, size, job->key, false, &packed)
             : image_open(result->fd, 0, size, job->key, false, &now)))
        return;
    result->changed = !image_same_content(job->served, now ? now : &packed);
    image_close(now);
}

void compile_zone(const struct compile_job *job, struct compile_result *result)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        *result = (struct compile_result){.event = EVENT_COUNT, .fd = -1};
        if (attempt(job, result)) {
            compare(job, result);
            compile_store(job, result);
            return;
        }
        if (result->pending)
            store_drop(job->store, job->zone);
        if (result->packed)
            pack_take_back(job->pack);
        compile_fini(result);
    }
    *result = (struct compile_result){.fd = -1};
    fail(result, ERR_ZONE, EVENT_FILE_PARSE, job->zone->file,
         "the file changes while it is read; replace it by rename, then reload");
}

void compile_forget(struct compile_result *result)
{
    image_builder_free(result->spent);
    result->spent = NULL;
}

void compile_fini(struct compile_result *result)
{
    compile_forget(result);
    if (result->fd >= 0)
        close(result->fd);
    result->fd = -1;
    buf_fini(&result->text);
}

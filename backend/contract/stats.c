#include "backend/contract/stats.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/log.h"
#include "backend/base/rnd.h"

static const char stats_magic[8] = "zdstats";
enum { STATS_FORMAT = 3, READ_TRIES = 1000 };

static struct stats *map(int fd)
{
    void *p =
        mmap(NULL, sizeof(struct stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Their memory is there before it is short: events are told when it is. */
static void take_events(struct stats *s)
{
    long page = sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)s->events & -(uintptr_t)page;
    madvise((void *)from, (uintptr_t)s->events + sizeof s->events - from, MADV_POPULATE_WRITE);
}

struct stats *stats_create(int *fd)
{
    int f = memfd_create("zonedeck-stats", MFD_CLOEXEC);
    if (f < 0)
        return NULL;
    struct stats *s = ftruncate(f, sizeof *s) < 0 ? NULL : map(f);
    if (!s) {
        close(f);
        return NULL;
    }
    take_events(s);
    uint8_t random[16];
    rnd_fill(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(s->boot + 2 * i, 3, "%02x", random[i]);
    s->format = STATS_FORMAT;
    s->size_mib = sizeof *s >> 20;
    s->started_at = clk_wall();
    s->started_mono = clk_mono_ns();
    atomic_store(&s->active, STATS_SERVE);
    snprintf(s->version, sizeof s->version, "%s", ZONEDECK_VERSION);
    memcpy(s->magic, stats_magic, sizeof s->magic);
    *fd = f;
    return s;
}

struct stats *stats_map(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size != (off_t)sizeof(struct stats))
        return NULL;
    struct stats *s = map(fd);
    if (s && (memcmp(s->magic, stats_magic, sizeof s->magic) || s->format != STATS_FORMAT)) {
        stats_unmap(s);
        return NULL;
    }
    return s;
}

void stats_unmap(struct stats *stats)
{
    if (stats)
        munmap(stats, sizeof *stats);
}

uint64_t stats_counter(const struct stats *stats, enum counter c)
{
    uint64_t sum = 0;
    uint32_t workers = atomic_load_explicit(&stats->most_workers, memory_order_relaxed);
    if (workers == 0 || workers > STATS_WORKERS)
        workers = STATS_WORKERS;
    for (int p = 0; p < STATS_SERVE; p++) {
        for (uint32_t w = 0; w < workers; w++)
            sum += atomic_load_explicit(&stats->worker[p][w].counter[c], memory_order_relaxed);
    }
    return sum;
}

void stats_row_begin(_Atomic uint32_t *seq)
{
    uint32_t v = atomic_load_explicit(seq, memory_order_relaxed);
    /* A writer that died within a change left an odd number: go on from it. */
    atomic_store_explicit(seq, v | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

void stats_row_end(_Atomic uint32_t *seq)
{
    uint32_t v = atomic_load_explicit(seq, memory_order_relaxed);
    atomic_store_explicit(seq, v + 1, memory_order_release);
}

static bool read_row(const void *row, const _Atomic uint32_t *seq, void *copy, size_t size)
{
    for (int i = 0; i < READ_TRIES; i++) {
        uint32_t before = atomic_load_explicit(seq, memory_order_acquire);
        memcpy(copy, row, size);
        atomic_thread_fence(memory_order_acquire);
        uint32_t after = atomic_load_explicit(seq, memory_order_relaxed);
        if (before == after && !(before & 1))
            return true;
    }
    return false;
}

bool stats_read_zone(const struct stats *stats, uint32_t row, struct stats_zone *copy)
{
    const struct stats_zone_row *z = &stats->zones[row];
    bool ok = false;
    for (int i = 0; i < READ_TRIES && !ok; i++) {
        uint32_t before = atomic_load_explicit(&z->seq, memory_order_acquire);
        memcpy(copy, z, sizeof *z);
        if (copy->has_reason)
            memcpy(copy->reason, stats->zone_reasons[row], sizeof copy->reason);
        else
            copy->reason[0] = '\0';
        atomic_thread_fence(memory_order_acquire);
        ok = before == atomic_load_explicit(&z->seq, memory_order_relaxed) && !(before & 1);
    }
    copy->reason[sizeof copy->reason - 1] = '\0';
    return ok;
}

bool stats_read_transfer(const struct stats_transfer *row, struct stats_transfer *copy)
{
    bool ok = read_row(row, &row->seq, copy, sizeof *copy);
    copy->peer[sizeof copy->peer - 1] = copy->reason[sizeof copy->reason - 1] = '\0';
    return ok;
}

bool stats_read_event(const struct stats_event *row, struct stats_event *copy)
{
    bool ok = read_row(row, &row->seq, copy, sizeof *copy);
    copy->subject[sizeof copy->subject - 1] = copy->text[sizeof copy->text - 1] = '\0';
    return ok;
}

void stats_zone_name(const struct stats *stats, const struct stats_zone *copy, char name[1024])
{
    size_t len = copy->name_len;
    if (copy->state == ZONE_NONE || len >= 1024 || (size_t)copy->name + len > STATS_NAMES)
        len = 0;
    memcpy(name, stats->names + (len ? copy->name : 0), len);
    name[len] = '\0';
}

void stats_event(struct stats *stats, unsigned process, enum event event, int error,
                 const char *subject, const char *format, ...)
{
    struct stats_events *ring = &stats->events[process];
    uint64_t n = atomic_load_explicit(&ring->count, memory_order_relaxed);
    struct stats_event *e = &ring->row[n % STATS_EVENTS];
    stats_row_begin(&e->seq);
    e->event = event;
    e->at = clk_wall_ns();
    e->error = error;
    e->pid = (int32_t)getpid();
    snprintf(e->subject, sizeof e->subject, "%s", subject);
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    stats_row_end(&e->seq);
    atomic_store_explicit(&ring->count, n + 1, memory_order_release);

    const struct event_info *info = &event_info[event];
    enum log_level level = info->severity == SEVERITY_ERROR     ? LOG_ERROR
                           : info->severity == SEVERITY_WARNING ? LOG_WARNING
                                                                : LOG_NOTICE;
    log_line(level, "event %u: %s%s%s%s%s", info->number, *subject ? subject : "",
             *subject ? ": " : "", info->title, *e->text ? ": " : "", e->text);
}

void stats_heartbeat(struct stats *stats, unsigned process)
{
    struct stats_process *p = &stats->process[process];
    atomic_fetch_add_explicit(&p->heartbeat, 1, memory_order_relaxed);
    atomic_store_explicit(&p->heartbeat_at, clk_mono_ns(), memory_order_relaxed);
}

#include "server/supervisor/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/clk.h"

static const int64_t hang_after = 5 * CLK_SECOND, first_beat_within = 30 * CLK_SECOND;
static const int64_t abort_grace = 500 * CLK_MS, memory_every = 5 * CLK_SECOND;

static bool is_late(const struct supervisor *sup, int64_t beat, int64_t limit)
{
    return sup->now - (beat > sup->hang_from ? beat : sup->hang_from) > limit;
}

/* The number of the worker that hangs, -1 none. */
static int find_hung_worker(struct supervisor *sup, const struct child *c)
{
    for (int w = 0; c->slot < STATS_SERVE && w < STATS_WORKERS; w++) {
        int64_t beat = atomic_load(&sup->stats->worker[c->slot][w].heartbeat_at);
        if (beat != 0 && is_late(sup, beat, hang_after))
            return w;
    }
    return -1;
}

static void end_hung(struct supervisor *sup, struct child *c, const char *what)
{
    c->doomed = true;
    /* SIGABRT leaves a core; a stopped process takes SIGKILL only. */
    c->abort_at = sup->now;
    c->kill_at = sup->now + abort_grace;
    stats_event(sup->stats, STATS_SUPERVISOR, EVENT_HANG, 0, role_name(c->role),
                "pid %d: %s; it is ended", (int)c->pid, what);
}

void watch_heartbeats(struct supervisor *sup)
{
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        struct child *c = &sup->child[i];
        if (!child_alive(c) || c->adopted || c->doomed || c->kill_at != 0)
            continue;
        int64_t beat = atomic_load(&sup->stats->process[i].heartbeat_at);
        int worker = find_hung_worker(sup, c);
        char what[96] = "";
        if (beat == 0 && is_late(sup, c->spawned_at, first_beat_within))
            snprintf(what, sizeof what, "no sign of life since its start");
        else if (beat != 0 && is_late(sup, beat, hang_after))
            snprintf(what, sizeof what, "no sign of life for %.1f s",
                     (double)(sup->now - beat) / 1e9);
        else if (worker >= 0)
            snprintf(what, sizeof what, "worker %d gives no sign of life", worker);
        if (*what)
            end_hung(sup, c, what);
    }
}

static void read_text(pid_t pid, const char *file, char *text, size_t cap)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, cap - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
}

/* What a process has of memory in proportion: images that all of them map count once. Where that
 * may not be read, what is resident. */
static uint64_t memory_of(pid_t pid)
{
    char text[2048];
    unsigned long long size, pages = 0, kb;
    read_text(pid, "smaps_rollup", text, sizeof text);
    const char *pss = strstr(text, "\nPss:");
    if (pss && sscanf(pss, "\nPss: %llu", &kb) == 1)
        return kb * 1024;
    read_text(pid, "statm", text, sizeof text);
    if (sscanf(text, "%llu %llu", &size, &pages) != 2)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void watch_memory(struct supervisor *sup)
{
    uint64_t limit = atomic_load(&sup->stats->memory_limit);
    if (limit == 0 || sup->now < sup->memory_at)
        return;
    sup->memory_at = sup->now + memory_every;
    uint64_t sum = memory_of(getpid());
    for (unsigned i = 0; i < STATS_PROCESSES; i++)
        sum += child_alive(&sup->child[i]) ? memory_of(sup->child[i].pid) : 0;
    if (sum > limit && !sup->memory_over)
        stats_event(
            sup->stats, STATS_SUPERVISOR, EVENT_MEMORY_EXCESSIVE, 0, "",
            "all processes together use %llu MiB of memory; policy.memory-limit is %llu MiB",
            (unsigned long long)(sum >> 20), (unsigned long long)(limit >> 20));
    /* A little below, so that a sum at the limit is told once. */
    if (sum > limit || sum < limit - limit / 20)
        sup->memory_over = sum > limit;
}

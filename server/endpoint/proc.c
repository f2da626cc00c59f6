#include "server/endpoint/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fields of /proc/PID/stat behind the name in parentheses, counted from the state (field 3). */
enum { STAT_UTIME = 11, STAT_STIME = 12, STAT_THREADS = 17, STAT_FIELDS = 18 };

bool proc_parse_stat(const char *text, uint64_t ticks_per_second, struct proc_basic *out)
{
    /* The name may hold anything, parentheses and spaces too; the last one ends it. */
    const char *p = strrchr(text, ')');
    if (!p || p[1] != ' ' || !p[2] || p[3] != ' ' || ticks_per_second == 0)
        return false;
    uint64_t field[STAT_FIELDS] = {0};
    p += 3;
    for (int i = 1; i < STAT_FIELDS; i++) {
        char *end;
        errno = 0;
        long long v = strtoll(p, &end, 10);
        if (end == p || errno)
            return false;
        field[i] = v < 0 ? 0 : (uint64_t)v;
        p = end;
    }
    out->cpu_us = (field[STAT_UTIME] + field[STAT_STIME]) * 1000000 / ticks_per_second;
    out->threads = field[STAT_THREADS];
    return true;
}

bool proc_parse_statm(const char *text, uint64_t page_size, struct proc_basic *out)
{
    unsigned long long size, resident;
    if (sscanf(text, "%20llu %20llu", &size, &resident) != 2)
        return false;
    out->rss = resident * page_size;
    return true;
}

uint64_t proc_parse_kb(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line && *line;) {
        if (!strncmp(line, name, len) && line[len] == ':') {
            char *end;
            errno = 0;
            unsigned long long v = strtoull(line + len + 1, &end, 10);
            bool good = !errno && !strncmp(end, " kB", 3) && v <= UINT64_MAX / 2048;
            return good ? v * 1024 : PROC_UNKNOWN;
        }
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return PROC_UNKNOWN;
}

/* One read, as the kernel gives these files whole. */
static bool slurp(const char *path, char *text, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t n = 0;
    ssize_t got;
    while (n < cap - 1 &&
           ((got = read(fd, text + n, cap - 1 - n)) > 0 || (got < 0 && errno == EINTR)))
        n += got > 0 ? (size_t)got : 0;
    close(fd);
    text[n] = '\0';
    return n > 0;
}

static bool slurp_of(pid_t pid, const char *file, char *text, size_t cap)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    return pid > 0 && slurp(path, text, cap);
}

bool proc_read_basic(pid_t pid, struct proc_basic *out)
{
    char text[1024];
    *out = (struct proc_basic){PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN};
    if (!slurp_of(pid, "stat", text, sizeof text))
        return false;
    proc_parse_stat(text, (uint64_t)sysconf(_SC_CLK_TCK), out);
    if (slurp_of(pid, "statm", text, sizeof text))
        proc_parse_statm(text, (uint64_t)sysconf(_SC_PAGESIZE), out);
    return true;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a == PROC_UNKNOWN || b == PROC_UNKNOWN ? PROC_UNKNOWN : a + b;
}

bool proc_read_maps(pid_t pid, struct proc_maps *out)
{
    char text[4096];
    *out = (struct proc_maps){PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN, PROC_UNKNOWN};
    bool any = slurp_of(pid, "status", text, sizeof text);
    if (any) {
        out->peak = proc_parse_kb(text, "VmHWM");
        out->swap = proc_parse_kb(text, "VmSwap");
    }
    if (!slurp_of(pid, "smaps_rollup", text, sizeof text))
        return any;
    out->pss = proc_parse_kb(text, "Pss");
    out->private_bytes =
        sum(proc_parse_kb(text, "Private_Clean"), proc_parse_kb(text, "Private_Dirty"));
    out->shared_bytes =
        sum(proc_parse_kb(text, "Shared_Clean"), proc_parse_kb(text, "Shared_Dirty"));
    return true;
}

void proc_read_machine(struct proc_machine *out)
{
    char text[4096];
    *out = (struct proc_machine){PROC_UNKNOWN, PROC_UNKNOWN};
    if (!slurp("/proc/meminfo", text, sizeof text))
        return;
    out->total = proc_parse_kb(text, "MemTotal");
    out->available = proc_parse_kb(text, "MemAvailable");
}

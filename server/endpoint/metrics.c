#include "server/endpoint/metrics.h"

#include <string.h>

#include "backend/base/clk.h"
#include "server/endpoint/liveness.h"
#include "server/endpoint/survey.h"
#include "server/endpoint/usage.h"

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# TYPE zonedeck_%s %s\n# HELP zonedeck_%s %s.\n", name, type, name, help);
}

static bool is_first_of_family(int row)
{
    for (int i = 0; i < row; i++) {
        if (!strcmp(counter_info[i].family, counter_info[row].family))
            return false;
    }
    return true;
}

static void counters(struct buf *b, const struct stats *s)
{
    for (int f = 0; f < COUNTER_COUNT; f++) {
        if (!is_first_of_family(f))
            continue;
        family(b, counter_info[f].family, "counter", counter_info[f].help);
        for (int i = f; i < COUNTER_COUNT; i++) {
            const char *label = counter_info[i].label;
            if (strcmp(counter_info[i].family, counter_info[f].family))
                continue;
            buf_printf(b, "zonedeck_%s_total%s%s%s %llu\n", counter_info[i].family,
                       *label ? "{" : "", label, *label ? "}" : "",
                       (unsigned long long)stats_counter(s, (enum counter)i));
        }
    }
}

/* A label value: the three characters that need it are escaped; others than ASCII are left out. */
static void label(struct buf *b, const char *text)
{
    buf_puts(b, "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(b, "\\%c", *p);
        else if (*p >= 0x20 && *p < 0x7f)
            buf_add(b, p, 1);
    }
    buf_puts(b, "\"");
}

static void server(struct buf *b, const struct context *c)
{
    const struct stats *s = c->stats;
    family(b, "build", "info", "The running version");
    buf_puts(b, "zonedeck_build_info{version=");
    label(b, c->version);
    buf_puts(b, ",boot=");
    label(b, c->boot);
    buf_puts(b, "} 1\n");
    family(b, "serving", "gauge", "1 while a live process answers queries");
    buf_printf(b, "zonedeck_serving %d\n", liveness_active(s, clk_mono_ns()) < STATS_SERVE);
    family(b, "start_time_seconds", "gauge", "When the server was started");
    buf_printf(b, "zonedeck_start_time_seconds %lld\n", (long long)c->started_at);
    family(b, "restarts", "counter", "Planned restarts of the service");
    buf_printf(b, "zonedeck_restarts_total %llu\n", (unsigned long long)atomic_load(&s->restarts));
    family(b, "crashes", "counter", "Processes that ended unexpectedly");
    buf_printf(b, "zonedeck_crashes_total %llu\n", (unsigned long long)atomic_load(&s->crashes));
    family(b, "config_load_time_seconds", "gauge", "When the last good configuration was loaded");
    buf_printf(b, "zonedeck_config_load_time_seconds %lld\n",
               (long long)atomic_load(&s->config_at));
    family(b, "memory_limit_bytes", "gauge", "The memory limit of the server, 0 for none");
    buf_printf(b, "zonedeck_memory_limit_bytes %llu\n",
               (unsigned long long)atomic_load(&s->memory_limit));
}

static void zones(struct buf *b, const struct context *c)
{
    struct survey_sums sums;
    family(b, "zones", "gauge", "Zones by state");
    for (unsigned i = ZONE_NONE + 1; i < ZONE_STATE_COUNT; i++)
        buf_printf(b, "zonedeck_zones{state=\"%s\"} %u\n", zone_state_name(i),
                   atomic_load(&c->stats->zones_by_state[i]));
    survey_sums(c, &sums);
    family(b, "image_bytes", "gauge", "Bytes of all compiled zones");
    buf_printf(b, "zonedeck_image_bytes %llu\n", (unsigned long long)sums.image_bytes);
    family(b, "transfers_running", "gauge", "Zone transfers now running");
    buf_printf(b, "zonedeck_transfers_running{direction=\"in\"} %u\n", sums.in_running);
    buf_printf(b, "zonedeck_transfers_running{direction=\"out\"} %u\n", sums.out_running);
    family(b, "transfers_failing", "gauge", "Primaries whose last transfer failed");
    buf_printf(b, "zonedeck_transfers_failing %u\n", sums.in_failing);
}

/* A value of each process: its family, and how to find it; PROC_UNKNOWN leaves it out. */
struct process_value {
    const char *name, *type, *suffix, *help;
    uint64_t (*value)(const struct context *c, unsigned process, const struct usage_process *u);
    unsigned divisor; /* of the value, a power of ten */
};

static uint64_t rss(const struct context *c, unsigned p, const struct usage_process *u)
{
    (void)c, (void)p;
    return u->basic.rss;
}

static uint64_t pss(const struct context *c, unsigned p, const struct usage_process *u)
{
    (void)c, (void)p;
    return u->maps.pss;
}

static uint64_t cpu(const struct context *c, unsigned p, const struct usage_process *u)
{
    (void)c, (void)p;
    return u->basic.cpu_us;
}

static uint64_t threads(const struct context *c, unsigned p, const struct usage_process *u)
{
    (void)c, (void)p;
    return u->basic.threads;
}

static uint64_t starts(const struct context *c, unsigned p, const struct usage_process *u)
{
    (void)u;
    return atomic_load(&c->stats->process[p].starts);
}

static uint64_t age(const struct context *c, unsigned p, const struct usage_process *u)
{
    int64_t ms = liveness_age_ms(c->stats, p, clk_mono_ns());
    return ms < 0 || !u->alive ? PROC_UNKNOWN : (uint64_t)ms;
}

static const struct process_value values[] = {
    {"process_resident_memory_bytes", "gauge", "", "Resident memory of a process", rss, 1},
    {"process_proportional_memory_bytes", "gauge", "",
     "Memory with shared pages divided by their users", pss, 1},
    {"process_cpu_seconds", "counter", "_total", "Processor time of a process", cpu, 1000000},
    {"process_threads", "gauge", "", "Threads of a process", threads, 1},
    {"process_starts", "counter", "_total", "How often a process was started in this place", starts,
     1},
    {"process_heartbeat_age_seconds", "gauge", "", "Seconds since a process last showed progress",
     age, 1000},
};

static void processes(struct buf *b, const struct context *c)
{
    struct usage_process u[STATS_PROCESSES];
    for (unsigned p = 0; p < STATS_PROCESSES; p++)
        usage_get(c->usage, c->stats, p, &u[p]);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct process_value *v = &values[i];
        family(b, v->name, v->type, v->help);
        for (unsigned p = 0; p < STATS_PROCESSES; p++) {
            const struct stats_process *row = &c->stats->process[p];
            uint64_t n = v->value(c, p, &u[p]);
            if (n == PROC_UNKNOWN || atomic_load(&row->state) == PROCESS_NONE)
                continue;
            buf_printf(b, "zonedeck_%s%s{role=\"%s\",slot=\"%u\"} ", v->name, v->suffix,
                       role_name(atomic_load(&row->role)), p);
            buf_printf(b, v->divisor == 1 ? "%.0f\n" : "%.6f\n", (double)n / v->divisor);
        }
    }
}

void metrics_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    r->status = 200;
    r->type = reply_metrics;
    server(&r->body, c);
    counters(&r->body, c->stats);
    zones(&r->body, c);
    processes(&r->body, c);
    buf_puts(&r->body, "# EOF\n");
}

#include "server/endpoint/status.h"

#include <unistd.h>

#include "backend/base/clk.h"
#include "server/endpoint/liveness.h"
#include "server/endpoint/survey.h"
#include "server/endpoint/usage.h"

/* The sums over all processes, gathered while they are written. */
struct totals {
    uint64_t rss, pss, cpu_us;
    bool pss_known;
};

static void add_known(uint64_t *sum, uint64_t value)
{
    if (value != PROC_UNKNOWN)
        *sum += value;
}

static bool is_row_used(const struct stats *stats, unsigned process)
{
    return atomic_load(&stats->process[process].state) != PROCESS_NONE;
}

static void render_exit(struct buf *b, const struct stats_process *row)
{
    int64_t at = atomic_load(&row->exit_at);
    if (!at) {
        buf_puts(b, ",\"last_exit\":null");
        return;
    }
    buf_printf(b, ",\"last_exit\":{\"at\":%lld,\"status\":%d,\"signal\":%d}", (long long)at,
               atomic_load(&row->exit_status), atomic_load(&row->exit_signal));
}

static void render_process(struct buf *b, const struct context *c, unsigned process,
                           struct totals *totals)
{
    const struct stats_process *row = &c->stats->process[process];
    struct usage_process u;
    usage_get(c->usage, c->stats, process, &u);
    int64_t started = atomic_load(&row->started_at), now = clk_mono_ns();
    int64_t age = liveness_age_ms(c->stats, process, now), uptime = clk_wall() - started;
    unsigned state = liveness_is_gone(c, process) ? PROCESS_DEAD : atomic_load(&row->state);
    bool over = state == PROCESS_DEAD || !u.alive;
    buf_printf(b, "{\"role\":\"%s\"", role_name(atomic_load(&row->role)));
    json_text(b, "state", process_state_name(state));
    json_signed(b, "pid", u.pid);
    json_epoch(b, "started", started);
    json_signed(b, "uptime", started && !over && uptime > 0 ? uptime : 0);
    json_number(b, "starts", atomic_load(&row->starts));
    json_known(b, "threads", u.basic.threads);
    json_known(b, "rss", u.basic.rss);
    json_known(b, "pss", u.maps.pss);
    json_known(b, "cpu_us", u.basic.cpu_us);
    json_known(b, "heartbeat_age_ms", age < 0 ? PROC_UNKNOWN : (uint64_t)age);
    json_bool(b, "stale", !over && liveness_is_stale(c->stats, process, now));
    render_exit(b, row);
    buf_puts(b, "}");
    add_known(&totals->rss, u.basic.rss);
    add_known(&totals->pss, u.maps.pss);
    add_known(&totals->cpu_us, u.basic.cpu_us);
    totals->pss_known &= !u.alive || u.maps.pss != PROC_UNKNOWN;
}

static void render_processes(struct buf *b, const struct context *c, struct totals *totals)
{
    *totals = (struct totals){.pss_known = true};
    buf_puts(b, ",\"processes\":[");
    const char *comma = "";
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        /* The supervisor first, then who answers, then the rest: the order a person reads. */
        unsigned p = i == 0 ? STATS_SUPERVISOR : i <= STATS_SERVE ? i - 1 : i;
        if (!is_row_used(c->stats, p))
            continue;
        buf_puts(b, comma);
        render_process(b, c, p, totals);
        comma = ",";
    }
    buf_puts(b, "]");
}

static int32_t supervisor_pid(const struct context *c)
{
    return atomic_load(&c->stats->process[STATS_SUPERVISOR].pid);
}

static void render_server(struct buf *b, const struct context *c)
{
    const struct stats *s = c->stats;
    int64_t now = clk_mono_ns();
    uint64_t limit = atomic_load(&s->memory_limit);
    buf_puts(b, ",\"server\":{\"name\":");
    buf_json(b, c->host);
    json_text(b, "version", c->version);
    json_signed(b, "pid", supervisor_pid(c));
    json_text(b, "state", liveness_state(s, now));
    json_signed(b, "uptime", (now - c->started_mono) / CLK_SECOND);
    json_text(b, "config", c->config);
    json_epoch(b, "config_loaded", atomic_load(&s->config_at));
    json_number(b, "restarts", atomic_load(&s->restarts));
    json_number(b, "crashes", atomic_load(&s->crashes));
    json_number(b, "workers", atomic_load(&s->workers));
    json_signed(b, "cores", sysconf(_SC_NPROCESSORS_ONLN));
    json_known(b, "memory_limit", limit ? limit : PROC_UNKNOWN);
    buf_puts(b, "}");
}

static void render_zones(struct buf *b, const struct stats *s)
{
    uint64_t total = 0;
    for (unsigned i = ZONE_NONE + 1; i < ZONE_STATE_COUNT; i++)
        total += atomic_load(&s->zones_by_state[i]);
    buf_printf(b, ",\"zones\":{\"total\":%llu", (unsigned long long)total);
    json_bool(b, "settled", atomic_load(&s->zones_settled));
    buf_puts(b, ",\"by_state\":{");
    for (unsigned i = ZONE_NONE + 1; i < ZONE_STATE_COUNT; i++)
        buf_printf(b, "%s\"%s\":%u", i == ZONE_NONE + 1 ? "" : ",", zone_state_name(i),
                   atomic_load(&s->zones_by_state[i]));
    buf_puts(b, "}}");
}

static void render_memory(struct buf *b, const struct totals *totals)
{
    struct proc_machine machine;
    proc_read_machine(&machine);
    buf_printf(b, ",\"memory\":{\"rss\":%llu", (unsigned long long)totals->rss);
    json_known(b, "pss", totals->pss_known ? totals->pss : PROC_UNKNOWN);
    json_known(b, "system_total", machine.total);
    json_known(b, "system_available", machine.available);
    buf_puts(b, "}");
    json_number(b, "cpu_us", totals->cpu_us);
}

static void render_counters(struct buf *b, const struct stats *s)
{
    uint64_t open = 0;
    uint32_t workers = atomic_load(&s->workers);
    for (unsigned p = 0; p < STATS_SERVE; p++) {
        unsigned state = atomic_load(&s->process[p].state);
        bool running = state != PROCESS_NONE && state != PROCESS_DEAD;
        for (uint32_t w = 0; w < workers && w < STATS_WORKERS && running; w++)
            open += atomic_load(&s->worker[p][w].connections);
    }
    json_number(b, "tcp_connections", open);
    buf_puts(b, ",\"counters\":{");
    for (int i = 0; i < COUNTER_COUNT; i++)
        buf_printf(b, "%s\"%s\":%llu", i ? "," : "", counter_info[i].name,
                   (unsigned long long)stats_counter(s, (enum counter)i));
    buf_puts(b, "}");
}

static void render_problems(struct buf *b, const struct context *c)
{
    struct problems problems;
    survey_problems(c, &problems);
    buf_puts(b, ",\"problems\":[");
    for (unsigned i = 0; i < problems.count; i++) {
        const struct problem *p = &problems.list[i];
        const struct event_info *info = &event_info[p->event];
        buf_printf(b, "%s{\"severity\":\"%s\"", i ? "," : "", severity_name(p->severity));
        json_number(b, "event", info->number);
        json_text(b, "subject", p->subject);
        json_text(b, "text", p->text);
        json_text(b, "remedy", p->remedy ? p->remedy : info->remedy);
        json_epoch(b, "since", p->since);
        buf_puts(b, "}");
    }
    buf_puts(b, "]");
    json_number(b, "problems_total", problems.total);
}

void status_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    struct totals totals;
    struct survey_sums sums;
    reply_open(r, c, 200);
    render_server(&r->body, c);
    render_processes(&r->body, c, &totals);
    render_zones(&r->body, c->stats);
    render_memory(&r->body, &totals);
    render_counters(&r->body, c->stats);
    survey_sums(c, &sums);
    buf_printf(&r->body, ",\"transfers\":{\"in_running\":%u,\"in_failing\":%u,\"out_running\":%u}",
               sums.in_running, sums.in_failing, sums.out_running);
    render_problems(&r->body, c);
    reply_end(r);
}

void memory_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    struct proc_machine machine;
    struct survey_sums sums;
    struct buf *b = &r->body;
    const char *comma = "";
    reply_open(r, c, 200);
    buf_puts(b, ",\"processes\":[");
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        if (!is_row_used(c->stats, p))
            continue;
        struct usage_process u;
        usage_get(c->usage, c->stats, p, &u);
        const struct stats_process *row = &c->stats->process[p];
        buf_printf(b, "%s{\"role\":\"%s\"", comma, role_name(atomic_load(&row->role)));
        bool gone = liveness_is_gone(c, p);
        json_text(b, "state", process_state_name(gone ? PROCESS_DEAD : atomic_load(&row->state)));
        json_signed(b, "pid", u.pid);
        json_known(b, "rss", u.basic.rss);
        json_known(b, "pss", u.maps.pss);
        json_known(b, "private", u.maps.private_bytes);
        json_known(b, "shared", u.maps.shared_bytes);
        json_known(b, "swap", u.maps.swap);
        /* The two are read at different times. */
        bool known = u.maps.peak != PROC_UNKNOWN && u.basic.rss != PROC_UNKNOWN;
        json_known(b, "peak", known && u.basic.rss > u.maps.peak ? u.basic.rss : u.maps.peak);
        buf_puts(b, "}");
        comma = ",";
    }
    survey_sums(c, &sums);
    buf_printf(b, "],\"images\":{\"zones\":%llu,\"bytes\":%llu}", (unsigned long long)sums.images,
               (unsigned long long)sums.image_bytes);
    proc_read_machine(&machine);
    json_known(b, "system_total", machine.total);
    json_known(b, "system_available", machine.available);
    reply_end(r);
}

static void say(const struct request *q, struct reply *r, const char *name, const char *wrong,
                const char *remedy)
{
    if (wrong) {
        reply_error(r, q->context, 503, wrong, remedy);
        return;
    }
    reply_open(r, q->context, 200);
    json_bool(&r->body, name, true);
    reply_end(r);
}

void health_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    const char *wrong = NULL;
    if (atomic_load(&c->supervisor_gone))
        wrong = "the supervisor is gone";
    else if (liveness_is_stale(c->stats, STATS_SUPERVISOR, clk_mono_ns()))
        wrong = "the supervisor makes no progress";
    say(q, r, "healthy", wrong, "Start the server again: queries are answered until then.");
}

void ready_get(const struct request *q, struct reply *r)
{
    const struct stats *s = q->context->stats;
    const char *wrong = NULL;
    uint32_t waiting = atomic_load(&s->zones_by_state[ZONE_QUEUED]) +
                       atomic_load(&s->zones_by_state[ZONE_LOADING]);
    if (atomic_load(&s->stopping))
        wrong = "the server is stopping";
    else if (liveness_active(s, clk_mono_ns()) == STATS_SERVE)
        wrong = "no process answers queries";
    else if (waiting || !atomic_load(&s->zones_settled))
        wrong = "zones wait for their first load";
    say(q, r, "ready", wrong, "See GET /v1/status.");
}

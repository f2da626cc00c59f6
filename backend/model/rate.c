#include "backend/model/rate.h"

#include <string.h>

static void series_close(struct series *s)
{
    struct value *slot = &s->slot[s->step % SERIES_SLOTS];
    *slot = s->samples ? value_of(s->sum / s->samples) : (struct value){0};
    s->sum = s->samples = 0;
}

void series_add(struct series *s, int64_t time_ms, struct value v)
{
    int64_t step = time_ms / (SERIES_STEP * 1000);
    if (step < 0 || v.state != VALUE_DATA)
        return;
    if (step < s->step || step - s->step >= SERIES_SLOTS || s->step == 0) {
        memset(s, 0, sizeof(*s));
        s->step = step;
    }
    while (s->step < step) {
        series_close(s);
        s->step++;
    }
    s->sum += v.n;
    s->samples++;
}

struct value series_at(const struct series *s, unsigned back)
{
    int64_t step = s->step - 1 - (int64_t)back;
    if (step < 0 || back >= SERIES_SLOTS - 1)
        return (struct value){0};
    return s->slot[step % SERIES_SLOTS];
}

static struct value per_second(int64_t before, int64_t now, int64_t ms)
{
    int64_t delta;
    if (__builtin_sub_overflow(now, before, &delta) || delta < 0 || ms <= 0)
        return (struct value){0};
    return value_of((int64_t)((double)delta * 1e6 / (double)ms));
}

static void update_counters(struct rates *r, const struct model_status *s, int64_t ms)
{
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        bool both = value_known(r->last[i]) && value_known(s->counters[i]) && ms > 0;
        r->counter[i] = both ? per_second(r->last[i].n, s->counters[i].n, ms) : (struct value){0};
        r->last[i] = s->counters[i];
    }
    r->queries = value_sum(&r->counter[COUNTER_UDP4_QUERIES], 4);
    r->answers = value_sum(&r->counter[COUNTER_NOERROR], COUNTER_OTHER_RCODE - COUNTER_NOERROR + 1);
}

static struct value process_cpu(const struct rates *r, const struct model_process *p, int64_t ms)
{
    if (!value_known(p->pid) || !value_known(p->cpu_us) || ms <= 0)
        return (struct value){0};
    for (unsigned i = 0; i < r->last_cpu_count; i++) {
        if (r->last_cpu[i].pid != p->pid.n)
            continue;
        struct value v = per_second(r->last_cpu[i].cpu_us, p->cpu_us.n, ms);
        v.n /= 1000000;
        return v;
    }
    return (struct value){0};
}

static void update_cpu(struct rates *r, const struct model_status *s, int64_t ms)
{
    for (unsigned i = 0; i < s->process_count; i++)
        r->cpu[i] = process_cpu(r, &s->processes[i], ms);
    r->cpu_total = value_sum(r->cpu, s->process_count);
    r->last_cpu_count = s->process_count;
    for (unsigned i = 0; i < s->process_count; i++) {
        r->last_cpu[i].pid = value_or(s->processes[i].pid, -1);
        r->last_cpu[i].cpu_us = value_or(s->processes[i].cpu_us, INT64_MAX);
    }
}

void rates_update(struct rates *r, const struct model_status *s)
{
    bool same = r->primed && !strcmp(r->boot, s->stamp.boot);
    int64_t ms = same ? s->stamp.time_ms - r->time_ms : 0;
    update_counters(r, s, ms);
    update_cpu(r, s, ms);
    r->primed = true;
    memcpy(r->boot, s->stamp.boot, sizeof(r->boot));
    r->time_ms = s->stamp.time_ms;
    series_add(&r->queries_series, r->time_ms, r->queries);
    series_add(&r->cpu_series, r->time_ms, r->cpu_total);
    series_add(&r->memory_series, r->time_ms,
               value_known(s->memory.pss) ? s->memory.pss : s->memory.rss);
}

static void mark(struct value *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (values[i].state == VALUE_DATA)
            values[i].state = VALUE_STALE;
    }
}

void rates_mark_stale(struct rates *r)
{
    mark(r->counter, COUNTER_COUNT);
    mark(&r->queries, 1);
    mark(&r->answers, 1);
    mark(r->cpu, MODEL_PROCESSES);
    mark(&r->cpu_total, 1);
}

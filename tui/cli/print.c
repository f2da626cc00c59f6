#include "tui/cli/print.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/model/format.h"
#include "backend/model/model.h"

/* Prints with everything that is not printable ASCII escaped, but for the line feed at the end;
 * at most `width` columns unless that is 0. */
static void put_text(FILE *to, unsigned width, const char *text)
{
    struct buf line = {0};
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        buf_printf(&line, *p >= 0x20 && *p < 0x7f ? "%c" : "\\x%02x", *p);
    if (width && line.len > width) {
        line.len = width;
        line.data[width - 1] = '>';
    }
    while (line.len && line.data[line.len - 1] == ' ')
        line.len--;
    fprintf(to, "%.*s\n", (int)line.len, line.data ? line.data : "");
    buf_fini(&line);
}

static void put(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(FILE *to, const char *format, ...)
{
    struct buf line = {0};
    va_list ap;
    va_start(ap, format);
    buf_vprintf(&line, format, ap);
    va_end(ap);
    put_text(to, 0, line.data ? line.data : "");
    buf_fini(&line);
}

static const char *dash(const char *text)
{
    return text[0] ? text : "-";
}

struct print print_begin(void)
{
    struct winsize size;
    bool known = isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return (struct print){.now = clk_wall(), .width = known ? size.ws_col : 0};
}

int print_end(const struct print *p)
{
    if (p->bad_reply)
        fputs("zonedeck: the reply is not what a zonedeck server sends\n", stderr);
    return p->bad_reply || fflush(stdout) ? 1 : 0;
}

static void put_processes(const struct model_process *rows, unsigned count)
{
    put(stdout, "%-11s %-9s %8s %8s %4s %8s %8s", "PROCESS", "STATE", "PID", "UP", "THR", "RSS",
        "PSS");
    for (unsigned i = 0; i < count; i++) {
        const struct model_process *p = &rows[i];
        put(stdout, "%-11s %-9s %8s %8s %4s %8s %8s", p->role, dash(p->state),
            format_value(p->pid, UNIT_EXACT).text, format_value(p->uptime, UNIT_SECONDS).text,
            format_value(p->threads, UNIT_EXACT).text, format_value(p->rss, UNIT_BYTES).text,
            format_value(p->pss, UNIT_BYTES).text);
    }
}

static void put_zone_counts(const struct model_status *st)
{
    struct buf line = {0};
    buf_printf(&line, "zones    %s", format_value(st->zones_total, UNIT_EXACT).text);
    for (unsigned i = 0; i < ZONE_STATE_COUNT; i++) {
        if (value_or(st->zones_by_state[i], 0))
            buf_printf(&line, ", %s %s", format_value(st->zones_by_state[i], UNIT_EXACT).text,
                       zone_state_name(i));
    }
    put(stdout, "%s", line.data ? line.data : "");
    buf_fini(&line);
}

static void put_problems(const struct model_status *st)
{
    for (unsigned i = 0; i < st->problem_count; i++) {
        const struct model_problem *p = &st->problems[i];
        put(stdout, "%-8s %s %s: %s", p->severity, format_value(p->event, UNIT_EXACT).text,
            dash(p->subject), p->text);
        if (p->remedy[0])
            put(stdout, "         %s", p->remedy);
    }
    if (value_or(st->problems_total, 0) > (int64_t)st->problem_count)
        put(stdout, "and %lld more problems",
            (long long)(st->problems_total.n - (int64_t)st->problem_count));
    if (!st->problem_count)
        put(stdout, "no problems known");
}

void print_status(struct print *p, const struct http_reply *reply)
{
    struct model_status st;
    model_status_init(&st);
    if (reply_status(&st, reply->body.data, reply->body.len, 0)) {
        p->bad_reply = true;
        return;
    }
    struct value queries = value_sum(&st.counters[COUNTER_UDP4_QUERIES], 4);
    put(stdout, "%s %s  up %s  pid %s  version %s", dash(st.server.name), dash(st.server.state),
        format_value(st.server.uptime, UNIT_SECONDS).text,
        format_value(st.server.pid, UNIT_EXACT).text, dash(st.server.version));
    put(stdout, "memory   %s (RSS %s) of %s limit, %s free in the system",
        format_value(st.memory.pss, UNIT_BYTES).text, format_value(st.memory.rss, UNIT_BYTES).text,
        value_known(st.server.memory_limit) ? format_value(st.server.memory_limit, UNIT_BYTES).text
                                            : "no",
        format_value(st.memory.system_available, UNIT_BYTES).text);
    put(stdout, "queries  %s, NXDOMAIN %s, SERVFAIL %s, REFUSED %s, dropped %s",
        format_value(queries, UNIT_EXACT).text,
        format_value(st.counters[COUNTER_NXDOMAIN], UNIT_EXACT).text,
        format_value(st.counters[COUNTER_SERVFAIL], UNIT_EXACT).text,
        format_value(st.counters[COUNTER_REFUSED], UNIT_EXACT).text,
        format_value(st.counters[COUNTER_DROPPED], UNIT_EXACT).text);
    put_zone_counts(&st);
    put(stdout, "transfer in %s running, %s failing; out %s running",
        format_value(st.transfers.in_running, UNIT_EXACT).text,
        format_value(st.transfers.in_failing, UNIT_EXACT).text,
        format_value(st.transfers.out_running, UNIT_EXACT).text);
    put(stdout, "restarts %s, crashes %s", format_value(st.server.restarts, UNIT_EXACT).text,
        format_value(st.server.crashes, UNIT_EXACT).text);
    put_problems(&st);
    put_processes(st.processes, st.process_count);
    model_status_fini(&st);
}

static void put_zone(const struct print *p, const struct model_zone *z)
{
    put(stdout, "%-30s %-9s %-9s %10s %8s %8s %8s %s", z->name, dash(z->role), dash(z->state),
        format_value(z->serial, UNIT_EXACT).text, format_value(z->records, UNIT_COUNT).text,
        format_value(z->bytes, UNIT_BYTES).text, format_since(z->since, p->now).text, z->reason);
}

void print_zones(struct print *p, const struct http_reply *reply)
{
    struct model_zones zones = {0};
    if (reply_zones(&zones, reply->body.data, reply->body.len, 0)) {
        p->bad_reply = true;
        return;
    }
    if (!p->titled)
        put(stdout, "%-30s %-9s %-9s %10s %8s %8s %8s %s", "ZONE", "ROLE", "STATE", "SERIAL",
            "RECORDS", "MEMORY", "SINCE", "REASON");
    p->titled = true;
    for (unsigned i = 0; i < zones.count; i++)
        put_zone(p, &zones.rows[i]);
    model_zones_fini(&zones);
}

static void put_transfer(const struct print *p, const struct model_transfer *t)
{
    put(stdout, "%-24s %-3s %-22s %-4s %-8s %10s %8s %8s %8s %s", t->zone, t->direction, t->peer,
        dash(t->kind), dash(t->state), format_value(t->serial_to, UNIT_EXACT).text,
        format_value(t->bytes, UNIT_BYTES).text, format_value(t->duration_us, UNIT_MICROS).text,
        format_until(t->next, p->now).text, t->reason);
}

static void put_transfer_titles(void)
{
    put(stdout, "%-24s %-3s %-22s %-4s %-8s %10s %8s %8s %8s %s", "ZONE", "DIR", "PEER", "KIND",
        "STATE", "SERIAL", "SIZE", "TOOK", "NEXT", "REASON");
}

void print_transfers(struct print *p, const struct http_reply *reply)
{
    struct model_transfers transfers = {0};
    if (reply_transfers(&transfers, reply->body.data, reply->body.len, 0)) {
        p->bad_reply = true;
        return;
    }
    put_transfer_titles();
    for (unsigned i = 0; i < transfers.count; i++)
        put_transfer(p, &transfers.rows[i]);
    model_transfers_fini(&transfers);
}

void print_zone(struct print *p, const struct http_reply *reply)
{
    struct model_zone_detail d;
    model_detail_init(&d);
    if (reply_detail(&d, reply->body.data, reply->body.len, 0)) {
        p->bad_reply = true;
        return;
    }
    const struct model_zone *z = &d.zone;
    put(stdout, "zone     %s", z->name);
    put(stdout, "role     %s", dash(z->role));
    put(stdout, "state    %s for %s", dash(z->state), format_since(z->since, p->now).text);
    if (z->reason[0])
        put(stdout, "reason   %s", z->reason);
    put(stdout, "serial   %s", format_value(z->serial, UNIT_EXACT).text);
    put(stdout, "records  %s, %s", format_value(z->records, UNIT_EXACT).text,
        format_value(z->bytes, UNIT_BYTES).text);
    put(stdout, "loaded   %s, in %s", format_when(z->loaded, p->now).text,
        format_value(z->load_us, UNIT_MICROS).text);
    if (value_known(z->expire))
        put(stdout, "checked  %s ago, next in %s, expires in %s",
            format_since(z->checked, p->now).text, format_until(z->refresh, p->now).text,
            format_until(z->expire, p->now).text);
    if (d.count)
        put_transfer_titles();
    for (unsigned i = 0; i < d.count; i++)
        put_transfer(p, &d.rows[i]);
    model_detail_fini(&d);
}

static void put_event(const struct print *p, const struct model_event *e)
{
    struct buf line = {0};
    struct short_text at = value_known(e->last) ? format_date(e->last.n) : (struct short_text){"-"};
    char count[32] = "";
    if (value_or(e->count, 1) > 1)
        snprintf(count, sizeof(count), "x%s", format_value(e->count, UNIT_COUNT).text);
    buf_printf(&line, "%s %5s %-7s %-4s %s%s", at.text, format_value(e->number, UNIT_EXACT).text,
               e->severity, count, e->subject, e->subject[0] ? ": " : "");
    model_event_text(e, &line);
    put_text(stdout, p->width, line.data ? line.data : "");
    buf_fini(&line);
}

void print_events(struct print *p, const struct http_reply *reply)
{
    struct model_events events = {0};
    if (reply_events(&events, reply->body.data, reply->body.len, 0)) {
        p->bad_reply = true;
        return;
    }
    for (unsigned i = 0; i < events.count; i++)
        put_event(p, &events.rows[i]);
    model_events_fini(&events);
}

void print_memory(struct print *p, const struct http_reply *reply)
{
    struct model_usage u = {0};
    if (reply_usage(&u, reply->body.data, reply->body.len, 0)) {
        p->bad_reply = true;
        return;
    }
    put(stdout, "%-11s %8s %8s %8s %8s %8s %8s %8s", "PROCESS", "PID", "RSS", "PSS", "PRIVATE",
        "SHARED", "SWAP", "PEAK");
    for (unsigned i = 0; i < u.process_count; i++) {
        const struct model_process *q = &u.processes[i];
        put(stdout, "%-11s %8s %8s %8s %8s %8s %8s %8s", q->role,
            format_value(q->pid, UNIT_EXACT).text, format_value(q->rss, UNIT_BYTES).text,
            format_value(q->pss, UNIT_BYTES).text, format_value(q->private, UNIT_BYTES).text,
            format_value(q->shared, UNIT_BYTES).text, format_value(q->swap, UNIT_BYTES).text,
            format_value(q->peak, UNIT_BYTES).text);
    }
    put(stdout, "images      %s zones, %s", format_value(u.image_zones, UNIT_EXACT).text,
        format_value(u.image_bytes, UNIT_BYTES).text);
    put(stdout, "system      %s free of %s", format_value(u.system_available, UNIT_BYTES).text,
        format_value(u.system_total, UNIT_BYTES).text);
    model_usage_fini(&u);
}

int print_raw(const char *data, size_t len)
{
    bool good = fwrite(data, 1, len, stdout) == len;
    if (!len || data[len - 1] != '\n')
        good &= fputc('\n', stdout) != EOF;
    return good && !fflush(stdout) ? 0 : 1;
}

void print_refusal(const char *doing, const struct reply_outcome *o)
{
    put(stderr, "zonedeck: %s: %s%s%s", doing, o->text[0] ? o->text : o->error,
        o->remedy[0] ? "; " : "", o->remedy);
}

void print_json_error(const char *error, const char *remedy)
{
    const char *const members[] = {"error", error, "remedy", remedy, NULL};
    struct buf line = {0};
    reply_write(&line, members);
    print_raw(line.data ? line.data : "", line.len);
    buf_fini(&line);
}

void print_outcome(const char *verb, const char *zone, const struct act_result *result)
{
    FILE *to = result->outcome == ACT_DONE ? stdout : stderr;
    put(to, "%s%s%s: %s%s%s%s%s", verb, zone[0] ? " " : "", zone,
        result->outcome == ACT_DONE     ? "done"
        : result->outcome == ACT_FAILED ? "failed"
                                        : "unknown",
        result->text[0] ? ": " : "", result->text, result->remedy[0] ? "; " : "", result->remedy);
    fflush(to);
}

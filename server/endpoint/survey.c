#include "server/endpoint/survey.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/endpoint/archive.h"
#include "server/endpoint/liveness.h"
#include "server/endpoint/transfers.h"
#include "server/endpoint/usage.h"

/* The order of what is worst. */
enum {
    RANK_NOT_SERVING,
    RANK_PROCESS,
    RANK_CONDITION,
    RANK_EXPIRED,
    RANK_FAILED,
    RANK_STALE,
    RANK_TRANSFER,
    RANK_WARNING
};

enum { CHANGED_MS = 100 };

void survey_init(struct survey *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
}

void survey_fini(struct survey *s)
{
    pthread_mutex_destroy(&s->lock);
}

void survey_drop(struct survey *s)
{
    pthread_mutex_lock(&s->lock);
    s->taken_at = 0;
    pthread_mutex_unlock(&s->lock);
}

void problems_add(struct problems *all, const struct problem *p)
{
    all->total++;
    unsigned at = all->count;
    while (at > 0 && p->rank < all->list[at - 1].rank)
        at--;
    if (at == SURVEY_PROBLEMS)
        return;
    if (all->count < SURVEY_PROBLEMS)
        all->count++;
    memmove(&all->list[at + 1], &all->list[at], (all->count - at - 1) * sizeof *p);
    all->list[at] = *p;
}

static const char start_again[] = "Start the server again; what still runs goes on until then.";

static void add_process(struct problems *out, unsigned rank, enum event event, unsigned role,
                        const char *text, int64_t since, const char *remedy)
{
    struct problem p = {
        .rank = rank, .severity = SEVERITY_ERROR, .event = event, .since = since, .remedy = remedy};
    snprintf(p.subject, sizeof p.subject, "%s", role_name(role));
    snprintf(p.text, sizeof p.text, "%s", text);
    problems_add(out, &p);
}

static void check_process(const struct context *c, unsigned process, int64_t now,
                          struct problems *out)
{
    const struct stats_process *row = &c->stats->process[process];
    unsigned state = atomic_load(&row->state);
    unsigned role = atomic_load(&row->role);
    int32_t pid = atomic_load(&row->pid);
    char text[160];
    if (state == PROCESS_DEAD && process >= STATS_SERVE && !atomic_load(&c->stats->stopping)) {
        snprintf(text, sizeof text,
                 "pid %d is gone (status %d, signal %d) and has no successor yet", pid,
                 atomic_load(&row->exit_status), atomic_load(&row->exit_signal));
        add_process(out, RANK_PROCESS, EVENT_CRASH, role, text, atomic_load(&row->exit_at), NULL);
        return;
    }
    if (liveness_is_gone(c, process)) {
        snprintf(text, sizeof text, "pid %d is gone, and no supervisor starts a successor", pid);
        add_process(out, RANK_PROCESS, EVENT_CRASH, role, text, 0, start_again);
        return;
    }
    if (state == PROCESS_NONE || state == PROCESS_DEAD ||
        !liveness_is_stale(c->stats, process, now))
        return;
    int64_t age = liveness_age_ms(c->stats, process, now) / 1000;
    snprintf(text, sizeof text, "pid %d (%s) has made no progress for %lld s", pid,
             process_state_name(state), (long long)age);
    add_process(out, RANK_PROCESS, EVENT_HANG, role, text, clk_wall() - age, NULL);
}

static void check_processes(const struct context *c, struct problems *out)
{
    int64_t now = clk_mono_ns();
    if (!strcmp(liveness_state(c->stats, now), "not-serving"))
        add_process(out, RANK_NOT_SERVING, EVENT_CRASH, ROLE_SERVE, "no process answers queries", 0,
                    atomic_load(&c->supervisor_gone) ? start_again : NULL);
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        if (p != STATS_ENDPOINT && !(p == STATS_SUPERVISOR && atomic_load(&c->supervisor_gone)))
            check_process(c, p, now, out);
    }
    if (atomic_load(&c->supervisor_gone))
        add_process(out, RANK_PROCESS, EVENT_CRASH, ROLE_SUPERVISOR,
                    "the supervisor is gone; nothing restarts what dies from now on", 0,
                    start_again);
}

/* The keeper says which event the reason is; what it does not say is the likeliest. */
static enum event event_of_zone(const struct stats_zone *z)
{
    if (z->state == ZONE_EXPIRED)
        return EVENT_ZONE_EXPIRED;
    if (z->event > 0 && z->event < EVENT_COUNT)
        return (enum event)z->event;
    if (z->role == ZONE_SECONDARY)
        return z->error == ERR_FORMAT ? EVENT_XFR_BAD : EVENT_XFR_UNREACHABLE;
    return z->error == ERR_MISSING || z->error == ERR_SYSTEM ? EVENT_FILE_OPEN : EVENT_FILE_PARSE;
}

static void describe_zone(const struct stats_zone *z, struct problem *p)
{
    const char *reason = z->reason[0] ? z->reason : err_text(z->error);
    char when[40] = "";
    time_t loaded = (time_t)z->loaded_at;
    struct tm tm;
    if (z->state == ZONE_STALE && z->loaded_at > 0 && gmtime_r(&loaded, &tm))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
    if (z->state == ZONE_FAILED && p->event == EVENT_XFR_UNREACHABLE)
        p->remedy =
            "Check the primary and the network; the zone is served once it was transferred.";
    if (when[0])
        snprintf(p->text, sizeof p->text, "%s; the version of %s is served", reason, when);
    else if (z->state == ZONE_EXPIRED || z->state == ZONE_FAILED)
        snprintf(p->text, sizeof p->text, "%s; the zone is not served", reason);
    else
        snprintf(p->text, sizeof p->text, "%s", reason);
}

static void check_zone(const struct stats *stats, uint32_t row, struct problems *out)
{
    struct stats_zone z;
    stats_read_zone(stats, row, &z);
    if (zone_state_severity(z.state) < 2)
        return;
    struct problem p = {
        .rank = z.state == ZONE_EXPIRED  ? RANK_EXPIRED
                : z.state == ZONE_FAILED ? RANK_FAILED
                                         : RANK_STALE,
        .severity = z.state == ZONE_STALE ? SEVERITY_WARNING : SEVERITY_ERROR,
        .event = event_of_zone(&z),
        .since = z.since,
    };
    /* The texts are made only for those that will be shown. */
    if (out->count == SURVEY_PROBLEMS && out->list[SURVEY_PROBLEMS - 1].rank <= p.rank) {
        out->total++;
        return;
    }
    char name[1024];
    stats_zone_name(stats, &z, name);
    snprintf(p.subject, sizeof p.subject, "%.255s", name);
    describe_zone(&z, &p);
    problems_add(out, &p);
}

static void add_warning(const struct stats *stats, const struct stats_zone *z, enum event event,
                        const char *text, struct problems *out)
{
    struct problem p = {
        .rank = RANK_WARNING, .severity = event_info[event].severity, .event = event};
    char name[1024];
    if (out->count == SURVEY_PROBLEMS && out->list[SURVEY_PROBLEMS - 1].rank <= p.rank) {
        out->total++;
        return;
    }
    stats_zone_name(stats, z, name);
    snprintf(p.subject, sizeof p.subject, "%.255s", name);
    snprintf(p.text, sizeof p.text, "%s", text);
    problems_add(out, &p);
}

/* What is to be known of a zone that is served as it should be. */
static void check_warnings(const struct stats *stats, uint32_t row, struct problems *out)
{
    struct stats_zone z;
    char text[128];
    stats_read_zone(stats, row, &z);
    if (z.state == ZONE_NONE)
        return;
    if (zone_state_severity(z.state) < 2 && z.event && z.event == z.serial_event &&
        z.event < EVENT_COUNT)
        add_warning(stats, &z, (enum event)z.event, z.reason, out);
    if (z.unwritten) {
        snprintf(text, sizeof text, "the state directory: %s; the zone is served from memory",
                 strerror(z.unwritten));
        add_warning(stats, &z, EVENT_ZONE_UNWRITTEN, text, out);
    }
}

static bool has_bad_zones(const struct stats *stats)
{
    for (unsigned s = 0; s < ZONE_STATE_COUNT; s++) {
        if (zone_state_severity(s) >= 2 && atomic_load(&stats->zones_by_state[s]))
            return true;
    }
    return false;
}

static void look_at_zones(struct survey *s, const struct stats *stats)
{
    bool bad = has_bad_zones(stats);
    uint32_t rows = atomic_load(&stats->zone_rows);
    for (uint32_t i = 0; i < rows && i < STATS_ZONES; i++) {
        const struct stats_zone_row *z = &stats->zones[i];
        if (z->state == ZONE_NONE)
            continue;
        s->sums.zones++;
        if (z->bytes) {
            s->sums.images++;
            s->sums.image_bytes += z->bytes;
        }
        if (bad && zone_state_severity(z->state) >= 2)
            check_zone(stats, i, &s->zones);
        if (z->event || z->unwritten)
            check_warnings(stats, i, &s->zones);
    }
}

static void add_transfer(const struct stats *stats, const struct stats_transfer *t,
                         struct problems *out)
{
    struct stats_zone z;
    if (t->zone >= STATS_ZONES)
        return;
    stats_read_zone(stats, t->zone, &z);
    if (z.state == ZONE_NONE || zone_state_severity(z.state) >= 2)
        return; /* said already, of the zone */
    struct problem p = {
        .rank = RANK_TRANSFER,
        .severity = SEVERITY_WARNING,
        .event =
            t->event > 0 && t->event < EVENT_COUNT ? (enum event)t->event : EVENT_XFR_UNREACHABLE,
        .since = t->ended_at / CLK_SECOND,
    };
    char name[1024];
    stats_zone_name(stats, &z, name);
    snprintf(p.subject, sizeof p.subject, "%.255s", name);
    snprintf(p.text, sizeof p.text, "from %s: %s (%u in a row)", t->peer,
             t->reason[0] ? t->reason : transfer_state_name(t->state), t->failures);
    problems_add(out, &p);
}

static void look_at_transfers(struct survey *s, const struct stats *stats)
{
    struct stats_transfer t;
    uint32_t rows = atomic_load(&stats->transfer_rows);
    for (uint32_t i = 0; i < rows && i < STATS_TRANSFERS_IN; i++) {
        const struct stats_transfer *row = &stats->transfers_in[i];
        bool running = row->state == TRANSFER_RUNNING;
        if (!running && !row->failures)
            continue;
        stats_read_transfer(row, &t);
        s->sums.in_running += t.state == TRANSFER_RUNNING;
        if (t.used && t.failures) {
            s->sums.in_failing++;
            add_transfer(stats, &t, &s->zones);
        }
    }
    s->sums.out_running = transfers_out_running(stats);
}

static void look(struct survey *s, const struct stats *stats)
{
    int64_t now = clk_mono_ns();
    uint32_t changes = atomic_load(&stats->zone_changes);
    int64_t fresh = changes == s->changes ? CLK_SECOND : CHANGED_MS * CLK_MS;
    if (s->taken_at && now - s->taken_at < fresh)
        return;
    s->changes = changes;
    memset(&s->zones, 0, sizeof s->zones);
    memset(&s->sums, 0, sizeof s->sums);
    look_at_zones(s, stats);
    look_at_transfers(s, stats);
    s->taken_at = now;
}

static void check_conditions(const struct context *c, struct problems *out)
{
    struct archive_conditions conditions;
    archive_conditions(c->archive, &conditions);
    for (unsigned i = 0; i < conditions.count; i++) {
        const struct archive_condition *k = &conditions.list[i];
        unsigned severity = event_info[k->event].severity;
        struct problem p = {
            .rank = severity == SEVERITY_ERROR ? RANK_CONDITION : RANK_WARNING,
            .severity = severity,
            .event = k->event,
            .since = k->since,
        };
        snprintf(p.subject, sizeof p.subject, "%s", k->subject);
        snprintf(p.text, sizeof p.text, "%s", k->text[0] ? k->text : event_info[k->event].title);
        problems_add(out, &p);
    }
}

static void check_memory(const struct context *c, struct problems *out)
{
    uint64_t limit = atomic_load(&c->stats->memory_limit);
    uint64_t sum = limit ? usage_memory(c->usage, c->stats) : 0;
    struct problem p = {.rank = RANK_CONDITION,
                        .severity = event_info[EVENT_MEMORY_EXCESSIVE].severity,
                        .event = EVENT_MEMORY_EXCESSIVE};
    if (sum <= limit)
        return;
    snprintf(p.text, sizeof p.text,
             "all processes together use %llu MiB of memory; policy.memory-limit is %llu MiB",
             (unsigned long long)(sum >> 20), (unsigned long long)(limit >> 20));
    problems_add(out, &p);
}

void survey_problems(const struct context *c, struct problems *out)
{
    memset(out, 0, sizeof *out);
    check_processes(c, out);
    check_conditions(c, out);
    check_memory(c, out);
    pthread_mutex_lock(&c->survey->lock);
    look(c->survey, c->stats);
    uint64_t total = out->total + c->survey->zones.total;
    for (unsigned i = 0; i < c->survey->zones.count; i++)
        problems_add(out, &c->survey->zones.list[i]);
    pthread_mutex_unlock(&c->survey->lock);
    out->total = total;
}

void survey_sums(const struct context *c, struct survey_sums *out)
{
    pthread_mutex_lock(&c->survey->lock);
    look(c->survey, c->stats);
    *out = c->survey->sums;
    pthread_mutex_unlock(&c->survey->lock);
}

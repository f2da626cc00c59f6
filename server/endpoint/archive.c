#include "server/endpoint/archive.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/contract/message.h"
#include "backend/history/drain.h"

enum { EVERY_MS = 200, RETRY_MS = 30000, ACTIONS = 64, REFUSED_A_SECOND = 10, ALIVE_SECONDS = 30 };

/* A query, shared by who asks and the thread; the last of the two frees it. */
struct query {
    struct query *next;
    struct history_filter filter;
    char subject[1024];
    archive_render *render;
    struct buf body;
    int err;
    bool done, abandoned;
};

struct kept_action {
    struct history_action action;
    char zone[1024], actor[128], result[32], text[MSG_TEXT_MAX];
};

struct archive {
    struct stats *stats;
    char state_dir[1024];
    struct history *history; /* the thread's */
    struct drain drain;      /* the thread's */
    int64_t retry_at;        /* the thread's */
    int64_t alive_at;        /* the thread's: wall clock s of the last sign of life */
    pthread_t thread;
    pthread_mutex_t own_ring; /* around the ring of this process */
    pthread_mutex_t lock;     /* of all below */
    pthread_cond_t work, answered;
    bool running, ending, slow; /* running: written by the main thread */
    struct query *queries;
    struct kept_action actions[ACTIONS];
    unsigned action_count;
    int64_t refused_second;
    unsigned refused;
    uint64_t actions_lost;
    struct archive_conditions conditions;
    int64_t unclean_at; /* the last sign of a life that was not stopped, to be told of; 0 none */
    bool behind;        /* what was done lately may not be among the conditions yet */
    bool tell_memory, tell_damaged, memory_told;
    char reason[256], damaged[1400];
};

/* What an event says is wrong until another event, or the same one gone right, says otherwise. */
static const struct {
    enum event event, ends;
} lasting[] = {
    {EVENT_CONFIG, EVENT_CONFIG_DONE},
    {EVENT_TCP_BIND, EVENT_CONFIG_DONE},
    {EVENT_UDP_BIND, EVENT_CONFIG_DONE},
};

static void forget(struct archive_conditions *c, unsigned i)
{
    c->count--;
    memmove(&c->list[i], &c->list[i + 1], (c->count - i) * sizeof c->list[0]);
}

static void remember(struct archive_conditions *c, const struct stats_event *e)
{
    unsigned i = 0;
    while (i < c->count &&
           (c->list[i].event != (enum event)e->event || strcmp(c->list[i].subject, e->subject)))
        i++;
    if (i == ARCHIVE_CONDITIONS)
        return;
    struct archive_condition *k = &c->list[i];
    if (i == c->count) {
        c->count++;
        k->since = e->at / CLK_SECOND;
    }
    k->event = e->event;
    memcpy(k->subject, e->subject, sizeof k->subject);
    memcpy(k->text, e->text, sizeof k->text);
}

static void watch(void *arg, unsigned process, const struct stats_event *e)
{
    struct archive *a = arg;
    (void)process;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++) {
        if (lasting[i].event == (enum event)e->event)
            remember(&a->conditions, e);
        for (unsigned k = 0; lasting[i].ends == (enum event)e->event && k < a->conditions.count;) {
            if (a->conditions.list[k].event == lasting[i].event)
                forget(&a->conditions, k);
            else
                k++;
        }
    }
    pthread_mutex_unlock(&a->lock);
}

/* Whether the history is on disk is a condition of its own, known here at first hand. */
static void note_disk(struct archive *a)
{
    bool bad = !a->history || !history_on_disk(a->history);
    const char *damaged = a->history ? history_damaged(a->history) : "";
    pthread_mutex_lock(&a->lock);
    unsigned i = 0;
    while (i < a->conditions.count && a->conditions.list[i].event != EVENT_STATE_DIR)
        i++;
    if (!bad && i < a->conditions.count)
        forget(&a->conditions, i);
    if (bad) {
        struct stats_event e = {.event = EVENT_STATE_DIR, .at = clk_wall_ns()};
        snprintf(a->reason, sizeof a->reason, "%s",
                 a->history ? history_reason(a->history) : "out of memory");
        snprintf(e.subject, sizeof e.subject, "%.255s", a->state_dir);
        snprintf(e.text, sizeof e.text, "%s", a->reason);
        remember(&a->conditions, &e);
        a->tell_memory |= !a->memory_told;
    }
    a->memory_told = bad;
    if (damaged[0] && strcmp(damaged, a->damaged)) {
        snprintf(a->damaged, sizeof a->damaged, "%s", damaged);
        a->tell_damaged = true;
    }
    pthread_mutex_unlock(&a->lock);
}

/* When we are killed, the next life says when we were last seen. */
static void give_sign(struct archive *a)
{
    int64_t now = clk_wall();
    if (!history_on_disk(a->history) || (now >= a->alive_at && now - a->alive_at < ALIVE_SECONDS))
        return;
    int64_t unclean = a->alive_at ? 0 : history_unclean(a->history, a->stats->boot);
    a->alive_at = now;
    history_alive(a->history, a->stats->boot, now);
    if (!unclean)
        return;
    pthread_mutex_lock(&a->lock);
    a->unclean_at = unclean;
    pthread_mutex_unlock(&a->lock);
}

static void open_history(struct archive *a)
{
    if (history_open(&a->history, a->state_dir) != ERR_OK)
        a->history = NULL;
    a->retry_at = clk_mono_ns() + RETRY_MS * CLK_MS;
    if (a->history) {
        a->drain = (struct drain){.stats = a->stats,
                                  .history = a->history,
                                  .own_ring = &a->own_ring,
                                  .watch = watch,
                                  .watch_arg = a};
        drain_start(&a->drain);
    }
    note_disk(a);
}

static void retry(struct archive *a)
{
    if (clk_mono_ns() < a->retry_at)
        return;
    if (!a->history) {
        open_history(a);
    } else if (!history_on_disk(a->history)) {
        a->retry_at = clk_mono_ns() + RETRY_MS * CLK_MS;
        if (history_retry(a->history))
            drain_mark(&a->drain);
        note_disk(a);
    }
}

static int keep_actions(struct archive *a, const struct kept_action *actions, unsigned count)
{
    int err = history_begin(a->history);
    for (unsigned i = 0; !err && i < count; i++) {
        struct history_action action = actions[i].action;
        action.zone = actions[i].zone;
        action.actor = actions[i].actor;
        action.result = actions[i].result;
        action.text = actions[i].text;
        err = history_add_action(a->history, &action);
    }
    if (!err)
        err = history_commit(a->history);
    if (err)
        history_rollback(a->history);
    return err;
}

/* The list is only appended to by others, so its head can be written without the lock. */
static void write_actions(struct archive *a)
{
    pthread_mutex_lock(&a->lock);
    unsigned count = a->action_count;
    pthread_mutex_unlock(&a->lock);
    if (!count || !a->history)
        return;
    int err = keep_actions(a, a->actions, count);
    if (err && history_degrade(a->history, err) == ERR_OK) {
        note_disk(a);
        err = keep_actions(a, a->actions, count);
    }
    if (err)
        return;
    pthread_mutex_lock(&a->lock);
    a->action_count -= count;
    for (unsigned i = 0; i < a->action_count; i++)
        a->actions[i] = a->actions[i + count];
    pthread_mutex_unlock(&a->lock);
}

static void write_all(struct archive *a)
{
    retry(a);
    if (!a->history)
        return;
    bool on_disk = history_on_disk(a->history);
    give_sign(a);
    int err = drain_run(&a->drain);
    if (err || on_disk != history_on_disk(a->history) || history_damaged(a->history)[0])
        note_disk(a);
    write_actions(a);
}

static void append_row(void *arg, const struct history_event *e)
{
    struct query *q = arg;
    q->render(&q->body, e);
}

static void free_query(struct query *q)
{
    buf_fini(&q->body);
    free(q);
}

static void answer(struct archive *a, struct query *q)
{
    q->err = a->history ? history_query(a->history, &q->filter, append_row, q) : ERR_CLOSED;
    pthread_mutex_lock(&a->lock);
    q->done = true;
    bool abandoned = q->abandoned;
    pthread_cond_broadcast(&a->answered);
    pthread_mutex_unlock(&a->lock);
    if (abandoned)
        free_query(q);
}

static void deadline(struct timespec *t, int ms)
{
    clock_gettime(CLOCK_MONOTONIC, t);
    t->tv_nsec += (long)ms % 1000 * 1000000;
    t->tv_sec += ms / 1000 + t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
}

/* Waits for work; the first query, NULL when it is time to look at the rings. */
static struct query *next_work(struct archive *a, bool *ending)
{
    struct timespec until;
    deadline(&until, EVERY_MS);
    pthread_mutex_lock(&a->lock);
    a->slow = false;
    while (!a->queries && !a->ending) {
        if (pthread_cond_timedwait(&a->work, &a->lock, &until) == ETIMEDOUT)
            break;
    }
    struct query *q = a->queries;
    if (q)
        a->queries = q->next;
    *ending = a->ending && !q;
    pthread_mutex_unlock(&a->lock);
    return q;
}

static void *archive_main(void *arg)
{
    struct archive *a = arg;
    bool ending = false;
    open_history(a);
    while (!ending) {
        struct query *q = next_work(a, &ending);
        write_all(a);
        if (q)
            answer(a, q);
    }
    history_close(a->history);
    a->history = NULL;
    return NULL;
}

int archive_new(struct archive **archive, struct stats *stats, const char *state_dir)
{
    struct archive *a = calloc(1, sizeof *a);
    if (!a)
        return ERR_MEMORY;
    a->stats = stats;
    snprintf(a->state_dir, sizeof a->state_dir, "%s", state_dir);
    pthread_mutex_init(&a->lock, NULL);
    pthread_mutex_init(&a->own_ring, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->work, &attr);
    pthread_cond_init(&a->answered, &attr);
    pthread_condattr_destroy(&attr);
    *archive = a;
    return ERR_OK;
}

int archive_start(struct archive *a)
{
    if (a->running)
        return ERR_OK;
    int rc = pthread_create(&a->thread, NULL, archive_main, a);
    pthread_mutex_lock(&a->lock);
    a->running = rc == 0;
    pthread_mutex_unlock(&a->lock);
    errno = rc;
    return rc ? ERR_SYSTEM : ERR_OK;
}

void archive_free(struct archive *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->ending = true;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->lock);
    if (a->running)
        pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->answered);
    pthread_mutex_destroy(&a->lock);
    pthread_mutex_destroy(&a->own_ring);
    free(a);
}

enum outcome { ANSWERED, LATE, NOT_ASKED };

/* Hands a query to the thread. When it is late the thread frees it. */
static enum outcome ask(struct archive *a, struct query *q)
{
    enum outcome outcome = NOT_ASKED;
    struct timespec until;
    deadline(&until, ARCHIVE_WAIT_MS);
    pthread_mutex_lock(&a->lock);
    if (!a->slow && a->running) {
        struct query **end = &a->queries;
        while (*end)
            end = &(*end)->next;
        *end = q;
        pthread_cond_signal(&a->work);
        while (!q->done && pthread_cond_timedwait(&a->answered, &a->lock, &until) != ETIMEDOUT)
            ;
        outcome = q->done ? ANSWERED : LATE;
        q->abandoned = !q->done;
        /* Who comes next need not wait as well; the thread says when it is back. */
        a->slow |= !q->done;
    }
    pthread_mutex_unlock(&a->lock);
    return outcome;
}

struct found {
    struct stats_event event;
    unsigned process;
};

static int newer_first(const void *x, const void *y)
{
    const struct found *a = x, *b = y;
    return (a->event.at < b->event.at) - (a->event.at > b->event.at);
}

static size_t collect(struct archive *a, const struct history_filter *f, struct found *out)
{
    size_t n = 0;
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        uint64_t count = atomic_load(&a->stats->events[p].count);
        for (uint64_t i = count > STATS_EVENTS ? count - STATS_EVENTS : 0; i < count; i++) {
            struct stats_event *e = &out[n].event;
            out[n].process = p;
            pthread_mutex_lock(&a->own_ring);
            bool there = drain_read(a->stats, p, i, e);
            pthread_mutex_unlock(&a->own_ring);
            bool wanted = there && event_info[e->event].severity >= f->severity &&
                          (!f->subject[0] || !strcmp(e->subject, f->subject));
            n += wanted;
        }
    }
    return n;
}

static void answer_from_rings(struct archive *a, const struct history_filter *f,
                              archive_render *render, struct buf *body)
{
    struct found *found = calloc((size_t)STATS_PROCESSES * STATS_EVENTS, sizeof *found);
    if (!found)
        return;
    size_t n = collect(a, f, found);
    qsort(found, n, sizeof *found, newer_first);
    for (size_t i = 0; i < n && i < f->limit; i++) {
        const struct stats_event *e = &found[i].event;
        const struct event_info *info = &event_info[e->event];
        struct history_event h = {.number = info->number,
                                  .severity = info->severity,
                                  .error = e->error,
                                  .pid = e->pid,
                                  .subject = e->subject,
                                  .text = e->text,
                                  .process = drain_process(found[i].process),
                                  .boot = a->stats->boot,
                                  .first = e->at / CLK_SECOND,
                                  .last = e->at / CLK_SECOND,
                                  .count = 1};
        render(body, &h);
    }
    free(found);
}

void archive_query(struct archive *a, const struct history_filter *filter, archive_render *render,
                   struct buf *body)
{
    struct query *q = calloc(1, sizeof *q);
    if (q) {
        q->filter = *filter;
        q->render = render;
        snprintf(q->subject, sizeof q->subject, "%s", filter->subject);
        q->filter.subject = q->subject;
        enum outcome outcome = ask(a, q);
        bool good = outcome == ANSWERED && !q->err && !q->body.failed;
        if (good)
            buf_add(body, q->body.data, q->body.len);
        if (outcome != LATE)
            free_query(q);
        if (good)
            return;
    }
    /* A page further back is nothing the rings know. */
    if (filter->before <= 0)
        answer_from_rings(a, filter, render, body);
}

static bool may_record(struct archive *a, const struct history_action *action)
{
    bool refused = action->status == 401 || action->status == 403 || action->status == 429;
    if (action->at != a->refused_second) {
        a->refused_second = action->at;
        a->refused = 0;
    }
    a->refused += refused;
    return a->action_count < ACTIONS && (!refused || a->refused <= REFUSED_A_SECOND);
}

bool archive_action(struct archive *a, const struct history_action *action)
{
    pthread_mutex_lock(&a->lock);
    bool recorded = may_record(a, action);
    if (recorded) {
        struct kept_action *k = &a->actions[a->action_count++];
        k->action = *action;
        snprintf(k->zone, sizeof k->zone, "%s", action->zone);
        snprintf(k->actor, sizeof k->actor, "%s", action->actor);
        snprintf(k->result, sizeof k->result, "%s", action->result);
        snprintf(k->text, sizeof k->text, "%s", action->text);
    }
    a->actions_lost += !recorded;
    pthread_mutex_unlock(&a->lock);
    return recorded;
}

static void render_nothing(struct buf *body, const struct history_event *e)
{
    (void)body;
    (void)e;
}

void archive_acted(struct archive *a)
{
    pthread_mutex_lock(&a->lock);
    a->behind = true;
    pthread_mutex_unlock(&a->lock);
}

/* Before the thread answers it looks at the rings. */
static void catch_up(struct archive *a)
{
    struct query *q = calloc(1, sizeof *q);
    if (!q)
        return;
    q->filter = (struct history_filter){.limit = 1, .subject = q->subject};
    q->render = render_nothing;
    if (ask(a, q) != LATE)
        free_query(q);
}

void archive_conditions(struct archive *a, struct archive_conditions *out)
{
    pthread_mutex_lock(&a->lock);
    bool behind = a->behind;
    a->behind = false;
    pthread_mutex_unlock(&a->lock);
    if (behind)
        catch_up(a);
    pthread_mutex_lock(&a->lock);
    *out = a->conditions;
    pthread_mutex_unlock(&a->lock);
}

void archive_event(struct archive *a, enum event event, int error, const char *subject,
                   const char *text)
{
    pthread_mutex_lock(&a->own_ring);
    stats_event(a->stats, STATS_ENDPOINT, event, error, subject, "%s", text);
    pthread_mutex_unlock(&a->own_ring);
}

void archive_tell(struct archive *a)
{
    char reason[sizeof a->reason], damaged[sizeof a->damaged];
    pthread_mutex_lock(&a->lock);
    bool memory = a->tell_memory, put_aside = a->tell_damaged;
    time_t unclean = (time_t)a->unclean_at;
    a->unclean_at = 0;
    uint64_t lost = a->actions_lost;
    a->tell_memory = a->tell_damaged = false;
    a->actions_lost = 0;
    memcpy(reason, a->reason, sizeof reason);
    memcpy(damaged, a->damaged, sizeof damaged);
    pthread_mutex_unlock(&a->lock);
    if (lost)
        log_line(LOG_WARNING, "%llu more actions were refused", (unsigned long long)lost);
    if (memory)
        archive_event(a, EVENT_STATE_DIR, 0, a->state_dir, reason);
    struct tm tm;
    if (unclean && gmtime_r(&unclean, &tm)) {
        char text[64];
        strftime(text, sizeof text, "its last sign of life was at %Y-%m-%d %H:%M:%SZ", &tm);
        archive_event(a, EVENT_UNCLEAN, 0, "", text);
    }
    if (put_aside)
        archive_event(a, EVENT_HISTORY, 0, "", damaged);
}

#include "server/endpoint/command.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/channel.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/base/rnd.h"

struct ticket {
    uint64_t id; /* 0 free */
    enum action action;
    char zone[1024];
    int64_t asked_at;
    bool done, unknown, abandoned;
    struct msg_result result;
    void (*wake)(void *);
    void *arg;
};

struct command {
    pthread_mutex_t lock;
    int supervisor;
    bool gone;
    uint64_t next_id;
    int64_t second;          /* of the rate */
    unsigned this_second[2]; /* actions on the service, on zones */
    struct ticket ticket[COMMAND_TICKETS];
};

/* How an error of the supervisor or keeper reads in HTTP. */
static const struct {
    int err;
    unsigned status;
    const char *remedy;
} meanings[] = {
    {ERR_MISSING, 404, "See the zones there are with: zonedeck zones."},
    {ERR_EXISTS, 409, "Wait until the other one has ended."},
    {ERR_USAGE, 409, "See what the zone is with: zonedeck zone NAME."},
    {ERR_LIMIT, 429, "Wait a moment and ask again."},
    {ERR_CONFIG, 422, "Correct the configuration and check it with: zonedeckd -t -c FILE."},
    {ERR_FORMAT, 422, "Correct the zone file and check it with: zonedeckd -t ZONE FILE."},
    {ERR_ZONE, 422, "Correct the zone file and check it with: zonedeckd -t ZONE FILE."},
    {ERR_REFUSED, 502, "Look at the primary: it must run, and allow this server's address."},
    {ERR_TIMEOUT, 502, "Check the other side and the network."},
    {ERR_CLOSED, 503, "See what is wrong with: zonedeck status."},
    {ERR_MEMORY, 503, "Free memory or raise the limit; what was served goes on."},
    {ERR_SPACE, 507, "Free space in the state directory."},
};

int command_new(struct command **command, int supervisor)
{
    struct command *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_MEMORY;
    pthread_mutex_init(&c->lock, NULL);
    c->supervisor = supervisor;
    /* A result for an endpoint of before must not be taken for one of ours. */
    c->next_id = (uint64_t)rnd_u32() << 32 | 1;
    *command = c;
    return ERR_OK;
}

void command_free(struct command *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool command_allow(struct command *c, bool zone, int64_t now)
{
    pthread_mutex_lock(&c->lock);
    if (now / CLK_SECOND != c->second) {
        c->second = now / CLK_SECOND;
        c->this_second[false] = c->this_second[true] = 0;
    }
    bool allowed = c->this_second[zone] < COMMAND_RATE;
    c->this_second[zone] += allowed;
    pthread_mutex_unlock(&c->lock);
    return allowed;
}

static int transmit(struct command *c, const struct ticket *t, const char *actor)
{
    struct msg_action m = {.id = t->id, .action = t->action};
    snprintf(m.zone, sizeof m.zone, "%s", t->zone);
    snprintf(m.actor, sizeof m.actor, "%s", actor);
    return channel_send(c->supervisor, MSG_ACTION, &m, sizeof m, NULL, 0, 0);
}

static int ask(struct command *c, enum action action, const char *zone, const char *actor,
               void (*wake)(void *), void *arg)
{
    int free_one = -1;
    for (int i = 0; i < COMMAND_TICKETS; i++) {
        const struct ticket *t = &c->ticket[i];
        if (!t->id)
            free_one = i;
        else if (!t->done && t->action == action && !strcmp(t->zone, zone))
            return ERR_EXISTS;
    }
    if (c->gone)
        return ERR_CLOSED;
    if (free_one < 0)
        return ERR_LIMIT;
    struct ticket *t = &c->ticket[free_one];
    *t = (struct ticket){.id = c->next_id++, .action = action, .wake = wake, .arg = arg};
    t->asked_at = clk_mono_ns();
    snprintf(t->zone, sizeof t->zone, "%s", zone);
    int err = transmit(c, t, actor);
    if (err)
        t->id = 0;
    return err ? err : free_one + 1;
}

int command_ask(struct command *c, enum action action, const char *zone, const char *actor,
                void (*wake)(void *), void *arg)
{
    pthread_mutex_lock(&c->lock);
    int ticket = ask(c, action, zone, actor, wake, arg);
    pthread_mutex_unlock(&c->lock);
    return ticket;
}

static void describe(int err, struct command_outcome *out)
{
    out->status = 500;
    out->result = "failed";
    out->error = err_name(err);
    out->remedy = "See what happened with: zonedeck events.";
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].err == err) {
            out->status = meanings[i].status;
            out->remedy = meanings[i].remedy;
        }
    }
    if (!out->text[0])
        snprintf(out->text, sizeof out->text, "%s", err_text(err));
}

void command_refused(int err, struct command_outcome *out)
{
    static const struct {
        int err;
        const char *text;
    } texts[] = {
        {ERR_EXISTS, "the same action is running"},
        {ERR_LIMIT, "too many actions are running"},
        {ERR_CLOSED, "the supervisor is gone"},
        {ERR_TIMEOUT, "the supervisor takes no messages"},
    };
    *out = (struct command_outcome){0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].err == err)
            snprintf(out->text, sizeof out->text, "%s", texts[i].text);
    }
    describe(err == ERR_TIMEOUT || err == ERR_SYSTEM ? ERR_CLOSED : err, out);
}

bool command_take(struct command *c, int ticket, struct command_outcome *out)
{
    pthread_mutex_lock(&c->lock);
    struct ticket *t = &c->ticket[ticket - 1];
    bool done = t->done;
    if (done) {
        *out = (struct command_outcome){.status = 200, .result = "done"};
        out->took_ms = (clk_mono_ns() - t->asked_at) / CLK_MS;
        snprintf(out->text, sizeof out->text, "%.*s", (int)sizeof t->result.text - 1,
                 t->result.text);
        if (t->unknown) {
            out->status = 504;
            out->result = "unknown";
            out->error = err_name(ERR_TIMEOUT);
            out->remedy = "It may still be done; see: zonedeck events.";
        } else if (t->result.status) {
            describe(t->result.status, out);
        }
        t->id = 0;
        t->done = false;
    }
    pthread_mutex_unlock(&c->lock);
    return done;
}

void command_abandon(struct command *c, int ticket)
{
    pthread_mutex_lock(&c->lock);
    struct ticket *t = &c->ticket[ticket - 1];
    if (t->done)
        t->id = 0;
    t->abandoned = true;
    pthread_mutex_unlock(&c->lock);
}

static void end(struct ticket *t)
{
    t->done = true;
    if (t->abandoned)
        t->id = 0;
    else
        t->wake(t->arg);
}

void command_result(struct command *c, const struct msg_result *result)
{
    bool found = false;
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < COMMAND_TICKETS; i++) {
        struct ticket *t = &c->ticket[i];
        if (!t->id || t->id != result->id || t->done)
            continue;
        t->result = *result;
        end(t);
        found = true;
    }
    pthread_mutex_unlock(&c->lock);
    if (!found)
        log_line(LOG_NOTICE, "the outcome of an action nobody waits for any more: %s, %.*s",
                 result->status ? err_name(result->status) : "done", (int)sizeof result->text - 1,
                 result->text);
}

void command_tick(struct command *c, int64_t now)
{
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < COMMAND_TICKETS; i++) {
        struct ticket *t = &c->ticket[i];
        if (!t->id || t->done || now - t->asked_at < COMMAND_SECONDS * CLK_SECOND)
            continue;
        t->unknown = true;
        snprintf(t->result.text, sizeof t->result.text, "no outcome within %d s", COMMAND_SECONDS);
        end(t);
    }
    pthread_mutex_unlock(&c->lock);
}

void command_gone(struct command *c)
{
    pthread_mutex_lock(&c->lock);
    c->gone = true;
    for (int i = 0; i < COMMAND_TICKETS; i++) {
        struct ticket *t = &c->ticket[i];
        if (!t->id || t->done)
            continue;
        t->unknown = true;
        snprintf(t->result.text, sizeof t->result.text,
                 "the supervisor is gone and did not answer");
        end(t);
    }
    pthread_mutex_unlock(&c->lock);
}

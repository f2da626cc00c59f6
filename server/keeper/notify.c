#include "server/keeper/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/keeper/zones.h"

static void on_reply(void *ctx, const struct ask_reply *reply);

static void send_one(struct notify_peer *p, bool urgent)
{
    struct zone *z = p->notifier->zone;
    size_t i = (size_t)(p - p->notifier->peers);
    p->again = p->failed = false;
    p->notifier->pending++;
    ask_start(&p->ask, ASK_NOTIFY, urgent, z->config->wire, z->config->wire_len,
              &z->config->lists->notify.items[i], on_reply, p);
}

static void round_done(struct notifier *n)
{
    char text[MSG_TEXT_MAX];
    size_t failed = 0, at = 0;
    for (size_t i = 0; i < n->count; i++)
        failed += n->peers[i].failed;
    at = (size_t)snprintf(text, sizeof text, "%zu of %zu secondaries acknowledged",
                          n->count - failed, n->count);
    for (size_t i = 0; i < n->count && at < sizeof text; i++) {
        if (n->peers[i].failed)
            at +=
                (size_t)snprintf(text + at, sizeof text - at, "; %s %s",
                                 n->zone->config->lists->notify.items[i].text, n->peers[i].reason);
    }
    n->done = n->started;
    request_done(n->zone, REQUEST_NOTIFY, n->done, failed ? ERR_TIMEOUT : ERR_OK, text);
}

static void on_reply(void *ctx, const struct ask_reply *reply)
{
    struct notify_peer *p = ctx;
    struct notifier *n = p->notifier;
    struct zone *z = n->zone;
    size_t i = (size_t)(p - n->peers);
    n->pending--;
    p->failed = reply->status != ERR_OK;
    snprintf(p->reason, sizeof p->reason, "%s", reply->reason);
    if (p->failed && !p->told)
        stats_event(z->keeper->stats, z->keeper->slot,
                    reply->status == ERR_SIGNATURE ? EVENT_TSIG : EVENT_NOTIFY_FAILED,
                    reply->status, z->config->name, "%s %s", z->config->lists->notify.items[i].text,
                    reply->reason);
    p->told = p->failed;
    if (p->again)
        send_one(p, false);
    if (!n->pending)
        round_done(n);
    row_write(z);
}

static int make(struct zone *z)
{
    size_t count = z->config->lists->notify.count;
    struct notifier *n = calloc(1, sizeof *n);
    if (!n || !(n->peers = calloc(count, sizeof *n->peers))) {
        free(n);
        return ERR_MEMORY;
    }
    n->zone = z;
    z->notifier = n;
    for (; n->count < count; n->count++) {
        n->peers[n->count].notifier = n;
        if (ask_init(&n->peers[n->count].ask, z->keeper)) {
            notify_forget(z);
            return ERR_MEMORY;
        }
    }
    return ERR_OK;
}

static void send_due(struct keeper *k, struct after *after)
{
    struct notifier *n = (struct notifier *)after;
    (void)k;
    for (size_t i = 0; i < n->count; i++) {
        struct notify_peer *p = &n->peers[i];
        if (p->due)
            send_one(p, n->urgent);
        p->due = false;
    }
    row_write(n->zone);
}

int notify_start(struct zone *z, bool urgent)
{
    if (z->config->lists->notify.count == 0 || !z->has_image || z->expired)
        return ERR_OK;
    int err = z->notifier ? ERR_OK : make(z);
    if (err)
        return err;
    struct notifier *n = z->notifier;
    n->started++;
    for (size_t i = 0; i < n->count; i++) {
        struct notify_peer *p = &n->peers[i];
        if (p->ask.running || p->ask.queued)
            p->again = true;
        else
            p->due = true;
    }
    n->urgent |= urgent;
    after_served(z->keeper, &n->after, send_due);
    return ERR_OK;
}

void notify_rekey(struct zone *z)
{
    struct notifier *n = z->notifier;
    for (size_t i = 0; n && i < n->count; i++)
        ask_rekey(&n->peers[i].ask, &z->config->lists->notify.items[i]);
}

void notify_forget(struct zone *z)
{
    struct notifier *n = z->notifier;
    if (!n)
        return;
    after_cancel(z->keeper, &n->after);
    for (size_t i = 0; i < n->count; i++)
        ask_fini(&n->peers[i].ask);
    free(n->peers);
    free(n);
    z->notifier = NULL;
}

unsigned notify_pending(const struct zone *z)
{
    return z->notifier ? z->notifier->pending : 0;
}

#include "server/keeper/refresh.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/rnd.h"
#include "server/keeper/axfr.h"
#include "server/keeper/zones.h"

enum {
    PAUSE_MIN = 2, /* s: what a SOA may ask for at the least */
    REFRESH_MAX = 28 * 86400,
    RETRY_MAX = 86400,
    EXPIRE_MIN = 4,
    FIRST_RETRY = 2, /* s: of a zone that has no SOA yet */
    FIRST_RETRY_MAX = 600,
    DOUBLINGS_MAX = 10
};
static const int64_t notify_gap = CLK_SECOND; /* between two rounds that NOTIFY begins */

int64_t refresh_pause(uint32_t seconds, int64_t most)
{
    return seconds < PAUSE_MIN ? PAUSE_MIN : seconds > most ? most : seconds;
}

int64_t refresh_backoff(uint32_t refresh, uint32_t retry, uint32_t failures)
{
    int64_t pause = refresh_pause(retry, RETRY_MAX), most = refresh_pause(refresh, RETRY_MAX);
    uint32_t doublings = failures > 1 ? failures - 1 : 0;
    int64_t grown = pause << (doublings > DOUBLINGS_MAX ? DOUBLINGS_MAX : doublings);
    return grown < most ? grown : pause > most ? pause : most;
}

static int64_t jitter(int64_t ns)
{
    /* Up to a tenth earlier, so that zones of one primary spread out (RFC 1912 asks for no more).
     */
    return ns - (int64_t)rnd_below((uint32_t)(ns / 10 / CLK_MS) + 1) * CLK_MS;
}

static void schedule(struct secondary *s, int64_t wait_ns)
{
    s->next_at = clk_wall() + (wait_ns + CLK_SECOND - 1) / CLK_SECOND;
    loop_set_timer(&s->zone->keeper->loop, &s->next, clk_mono_ns() + wait_ns);
    timers_changed(s->zone->keeper);
}

static int64_t expire_seconds(const struct zone *z)
{
    return z->summary.expire < EXPIRE_MIN ? EXPIRE_MIN : z->summary.expire;
}

static void set_state(struct secondary *s, enum refresh_state state)
{
    struct zone *z = s->zone;
    s->state = state;
    /* Asking is no news but for a zone that was never tried. */
    z->busy =
        state == REFRESH_TRANSFERRING || (state == REFRESH_ASKING && !z->has_image && !z->error);
    z->waiting = state == REFRESH_QUEUED;
    zone_show(z);
}

static unsigned current_primary(const struct secondary *s)
{
    return (s->first + s->tried) % (unsigned)s->zone->config->lists->primaries.count;
}

static const char *primary_text(const struct secondary *s)
{
    return s->zone->config->lists->primaries.items[current_primary(s)].text;
}

static void note_row(struct secondary *s, enum event event, const char *reason);

static void finish_round(struct secondary *s, int status, const char *text)
{
    struct zone *z = s->zone;
    s->done = s->started;
    bool urgent = s->urgent && s->again;
    s->force = s->again && s->again_force;
    s->urgent = urgent;
    s->ended_mono = clk_mono_ns();
    set_state(s, REFRESH_IDLE);
    request_done(z, REQUEST_REFRESH, s->done, status, text);
    if (s->again)
        schedule(s, urgent ? 0 : notify_gap);
    s->again = s->again_force = false;
}

/* A primary has what we serve. */
static void confirm(struct secondary *s)
{
    struct zone *z = s->zone;
    bool was_expired = z->expired;
    s->failures = 0;
    s->confirmed = clk_wall();
    s->expire_at = s->confirmed + expire_seconds(z);
    z->expired = false;
    zone_fault(z, ERR_OK, EVENT_COUNT, NULL);
    loop_set_timer(&z->keeper->loop, &s->expire, clk_mono_ns() + expire_seconds(z) * CLK_SECOND);
    schedule(s, jitter(refresh_pause(z->summary.refresh, REFRESH_MAX) * CLK_SECOND));
    if (!was_expired)
        return;
    stats_event(z->keeper->stats, z->keeper->slot, EVENT_ZONE_RECOVERED, 0, z->config->name,
                "serial %u, confirmed by %s", z->summary.serial, primary_text(s));
    sync_zone(z);
}

static void round_failed(struct secondary *s)
{
    struct zone *z = s->zone;
    int64_t pause;
    s->failures++;
    zone_fault(z, s->error ? s->error : ERR_TIMEOUT, s->event, s->reason);
    if (z->has_image) {
        pause = refresh_backoff(z->summary.refresh, z->summary.retry, s->failures);
    } else {
        pause = FIRST_RETRY << (s->failures < DOUBLINGS_MAX ? s->failures - 1 : DOUBLINGS_MAX);
        pause = pause > FIRST_RETRY_MAX ? FIRST_RETRY_MAX : pause;
    }
    schedule(s, jitter(pause * CLK_SECOND));
    for (unsigned i = 0; i < z->config->lists->primaries.count; i++) {
        struct stats_transfer *row = transfer_row(z, i);
        stats_row_begin(&row->seq);
        row->next_at = s->next_at;
        stats_row_end(&row->seq);
    }
    finish_round(s, s->error ? s->error : ERR_TIMEOUT, s->reason);
}

/* Tells a primary's trouble: each change of it, and the same again while there are few such events,
 * so that the history counts how often it failed. */
static void tell(struct secondary *s, enum event event, int error, const char *reason)
{
    struct zone *z = s->zone;
    uint16_t *told = &s->told[current_primary(s)];
    if (*told == event + 1 && !keeper_may_repeat(z->keeper))
        return;
    *told = (uint16_t)(event + 1);
    stats_event(z->keeper->stats, z->keeper->slot, event, error, z->config->name, "%s: %s",
                primary_text(s), reason);
}

static void on_soa(void *ctx, const struct ask_reply *reply);

static void ask_primary(struct secondary *s)
{
    struct zone *z = s->zone;
    unsigned primary = current_primary(s);
    if (s->force) {
        set_state(s, REFRESH_QUEUED);
        transfer_zone(z, primary, s->urgent);
        return;
    }
    struct stats_transfer *row = transfer_row(z, primary);
    stats_row_begin(&row->seq);
    row->state = TRANSFER_CHECKING;
    stats_row_end(&row->seq);
    set_state(s, REFRESH_ASKING);
    ask_start(&s->ask, ASK_SOA, s->urgent, z->config->wire, z->config->wire_len,
              &z->config->lists->primaries.items[primary], on_soa, s);
}

static void primary_failed(struct secondary *s, int error, enum event event, const char *reason)
{
    struct zone *z = s->zone;
    tell(s, event, error, reason);
    s->error = error;
    s->event = event;
    snprintf(s->reason, sizeof s->reason, "primary %s: %s", primary_text(s), reason);
    note_row(s, event, reason);
    if (++s->tried < z->config->lists->primaries.count)
        ask_primary(s);
    else
        round_failed(s);
}

/* How an attempt ended; EVENT_COUNT: the primary had nothing new. */
static void note_row(struct secondary *s, enum event event, const char *reason)
{
    struct stats_transfer *row = transfer_row(s->zone, current_primary(s));
    bool good = event == EVENT_COUNT || event == EVENT_XFR_UPDATED;
    stats_row_begin(&row->seq);
    row->state = event == EVENT_COUNT         ? TRANSFER_IN_SYNC
                 : event == EVENT_XFR_UPDATED ? TRANSFER_DONE
                 : event == EVENT_XFR_REFUSED ? TRANSFER_REFUSED
                                              : TRANSFER_FAILED;
    row->event = good ? 0 : event;
    row->failures = good ? 0 : row->failures + 1;
    if (good)
        row->ok_at = clk_wall();
    row->next_at = s->next_at;
    snprintf(row->reason, sizeof row->reason, "%s", good ? "" : reason);
    stats_row_end(&row->seq);
    atomic_fetch_add(&s->zone->keeper->stats->zone_changes, 1);
    if (good)
        s->told[current_primary(s)] = 0;
}

static void in_sync(struct secondary *s)
{
    char text[96];
    confirm(s);
    note_row(s, EVENT_COUNT, "");
    snprintf(text, sizeof text, "serial %u is current at %s", s->zone->summary.serial,
             primary_text(s));
    finish_round(s, ERR_OK, text);
}

static void older(struct secondary *s, uint32_t serial)
{
    char reason[96];
    snprintf(reason, sizeof reason, "has serial %u, older than %u", serial,
             s->zone->summary.serial);
    primary_failed(s, ERR_VERSION, EVENT_XFR_OLDER, reason);
}

static void on_soa(void *ctx, const struct ask_reply *reply)
{
    struct secondary *s = ctx;
    struct zone *z = s->zone;
    if (reply->status) {
        primary_failed(s, reply->status,
                       reply->status == ERR_SIGNATURE ? EVENT_TSIG : EVENT_XFR_UNREACHABLE,
                       reply->reason);
        return;
    }
    s->asked_serial = reply->soa.serial;
    if (!z->has_image || axfr_is_newer(reply->soa.serial, z->summary.serial)) {
        set_state(s, REFRESH_QUEUED);
        transfer_zone(z, current_primary(s), s->urgent);
    } else if (reply->soa.serial == z->summary.serial) {
        in_sync(s);
    } else {
        older(s, reply->soa.serial);
    }
}

void refresh_transferring(struct zone *z)
{
    set_state(z->secondary, REFRESH_TRANSFERRING);
}

static void complete(struct secondary *s, const struct transfer_outcome *o)
{
    struct zone *z = s->zone;
    char text[160];
    confirm(s);
    note_row(s, EVENT_XFR_UPDATED, "");
    snprintf(text, sizeof text, "serial %u, %llu records in %.2f s from %s", z->summary.serial,
             (unsigned long long)z->summary.records, (double)o->took_ns / 1e9, primary_text(s));
    stats_event(z->keeper->stats, z->keeper->slot, EVENT_XFR_UPDATED, 0, z->config->name, "%s",
                text);
    finish_round(s, ERR_OK, text);
    notify_start(z, false);
}

void refresh_transferred(struct zone *z, const struct transfer_outcome *o)
{
    static const struct {
        int error;
        enum event event;
    } faults[] = {
        [TRANSFER_UNREACHABLE] = {ERR_TIMEOUT, EVENT_XFR_UNREACHABLE},
        [TRANSFER_DECLINED] = {ERR_REFUSED, EVENT_XFR_REFUSED},
        [TRANSFER_BAD] = {ERR_FORMAT, EVENT_XFR_BAD},
        [TRANSFER_UNTRUSTED] = {ERR_SIGNATURE, EVENT_TSIG},
        [TRANSFER_LOCAL] = {ERR_SYSTEM, EVENT_MEMORY_OUT},
    };
    struct secondary *s = z->secondary;
    if (o->verdict == TRANSFER_COMPLETE)
        complete(s, o);
    else if (o->verdict == TRANSFER_CURRENT)
        in_sync(s);
    else if (o->verdict == TRANSFER_OLDER)
        older(s, o->serial);
    else
        primary_failed(s, faults[o->verdict].error, faults[o->verdict].event, o->reason);
}

static void begin(struct secondary *s)
{
    struct zone *z = s->zone;
    s->started++;
    s->tried = 0;
    s->error = ERR_OK;
    s->reason[0] = '\0';
    loop_clear_timer(&z->keeper->loop, &s->next);
    ask_primary(s);
}

void refresh_start(struct zone *z, bool force, bool urgent)
{
    struct secondary *s = z->secondary;
    s->urgent = s->urgent || urgent;
    if (s->state != REFRESH_IDLE) {
        s->again = true;
        s->again_force = s->again_force || force;
        return;
    }
    s->force = force;
    begin(s);
}

void refresh_notified(struct zone *z, const struct msg_notify *notify)
{
    struct secondary *s = z->secondary;
    const struct config_peers *p = &z->config->lists->primaries;
    if (notify->has_serial && z->has_image && !z->expired &&
        !axfr_is_newer(notify->serial, z->summary.serial))
        return;
    if (s->state != REFRESH_IDLE) {
        s->again = true;
        return;
    }
    s->first = 0;
    for (unsigned i = 0; i < p->count; i++) {
        const struct sockaddr_in *a4 = (const void *)&p->items[i].address;
        const struct sockaddr_in6 *a6 = (const void *)&p->items[i].address;
        const struct sockaddr_in *n4 = (const void *)&notify->source;
        const struct sockaddr_in6 *n6 = (const void *)&notify->source;
        if (p->items[i].address.ss_family != notify->source.ss_family)
            continue;
        if (notify->source.ss_family == AF_INET
                ? a4->sin_addr.s_addr == n4->sin_addr.s_addr
                : !memcmp(&a6->sin6_addr, &n6->sin6_addr, sizeof a6->sin6_addr))
            s->first = i;
    }
    int64_t gone = clk_mono_ns() - s->ended_mono;
    s->urgent = true;
    if (s->started && gone < notify_gap)
        schedule(s, notify_gap - gone);
    else
        begin(s);
}

static void on_next(void *ctx)
{
    begin(ctx);
}

static void on_expire(void *ctx)
{
    struct secondary *s = ctx;
    struct zone *z = s->zone;
    if (!z->has_image || z->expired)
        return;
    z->expired = true;
    stats_event(z->keeper->stats, z->keeper->slot, EVENT_ZONE_EXPIRED, 0, z->config->name,
                "no primary confirmed serial %u for %lld seconds%s%s", z->summary.serial,
                (long long)expire_seconds(z), z->reason ? "; " : "", z->reason ? z->reason : "");
    zone_show(z);
    sync_zone(z);
}

int refresh_add(struct zone *z)
{
    struct loop *loop = &z->keeper->loop;
    struct secondary *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_MEMORY;
    s->zone = z;
    s->told = calloc(z->config->lists->primaries.count, sizeof *s->told);
    z->secondary = s;
    if (!s->told || loop_add_timer(loop, &s->next, on_next, s) ||
        loop_add_timer(loop, &s->expire, on_expire, s) || ask_init(&s->ask, z->keeper)) {
        refresh_forget(z);
        return ERR_MEMORY;
    }
    return ERR_OK;
}

void refresh_resume(struct zone *z, int64_t confirmed, int64_t next)
{
    struct secondary *s = z->secondary;
    int64_t now = clk_wall(), mono = clk_mono_ns();
    if (!z->has_image) {
        z->waiting = true;
        loop_set_timer(&z->keeper->loop, &s->next, mono);
        return;
    }
    /* A time in the future is a clock that was set back: believe the zone to be fresh, but check.
     */
    bool odd = confirmed > now || next > now + REFRESH_MAX;
    s->confirmed = odd || !confirmed ? now : confirmed;
    s->expire_at = s->confirmed + expire_seconds(z);
    if (s->expire_at <= now)
        on_expire(s);
    else
        loop_set_timer(&z->keeper->loop, &s->expire, mono + (s->expire_at - now) * CLK_SECOND);
    int64_t wait = odd || !confirmed || next <= now ? 0 : next - now;
    s->next_at = now + wait;
    loop_set_timer(&z->keeper->loop, &s->next, mono + wait * CLK_SECOND);
}

int refresh_primaries(struct zone *z)
{
    struct secondary *s = z->secondary;
    uint16_t *told = calloc(z->config->lists->primaries.count, sizeof *told);
    if (!told)
        return ERR_MEMORY;
    free(s->told);
    s->told = told;
    s->first = s->tried = 0;
    ask_cancel(&s->ask);
    transfer_cancel(z);
    if (s->state != REFRESH_IDLE)
        s->state = REFRESH_IDLE;
    loop_set_timer(&z->keeper->loop, &s->next, clk_mono_ns());
    return ERR_OK;
}

void refresh_rekey(struct zone *z)
{
    if (z->secondary)
        ask_rekey(&z->secondary->ask,
                  &z->config->lists->primaries.items[current_primary(z->secondary)]);
}

void refresh_forget(struct zone *z)
{
    struct secondary *s = z->secondary;
    if (!s)
        return;
    transfer_forget(z);
    ask_fini(&s->ask);
    loop_remove_timer(&z->keeper->loop, &s->next);
    loop_remove_timer(&z->keeper->loop, &s->expire);
    free(s->told);
    free(s);
    z->secondary = NULL;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/keeper/refresh.h"
#include "tests/unit/keeper/harness.h"
#include "tests/unit/keeper/primary.h"

#define A "\1a\4test"

/* A secondary zone of one or two primaries. */
static struct harness *begin(const struct primary *first, const struct primary *second)
{
    struct harness *h = harness_new();
    snprintf(h->zones, sizeof h->zones, "  - {name: a.test., primaries: [%s%s%s]}\n",
             first->address, second ? ", " : "", second ? second->address : "");
    harness_start(h, h->zones);
    harness_ready(h);
    harness_serve(h);
    return h;
}

static void end(struct harness *h, struct primary *p)
{
    harness_stop(h);
    harness_free(h);
    primary_stop(p);
}

static void row_of(struct harness *h, unsigned i, struct stats_transfer *row)
{
    struct stats_zone zone;
    assert_true(harness_row(h, "a.test.", &zone));
    assert_true(i < zone.transfers);
    assert_true(stats_read_transfer(&h->stats->transfers_in[zone.transfer + i], row));
}

static void notify(struct harness *h, uint32_t serial)
{
    struct msg_notify m = {.has_serial = 1, .serial = serial, .name_len = sizeof A};
    struct sockaddr_in *from = (void *)&m.source;
    memcpy(m.name, A, sizeof A);
    from->sin_family = AF_INET;
    from->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(channel_send(h->serve, MSG_NOTIFY, &m, sizeof m, NULL, 0, 1000), 0);
}

static void transfers_and_follows(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    struct harness *h = begin(p, NULL);
    struct stats_transfer row;
    struct stats_zone zone;
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_true(harness_event(h, EVENT_XFR_UPDATED, "serial 5, 202 records"));
    row_of(h, 0, &row);
    assert_int_equal(row.state, TRANSFER_DONE);
    assert_int_equal(row.attempts, 1);
    assert_int_equal(row.failures, 0);
    assert_int_equal(row.records, 202);
    assert_int_equal(row.messages, 1);
    assert_true(row.bytes > 3000 && row.ok_at > 0 && row.ended_at >= row.started_at);
    assert_string_equal(row.peer, p->address);
    assert_true(harness_row(h, "a.test.", &zone));
    assert_int_equal(zone.role, ZONE_SECONDARY);
    assert_true(zone.checked_at > 0 && zone.refresh_at >= zone.checked_at);
    assert_int_equal(zone.expire_at, zone.checked_at + 600);
    /* On its timer. */
    p->serial = 6;
    HARNESS_UNTIL(h, harness_served(h, A) == 6);
    /* In sync: asked, and not transferred. */
    uint32_t asked = p->asked;
    HARNESS_UNTIL(h, p->asked > asked);
    HARNESS_UNTIL(h, (row_of(h, 0, &row), row.state == TRANSFER_IN_SYNC));
    assert_int_equal(p->transferred, 2);
    end(h, p);
}

static void notify_makes_it_immediate(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    p->refresh = 3600;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    /* N1: of a flood, one round is under way and one more follows. */
    p->serial = 6;
    for (int i = 0; i < 500; i++)
        notify(h, 6);
    HARNESS_UNTIL(h, harness_served(h, A) == 6);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_true(p->asked <= 4);
    uint32_t asked = p->asked;
    notify(h, 6); /* what we have: no reason to ask */
    notify(h, 7);
    HARNESS_UNTIL(h, p->asked == asked + 1);
    assert_int_equal(p->transferred, 2);
    end(h, p);
}

static void actions_have_definite_results(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    char text[MSG_TEXT_MAX];
    p->refresh = 3600;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_REFRESH, "a.test."), text), 0);
    assert_non_null(strstr(text, "serial 5 is current at "));
    assert_non_null(strstr(text, p->address));
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RETRANSFER, "a.test."), text), 0);
    assert_non_null(strstr(text, "serial 5, 202 records"));
    /* Serials that go backwards: refused, told, and forced by a retransfer. */
    p->serial = 3;
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_REFRESH, "a.test."), text),
                     ERR_VERSION);
    assert_true(harness_event(h, EVENT_XFR_OLDER, "has serial 3, older than 5"));
    assert_int_equal(harness_state(h, "a.test."), ZONE_STALE);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RETRANSFER, "a.test."), text), 0);
    HARNESS_UNTIL(h, harness_served(h, A) == 3);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_NOTIFY, "a.test."), text),
                     ERR_USAGE);
    p->mode = PRIMARY_REFUSES;
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RETRANSFER, "a.test."), text),
                     ERR_REFUSED);
    assert_non_null(strstr(text, "the primary answered REFUSED"));
    assert_true(harness_event(h, EVENT_XFR_REFUSED, "REFUSED"));
    assert_int_equal(harness_served(h, A), 3);
    end(h, p);
}

/* X1: whatever the byte, what was there goes on. */
static void bad_streams_leave_the_old_version(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    char text[MSG_TEXT_MAX];
    struct stats_transfer row;
    static const uint32_t cuts[] = {0, 1, 2, 14, 30, 80, 500, 2000, 3900};
    p->refresh = p->retry = 3600;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    p->serial = 6;
    for (size_t i = 0; i <= sizeof cuts / sizeof *cuts; i++) {
        bool lie = i == sizeof cuts / sizeof *cuts;
        p->mode = lie ? PRIMARY_LIES : PRIMARY_CUTS;
        p->cut = lie ? 0 : cuts[i];
        int status = harness_result(h, harness_act(h, ACTION_ZONE_REFRESH, "a.test."), text);
        assert_int_not_equal(status, 0);
        assert_int_equal(harness_served(h, A), 5);
        assert_int_equal(harness_state(h, "a.test."), ZONE_STALE);
    }
    assert_true(harness_event(h, EVENT_XFR_BAD, "the last SOA differs from the first"));
    row_of(h, 0, &row);
    assert_int_equal(row.state, TRANSFER_FAILED);
    assert_int_equal(row.failures, 10);
    assert_non_null(strstr(row.reason, "last SOA"));
    p->mode = PRIMARY_GOOD;
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_REFRESH, "a.test."), text), 0);
    HARNESS_UNTIL(h, harness_served(h, A) == 6);
    row_of(h, 0, &row);
    assert_int_equal(row.failures, 0);
    end(h, p);
}

/* N6: only the answer to our question counts. */
static void forged_answers_are_ignored(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    char text[MSG_TEXT_MAX];
    p->mode = PRIMARY_FORGES;
    p->refresh = 3600;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_REFRESH, "a.test."), text), 0);
    assert_non_null(strstr(text, "serial 5 is current at "));
    assert_non_null(strstr(text, p->address));
    end(h, p);
}

static void expires_and_recovers(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    struct known *m;
    p->expire = 4;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    p->mode = PRIMARY_SILENT;
    HARNESS_UNTIL(h, (m = harness_known(h, A)) && m->flags & ZONE_IS_EXPIRED);
    assert_int_equal(harness_state(h, "a.test."), ZONE_EXPIRED);
    assert_true(harness_event(h, EVENT_ZONE_EXPIRED, "serial 5"));
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_EXPIRED]), 1);
    p->mode = PRIMARY_GOOD;
    HARNESS_UNTIL(h, !(harness_known(h, A)->flags & ZONE_IS_EXPIRED));
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_int_equal(harness_events(h, EVENT_ZONE_RECOVERED, "a.test."), 1);
    assert_true(harness_event(h, EVENT_ZONE_RECOVERED, "serial 5"));
    end(h, p);
}

/* A list given takes the place of the primaries: who is not on it may not send NOTIFY. */
static void allow_notify_is_what_was_given(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    char zones[200];
    struct harness *h = harness_new();
    snprintf(zones, sizeof zones,
             "  - {name: a.test., primaries: [%s], allow-notify: [192.0.2.7]}\n", p->address);
    harness_start(h, zones);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    const struct known *m = harness_known(h, A);
    assert_int_equal(m->notify_count, 1);
    assert_memory_equal(m->allow_notify[0].address, "\xc0\x00\x02\x07", 4);
    end(h, p);
}

/* What the primary's trouble is stands in the rows. */
static void older_serial_is_named(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    struct stats_transfer row;
    struct stats_zone zone;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    p->serial = 3;
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_STALE);
    assert_true(harness_row(h, "a.test.", &zone));
    assert_int_equal(zone.event, EVENT_XFR_OLDER);
    row_of(h, 0, &row);
    assert_int_equal(row.event, EVENT_XFR_OLDER);
    /* Each failure is an event, so that the history counts them. */
    HARNESS_UNTIL(h, harness_events(h, EVENT_XFR_OLDER, "a.test.") > 1);
    end(h, p);
}

static void second_primary_helps(void **state)
{
    (void)state;
    struct primary *p = primary_start(5), *dead = primary_start(5);
    struct stats_transfer row;
    char address[32];
    memcpy(address, dead->address, sizeof address);
    dead->mode = PRIMARY_SILENT;
    struct harness *h = begin(dead, p);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    row_of(h, 0, &row);
    assert_int_equal(row.state, TRANSFER_FAILED);
    assert_true(row.failures >= 1);
    row_of(h, 1, &row);
    assert_int_equal(row.state, TRANSFER_DONE);
    assert_true(harness_event(h, EVENT_XFR_UNREACHABLE, address));
    primary_stop(dead);
    end(h, p);
}

/* The confirmation and its age survive a restart. */
static void timers_survive(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    struct stats_zone before, after;
    char path[128];
    p->refresh = 3600;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_true(harness_row(h, "a.test.", &before));
    uint32_t asked = p->asked;
    harness_stop(h);
    harness_start(h, h->zones);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, h->synced);
    assert_int_equal(harness_served(h, A), 5);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_true(harness_row(h, "a.test.", &after));
    assert_int_equal(after.checked_at, before.checked_at);
    assert_int_equal(after.refresh_at, before.refresh_at);
    assert_int_equal(after.expire_at, before.expire_at);
    assert_int_equal(p->asked, asked);
    harness_stop(h);
    /* Damaged: asked at once. */
    snprintf(path, sizeof path, "%s/timers", h->state);
    assert_int_equal(truncate(path, 20), 0);
    harness_start(h, h->zones);
    HARNESS_UNTIL(h, p->asked == asked + 1);
    harness_stop(h);
    harness_free(h);
    primary_stop(p);
}

/* An expired zone stays expired over a restart, until a primary confirms it. */
static void expiry_survives(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    p->expire = 4;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    p->mode = PRIMARY_SILENT;
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_EXPIRED);
    harness_stop(h);
    harness_start(h, h->zones);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, h->synced);
    assert_true(harness_known(h, A)->flags & ZONE_IS_EXPIRED);
    p->mode = PRIMARY_GOOD;
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    end(h, p);
}

static void notifies_secondaries(void **state)
{
    (void)state;
    struct primary *p = primary_start(1);
    struct harness *h = harness_new();
    char text[MSG_TEXT_MAX];
    harness_zone(h, "a.zone", 7, 3);
    snprintf(h->zones, sizeof h->zones, "  - {name: a.test., file: a.zone, notify: [%s]}\n",
             p->address);
    harness_start(h, h->zones);
    harness_ready(h);
    HARNESS_UNTIL(h, p->notified == 1);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_NOTIFY, "a.test."), text), 0);
    assert_string_equal(text, "1 of 1 secondaries acknowledged");
    assert_int_equal(p->notified, 2);
    harness_zone(h, "a.zone", 8, 3);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RELOAD, "a.test."), text), 0);
    HARNESS_UNTIL(h, p->notified == 3);
    struct primary *dead = primary_start(1);
    snprintf(h->zones, sizeof h->zones, "  - {name: a.test., file: a.zone, notify: [%s]}\n",
             dead->address);
    dead->mode = PRIMARY_SILENT;
    kill(dead->pid, SIGKILL); /* the port is closed: an ICMP error */
    harness_reload(h, h->zones);
    harness_result(h, h->next_id - 1, text);
    assert_int_not_equal(harness_result(h, harness_act(h, ACTION_ZONE_NOTIFY, "a.test."), text), 0);
    assert_non_null(strstr(text, "0 of 1 secondaries acknowledged; 127.0.0.1@"));
    assert_true(harness_event(h, EVENT_NOTIFY_FAILED, dead->address));
    primary_stop(dead);
    end(h, p);
}

/* A stop does not wait for a transfer that goes nowhere. */
static void stops_during_a_transfer(void **state)
{
    (void)state;
    struct primary *p = primary_start(5);
    struct stats_transfer row;
    p->mode = PRIMARY_STALLS;
    struct harness *h = begin(p, NULL);
    HARNESS_UNTIL(h, p->transferred == 1);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_LOADING);
    row_of(h, 0, &row);
    assert_int_equal(row.state, TRANSFER_RUNNING);
    int64_t began = clk_mono_ns();
    end(h, p);
    assert_true(clk_mono_ns() - began < 2 * CLK_SECOND);
}

/* Hundreds of zones of a primary that is silent do not keep a zone of a living one waiting. */
static void dead_primary_delays_nobody(void **state)
{
    (void)state;
    struct primary *p = primary_start(5), *dead = primary_start(5);
    struct buf zones = {0};
    dead->mode = PRIMARY_SILENT;
    for (int i = 0; i < 300; i++)
        buf_printf(&zones, "  - {name: d%d.test., primaries: [%s]}\n", i, dead->address);
    buf_printf(&zones, "  - {name: zz.test., primaries: [%s]}\n", p->address);
    struct harness *h = harness_new();
    int64_t began = clk_mono_ns();
    harness_start(h, zones.data);
    harness_ready(h);
    HARNESS_UNTIL(h, harness_state(h, "zz.test.") == ZONE_OK);
    assert_true(clk_mono_ns() - began < 4 * CLK_SECOND);
    buf_fini(&zones);
    primary_stop(dead);
    end(h, p);
}

static void paces_itself(void **state)
{
    (void)state;
    static const struct {
        uint32_t refresh, retry, failures;
        int64_t pause;
    } cases[] = {
        {0, 0, 1, 2},
        {3600, 600, 1, 600},
        {3600, 600, 2, 1200},
        {3600, 600, 3, 2400},
        {3600, 600, 4, 3600},
        {3600, 600, 4000000000u, 3600},
        {600, 3600, 1, 3600},
        {600, 3600, 9, 3600},
        {4294967295u, 4294967295u, 9, 86400},
        {4294967295u, 1, 5, 32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(refresh_backoff(cases[i].refresh, cases[i].retry, cases[i].failures),
                         cases[i].pause);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfers_and_follows),
        cmocka_unit_test(notify_makes_it_immediate),
        cmocka_unit_test(actions_have_definite_results),
        cmocka_unit_test(bad_streams_leave_the_old_version),
        cmocka_unit_test(forged_answers_are_ignored),
        cmocka_unit_test(expires_and_recovers),
        cmocka_unit_test(allow_notify_is_what_was_given),
        cmocka_unit_test(older_serial_is_named),
        cmocka_unit_test(second_primary_helps),
        cmocka_unit_test(timers_survive),
        cmocka_unit_test(expiry_survives),
        cmocka_unit_test(notifies_secondaries),
        cmocka_unit_test(stops_during_a_transfer),
        cmocka_unit_test(dead_primary_delays_nobody),
        cmocka_unit_test(paces_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

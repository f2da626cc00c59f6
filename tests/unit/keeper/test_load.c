#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/keeper/harness.h"

#define A "\1a\4test"
#define B "\1b\4test"

static const char two[] = "  - {name: a.test., file: a.zone}\n  - {name: b.test., file: b.zone}\n";

static void loads_and_serves(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    struct stats_zone row;
    harness_zone(h, "a.zone", 7, 10);
    harness_zone(h, "b.zone", 8, 1000);
    harness_start(h, two);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, h->synced);
    HARNESS_UNTIL(h, harness_served(h, A) == 7 && harness_served(h, B) == 8);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    assert_true(harness_event(h, EVENT_ZONES_LOADED, "2 zones"));
    assert_true(harness_row(h, "b.test.", &row));
    assert_int_equal(row.state, ZONE_OK);
    assert_int_equal(row.records, 1003);
    assert_int_equal(row.serial, 8);
    assert_true(row.bytes > 0 && row.load_ns > 0 && row.loaded_at > 0);
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_OK]), 2);
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_NONE]), 0);
    harness_stop(h);
    harness_free(h);
}

/* What a start finds in the state directory is served before anything is compiled. */
static void starts_warm(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    harness_zone(h, "a.zone", 7, 10);
    harness_zone(h, "b.zone", 8, 10);
    harness_start(h, two);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    harness_stop(h);
    harness_zone(h, "b.zone", 9, 10);
    harness_start(h, two);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, h->synced);
    assert_int_equal(harness_served(h, A), 7);
    assert_true(harness_served(h, B) >= 8);
    HARNESS_UNTIL(h, harness_served(h, B) == 9);
    HARNESS_UNTIL(h, harness_state(h, "b.test.") == ZONE_OK);
    assert_int_equal(atomic_load(&h->stats->zone_rows), 2);
    harness_stop(h);
    harness_free(h);
}

static void broken_file_keeps_the_last_good_version(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    struct stats_zone row;
    char text[MSG_TEXT_MAX];
    harness_zone(h, "a.zone", 7, 10);
    harness_zone(h, "b.zone", 8, 10);
    harness_start(h, two);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, A) == 7);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    harness_write(h, "a.zone", "$TTL 300\n@ SOA ns h 9 1 1 1 1\n@ NS ns\nns A 192.0.2.300\n");
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RELOAD, "A.test."), text),
                     ERR_ZONE);
    assert_non_null(strstr(text, "a.zone:4:6: bad value '192.0.2.300'"));
    assert_true(harness_row(h, "a.test.", &row));
    assert_int_equal(row.state, ZONE_STALE);
    assert_int_equal(row.serial, 7);
    assert_non_null(strstr(row.reason, "a.zone:4:6"));
    assert_true(harness_event(h, EVENT_FILE_PARSE, "a.zone:4:6"));
    assert_int_equal(harness_served(h, A), 7);
    harness_zone(h, "a.zone", 10, 10);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RELOAD, "a.test."), text), 0);
    assert_non_null(strstr(text, "serial 10, 13 records"));
    HARNESS_UNTIL(h, harness_served(h, A) == 10);
    assert_int_equal(harness_state(h, "a.test."), ZONE_OK);
    harness_stop(h);
    harness_free(h);
}

static void refuses_what_is_no_zone_file(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    char path[128];
    struct stats_zone row;
    static const struct {
        const char *name, *reason;
        enum event event;
    } cases[] = {
        {"missing.test.", "the file does not exist", EVENT_FILE_OPEN},
        {"empty.test.", "the file is empty", EVENT_NO_SOA},
        {"directory.test.", "is a directory", EVENT_FILE_OPEN},
        {"fifo.test.", "is not a plain file", EVENT_FILE_OPEN},
        {"nosoa.test.", "no SOA record", EVENT_NO_SOA},
        {"outside.test.", ":4:1: ", EVENT_FILE_PARSE},
        {"include.test.", "other: the file does not exist", EVENT_FILE_PARSE},
        {"binary.test.", ":1:1: a NUL byte", EVENT_FILE_PARSE},
    };
    harness_write(h, "empty.zone", "");
    snprintf(path, sizeof path, "%s/directory.zone", h->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/fifo.zone", h->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    harness_write(h, "nosoa.zone", "@ 1 NS ns\nns 1 A 192.0.2.1\n");
    harness_write(h, "outside.zone",
                  "$TTL 1\n@ SOA n h 1 2 3 4 5\n@ NS n\nx.example. A 192.0.2.1\n");
    harness_write(h, "include.zone", "$INCLUDE other\n");
    harness_write(h, "binary.zone", "x");
    snprintf(path, sizeof path, "%s/binary.zone", h->dir);
    int fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "\0\1\2", 3), 3);
    close(fd);
    struct buf zones = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t base = strlen(cases[i].name) - strlen(".test.");
        buf_printf(&zones, "  - {name: %s, file: %.*s.zone}\n", cases[i].name, (int)base,
                   cases[i].name);
    }
    harness_start(h, zones.data);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(harness_row(h, cases[i].name, &row));
        if (!strstr(row.reason, cases[i].reason))
            print_error("%s: %s\n", cases[i].name, row.reason);
        assert_int_equal(row.state, ZONE_FAILED);
        assert_non_null(strstr(row.reason, cases[i].reason));
        assert_true(harness_event(h, cases[i].event, cases[i].reason));
    }
    buf_fini(&zones);
    harness_stop(h);
    harness_free(h);
}

static void damaged_images_are_built_again(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    char path[160];
    harness_zone(h, "a.zone", 7, 100);
    harness_zone(h, "b.zone", 8, 100);
    harness_start(h, two);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    harness_stop(h);
    snprintf(path, sizeof path, "%s/images/a.test.img", h->state);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    char byte;
    assert_int_equal(pread(fd, &byte, 1, 2000), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 2000), 1);
    close(fd);
    snprintf(path, sizeof path, "%s/images/b.test.img", h->state);
    assert_int_equal(truncate(path, 100), 0);
    harness_start(h, two);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, A) == 7 && harness_served(h, B) == 8);
    assert_true(harness_event(h, EVENT_IMAGE_DAMAGED, "damaged"));
    assert_true(harness_event(h, EVENT_IMAGE_DAMAGED, "malformed"));
    harness_stop(h);
    harness_free(h);
}

/* Without a usable state directory zones are served from memory, over a new serve process too. */
static void serves_from_memory(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    harness_zone(h, "a.zone", 7, 10);
    harness_zone(h, "b.zone", 8, 10);
    assert_int_equal(rmdir(h->state), 0);
    harness_write(h, "state", "a file in its place");
    harness_start(h, two);
    harness_ready(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    harness_serve(h);
    HARNESS_UNTIL(h, h->synced);
    assert_int_equal(harness_served(h, A), 7);
    assert_int_equal(harness_served(h, B), 8);
    assert_true(harness_event(h, EVENT_STATE_DIR, ""));
    assert_int_equal(harness_events(h, EVENT_ZONE_UNWRITTEN, "a.test."), 1);
    assert_int_equal(harness_events(h, EVENT_ZONE_UNWRITTEN, "b.test."), 1);
    harness_stop(h);
    harness_free(h);
}

/* The row says what is not on disk until it is; nothing is said to be written that was not. */
static void unwritten_zones_are_known(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    char path[160], text[MSG_TEXT_MAX];
    struct stats_zone row;
    harness_zone(h, "a.zone", 7, 10);
    harness_zone(h, "b.zone", 8, 10);
    harness_start(h, two);
    harness_ready(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    snprintf(path, sizeof path, "%s/images/a.test.img", h->state);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    for (unsigned serial = 9; serial < 11; serial++) {
        harness_zone(h, "a.zone", serial, 10);
        assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RELOAD, "a.test."), text), 0);
    }
    assert_true(harness_row(h, "a.test.", &row));
    assert_int_equal(row.state, ZONE_OK);
    assert_int_equal(row.serial, 10);
    assert_int_equal(row.unwritten, EISDIR);
    assert_int_equal(harness_events(h, EVENT_ZONE_UNWRITTEN, "a.test."), 1);
    assert_int_equal(harness_events(h, EVENT_ZONE_WRITTEN, "a.test."), 0);
    /* A reload writes it although its file did not change. */
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(harness_result(h, harness_reload(h, two), text), 0);
    assert_non_null(strstr(text, "1 zones loaded"));
    assert_true(harness_row(h, "a.test.", &row));
    assert_int_equal(row.unwritten, 0);
    assert_int_equal(harness_events(h, EVENT_ZONE_WRITTEN, "a.test."), 1);
    harness_stop(h);
    harness_free(h);
}

static const char serial_zone[] = "$TTL 300\n@ SOA ns h %s 3600 600 86400 60\n@ NS ns\nns A %s\n%s";

/* RFC 1982: secondaries see a change only with a higher serial. */
static void serial_that_is_not_raised_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *serial, *address, *more;
        enum event event; /* of the row afterwards; EVENT_COUNT none */
        const char *text;
    } steps[] = {
        {"7", "192.0.2.1", "x A 192.0.2.8\nx A 192.0.2.9\n", EVENT_COUNT, "serial 7"},
        {"7", "192.0.2.1", "x A 192.0.2.9 ; in another order\nx A 192.0.2.8\n", EVENT_COUNT,
         "serial 7"},
        {"7", "192.0.2.2", "", EVENT_SERIAL_SAME, "the serial 7 did not"},
        {"7", "192.0.2.2", "; the same\n", EVENT_SERIAL_SAME, "the serial 7 did not"},
        {"8", "192.0.2.2", "", EVENT_COUNT, "serial 8"},
        {"6", "192.0.2.2", "", EVENT_SERIAL_LOWER, "serial 6 is older than 8"},
        {"7", "192.0.2.2", "", EVENT_SERIAL_LOWER, "serial 7 is older than 8"},
        {"9", "192.0.2.2", "", EVENT_COUNT, "serial 9"},
        {"4000000000", "192.0.2.2", "", EVENT_SERIAL_LOWER, "is older than 9"},
        {"10", "192.0.2.2", "", EVENT_COUNT, "serial 10"},
    };
    struct harness *h = harness_new();
    char text[MSG_TEXT_MAX], zone[400];
    struct stats_zone row;
    harness_zone(h, "a.zone", 6, 10);
    harness_zone(h, "b.zone", 8, 10);
    harness_start(h, two);
    harness_ready(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        snprintf(zone, sizeof zone, serial_zone, steps[i].serial, steps[i].address, steps[i].more);
        harness_write(h, "a.zone", zone);
        uint64_t id =
            i % 2 ? harness_reload(h, two) : harness_act(h, ACTION_ZONE_RELOAD, "a.test.");
        assert_int_equal(harness_result(h, id, text), 0);
        assert_true(harness_row(h, "a.test.", &row));
        assert_int_equal(row.state, ZONE_OK);
        bool noted = steps[i].event != EVENT_COUNT;
        assert_int_equal(row.event, noted ? steps[i].event : 0);
        assert_int_equal(row.error, 0);
        if (noted) {
            assert_non_null(strstr(text, steps[i].text));
            assert_non_null(strstr(row.reason, steps[i].text));
            assert_true(harness_event(h, steps[i].event, steps[i].text));
        } else {
            assert_string_equal(row.reason, "");
        }
    }
    assert_int_equal(harness_events(h, EVENT_SERIAL_SAME, "a.test."), 1);
    assert_int_equal(harness_events(h, EVENT_SERIAL_LOWER, "a.test."), 3);
    /* It outlives the keeper that saw it. */
    snprintf(zone, sizeof zone, serial_zone, "10", "192.0.2.3", "");
    harness_write(h, "a.zone", zone);
    harness_result(h, harness_act(h, ACTION_ZONE_RELOAD, "a.test."), text);
    harness_kill(h);
    harness_start(h, two);
    harness_ready(h);
    assert_true(harness_row(h, "a.test.", &row));
    assert_int_equal(row.event, EVENT_SERIAL_SAME);
    harness_stop(h);
    harness_free(h);
}

/* What comes and goes with a configuration is named, of very many the first. */
static void zones_that_come_and_go_are_named(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    struct buf zones = {0};
    char text[MSG_TEXT_MAX];
    harness_zone(h, "a.zone", 7, 5);
    harness_zone(h, "b.zone", 8, 5);
    for (int i = 0; i < 30; i++)
        buf_printf(&zones, "  - {name: z%d.test., file: a.zone}\n", i);
    harness_start(h, two);
    harness_ready(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    assert_int_equal(harness_result(h, harness_reload(h, zones.data), text), 0);
    assert_non_null(strstr(text, "30 new, 2 gone"));
    assert_int_equal(harness_events(h, EVENT_ZONE_REMOVED, "a.test."), 1);
    assert_true(harness_event(h, EVENT_ZONE_REMOVED, "a.zone"));
    assert_int_equal(harness_events(h, EVENT_ZONE_ADDED, NULL), 21);
    assert_int_equal(harness_events(h, EVENT_ZONE_ADDED, "z3.test."), 1);
    assert_true(harness_event(h, EVENT_ZONE_ADDED, "10 more zones"));
    buf_fini(&zones);
    harness_stop(h);
    harness_free(h);
}

static void configuration_changes(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    char text[MSG_TEXT_MAX], path[160];
    struct stats_zone row;
    harness_zone(h, "a.zone", 7, 10);
    harness_zone(h, "b.zone", 8, 10);
    harness_zone(h, "c.zone", 9, 10);
    harness_start(h, two);
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, A) == 7 && harness_served(h, B) == 8);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    harness_zone(h, "b.zone", 18, 10);
    harness_write(h, "d.zone", "broken");
    uint64_t id =
        harness_reload(h, "  - {name: b.test., file: b.zone, allow-transfer: [127.0.0.1]}\n"
                          "  - {name: c.test., file: c.zone}\n"
                          "  - {name: d.test., file: d.zone}\n");
    assert_int_equal(harness_result(h, id, text), ERR_ZONE);
    assert_non_null(strstr(text, "2 zones loaded, 1 failed: d.test.: "));
    assert_non_null(strstr(text, "2 new, 1 gone"));
    HARNESS_UNTIL(h, harness_served(h, B) == 18 && harness_served(h, "\1c\4test") == 9 &&
                         !harness_known(h, A));
    assert_int_equal(harness_known(h, B)->transfer_count, 1);
    assert_false(harness_row(h, "a.test.", &row));
    snprintf(path, sizeof path, "%s/images/a.test.img", h->state);
    assert_int_equal(access(path, F_OK), -1);
    /* Nothing changed: nothing is done. */
    unsigned frames = h->zone_frames;
    harness_zone(h, "d.zone", 1, 1);
    id = harness_reload(h, "  - {name: b.test., file: b.zone, allow-transfer: [127.0.0.1]}\n"
                           "  - {name: c.test., file: c.zone}\n"
                           "  - {name: d.test., file: d.zone}\n");
    assert_int_equal(harness_result(h, id, text), 0);
    assert_non_null(strstr(text, "1 zones loaded, 0 failed; 0 new, 0 gone"));
    HARNESS_UNTIL(h, harness_served(h, "\1d\4test") == 1);
    assert_int_equal(h->zone_frames, frames + 1);
    harness_stop(h);
    harness_free(h);
}

/* A zone is loaded again when a file changed that it includes, and stays when none did. */
static void included_files_are_part_of_the_zone(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    static const char zones[] = "  - {name: a.test., file: a.zone}\n";
    char text[MSG_TEXT_MAX];
    struct stats_zone row;
    harness_write(h, "a.zone", "$TTL 300\n@ SOA ns h 7 1 1 1 1\n@ NS ns\n$INCLUDE hosts\n");
    harness_write(h, "hosts", "ns A 192.0.2.1\n$INCLUDE more\n");
    harness_write(h, "more", "m A 192.0.2.2\n");
    harness_start(h, zones);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    harness_stop(h);
    harness_start(h, zones); /* what the stored image says counts */
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    assert_int_equal(harness_result(h, harness_reload(h, zones), text), 0);
    assert_non_null(strstr(text, "0 zones loaded"));
    harness_write(h, "more", "m A 192.0.2.2\nn A 192.0.2.3\n");
    assert_int_equal(harness_result(h, harness_reload(h, zones), text), 0);
    assert_non_null(strstr(text, "1 zones loaded, 0 failed"));
    assert_true(harness_row(h, "a.test.", &row));
    assert_int_equal(row.records, 5);
    harness_write(h, "more", "m A 192.0.2.300\n");
    assert_int_equal(harness_result(h, harness_reload(h, zones), text), ERR_ZONE);
    assert_non_null(strstr(text, "more:1:5: bad value"));
    assert_true(harness_row(h, "a.test.", &row));
    assert_int_equal(row.state, ZONE_STALE);
    harness_stop(h);
    harness_free(h);
}

/* A zone that kills its child fails alone (an address space limit stands for a crash). */
static void killed_loader_is_tried_again(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    char text[MSG_TEXT_MAX];
    harness_zone(h, "a.zone", 7, 300000);
    harness_zone(h, "b.zone", 8, 10);
    harness_start(h, two);
    harness_ready(h);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_LOADING);
    HARNESS_UNTIL(h, harness_state(h, "b.test.") == ZONE_OK);
    /* The loader is the keeper's only child now. */
    char path[64], line[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)h->pid, (int)h->pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    kill(atoi(line), SIGKILL);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RETRANSFER, "a.test."), text),
                     ERR_USAGE);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_RELOAD, "no.test."), text),
                     ERR_MISSING);
    harness_stop(h);
    harness_free(h);
}

/* A keeper that died goes on with the rows of its predecessor. */
static void survives_its_own_death(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    struct stats_zone before, after;
    harness_zone(h, "a.zone", 7, 10);
    harness_zone(h, "b.zone", 8, 10);
    harness_start(h, two);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    assert_true(harness_row(h, "b.test.", &before));
    harness_kill(h);
    harness_start(h, "  - {name: b.test., file: b.zone}\n");
    harness_ready(h);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, B) == 8);
    assert_true(harness_row(h, "b.test.", &after));
    assert_int_equal(after.name, before.name);
    assert_int_equal(after.since, before.since);
    assert_false(harness_row(h, "a.test.", &after));
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_OK]), 1);
    harness_stop(h);
    harness_free(h);
}

static void many_zones(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    struct buf zones = {0};
    for (int i = 0; i < 2000; i++)
        buf_printf(&zones, "  - {name: z%d.test., file: %s}\n", i,
                   i == 999 ? "bad.zone" : "a.zone");
    harness_zone(h, "a.zone", 7, 5);
    harness_write(h, "bad.zone", "no zone\n");
    harness_start(h, zones.data);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_OK]), 1999);
    assert_int_equal(harness_state(h, "z999.test."), ZONE_FAILED);
    buf_fini(&zones);
    harness_stop(h);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_and_serves),
        cmocka_unit_test(starts_warm),
        cmocka_unit_test(broken_file_keeps_the_last_good_version),
        cmocka_unit_test(refuses_what_is_no_zone_file),
        cmocka_unit_test(damaged_images_are_built_again),
        cmocka_unit_test(serves_from_memory),
        cmocka_unit_test(unwritten_zones_are_known),
        cmocka_unit_test(serial_that_is_not_raised_is_said),
        cmocka_unit_test(zones_that_come_and_go_are_named),
        cmocka_unit_test(configuration_changes),
        cmocka_unit_test(included_files_are_part_of_the_zone),
        cmocka_unit_test(killed_loader_is_tried_again),
        cmocka_unit_test(survives_its_own_death),
        cmocka_unit_test(many_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

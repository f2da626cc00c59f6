/* The store: what is kept, what is counted, and what happens when the file or the disk is bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/contract/stats.h"
#include "backend/history/drain.h"
#include "backend/history/history.h"

static char dir[64], path[128];

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(name);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/zd-history-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/history.db", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static struct history_event event(uint32_t number, const char *subject, const char *text,
                                  int64_t at)
{
    return (struct history_event){.number = number,
                                  .severity = SEVERITY_WARNING,
                                  .subject = subject,
                                  .text = text,
                                  .process = "keeper",
                                  .boot = "b",
                                  .first = at,
                                  .last = at,
                                  .count = 1};
}

static void add(struct history *h, uint32_t number, const char *subject, const char *text,
                int64_t at)
{
    struct history_event e = event(number, subject, text, at);
    assert_int_equal(history_begin(h), ERR_OK);
    assert_int_equal(history_add(h, &e), ERR_OK);
    assert_int_equal(history_commit(h), ERR_OK);
}

struct seen {
    unsigned count;
    int64_t id[300], times[300];
    char text[300][64];
};

static void see(void *arg, const struct history_event *e)
{
    struct seen *s = arg;
    if (s->count < 300) {
        s->id[s->count] = e->id;
        s->times[s->count] = e->count;
        snprintf(s->text[s->count], sizeof s->text[0], "%s", e->text);
    }
    s->count++;
}

static struct seen look(struct history *h, int64_t before, unsigned limit, unsigned severity,
                        const char *subject)
{
    struct seen s = {0};
    struct history_filter f = {before, limit, severity, subject};
    assert_int_equal(history_query(h, &f, see, &s), ERR_OK);
    return s;
}

static struct history *open_here(void)
{
    struct history *h = NULL;
    assert_int_equal(history_open(&h, dir), ERR_OK);
    return h;
}

static void keeps_over_restarts(void **state)
{
    (void)state;
    struct history *h = open_here();
    assert_true(history_on_disk(h));
    add(h, 1502, "a.", "one", 100);
    add(h, 1502, "b.", "two", 101);
    history_close(h);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    h = open_here();
    assert_string_equal(history_damaged(h), "");
    struct seen s = look(h, 0, 10, 0, "");
    assert_int_equal(s.count, 2);
    assert_string_equal(s.text[0], "two");
    assert_true(s.id[0] > s.id[1]);
    s = look(h, s.id[0], 10, 0, "");
    assert_int_equal(s.count, 1);
    assert_string_equal(s.text[0], "one");
    assert_int_equal(look(h, 0, 10, 0, "b.").count, 1);
    assert_int_equal(look(h, 0, 10, SEVERITY_ERROR, "").count, 0);
    assert_int_equal(look(h, 0, 1, 0, "").count, 1);
    history_close(h);
}

static void counts_repeats(void **state)
{
    static const struct {
        uint32_t number;
        const char *subject, *text;
        int64_t at;
        unsigned rows; /* afterwards */
        int64_t times; /* of the newest */
    } steps[] = {
        {1502, "a.", "x", 1000, 1, 1},
        {1502, "a.", "x", 1001, 1, 2},
        {1502, "b.", "x", 1002, 2, 1},
        {1502, "a.", "x", 1003, 2, 3}, /* another subject between does not matter */
        {1502, "a.", "y", 1004, 3, 1},
        {1502, "a.", "x", 1005, 4, 1}, /* another text does */
        {1508, "a.", "x", 1006, 5, 1},
        {1502, "a.", "x", 1005 + HISTORY_REPEAT - 1, 5, 2},
        {1502, "a.", "x", 1005 + 2 * HISTORY_REPEAT, 6, 1},
        /* Each start, stop and death has its own time. */
        {2, "", "x", 20000, 7, 1},
        {2, "", "x", 20001, 8, 1},
        {8101, "serve", "x", 20002, 9, 1},
        {8101, "serve", "x", 20003, 10, 1},
        {8106, "serve", "x", 20004, 11, 1},
        {8106, "serve", "x", 20005, 11, 2},
    };
    (void)state;
    struct history *h = open_here();
    int64_t last = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        add(h, steps[i].number, steps[i].subject, steps[i].text, steps[i].at);
        struct seen s = look(h, 0, 100, 0, "");
        assert_int_equal(s.count, steps[i].rows);
        assert_int_equal(s.times[0], steps[i].times);
        assert_true(s.id[0] > last);
        last = s.id[0];
    }
    history_close(h);
}

static void add_of(struct history *h, const char *boot, uint32_t number, int64_t at)
{
    struct history_event e = event(number, "", "", at);
    e.boot = boot;
    assert_int_equal(history_add(h, &e), ERR_OK);
}

/* A life that began and was not stopped is known by the next one, once. */
static void unclean_ends_are_known(void **state)
{
    (void)state;
    struct history *h = open_here();
    assert_int_equal(history_unclean(h, "one"), 0); /* the first life of all */
    assert_int_equal(history_alive(h, "one", 90), ERR_OK);
    add_of(h, "one", 2, 100);
    assert_int_equal(history_alive(h, "one", 190), ERR_OK);
    history_close(h);
    h = open_here();
    assert_int_equal(history_unclean(h, "one"), 0); /* the same life goes on */
    assert_int_equal(history_unclean(h, "two"), 190);
    assert_int_equal(history_alive(h, "two", 200), ERR_OK);
    assert_int_equal(history_unclean(h, "two"), 0);
    add_of(h, "two", 2, 200);
    add_of(h, "two", 1502, 300); /* later than its last sign */
    assert_int_equal(history_unclean(h, "three"), 300);
    add_of(h, "two", 3, 310);
    assert_int_equal(history_unclean(h, "three"), 0);
    history_close(h);
}

static void keeps_the_newest(void **state)
{
    enum { MANY = HISTORY_EVENTS + 2500 };
    (void)state;
    struct history *h = open_here();
    char text[32];
    for (int i = 0; i < MANY;) {
        assert_int_equal(history_begin(h), ERR_OK);
        for (int k = 0; k < 500; k++, i++) {
            snprintf(text, sizeof text, "event %d", i);
            struct history_event e = event(1502, "a.", text, i);
            assert_int_equal(history_add(h, &e), ERR_OK);
        }
        assert_int_equal(history_commit(h), ERR_OK);
    }
    struct seen s = look(h, 0, MANY, 0, "");
    assert_in_range(s.count, HISTORY_EVENTS, HISTORY_EVENTS + 1000);
    snprintf(text, sizeof text, "event %d", MANY - 1);
    assert_string_equal(s.text[0], text);
    history_close(h);
}

static void see_action(void *arg, const struct history_action *a)
{
    snprintf(arg, 200, "%lld %s %s %s %s %s %u %lld", (long long)a->at, a->action, a->zone,
             a->actor, a->result, a->text, a->status, (long long)a->duration_ms);
}

static void keeps_actions(void **state)
{
    char text[200];
    (void)state;
    struct history *h = open_here();
    struct history_action a = {7, "reload", "a.", "uid 0", "done", "ok", 200, 12};
    assert_int_equal(history_begin(h), ERR_OK);
    assert_int_equal(history_add_action(h, &a), ERR_OK);
    assert_int_equal(history_commit(h), ERR_OK);
    history_close(h);
    h = open_here();
    assert_int_equal(history_actions(h, 1, see_action, text), ERR_OK);
    assert_string_equal(text, "7 reload a. uid 0 done ok 200 12");
    history_close(h);
}

static void write_file(const char *name, const void *data, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

static void make_foreign(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "CREATE TABLE other(x); INSERT INTO other VALUES(1)", NULL, NULL, NULL);
    sqlite3_close(db);
}

static void make_newer(void)
{
    history_close(open_here());
    sqlite3 *db;
    sqlite3_open(path, &db);
    sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
    sqlite3_close(db);
}

static void make_without_table(void)
{
    history_close(open_here());
    sqlite3 *db;
    sqlite3_open(path, &db);
    sqlite3_exec(db, "DROP TABLE places", NULL, NULL, NULL);
    sqlite3_close(db);
}

static void make_garbage(void)
{
    char data[8192];
    memset(data, 'x', sizeof data);
    write_file(path, data, sizeof data);
}

static void make_torn(void)
{
    struct history *h = open_here();
    char text[64];
    for (int i = 0; i < 2000; i++) {
        snprintf(text, sizeof text, "a rather long text to fill pages, number %d", i);
        add(h, 1502, "a.", text, i);
    }
    history_close(h);
    int fd = open(path, O_RDWR);
    static const char noise[3000] = {1, 2, 3};
    for (off_t at = 4096; at < 40960; at += 4096)
        assert_int_equal(pwrite(fd, noise, sizeof noise, at), sizeof noise);
    close(fd);
}

static void make_directory(void)
{
    mkdir(path, 0700);
}

static void make_link(void)
{
    assert_int_equal(symlink("/dev/full", path), 0);
}

static void make_pipe(void)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void damaged_files_are_put_aside(void **state)
{
    static void (*const makers[])(void) = {make_foreign, make_newer, make_without_table,
                                           make_garbage, make_torn,  make_directory,
                                           make_link,    make_pipe};
    (void)state;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        set_up(state);
        makers[i]();
        struct history *h = open_here();
        char aside[160];
        snprintf(aside, sizeof aside, "%s.damaged-1", path);
        struct stat st;
        if (!history_on_disk(h) || strcmp(history_damaged(h), aside) || lstat(aside, &st))
            fail_msg("maker %zu: on disk %d, aside %s, reason %s", i, history_on_disk(h),
                     history_damaged(h), history_reason(h));
        add(h, 1502, "a.", "after", 1);
        assert_int_equal(look(h, 0, 10, 0, "").count, 1);
        history_close(h);
        h = open_here();
        assert_string_equal(history_damaged(h), "");
        history_close(h);
        tear_down(state);
    }
    set_up(state);
}

static void damage_while_open(void **state)
{
    (void)state;
    make_torn();
    /* Opened by another who does not check, then found out in use: what history_degrade is for. */
    struct history *h = open_here();
    add(h, 1502, "a.", "one", 1);
    assert_int_equal(history_degrade(h, ERR_CHECKSUM), ERR_OK);
    assert_true(history_on_disk(h));
    assert_non_null(strstr(history_damaged(h), ".damaged-2"));
    add(h, 1502, "a.", "two", 2);
    assert_int_equal(look(h, 0, 10, 0, "").count, 1);
    history_close(h);
}

static void goes_on_in_memory(void **state)
{
    (void)state;
    struct history *h = open_here();
    add(h, 1502, "a.", "old", 1);
    add(h, 1502, "b.", "older disk row", 2);
    assert_int_equal(history_degrade(h, ERR_SPACE), ERR_OK);
    assert_false(history_on_disk(h));
    struct seen s = look(h, 0, 10, 0, "");
    assert_int_equal(s.count, 2);
    add(h, 1502, "a.", "new", 3);
    add(h, 1502, "a.", "new", 4);
    s = look(h, 0, 10, 0, "");
    assert_int_equal(s.count, 3);
    assert_int_equal(s.times[0], 2);
    assert_int_equal(history_begin(h), ERR_OK);
    assert_int_equal(history_set_place(h, "b", 5, 77), ERR_OK);
    assert_int_equal(history_commit(h), ERR_OK);
    assert_true(history_retry(h));
    assert_true(history_on_disk(h));
    add(h, 1502, "a.", "newest", 5);
    history_close(h);
    h = open_here();
    s = look(h, 0, 10, 0, "");
    assert_int_equal(s.count, 4);
    assert_string_equal(s.text[0], "newest");
    assert_string_equal(s.text[1], "new");
    assert_int_equal(history_place(h, "b", 5), 77);
    history_close(h);
}

static struct stats *stats;
static int stats_fd;

static struct drain start_drain(struct history *h)
{
    struct drain d = {.stats = stats, .history = h};
    drain_start(&d);
    return d;
}

/* The endpoint of a server that lost its supervisor, and that of its successor. */
static void two_writers(void **state)
{
    char text[32];
    (void)state;
    struct history *h[2] = {open_here(), open_here()};
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "event %d", i);
        add(h[i % 2], 1502, "a.", text, i);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(look(h[i], 0, 100, 0, "").count, 20);
        assert_true(history_on_disk(h[i]));
        history_close(h[i]);
    }
    struct history *again = open_here();
    assert_string_equal(history_damaged(again), "");
    history_close(again);
}

/* The file may not grow any more, as on a full disk. */
static void full_disk(void **state)
{
    char text[200];
    struct rlimit before, limit;
    struct stat st;
    (void)state;
    stats = stats_create(&stats_fd);
    struct history *h = open_here();
    struct drain d = start_drain(h);
    stats_event(stats, STATS_KEEPER, EVENT_FILE_OPEN, 0, "a.", "before");
    assert_int_equal(drain_run(&d), 1);
    snprintf(text, sizeof text, "%s-wal", path);
    assert_int_equal(stat(text, &st), 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){(rlim_t)st.st_size, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 200; i++)
        stats_event(stats, STATS_KEEPER, EVENT_FILE_OPEN, 0, "a.", "%d %.150s", i, text);
    assert_int_equal(drain_run(&d), 200);
    assert_false(history_on_disk(h));
    assert_int_equal(stats->events[STATS_KEEPER].kept, 1);
    assert_int_equal(look(h, 0, 1000, 0, "a.").count, 201);
    assert_false(history_retry(h));
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(history_retry(h));
    drain_mark(&d);
    assert_int_equal(stats->events[STATS_KEEPER].kept, 201);
    history_close(h);
    h = open_here();
    assert_string_equal(history_damaged(h), "");
    assert_int_equal(look(h, 0, 1000, 0, "a.").count, 201);
    history_close(h);
    stats_unmap(stats);
    close(stats_fd);
}

static void missing_directory(void **state)
{
    char where[128];
    (void)state;
    snprintf(where, sizeof where, "%s/later", dir);
    struct history *h = NULL;
    assert_int_equal(history_open(&h, where), ERR_OK);
    assert_false(history_on_disk(h));
    assert_non_null(strstr(history_reason(h), "No such file"));
    add(h, 1502, "a.", "one", 1);
    assert_false(history_retry(h));
    assert_int_equal(look(h, 0, 10, 0, "").count, 1);
    mkdir(where, 0700);
    assert_true(history_retry(h));
    assert_int_equal(look(h, 0, 10, 0, "").count, 1);
    history_close(h);
    assert_int_equal(history_open(&h, where), ERR_OK);
    assert_int_equal(look(h, 0, 10, 0, "").count, 1);
    history_close(h);
}

static void drains_in_order(void **state)
{
    (void)state;
    stats = stats_create(&stats_fd);
    struct history *h = open_here();
    struct drain d = start_drain(h);
    assert_int_equal(drain_run(&d), 0);
    stats_event(stats, STATS_KEEPER, EVENT_FILE_OPEN, 2, "a.", "first");
    stats_event(stats, STATS_SUPERVISOR, EVENT_CRASH, 0, "serve", "second");
    stats_event(stats, STATS_KEEPER, EVENT_FILE_OPEN, 2, "a.", "third");
    assert_int_equal(drain_run(&d), 3);
    assert_int_equal(drain_run(&d), 0);
    struct seen s = look(h, 0, 10, 0, "");
    assert_int_equal(s.count, 3);
    assert_string_equal(s.text[0], "third");
    assert_string_equal(s.text[1], "second");
    assert_string_equal(s.text[2], "first");
    assert_int_equal(stats->events[STATS_KEEPER].kept, 2);
    /* An endpoint that died after the commit and before it said so: nothing is kept twice. */
    stats->events[STATS_KEEPER].kept = 0;
    history_close(h);
    h = open_here();
    d = start_drain(h);
    assert_int_equal(drain_run(&d), 0);
    assert_int_equal(look(h, 0, 10, 0, "").count, 3);
    history_close(h);
    stats_unmap(stats);
    close(stats_fd);
}

static void counts_what_was_lost(void **state)
{
    char text[32];
    (void)state;
    stats = stats_create(&stats_fd);
    struct history *h = open_here();
    struct drain d = start_drain(h);
    for (int i = 0; i < STATS_EVENTS; i++) {
        snprintf(text, sizeof text, "event %d", i);
        stats_event(stats, STATS_KEEPER, EVENT_FILE_OPEN, 0, "a.", "%s", text);
    }
    assert_int_equal(drain_run(&d), STATS_EVENTS);
    for (int i = 0; i < STATS_EVENTS + 30; i++) {
        snprintf(text, sizeof text, "again %d", i);
        stats_event(stats, STATS_KEEPER, EVENT_FILE_OPEN, 0, "a.", "%s", text);
    }
    assert_int_equal(drain_run(&d), STATS_EVENTS);
    struct seen s = look(h, 0, 1, 0, "keeper");
    assert_int_equal(s.count, 1);
    assert_string_equal(s.text[0], "30 events were overwritten before they were kept");
    assert_int_equal(look(h, 0, 10000, 0, "a.").count, 2 * STATS_EVENTS);
    history_close(h);
    stats_unmap(stats);
    close(stats_fd);
}

/* What an endpoint held in memory when it died is still in the rings. */
static void memory_is_not_kept(void **state)
{
    char where[128];
    (void)state;
    stats = stats_create(&stats_fd);
    snprintf(where, sizeof where, "%s/later", dir);
    struct history *h = NULL;
    assert_int_equal(history_open(&h, where), ERR_OK);
    struct drain d = start_drain(h);
    stats_event(stats, STATS_KEEPER, EVENT_FILE_OPEN, 0, "a.", "one");
    assert_int_equal(drain_run(&d), 1);
    assert_int_equal(stats->events[STATS_KEEPER].kept, 0);
    history_close(h);
    mkdir(where, 0700);
    assert_int_equal(history_open(&h, where), ERR_OK);
    d = start_drain(h);
    assert_int_equal(drain_run(&d), 1);
    assert_int_equal(stats->events[STATS_KEEPER].kept, 1);
    history_close(h);
    stats_unmap(stats);
    close(stats_fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(keeps_over_restarts),  CASE(counts_repeats),     CASE(unclean_ends_are_known),
        CASE(keeps_the_newest),     CASE(keeps_actions),      CASE(damaged_files_are_put_aside),
        CASE(damage_while_open),    CASE(goes_on_in_memory),  CASE(full_disk),
        CASE(two_writers),          CASE(missing_directory),  CASE(drains_in_order),
        CASE(counts_what_was_lost), CASE(memory_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Many small zones in the keeper: packed, found again, damaged, changed and gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>

#include "tests/unit/keeper/harness.h"

enum { ZONES = 200 };

static void write_zones(struct harness *h, unsigned from, unsigned to, unsigned serial)
{
    char file[32];
    for (unsigned i = from; i < to; i++) {
        snprintf(file, sizeof file, "z%u.zone", i);
        harness_zone(h, file, serial, 2);
    }
}

static char *zones_text(unsigned from, unsigned to)
{
    struct buf b = {0};
    for (unsigned i = from; i < to; i++)
        buf_printf(&b, "  - {name: z%u.test., file: z%u.zone}\n", i, i);
    return b.data;
}

/* How many files of a kind are in the state directory; `path` (NULL: not asked) gets one. */
static unsigned count_files(struct harness *h, const char *suffix, char path[512])
{
    char folder[128];
    unsigned count = 0;
    snprintf(folder, sizeof folder, "%s/images", h->state);
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t len = strlen(e->d_name), n = strlen(suffix);
        if (len <= n || strcmp(e->d_name + len - n, suffix) != 0 || e->d_name[0] == '.')
            continue;
        count++;
        if (path)
            snprintf(path, 512, "%s/%s", folder, e->d_name);
    }
    closedir(d);
    return count;
}

static struct harness *begin(char **zones)
{
    struct harness *h = harness_new();
    write_zones(h, 0, ZONES, 7);
    *zones = zones_text(0, ZONES);
    harness_start(h, *zones);
    harness_ready(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_OK]), ZONES);
    return h;
}

static void again(struct harness *h, const char *zones)
{
    harness_stop(h);
    atomic_store(&h->stats->zones_settled, 0);
    harness_start(h, zones);
    harness_ready(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
}

static void end(struct harness *h, char *zones)
{
    harness_stop(h);
    harness_free(h);
    free(zones);
}

/* No zone has a file of its own, and the next start compiles nothing. */
static void packed_zones_are_found_again(void **state)
{
    (void)state;
    char *zones, path[512];
    struct harness *h = begin(&zones);
    struct stats_zone before, after;
    assert_int_equal(count_files(h, ".img", NULL), 0);
    assert_in_range(count_files(h, ".pack", path), 1, 8);
    assert_true(harness_row(h, "z7.test.", &before));
    again(h, zones);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, "\2z7\4test") == 7);
    assert_true(harness_row(h, "z7.test.", &after));
    assert_int_equal(after.loaded_at, before.loaded_at);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(harness_events(h, EVENT_IMAGE_DAMAGED, NULL), 0);
    end(h, zones);
}

/* A byte at a place from the start, or from the end when it is negative, becomes another. */
static void damage(int fd, off_t place)
{
    uint8_t byte;
    off_t at = place < 0 ? lseek(fd, 0, SEEK_END) + place : place;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x5a;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

/* An image that is damaged costs its zone a load, a pack that is costs it its zones; either way all
 * are served in the end. */
static void damaged_packs_are_made_anew(void **state)
{
    (void)state;
    static const off_t places[] = {200, 40, -4, 0};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        char *zones, path[512];
        struct harness *h = begin(&zones);
        assert_true(count_files(h, ".pack", path) > 0);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        if (places[i])
            damage(fd, places[i]);
        else
            assert_int_equal(ftruncate(fd, 1000), 0);
        close(fd);
        again(h, zones);
        assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_OK]), ZONES);
        assert_true(harness_events(h, EVENT_IMAGE_DAMAGED, NULL) > 0);
        end(h, zones);
    }
}

/* What lies in the directory under a pack's name and is none is removed. */
static void foreign_packs_are_removed(void **state)
{
    (void)state;
    char *zones, path[512];
    struct harness *h = begin(&zones);
    harness_stop(h);
    snprintf(path, sizeof path, "%s/images/00000000000000ff.pack", h->state);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("nothing", f);
    fclose(f);
    harness_start(h, zones);
    HARNESS_UNTIL(h, harness_events(h, EVENT_IMAGE_DAMAGED, NULL) == 1);
    HARNESS_UNTIL(h, access(path, F_OK) < 0);
    end(h, zones);
}

/* Packs may be deleted while their zones are served. */
static void packs_may_be_deleted(void **state)
{
    (void)state;
    char *zones, path[512];
    struct harness *h = begin(&zones);
    while (count_files(h, ".pack", path))
        assert_int_equal(unlink(path), 0);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, "\2z9\4test") == 7);
    again(h, zones);
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_OK]), ZONES);
    assert_true(count_files(h, ".pack", NULL) > 0);
    end(h, zones);
}

/* The newer image of a zone counts, and a pack that is mostly of old ones is written anew. */
static void old_images_are_dropped(void **state)
{
    (void)state;
    char *zones, text[MSG_TEXT_MAX];
    struct harness *h = begin(&zones);
    harness_serve(h);
    HARNESS_UNTIL(h, h->synced);
    write_zones(h, 3, 4, 8);
    assert_int_equal(harness_result(h, harness_reload(h, zones), text), 0);
    HARNESS_UNTIL(h, harness_served(h, "\2z3\4test") == 8);
    assert_int_equal(count_files(h, ".img", NULL), 1);
    again(h, zones);
    assert_int_equal(count_files(h, ".img", NULL), 1);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, "\2z3\4test") == 8);
    assert_int_equal(harness_served(h, "\2z4\4test"), 7);
    write_zones(h, 0, ZONES - 10, 9);
    assert_int_equal(harness_result(h, harness_reload(h, zones), text), 0);
    HARNESS_UNTIL(h, harness_served(h, "\2z3\4test") == 9);
    HARNESS_UNTIL(h, harness_served(h, "\4z195\4test") == 7);
    assert_int_equal(count_files(h, ".img", NULL), 0);
    again(h, zones);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, "\2z3\4test") == 9);
    HARNESS_UNTIL(h, harness_served(h, "\4z195\4test") == 7);
    end(h, zones);
}

/* With its zones a pack goes too; zones that come back are not what they were then. */
static void zones_that_go(void **state)
{
    (void)state;
    char *zones, *few = zones_text(0, 2), text[MSG_TEXT_MAX];
    struct harness *h = begin(&zones);
    assert_int_equal(harness_result(h, harness_reload(h, few), text), 0);
    HARNESS_UNTIL(h, count_files(h, ".pack", NULL) <= 2);
    write_zones(h, 0, ZONES, 8);
    assert_int_equal(harness_result(h, harness_reload(h, zones), text), 0);
    again(h, zones);
    harness_serve(h);
    HARNESS_UNTIL(h, harness_served(h, "\4z150\4test") == 8);
    HARNESS_UNTIL(h, harness_served(h, "\2z0\4test") == 8);
    free(few);
    end(h, zones);
}

/* A zone that crashes its child fails alone, the others of the child are loaded. */
static void a_crash_costs_one_zone(void **state)
{
    (void)state;
    struct harness *h = harness_new();
    char *zones = zones_text(0, ZONES), path[64], line[64] = "";
    write_zones(h, 0, ZONES, 7);
    harness_zone(h, "z150.zone", 7, 300000);
    harness_start(h, zones);
    harness_ready(h);
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_by_state[ZONE_OK]) > 0);
    /* The loader that is left is at the large one, or will be. */
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)h->pid, (int)h->pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    bool found = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    if (found && atoi(line) > 0)
        kill(atoi(line), SIGUSR1); /* cmocka catches those that would do */
    HARNESS_UNTIL(h, atomic_load(&h->stats->zones_settled));
    unsigned failed = atomic_load(&h->stats->zones_by_state[ZONE_FAILED]);
    assert_true(failed <= 1);
    assert_int_equal(atomic_load(&h->stats->zones_by_state[ZONE_OK]), ZONES - failed);
    end(h, zones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_zones_are_found_again),
        cmocka_unit_test(damaged_packs_are_made_anew),
        cmocka_unit_test(foreign_packs_are_removed),
        cmocka_unit_test(packs_may_be_deleted),
        cmocka_unit_test(old_images_are_dropped),
        cmocka_unit_test(zones_that_go),
        cmocka_unit_test(a_crash_costs_one_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

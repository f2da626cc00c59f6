/* Frames about zones: what is put in comes out, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/err.h"
#include "backend/contract/feed.h"

static const struct msg_acl acl[] = {{2, 32, {192, 0, 2, 1}}, {2, 8, {127}}};
static const struct feed_rules rules = {1, 0, 1};
static const struct feed_file file = {7, 4096};

static struct channel_frame *frame_of(const struct feed_writer *w)
{
    struct channel_frame *f = calloc(1, sizeof *f);
    f->type = MSG_ZONES;
    f->len = (uint32_t)w->len;
    f->nfds = w->files;
    memcpy(f->payload, w->bytes, w->len);
    return f;
}

static struct feed_writer *fill(void)
{
    struct feed_writer *w = calloc(1, sizeof *w);
    feed_clear(w);
    assert_true(feed_is_empty(w));
    struct feed_zone zone = {.image_offset = 80, .image_size = 500, .row = 3};
    zone.rules = (uint16_t)feed_put_rules(w, &rules, acl);
    zone.file = (uint8_t)feed_put_file(w, &file, 9);
    assert_int_equal(feed_put_file(w, &file, 9), zone.file);
    assert_int_equal(feed_put_zone(w, &zone, (const uint8_t *)"\1z", 3), 1);
    assert_int_equal(feed_put_gone(w, (const uint8_t *)"", 1), 1);
    return w;
}

static void what_is_put_in_comes_out(void **state)
{
    (void)state;
    struct feed_writer *w = fill();
    struct channel_frame *f = frame_of(w);
    struct feed_reader r;
    struct feed_item item;
    feed_read(&r, f);
    assert_int_equal(feed_next(&r, &item), 1);
    assert_int_equal(item.kind, FEED_RULES);
    assert_int_equal(item.rules.transfer_count, 1);
    assert_memory_equal(item.acl, acl, sizeof acl);
    assert_int_equal(feed_next(&r, &item), 1);
    assert_int_equal(item.kind, FEED_FILE);
    assert_true(item.file.id == 7 && item.file.size == 4096 && item.fd == 0);
    assert_int_equal(feed_next(&r, &item), 1);
    assert_int_equal(item.kind, FEED_ZONE);
    assert_int_equal(item.zone.row, 3);
    assert_int_equal(item.zone.rules, 1);
    assert_int_equal(item.zone.file, 1);
    assert_int_equal(item.name_len, 3);
    assert_memory_equal(item.name, "\1z", 3);
    assert_int_equal(feed_next(&r, &item), 1);
    assert_int_equal(item.kind, FEED_GONE);
    assert_int_equal(item.name_len, 1);
    assert_int_equal(feed_next(&r, &item), 0);
    free(f);
    free(w);
}

/* Very many fit in a frame, and one that is full says so. */
static void a_frame_is_full(void **state)
{
    (void)state;
    struct feed_writer *w = fill();
    struct feed_zone zone = {.rules = 1};
    unsigned count = 0;
    while (feed_put_zone(w, &zone, (const uint8_t *)"\7example\3com", 13))
        count++;
    assert_true(count > 900);
    assert_true(w->len <= CHANNEL_PAYLOAD);
    for (unsigned i = 1; i < CHANNEL_FDS; i++) {
        struct feed_file more = {100 + i, 1};
        feed_clear(w);
        assert_int_equal(feed_put_file(w, &more, 1), 1);
    }
    feed_clear(w);
    for (unsigned i = 0; i < CHANNEL_FDS; i++)
        assert_int_equal(feed_put_file(w, &(struct feed_file){0, 1}, 1), i + 1);
    assert_int_equal(feed_put_file(w, &(struct feed_file){0, 1}, 1), 0);
    free(w);
}

/* A frame cut off anywhere, or with a byte changed anywhere, is read to an end within it. */
static void bad_frames_are_read_safely(void **state)
{
    (void)state;
    struct feed_writer *w = fill();
    struct feed_reader r;
    struct feed_item item;
    for (size_t i = 0; i < 2 * w->len; i++) {
        struct channel_frame *f = frame_of(w);
        if (i < w->len)
            f->len = (uint32_t)i;
        else
            f->payload[i - w->len] ^= 0xff;
        feed_read(&r, f);
        int n, items = 0;
        while ((n = feed_next(&r, &item)) == 1)
            assert_true(++items <= 4);
        assert_true(n == 0 || n == ERR_FORMAT);
        assert_int_equal(feed_next(&r, &item), 0);
        free(f);
    }
    free(w);
}

static void numbers_must_have_been_there(void **state)
{
    (void)state;
    static const struct {
        uint16_t rules;
        uint8_t file;
        int result;
    } rows[] = {{1, 1, 1}, {1, 0, 1}, {0, 1, ERR_FORMAT}, {2, 1, ERR_FORMAT}, {1, 2, ERR_FORMAT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct feed_writer *w = calloc(1, sizeof *w);
        struct feed_zone zone = {.rules = rows[i].rules, .file = rows[i].file};
        struct feed_reader r;
        struct feed_item item;
        feed_put_rules(w, &rules, acl);
        feed_put_file(w, &file, 9);
        feed_put_zone(w, &zone, (const uint8_t *)"\1z", 3);
        struct channel_frame *f = frame_of(w);
        feed_read(&r, f);
        assert_int_equal(feed_next(&r, &item), 1);
        assert_int_equal(feed_next(&r, &item), 1);
        assert_int_equal(feed_next(&r, &item), rows[i].result);
        /* A descriptor that did not come. */
        f->nfds = 0;
        feed_read(&r, f);
        assert_int_equal(feed_next(&r, &item), 1);
        assert_int_equal(feed_next(&r, &item), ERR_FORMAT);
        free(f);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_comes_out),
        cmocka_unit_test(a_frame_is_full),
        cmocka_unit_test(bad_frames_are_read_safely),
        cmocka_unit_test(numbers_must_have_been_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

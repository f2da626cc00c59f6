#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "server/image/image.h"
#include "server/keeper/split.h"

static const uint8_t origin[] = "\7example\3org";
static const uint8_t key[16] = "sixteen bytes!!";

#define HEAD "$TTL 300\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n"

static int make_file(const char *text, size_t len)
{
    int fd = memfd_create("zone", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    return fd;
}

/* NULL when the zone as a whole is not right. */
static struct image *finish(struct image_builder *b, unsigned threads)
{
    struct image_summary summary;
    struct buf findings = {0};
    struct image *image;
    int fd = memfd_create("image", MFD_CLOEXEC);
    image_builder_set_threads(b, threads);
    int err = image_builder_finish(b, key, NULL, fd, &summary, &findings);
    if (err == ERR_ZONE) {
        buf_fini(&findings);
        close(fd);
        return NULL;
    }
    assert_int_equal(err, 0);
    assert_int_equal(image_open(fd, 0, summary.bytes, key, true, &image), 0);
    assert_int_equal(image_verify(image), 0);
    buf_fini(&findings);
    close(fd);
    return image;
}

static int take_record(void *ctx, const struct zonetext_record *r, const char **reason)
{
    int err =
        image_builder_add(ctx, r->owner, r->owner_len, r->type, r->ttl, r->rdata, r->rdata_len);
    *reason = image_builder_reason(ctx);
    return err;
}

static void take_problem(void *ctx, unsigned line, unsigned column, const char *reason)
{
    (void)ctx, (void)line, (void)column, (void)reason;
}

/* Read from start to end by one; NULL when something is wrong with it. */
static struct image *read_whole(const char *text, size_t len)
{
    struct image_builder *b = image_builder_new(origin, sizeof origin);
    struct zonetext_sink sink = {.record = take_record, .problem = take_problem, .ctx = b};
    struct zonetext_state state;
    struct bytes source;
    zonetext_begin(&state, origin, sizeof origin);
    bytes_of_memory(&source, text, len);
    int err = zonetext_read(&source, NULL, &state, &sink);
    struct image *image = err ? NULL : finish(b, 1);
    bytes_fini(&source);
    image_builder_free(b);
    return image;
}

/* Read in parts of at least so many bytes; NULL when that was given up. */
static struct image *read_parts(int fd, size_t len, int64_t least, unsigned threads,
                                struct split_result *result)
{
    struct image_builder *b = image_builder_new(origin, sizeof origin);
    struct split_job job = {.fd = fd,
                            .size = (int64_t)len,
                            .least = least,
                            .origin = origin,
                            .origin_len = sizeof origin,
                            .threads = threads,
                            .builder = b};
    int err = split_read(&job, result);
    assert_true(!err || err == ERR_LIMIT);
    struct image *image = err ? NULL : finish(b, threads);
    image_builder_free(b);
    return image;
}

/* Reads the text both ways, in parts of many sizes. Returns how often the parts were not given up;
 * whatever they gave is what reading from start to end gives. */
static unsigned compare(const char *text, size_t len)
{
    unsigned count = 0;
    int fd = make_file(text, len);
    struct image *whole = read_whole(text, len);
    for (int64_t least = 16; least < (int64_t)len; least += 1 + least / 3) {
        struct split_result result;
        struct image *parts = read_parts(fd, len, least, 2 + (unsigned)least % 6, &result);
        if (!parts)
            continue;
        assert_non_null(whole);
        assert_true(image_same_content(whole, parts));
        assert_int_equal(image_get_summary(whole)->records, image_get_summary(parts)->records);
        assert_true(result.has_soa);
        count++;
        image_close(parts);
    }
    image_close(whole);
    close(fd);
    return count;
}

/* Appends the lines with the number in place of each '%'. */
static void put(struct buf *b, const char *lines, unsigned number)
{
    for (; *lines; lines++) {
        if (*lines == '%')
            buf_printf(b, "%u", number);
        else
            buf_add(b, lines, 1);
    }
}

static void many(struct buf *b, const char *lines, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        put(b, lines, i);
}

static void what_is_plain_is_read_in_parts(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "h% A 192.0.2.1\n",
        "d% NS ns1.d%\nd% NS ns.elsewhere.test.\nns1.d% A 192.0.2.7\n",
        "h% 60 IN TXT \"quoted ; text\" more\n\tA 192.0.2.9 ; comment\n",
        "h% MX ( 10\n  mail ) ; over lines\n",
        "$ORIGIN x%.example.org.\n@ A 192.0.2.1\nwww A 192.0.2.2\n$TTL %\n",
        "H%.Example.ORG. AAAA 2001:db8::%\r\n",
        "a.b.c.d% SRV 1 2 3 target%\n",
        "\\000\\001x% A 192.0.2.1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct buf b = {0};
        buf_puts(&b, HEAD);
        many(&b, lines[i], 200);
        unsigned count = compare(b.data, b.len);
        if (!count)
            fail_msg("never read in parts: %s", lines[i]);
        buf_fini(&b);
    }
}

static void what_depends_on_what_was_before_is_not(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "h% A 192.0.2.1\n$GENERATE 1-2 g$-% A 192.0.2.2\n",
        "h% A 192.0.2.1\n$INCLUDE nothing\n",
        "h% A 192.0.2.1\n$WHAT %\n",
        "h% A 192.0.2.1 too much\n",
        "h% A 192.0.2.1\nelsewhere.test. A 192.0.2.1\n",
        "h% TXT ( never closed\n",
        "h% A 192.0.2.1\n$ORIGIN relative%\n",
    };
    for (size_t i = 0; i + 1 < sizeof lines / sizeof *lines; i++) {
        struct buf b = {0};
        buf_puts(&b, HEAD);
        many(&b, lines[i], 50);
        unsigned count = compare(b.data, b.len);
        if (count)
            fail_msg("read in parts: %s", lines[i]);
        buf_fini(&b);
    }
}

/* Without $TTL a record has the TTL of the one before, which may be in another part. */
static void a_ttl_is_not_taken_from_elsewhere(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "@ 300 SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n");
    many(&b, "h% A 192.0.2.1\n", 100);
    many(&b, "i% 60 A 192.0.2.1\n", 100);
    compare(b.data, b.len);
    buf_fini(&b);
    /* A SOA has one even without: its minimum. Comments as long as a part put it behind a cut. */
    buf_puts(&b, "@ 60 NS ns1.elsewhere.test.\n");
    many(&b, "h% 60 A 192.0.2.1\n", 150);
    buf_printf(&b, ";%02500d\n@ SOA ns1 host 1 2 3 4 5\n", 0);
    many(&b, "i% 60 A 192.0.2.1\n", 150);
    compare(b.data, b.len);
    buf_fini(&b);
}

/* Any mixture of lines: the two ways never differ. */
static void mixtures(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "h% A 192.0.2.1\n",
        "h% 60 A 192.0.2.2\n",
        "\tTXT \"x\"\n",
        "; comment %\n",
        "\n",
        "$ORIGIN o%.example.org.\n",
        "$ORIGIN example.org.\n",
        "$TTL %\n",
        "d% NS ( ns1\n)\n",
        "d% NS\tD%.x.example.org.\n",
        "m% MX (\n 5 ; (\n mail )\n",
        "t% TXT a\\\"b \"c\\\"d\"\n",
        "w% PTR @\n",
    };
    unsigned seed = getenv("ZONEDECK_SEED") ? (unsigned)atoi(getenv("ZONEDECK_SEED")) : 1;
    unsigned both = 0;
    srand(seed);
    for (unsigned round = 0; round < 60; round++) {
        struct buf b = {0};
        buf_puts(&b, HEAD);
        for (unsigned i = 0; i < 80; i++) {
            const char *line = lines[(unsigned)rand() % (sizeof lines / sizeof *lines)];
            unsigned n = (unsigned)rand() % 40;
            put(&b, line, n);
        }
        struct image *whole = read_whole(b.data, b.len);
        image_close(whole);
        if (whole)
            both += compare(b.data, b.len);
        buf_fini(&b);
    }
    assert_true(both > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain_is_read_in_parts),
        cmocka_unit_test(what_depends_on_what_was_before_is_not),
        cmocka_unit_test(a_ttl_is_not_taken_from_elsewhere),
        cmocka_unit_test(mixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Records taken by another thread give the image that they give otherwise, and errors come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/builder.h"
#include "server/image/node.h"
#include "server/keeper/handover.h"

static const uint8_t origin[] = "\1a\4test";
static const uint8_t soa[] =
    "\2ns\1a\4test\0\1h\1a\4test\0\0\0\0\7\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1";

static const uint8_t ns[] = "\2ns\7example";

typedef int add_record(void *to, const uint8_t *owner, size_t owner_len, uint16_t type,
                       uint32_t ttl, const uint8_t *rdata, size_t rdata_len);

static int add_at_once(void *to, const uint8_t *owner, size_t owner_len, uint16_t type,
                       uint32_t ttl, const uint8_t *rdata, size_t rdata_len)
{
    return image_builder_add(to, owner, owner_len, type, ttl, rdata, rdata_len);
}

static int hand_over(void *to, const uint8_t *owner, size_t owner_len, uint16_t type, uint32_t ttl,
                     const uint8_t *rdata, size_t rdata_len)
{
    return handover_add(to, owner, owner_len, type, ttl, rdata, rdata_len);
}

/* Many small records and some as large as there are. */
static void fill(add_record *add, void *to, unsigned count)
{
    uint8_t owner[16] = "\7x000000\1a\4test", *large = calloc(1, 65000);
    char text[12];
    assert_non_null(large);
    assert_int_equal(add(to, origin, sizeof origin, TYPE_SOA, 5, soa, sizeof soa - 1), ERR_OK);
    assert_int_equal(add(to, origin, sizeof origin, TYPE_NS, 5, ns, sizeof ns), ERR_OK);
    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%06u", i);
        memcpy(owner + 2, text, 6);
        uint8_t address[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        assert_int_equal(add(to, owner, sizeof owner, TYPE_A, i, address, 4), ERR_OK);
        if (i % 10000 == 9)
            assert_int_equal(add(to, owner, sizeof owner, 65280, i, large, 65000 - i), ERR_OK);
    }
    free(large);
}

static struct image_builder *begin(void)
{
    struct image_builder *b = image_builder_new(origin, sizeof origin);
    assert_non_null(b);
    return b;
}

static struct image *finish(struct image_builder *b)
{
    static const uint8_t key[16] = {0};
    struct image_summary summary;
    struct buf findings = {0};
    struct image *image;
    FILE *f = tmpfile();
    assert_non_null(f);
    if (image_builder_finish(b, key, NULL, fileno(f), &summary, &findings))
        fail_msg("%s: %s", image_builder_reason(b), findings.data);
    assert_int_equal(image_open(fileno(f), 0, summary.bytes, key, true, &image), ERR_OK);
    fclose(f);
    buf_fini(&findings);
    image_builder_free(b);
    return image;
}

static void same_image(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 10, 30000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct image_builder *a = begin(), *b = begin();
        uint16_t type;
        fill(add_at_once, a, counts[i]);
        struct handover *h = handover_start(b);
        assert_non_null(h);
        fill(hand_over, h, counts[i]);
        assert_int_equal(handover_end(h, &type), ERR_OK);
        struct image *x = finish(a), *y = finish(b);
        assert_int_equal(image_get_summary(x)->records, counts[i] + (counts[i] + 9990) / 10000 + 2);
        assert_int_equal(image_get_summary(y)->records, image_get_summary(x)->records);
        assert_true(image_same_content(x, y));
        image_close(x);
        image_close(y);
    }
}

/* The first error counts, what comes behind it is not taken, and nobody waits for ever. */
static void the_first_error(void **state)
{
    (void)state;
    struct image_builder *b = begin();
    struct handover *h = handover_start(b);
    uint16_t type;
    int err = ERR_OK;
    assert_non_null(h);
    assert_int_equal(handover_add(h, origin, sizeof origin, TYPE_SOA, 5, soa, sizeof soa - 1),
                     ERR_OK);
    handover_add(h, origin, sizeof origin, TYPE_MX, 5, soa, 1);
    for (unsigned i = 0; i < 10000000 && !err; i++)
        err = handover_add(h, (const uint8_t *)"\1b", 3, TYPE_A, 5, soa, 4);
    assert_int_equal(err, ERR_FORMAT);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(handover_add(h, origin, sizeof origin, TYPE_NS, 5, soa, 3), ERR_FORMAT);
    assert_int_equal(handover_end(h, &type), ERR_FORMAT);
    assert_int_equal(type, TYPE_MX);
    assert_non_null(strstr(image_builder_reason(b), "MX record"));
    image_builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_image),
        cmocka_unit_test(the_first_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

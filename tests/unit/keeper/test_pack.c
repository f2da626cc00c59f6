/* Packs: what is written is read, and damage at any place is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/image/node.h"
#include "server/keeper/pack.h"
#include "tests/unit/zone_text.h"

enum { ZONES = 5 };

static void add(struct pack_writer *w, unsigned serial)
{
    char text[200];
    uint8_t bytes[4096];
    int fd;
    struct buf findings = {0};
    snprintf(text, sizeof text,
             "z. 60 IN SOA ns.z. host.z. %u 3600 600 86400 300\nz. 60 IN NS ns.z.\n"
             "ns.z. 60 IN A 192.0.2.1\n",
             serial);
    assert_int_equal(zone_text_build("z.", text, &fd, &findings), 0);
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    assert_true(size > 0 && size < (ssize_t)sizeof bytes);
    assert_true(pack_add(w, bytes, (uint64_t)size) % 8 == 0);
    close(fd);
    buf_fini(&findings);
}

/* A pack in memory of just its size, so that a sanitizer sees a read beyond it. */
static uint8_t *make(uint64_t *size)
{
    struct pack_writer w = {0};
    uint64_t id;
    for (unsigned i = 0; i < ZONES; i++)
        add(&w, i + 1);
    add(&w, 99);
    pack_take_back(&w);
    int fd = memfd_create("pack", 0);
    assert_int_equal(pack_write(&w, zone_text_key, fd, &id, size), 0);
    pack_writer_fini(&w);
    uint8_t *bytes = malloc(*size);
    assert_int_equal(pread(fd, bytes, *size, 0), *size);
    close(fd);
    return bytes;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint64_t size;
    uint8_t *bytes = make(&size);
    struct pack_index index;
    assert_int_equal(pack_read(bytes, size, zone_text_key, &index), 0);
    assert_int_equal(index.count, ZONES);
    assert_true(index.id != 0);
    for (unsigned i = 0; i < ZONES; i++) {
        struct image image;
        assert_int_equal(image_at(bytes + index.entries[i].at * 8u, index.entries[i].size,
                                  zone_text_key, true, &image),
                         0);
        assert_int_equal(image_verify(&image), 0);
        assert_int_equal(image_get_summary(&image)->serial, i + 1);
    }
    assert_int_equal(pack_read(bytes, size, (const uint8_t *)"of another state", &index),
                     ERR_VERSION);
    free(bytes);
}

/* Damage to header or index is seen by the pack, damage to an image by that image alone. */
static void damage_is_seen(void **state)
{
    (void)state;
    uint64_t size;
    uint8_t *bytes = make(&size);
    struct pack_index index;
    const struct pack_header *h = (const void *)bytes;
    uint64_t end = h->index;
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] ^= 0x41;
        int err = pack_read(bytes, size, zone_text_key, &index);
        if (i < sizeof *h || i >= end) {
            if (!err)
                fail_msg("byte %u of %u", (unsigned)i, (unsigned)size);
            bytes[i] ^= 0x41;
            continue;
        }
        assert_int_equal(err, 0);
        unsigned good = 0;
        for (unsigned k = 0; k < ZONES; k++) {
            struct image image;
            good += !image_at(bytes + index.entries[k].at * 8u, index.entries[k].size,
                              zone_text_key, true, &image);
        }
        assert_true(good >= ZONES - 1); /* all when it is padding */
        bytes[i] ^= 0x41;
    }
    free(bytes);
}

static void what_is_cut_off_is_refused(void **state)
{
    (void)state;
    uint64_t size;
    uint8_t *bytes = make(&size);
    struct pack_index index;
    for (uint64_t i = 0; i < size; i++) {
        uint8_t *exact = malloc(i ? i : 1);
        memcpy(exact, bytes, i);
        assert_int_not_equal(pack_read(exact, i, zone_text_key, &index), 0);
        free(exact);
    }
    free(bytes);
}

static void names_of_packs(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         ".pack",
                                         "1.pack",
                                         "0000000000000000.pack",
                                         "z.pack.x",
                                         "00000000000000001.pack",
                                         "example.img",
                                         "000000000000000G.pack",
                                         "000000000000000A.pack"};
    char name[PACK_NAME_MAX];
    uint64_t id;
    pack_name(UINT64_C(0x1a2b), name);
    assert_string_equal(name, "0000000000001a2b.pack");
    assert_true(pack_is_name(name, &id));
    assert_true(id == 0x1a2b);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(pack_is_name(others[i], &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(what_is_cut_off_is_refused),
        cmocka_unit_test(names_of_packs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

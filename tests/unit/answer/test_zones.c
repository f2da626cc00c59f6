/* Zones in their table: found by the nearest name, replaced, pinned; lists of addresses; and a zone
 * for which memory runs out. */
#include "tests/unit/answer/asked.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED
/* How many allocations are left; a sanitizer has an allocator of its own. */
static unsigned allocations = UINT32_MAX;

void *__libc_calloc(size_t count, size_t size);

void *calloc(size_t count, size_t size)
{
    return allocations-- ? __libc_calloc(count, size) : NULL;
}
#endif

static struct hash_key key;

static struct zone *make(const char *wire)
{
    struct msg_zone m = {.name_len = (uint8_t)(strlen(wire) + 1)};
    memcpy(m.name, wire, m.name_len);
    return zone_new(&m, NULL, &key);
}

static const struct zone *match(const struct zone_table *zones, const char *wire, uint16_t qtype)
{
    struct name name;
    uint64_t hash[NAME_MAX_LABELS + 1];
    assert_int_equal(name_read(&name, (const uint8_t *)wire, strlen(wire) + 1), strlen(wire) + 1);
    const struct zone *found = zone_table_match(zones, NULL, &name, &key, hash, qtype);
    for (uint32_t i = 0; i < zones->slots; i++) {
        const struct zone *near = zones->slot[i];
        uint64_t again[NAME_MAX_LABELS + 1];
        assert_ptr_equal(zone_table_match(zones, near, &name, &key, again, qtype), found);
        unsigned hashes = found ? name.count - found->labels + 1 : 0;
        assert_memory_equal(again, hash, hashes * sizeof *hash);
    }
    return found;
}

static void nearest(void **state)
{
    (void)state;
    struct zone_table *zones = zone_table_new(100);
    struct zone *parent = make("\1z"), *child = make("\1a\1z"), *again = make("\1A\1Z");
    assert_true(zones->slots >= 200);
    assert_null(match(zones, "\1z", TYPE_A));
    zone_table_put(zones, parent);
    assert_ptr_equal(match(zones, "\1x\1a\1Z", TYPE_A), parent);
    assert_null(match(zones, "\1y", TYPE_A));
    assert_null(match(zones, "\1z\1y", TYPE_A));
    zone_table_put(zones, child);
    assert_ptr_equal(match(zones, "\1a\1z", TYPE_A), child);
    assert_ptr_equal(match(zones, "\1x\1a\1z", TYPE_DS), child);
    /* RFC 4035 section 3.1.4.1 */
    assert_ptr_equal(match(zones, "\1a\1z", TYPE_DS), parent);
    assert_ptr_equal(match(zones, "\1z", TYPE_DS), parent);
    assert_null(match(zones, "", TYPE_DS));
    assert_int_equal(zones->count, 2);
    assert_ptr_equal(zone_table_put(zones, again), child);
    assert_ptr_equal(match(zones, "\1a\1z", TYPE_A), again);
    assert_int_equal(zones->count, 2);
    zone_unpin(parent);
    zone_unpin(child);
    zone_unpin(again);
    zone_table_free(zones);
}

/* The table fills up to the number it was made for, and each zone is found among the others. */
static void many(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct zone *all[COUNT];
    struct zone_table *zones = zone_table_new(COUNT);
    char wire[8];
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(wire, sizeof wire, "\4%04u", i);
        all[i] = make(wire);
        assert_null(zone_table_put(zones, all[i]));
    }
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(wire, sizeof wire, "\4%04u", i);
        assert_ptr_equal(match(zones, wire, TYPE_A), all[i]);
    }
    for (unsigned i = 0; i < COUNT; i++)
        zone_unpin(all[i]);
    zone_table_free(zones);
}

/* A transfer goes on with a zone that is replaced meanwhile. */
static void pins(void **state)
{
    (void)state;
    struct zone *zone = make("\1z");
    zone_pin(zone);
    zone_unpin(zone);
    assert_int_equal(zone->labels, 1);
    zone_unpin(zone);
    zone_unpin(NULL);
}

/* An image within a file of many lives as long as a zone uses it. */
static void an_image_within_a_file(void **state)
{
    (void)state;
    struct buf findings = {0};
    struct image_file *file;
    struct image within;
    int fd;
    assert_int_equal(zone_text_build("z.",
                                     "z. 1 IN SOA z. z. 7 1 1 1 1\n"
                                     "z. 1 IN NS z.\n"
                                     "z. 1 IN A 192.0.2.1\n",
                                     &fd, &findings),
                     ERR_OK);
    uint64_t size = (uint64_t)lseek(fd, 0, SEEK_END);
    assert_int_equal(image_file_map(fd, 1, size, &file), ERR_OK);
    close(fd);
    assert_int_equal(image_at(file->base, size, zone_text_key, true, &within), ERR_OK);
    struct zone_rules *rules = zone_rules_new(0, 0, 0, NULL);
    struct zone_parts parts = {.name = (const uint8_t *)"\1z",
                               .name_len = 3,
                               .rules = rules,
                               .file = file,
                               .base = within.base};
    struct zone *zone = zone_make(&parts, &key);
    assert_non_null(zone);
    image_file_put(file);
    zone_rules_put(rules);
    assert_int_equal(image_get_summary(zone->image)->serial, 7);
    zone_unpin(zone);
    buf_fini(&findings);
}

static void names_that_are_none(void **state)
{
    (void)state;
    struct msg_zone m = {.name_len = 0};
    assert_null(zone_new(&m, NULL, &key));
    m = (struct msg_zone){.name_len = 2, .name = "\1z"}; /* cut off */
    assert_null(zone_new(&m, NULL, &key));
    m = (struct msg_zone){.name_len = 4, .name = "\1z"}; /* bytes behind */
    assert_null(zone_new(&m, NULL, &key));
    m = (struct msg_zone){.name_len = 3, .name = "\1z", .transfer_count = MSG_ACL_MAX + 1};
    assert_null(zone_new(&m, NULL, &key));
    m = (struct msg_zone){.name_len = 3, .name = "\1z", .notify_count = MSG_ACL_MAX + 1};
    assert_null(zone_new(&m, NULL, &key));
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        struct msg_acl acl;
        int family;
        unsigned char address[16];
        bool has;
    } rows[] = {
        {{AF_INET, 32, {192, 0, 2, 1}}, AF_INET, {192, 0, 2, 1}, true},
        {{AF_INET, 32, {192, 0, 2, 1}}, AF_INET, {192, 0, 2, 2}, false},
        {{AF_INET, 31, {192, 0, 2, 2}}, AF_INET, {192, 0, 2, 3}, true},
        {{AF_INET, 31, {192, 0, 2, 2}}, AF_INET, {192, 0, 2, 4}, false},
        {{AF_INET, 24, {192, 0, 2, 0}}, AF_INET, {192, 0, 3, 0}, false},
        {{AF_INET, 0, {0}}, AF_INET, {203, 0, 113, 9}, true},
        {{AF_INET, 33, {0}}, AF_INET, {0}, false},
        {{AF_INET, 0, {0}}, AF_INET6, {0x20, 1}, false},
        {{AF_INET, 24, {192, 0, 2}},
         AF_INET6,
         {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 9},
         true},
        {{AF_INET6, 32, {0x20, 1, 0xd, 0xb8}}, AF_INET6, {0x20, 1, 0xd, 0xb8, 1}, true},
        {{AF_INET6, 32, {0x20, 1, 0xd, 0xb8}}, AF_INET6, {0x20, 1, 0xd, 0xb9, 1}, false},
        {{AF_INET6, 128, {[15] = 1}}, AF_INET6, {[15] = 1}, true},
        {{AF_INET6, 129, {0}}, AF_INET6, {0}, false},
        {{AF_INET6, 0, {0}}, AF_INET, {192, 0, 2, 1}, false},
        {{AF_INET, 0, {0}}, AF_UNIX, {0}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_storage address = {.ss_family = (sa_family_t)rows[i].family};
        if (rows[i].family == AF_INET)
            memcpy(&((struct sockaddr_in *)&address)->sin_addr, rows[i].address, 4);
        else
            memcpy(&((struct sockaddr_in6 *)&address)->sin6_addr, rows[i].address, 16);
        if (zone_acl_has(&rows[i].acl, 1, (struct sockaddr *)&address, NULL) != rows[i].has)
            fail_msg("row %zu", i);
        assert_false(zone_acl_has(&rows[i].acl, 0, (struct sockaddr *)&address, NULL));
    }
}

/* Whichever allocation fails, nothing is left and the image stays the caller's. */
static void memory_runs_out(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip();
#else
    struct msg_zone m = {.name_len = 3, .name = "\1z"};
    struct zone *zone = NULL;
    for (unsigned n = 0; n < 2; n++) {
        allocations = n;
        zone = zone_new(&m, NULL, &key);
        allocations = UINT32_MAX;
        assert_null(zone);
    }
    allocations = 0;
    struct zone_table *zones = zone_table_new(1);
    allocations = UINT32_MAX;
    assert_null(zones);
#endif
}

int main(void)
{
    key = hash_key_from((const uint8_t *)"a key for zones.");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest),
        cmocka_unit_test(many),
        cmocka_unit_test(pins),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(addresses),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(an_image_within_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

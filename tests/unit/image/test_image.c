#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "server/dns/wire.h"
#include "tests/unit/zone_text.h"

#define SOA "example. 3600 IN SOA ns.example. host.example. 7 3600 600 86400 300\n"
#define NS  "example. 3600 IN NS ns.test.\n"

static void test_findings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int err;
        const char *finding;
    } rows[] = {
        {SOA NS, 0, ""},
        {NS, ERR_ZONE, "error: example. has no SOA record\n"},
        {SOA, ERR_ZONE, "error: example. has no NS record\n"},
        {SOA SOA NS, 0, "warning: example. has a record twice; it is counted once\n"},
        {SOA "example. 3600 IN SOA a. b. 8 1 1 1 1\n" NS, ERR_ZONE,
         "error: example. has several SOA records; one is needed\n"},
        {SOA NS "a.example. 1 IN CNAME b.\na.example. 1 IN A 192.0.2.1\n", ERR_ZONE,
         "error: a.example. has a CNAME record and other records\n"},
        {SOA NS "a.example. 1 IN CNAME b.\na.example. 1 IN CNAME c.\n", ERR_ZONE,
         "error: a.example. has several CNAME records\n"},
        {SOA NS "a.example. 1 IN A 192.0.2.1\na.example. 2 IN A 192.0.2.2\n", 0,
         "warning: a.example. has records of one type with different TTLs; the first one's is "
         "used\n"},
        {SOA "example. 1 IN NS ns.example.\n", 0,
         "warning: example. points with NS at ns.example., which has no address (A or AAAA)\n"},
        {SOA "example. 1 IN NS ns.example.\n*.example. 1 IN A 192.0.2.1\n", 0, ""},
        {SOA NS "a.example. 1 IN MX 1 b.example.\nb.example. 1 IN CNAME c.test.\n", 0,
         "warning: a.example. points with MX at b.example., which is an alias (CNAME)\n"},
        {SOA NS "a.example. 1 IN SRV 1 1 1 b.example.\n", 0,
         "warning: a.example. points with SRV at b.example., which has no address (A or AAAA)\n"},
        {SOA NS "a.example. 1 IN SRV 0 0 0 .\n", 0, ""},
        {SOA NS "a.example. 1 IN NS ns.a.example.\na.example. 1 IN NS ns.test.\n", 0,
         "warning: a.example. points with NS at ns.a.example., which is delegated and has no "
         "address here (glue)\n"},
        {SOA NS "a.example. 1 IN NS ns.a.example.\nns.a.example. 1 IN A 192.0.2.1\n", 0, ""},
        {SOA NS "a.example. 1 IN NS ns.test.\nx.a.example. 1 IN TXT x\n", 0,
         "warning: x.a.example. has records that a delegation hides\n"},
        {SOA NS "a.example. 1 IN NS ns.test.\na.example. 1 IN TXT x\n", 0,
         "warning: a.example. has records that a delegation hides\n"},
        {SOA NS "a.example. 1 IN DNAME b.test.\nx.a.example. 1 IN TXT x\n", 0,
         "warning: x.a.example. stands below a DNAME record\n"},
        {SOA NS "*.example. 1 IN NS ns.test.\n", 0,
         "warning: *.example. is a wildcard with NS records (RFC 4592 section 4.2)\n"},
        {SOA NS "a.example. 1 IN NS ns.b.example.\nb.example. 1 IN NS ns.a.example.\n", 0,
         "warning: a.example. points with NS at ns.b.example., which is delegated and has no "
         "address here (glue)\n"
         "warning: b.example. points with NS at ns.a.example., which is delegated and has no "
         "address here (glue)\n"
         "warning: a.example. cannot be reached: no name server of it has an address here, nor "
         "lies in a delegation that can be reached\n"
         "warning: b.example. cannot be reached: no name server of it has an address here, nor "
         "lies in a delegation that can be reached\n"},
        {SOA NS "example. 1 IN NSEC b.example. NS SOA NSEC\nb.example. 1 IN NSEC example. A\n", 0,
         ""},
        {SOA NS "example. 1 IN NSEC c.example. NS SOA NSEC\nb.example. 1 IN NSEC example. A\n", 0,
         "warning: example. has an NSEC record that does not name the next name of the zone\n"},
        {SOA NS "example. 1 IN NSEC b.example. NS SOA NSEC\nb.example. 1 IN A 192.0.2.1\n", 0,
         "warning: b.example. has no NSEC record in a zone with such\n"},
        {SOA NS "example. 1 IN NSEC b.example. NS SOA NSEC\nb.example. 1 IN NSEC b.example. A\n", 0,
         "warning: b.example. has the last NSEC record but it does not name the zone\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf findings = {0};
        int fd;
        assert_int_equal(zone_text_build("example.", rows[i].text, &fd, &findings), rows[i].err);
        assert_string_equal(findings.data ? findings.data : "", rows[i].finding);
        close(fd);
        buf_fini(&findings);
    }
}

static void test_canonical_order(void **state)
{
    (void)state;
    /* RFC 4034 section 6.1. */
    static const char *const names[] = {
        "example.",         "a.example.",      "yljkjljk.a.example.",
        "Z.a.example.",     "zABC.a.EXAMPLE.", "z.example.",
        "\\001.z.example.", "*.z.example.",    "\\200.z.example."};
    char text[4096] = SOA NS;
    for (size_t i = 9; i-- > 1;)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s 1 IN A 192.0.2.1\n",
                 names[i]);
    struct image *image = zone_text_image("example.", text);
    assert_non_null(image);
    assert_int_equal(image_verify(image), 0);
    size_t i = 0;
    for (const struct image_node *n = node_next(image, NULL); n; n = node_next(image, n)) {
        if (!(n->flags & NODE_EXISTS))
            continue;
        uint8_t wire[NAME_MAX_LEN];
        size_t len = node_name(image, n, wire);
        ldns_rdf *want = ldns_dname_new_frm_str(names[i++]);
        assert_true(name_equal(wire, len, ldns_rdf_data(want), ldns_rdf_size(want)));
        ldns_rdf_deep_free(want);
    }
    assert_int_equal(i, 9);
    image_close(image);
}

static size_t many_name(unsigned i, uint8_t wire[64])
{
    int n = snprintf((char *)wire + 1, 40, "h%u", i * 7919u);
    wire[0] = (uint8_t)n;
    memcpy(wire + 1 + n, "\7example", 9);
    return (size_t)n + 10;
}

static struct image_builder *many_builder(unsigned count, unsigned threads)
{
    static const uint8_t origin[] = "\7example";
    static const uint8_t soa[] =
        "\2ns\7example\0\4host\7example\0\0\0\0\7\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1";
    struct image_builder *b = image_builder_new(origin, 9);
    uint8_t wire[64];
    assert_int_equal(image_builder_add(b, origin, 9, TYPE_SOA, 1, soa, sizeof soa - 1), 0);
    assert_int_equal(image_builder_add(b, origin, 9, TYPE_NS, 1, soa, 12), 0);
    for (unsigned i = 0; i < count; i++) {
        size_t len = many_name(i, wire);
        assert_int_equal(image_builder_add(b, wire, len, TYPE_A, 1, (uint8_t *)&i, 4), 0);
        if (i % 7 < 2) { /* a delegation to the owner of another one */
            uint8_t other[64];
            size_t other_len = many_name((i + count / 2) % count, other);
            assert_int_equal(image_builder_add(b, wire, len, TYPE_NS, 1, other, other_len), 0);
        }
    }
    image_builder_set_threads(b, threads);
    return b;
}

static void find_many(const struct image *image, unsigned count)
{
    struct hash_key key = hash_key_from(zone_text_key);
    uint8_t wire[64];
    for (unsigned i = 0; i < count; i++) {
        struct name name;
        uint64_t hash[NAME_MAX_LABELS + 1];
        assert_true(name_read(&name, wire, many_name(i, wire)));
        name_hash(&name, &key, hash);
        const struct image_node *node = node_find(image, &name, 0, hash);
        assert_non_null(node);
        struct image_record record;
        record_read(type_find(TYPE_A), rrset_records(node_rrset(node, TYPE_A)), &record);
        assert_memory_equal(record.data, &i, 4);
    }
    /* Those below the apex in canonical order. */
    const struct image_node *last = NULL;
    for (const struct image_node *n = node_next(image, NULL); n; n = node_next(image, n)) {
        if (n->len < 2 || *n->label != 'h')
            continue;
        size_t least = last && last->len < n->len ? last->len : n->len;
        int order = last ? memcmp(last->label, n->label, least) : -1;
        assert_true(order < 0 || (order == 0 && last->len < n->len));
        last = n;
    }
}

/* Every record that went in is found again, in zones that are built in memory, and in one or in
 * several pieces, slices of the hash table and ranges of names, by one or by several threads. */
static void test_many_names(void **state)
{
    static const struct {
        unsigned count, threads;
    } rows[] = {{20, 1}, {20000, 1}, {20000, 3}, {200000, 1}, {200000, 3}};
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct image_builder *b = many_builder(rows[r].count, rows[r].threads);
        int fd = memfd_create("zone", 0);
        struct image_summary summary;
        struct buf findings = {0};
        assert_int_equal(image_builder_finish(b, zone_text_key, NULL, fd, &summary, &findings), 0);
        assert_int_equal(!!image_builder_image(b), summary.bytes <= IMAGE_SMALL);
        image_builder_free(b);
        assert_int_equal(lseek(fd, 0, SEEK_END), summary.bytes);
        struct image *image;
        assert_int_equal(image_open(fd, 0, summary.bytes, zone_text_key, true, &image), 0);
        assert_int_equal(image_verify(image), 0);
        find_many(image, rows[r].count);
        image_close(image);
        close(fd);
        buf_fini(&findings);
    }
}

/* What cannot be written into one file is written into another. */
static void test_write_again(void **state)
{
    static const unsigned counts[] = {20, 20000};
    (void)state;
    for (size_t r = 0; r < sizeof counts / sizeof *counts; r++) {
        struct image_builder *b = many_builder(counts[r], 2);
        struct image_summary summary;
        struct buf findings = {0};
        int full = memfd_create("full", MFD_ALLOW_SEALING), fd = memfd_create("zone", 0);
        assert_int_equal(ftruncate(full, 512), 0);
        assert_int_equal(fcntl(full, F_ADD_SEALS, F_SEAL_GROW), 0);
        assert_int_equal(image_builder_finish(b, zone_text_key, NULL, -1, &summary, &findings), 0);
        assert_int_equal(image_builder_write(b, full), ERR_SYSTEM);
        assert_non_null(strstr(image_builder_reason(b), "cannot write the image"));
        assert_int_equal(image_builder_write(b, fd), 0);
        image_builder_free(b);
        struct image *image;
        assert_int_equal(image_open(fd, 0, summary.bytes, zone_text_key, true, &image), 0);
        find_many(image, counts[r]);
        image_close(image);
        close(fd);
        close(full);
        buf_fini(&findings);
    }
}

/* A damaged image is refused: by the checksum, and, were that right, by the walk; never a crash. */
static void test_damage(void **state)
{
    (void)state;
    int fd;
    struct buf findings = {0};
    assert_int_equal(
        zone_text_build("example.",
                        SOA NS "ns.example. 1 IN A 192.0.2.1\nb.example. 1 IN MX 1 ns.example.\n"
                               "example. 1 IN NSEC3PARAM 1 0 12 aabbccdd\n"
                               "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 1 IN NSEC3 1 0 12 "
                               "aabbccdd 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom SOA\n",
                        &fd, &findings),
        0);
    buf_fini(&findings);
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct image_header *h = (void *)bytes;
    unsigned refused = 0;
    for (size_t i = 0; i < size * 8; i++) {
        struct image *image = NULL;
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_not_equal(image_open(fd, 0, size, zone_text_key, true, &image), 0);
        uint64_t checksum = h->checksum;
        h->checksum = image_checksum(bytes, size, 1);
        if (!image_open(fd, 0, size, zone_text_key, true, &image)) {
            refused += image_verify(image) != 0;
            image_close(image);
        }
        h->checksum = checksum;
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(refused > 100);
    munmap(bytes, size);
    for (size_t cut = 0; cut < size; cut += 7) {
        struct image *image = NULL;
        assert_int_equal(ftruncate(fd, (off_t)cut), 0);
        assert_int_not_equal(image_open(fd, 0, size, zone_text_key, true, &image), 0);
        assert_int_not_equal(image_open(fd, 0, cut, zone_text_key, true, &image), 0);
    }
    close(fd);
}

#define HASH "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"

/* Which chain is taken, and what is said of it. */
static void test_nsec3_chains(void **state)
{
    (void)state;
    static const struct {
        const char *text, *finding;
        unsigned count;
    } rows[] = {
        {"example. 1 IN NSEC3PARAM 1 0 12 aabbccdd\n" HASH
         ".example. 1 IN NSEC3 1 0 12 aabbccdd " HASH " SOA\n",
         NULL, 1},
        {"example. 1 IN NSEC3PARAM 1 0 12 aabbccdd\n", "no NSEC3 records", 0},
        {"example. 1 IN NSEC3PARAM 1 0 12 aabbccdd\n" HASH
         ".example. 1 IN NSEC3 1 0 12 aabbccdd 1p9mhaveqvm6t7vbl5lop2u3t2rp3tom SOA\n",
         "gaps", 1},
        {"example. 1 IN NSEC3PARAM 1 0 0 -\nexample. 1 IN NSEC3PARAM 1 0 12 aabbccdd\n" HASH
         ".example. 1 IN NSEC3 1 0 12 aabbccdd " HASH " SOA\n",
         NULL, 1},
        {"example. 1 IN NSEC3PARAM 1 0 101 -\n" HASH ".example. 1 IN NSEC3 1 0 101 - " HASH
         " SOA\n",
         "more than 100", 1},
        {"example. 1 IN NSEC3PARAM 1 0 501 -\n" HASH ".example. 1 IN NSEC3 1 0 501 - " HASH
         " SOA\n",
         "more than 500", 0},
        {"example. 1 IN NSEC a.example. SOA\nexample. 1 IN NSEC3PARAM 1 0 12 aabbccdd\n" HASH
         ".example. 1 IN NSEC3 1 0 12 aabbccdd " HASH " SOA\n",
         NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[2048];
        snprintf(text, sizeof text, SOA NS "a.b.example. 1 IN A 192.0.2.1\n%s", rows[i].text);
        int fd;
        struct buf findings = {0};
        assert_int_equal(zone_text_build("example.", text, &fd, &findings), 0);
        if (rows[i].finding)
            assert_non_null(strstr(findings.data, rows[i].finding));
        buf_fini(&findings);
        struct image *image;
        uint64_t size = (uint64_t)lseek(fd, 0, SEEK_END);
        assert_int_equal(image_open(fd, 0, size, zone_text_key, true, &image), 0);
        assert_int_equal(image_verify(image), 0);
        assert_int_equal(image->header->nsec3_count, rows[i].count);
        unsigned hashed = 0;
        for (const struct image_node *n = node_next(image, NULL); n; n = node_next(image, n)) {
            hashed += node_nsec3(image, n) != NULL;
            assert_false(n->len == 32 && n->flags & NODE_EXISTS);
        }
        assert_int_equal(hashed, rows[i].count ? 3 : 0); /* example, b.example, a.b.example */
        image_close(image);
        close(fd);
    }
}

/* The same records in another order are the same zone, whatever their names add to what is written
 * ahead: "b.x.example." behind "a.b.x.example." costs a pointer, before it its whole text. */
static void test_same_content(void **state)
{
    (void)state;
    struct buf one = {0}, two = {0}, other = {0};
    buf_puts(&one, SOA NS "d.example. 1 IN NS a.b.x.example.\nd.example. 1 IN NS b.x.example.\n"
                          "d.example. 1 IN A 192.0.2.1\nd.example. 1 IN A 192.0.2.2\n");
    buf_puts(&two, SOA NS "d.example. 1 IN A 192.0.2.2\nd.example. 1 IN A 192.0.2.1\n"
                          "d.example. 1 IN NS b.x.example.\nd.example. 1 IN NS a.b.x.example.\n");
    /* And names of 240 bytes, behind which what follows is far from what stands before. */
    char label[61] = "", far[300];
    memset(label, 'x', sizeof label - 1);
    snprintf(far, sizeof far, "%s.%s.%s.%.50s.test.", label, label, label, label);
    buf_printf(&one, "e.example. 1 IN NS %s\ne.example. 1 IN NS %s\n", far, far + 61);
    buf_printf(&two, "e.example. 1 IN NS %s\ne.example. 1 IN NS %s\n", far + 61, far);
    buf_puts(&other, SOA NS "d.example. 1 IN A 192.0.2.2\nd.example. 1 IN A 192.0.2.1\n"
                            "d.example. 1 IN NS c.x.example.\nd.example. 1 IN NS a.c.x.example.\n");
    for (unsigned i = 0; i < 100; i++) {
        buf_printf(&one, "h%u.example. 1 IN A 192.0.2.1\n", i);
        buf_printf(&two, "h%u.example. 1 IN A 192.0.2.1\n", 99 - i);
        buf_printf(&other, "h%u.example. 1 IN A 192.0.2.1\n", i);
    }
    struct image *a = zone_text_image("example.", one.data);
    struct image *b = zone_text_image("example.", two.data);
    struct image *c = zone_text_image("example.", other.data);
    assert_true(a && b && c);
    assert_true(image_same_content(a, b));
    assert_false(image_same_content(a, c));
    image_close(a);
    image_close(b);
    image_close(c);
    buf_fini(&one);
    buf_fini(&two);
    buf_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),     cmocka_unit_test(test_canonical_order),
        cmocka_unit_test(test_many_names),   cmocka_unit_test(test_damage),
        cmocka_unit_test(test_nsec3_chains), cmocka_unit_test(test_same_content),
        cmocka_unit_test(test_write_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

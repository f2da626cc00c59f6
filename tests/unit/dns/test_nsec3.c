#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ldns/ldns.h>
#include <string.h>

#include "server/dns/name.h"
#include "server/dns/nsec3.h"

/* RFC 5155 appendix A. */
static void test_hashes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hash;
    } rows[] = {
        {"example.", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"},
        {"a.example.", "35mthgpgcu1qg68fab165klnsnk3dpvl"},
        {"ai.example.", "gjeqe526plbf1g8mklp59enfd789njgi"},
        {"NS1.eXample.", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"},
        {"ns2.example.", "Q04JKCEVQVMU85R014C7DKBA38O0JI5R"},
        {"w.example.", "k8udemvp1j2f7eg6jebps17vp3n8i58h"},
        {"*.w.example.", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"},
        {"x.w.example.", "b4um86eghhds6nea196smvmlo4ors995"},
        {"y.w.example.", "ji6neoaepv8b5o6k4ev33abha8ht9fgc"},
        {"x.y.w.example.", "2vptu5timamqttgl4luu9kg21e0aor3s"},
        {"xx.example.", "t644ebqk9bibcna874givr6joj62mlhv"},
    };
    static const uint8_t salt[] = {0xaa, 0xbb, 0xcc, 0xdd};
    struct nsec3_params params = {salt, 12, sizeof salt};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t want[NSEC3_HASH_LEN], got[NSEC3_HASH_LEN];
        ldns_rdf *name = ldns_dname_new_frm_str(rows[i].name);
        nsec3_hash(&params, ldns_rdf_data(name), ldns_rdf_size(name), got);
        ldns_rdf_deep_free(name);
        assert_true(nsec3_read_label((const uint8_t *)rows[i].hash, 32, want));
        assert_memory_equal(got, want, sizeof want);
    }
}

/* The longest name, the longest salt, none at all: as libldns has it. */
static void test_sizes(void **state)
{
    (void)state;
    uint8_t salt[255], wire[NAME_MAX_LEN], got[NSEC3_HASH_LEN], want[NSEC3_HASH_LEN];
    memset(salt, 0x5a, sizeof salt);
    for (unsigned i = 0; i < 127; i++)
        memcpy(wire + i * 2, "\1Q", 2);
    wire[254] = 0;
    ldns_rdf *name = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, sizeof wire, wire);
    ldns_dname2canonical(name);
    static const unsigned lens[] = {0, 1, 43, 44, 255};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct nsec3_params params = {salt, (uint16_t)(i * 3), (uint8_t)lens[i]};
        nsec3_hash(&params, wire, sizeof wire, got);
        ldns_rdf *hashed = ldns_nsec3_hash_name(name, 1, params.iterations, params.salt_len, salt);
        assert_true(nsec3_read_label(ldns_rdf_data(hashed) + 1, 32, want));
        assert_memory_equal(got, want, sizeof want);
        ldns_rdf_deep_free(hashed);
    }
    ldns_rdf_deep_free(name);
}

static void test_labels(void **state)
{
    (void)state;
    uint8_t hash[NSEC3_HASH_LEN];
    assert_false(nsec3_read_label((const uint8_t *)"0p9mhaveqvm6t7vbl5lop2u3t2rp3to", 31, hash));
    assert_false(nsec3_read_label((const uint8_t *)"0p9mhaveqvm6t7vbl5lop2u3t2rp3tow", 32, hash));
    assert_false(nsec3_read_label((const uint8_t *)"0p9mhaveqvm6t7vbl5lop2u3t2rp3to-", 32, hash));
}

/* Cut off at each byte. */
static void test_rdata(void **state)
{
    (void)state;
    uint8_t rdata[5 + 2 + 1 + 20 + 3] = {1, 1, 0, 7, 2, 0xab, 0xcd, 20};
    struct nsec3 nsec3;
    for (size_t len = 0; len < sizeof rdata; len++)
        assert_int_equal(nsec3_read(&nsec3, rdata, len, false), len >= 28);
    assert_int_equal(nsec3.params.iterations, 7);
    assert_int_equal(nsec3.params.salt_len, 2);
    assert_ptr_equal(nsec3.next, rdata + 8);
    for (size_t len = 0; len < sizeof rdata; len++)
        assert_int_equal(nsec3_read(&nsec3, rdata, len, true), len == 7);
    rdata[7] = 19;
    assert_false(nsec3_read(&nsec3, rdata, sizeof rdata, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_rdata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

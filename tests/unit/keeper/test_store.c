#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/dns/name.h"
#include "server/dns/name_text.h"
#include "server/keeper/store.h"
#include "server/keeper/suspect.h"
#include "backend/base/clk.h"

#include <arpa/inet.h>

static void make(const char *text, struct config_zone *zone, char name[NAME_TEXT_MAX],
                 uint8_t wire[255])
{
    size_t len;
    *zone = (struct config_zone){.name = name, .wire = wire};
    assert_int_equal(name_from_text(text, zone->wire, &len), 0);
    name_lower(zone->wire, len);
    zone->wire_len = (uint8_t)len;
    name_to_text(zone->wire, len, name);
}

/* Any name becomes one file name that stays in the directory and is no hidden or temporary one. */
static void file_names_are_safe(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *file;
    } cases[] = {
        {".", "%2E.img"},
        {"example.org.", "example.org.img"},
        {"Example.ORG.", "example.org.img"},
        {"a/b.test.", "a%2Fb.test.img"},
        {"_tcp.a-b.test.", "_tcp.a-b.test.img"},
        {"\\000x.test.", "%5C000x.test.img"},
        {"a\\.b.test.", "a%5C.b.test.img"},
        {"%2f.test.", "%252f.test.img"},
        {"\\.\\.\\/.", "%5C.%5C.%2F.img"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config_zone zone;
        uint8_t wire[255];
        char text[NAME_TEXT_MAX], name[STORE_NAME_MAX];
        make(cases[i].zone, &zone, text, wire);
        store_name(&zone, name);
        assert_string_equal(name, cases[i].file);
    }
}

static void long_names_have_their_own_file(void **state)
{
    (void)state;
    struct config_zone a, b;
    uint8_t wire[2][255];
    char text[2][NAME_TEXT_MAX], names[2][STORE_NAME_MAX], long_name[256] = "";
    for (int i = 0; i < 50; i++)
        strcat(long_name, "\\255.");
    strcat(long_name, "a.");
    make(long_name, &a, text[0], wire[0]);
    long_name[strlen(long_name) - 2] = 'b';
    make(long_name, &b, text[1], wire[1]);
    store_name(&a, names[0]);
    store_name(&b, names[1]);
    assert_true(strlen(names[0]) < 60);
    assert_int_equal(strncmp(names[0], "%%", 2), 0);
    assert_string_not_equal(names[0], names[1]);
}

static struct sockaddr_storage address_of(unsigned host, unsigned port)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in *a = (void *)&s;
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)port);
    a->sin_addr.s_addr = htonl(host);
    return s;
}

static void suspects_are_remembered_for_a_while(void **state)
{
    (void)state;
    struct suspects *s = calloc(1, sizeof *s);
    struct sockaddr_storage a = address_of(1, 53), other = address_of(1, 54);
    int64_t now = 1000 * CLK_SECOND;
    assert_false(suspect_is(s, &a, now));
    suspect_note(s, &a, now, true);
    assert_true(suspect_is(s, &a, now + CLK_SECOND));
    assert_false(suspect_is(s, &other, now));
    assert_false(suspect_is(s, &a, now + 3600 * CLK_SECOND));
    suspect_note(s, &other, now, false);
    assert_true(suspect_is(s, &a, now + CLK_SECOND));
    suspect_note(s, &a, now, false);
    assert_false(suspect_is(s, &a, now));
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names_are_safe),
        cmocka_unit_test(long_names_have_their_own_file),
        cmocka_unit_test(suspects_are_remembered_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

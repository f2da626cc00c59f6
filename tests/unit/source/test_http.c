/* Addresses, tokens and the characters of a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/base/err.h"
#include "backend/source/http.h"

static void addresses(void **state)
{
    static const struct {
        const char *url;
        int rc;
        const char *base, *socket;
    } cases[] = {
        {"unix:/run/z.sock", 0, "http://localhost", "/run/z.sock"},
        {"http://127.0.0.1:8053", 0, "http://127.0.0.1:8053", ""},
        {"http://[::1]:8053/", 0, "http://[::1]:8053", ""},
        {"https://ns1.example.net:8053", 0, "https://ns1.example.net:8053", ""},
        {"unix:", ERR_USAGE, NULL, NULL},
        {"", ERR_USAGE, NULL, NULL},
        {"ns1", ERR_USAGE, NULL, NULL},
        {"http://", ERR_USAGE, NULL, NULL},
        {"http://user@host", ERR_USAGE, NULL, NULL},
        {"http://host/?q", ERR_USAGE, NULL, NULL},
        {"http://a b", ERR_USAGE, NULL, NULL},
        {"file:///etc/passwd", ERR_USAGE, NULL, NULL},
        {"unix:/"
         "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
         "90"
         "123456789012345678901234567890",
         ERR_LIMIT, NULL, NULL},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_address a;
        assert_int_equal(http_address_parse(&a, cases[i].url), cases[i].rc);
        if (cases[i].rc)
            continue;
        assert_string_equal(a.base, cases[i].base);
        assert_string_equal(a.socket, cases[i].socket);
        assert_string_equal(a.url, cases[i].url);
    }
}

static void escapes(void **state)
{
    struct buf b = {0};
    (void)state;
    http_escape(&b, "0/25.2.0.192.in-addr.arpa. a\\.b?#%\n\xc3");
    assert_string_equal(b.data, "0%2F25.2.0.192.in-addr.arpa.%20a%5C.b%3F%23%25%0A%C3");
    buf_fini(&b);
}

static void token(const char *text, int rc, const char *expected)
{
    char path[] = "/tmp/zonedeck-token-XXXXXX";
    struct http_address a = {.url = ""};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
    assert_int_equal(http_token_read(&a, path), rc);
    if (!rc)
        assert_string_equal(a.token, expected);
    unlink(path);
}

static void tokens(void **state)
{
    struct http_address a = {.url = ""};
    (void)state;
    token("secret\n", 0, "secret");
    token("secret", 0, "secret");
    token("", ERR_FORMAT, NULL);
    token("\n", ERR_FORMAT, NULL);
    token("two words\n", ERR_FORMAT, NULL);
    token("a\x01", ERR_FORMAT, NULL);
    assert_int_equal(http_token_read(&a, "/nonexistent/token"), ERR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses), cmocka_unit_test(escapes),
                                       cmocka_unit_test(tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

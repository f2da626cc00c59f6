/* Zones that are written plainly are found without libyaml: what comes of it must be what libyaml
 * says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "server/config/entries.h"
#include "tests/unit/config/both_ways.h"

#define PATH "/etc/zonedeck/c.yaml"
#define HEAD "server:\n  listen: 127.0.0.1@5300\n  state: /tmp/s\n"

static size_t taken(const char *text)
{
    struct entries e = {0};
    assert_true(entries_take(&e, text, strlen(text)));
    size_t count = e.count;
    assert_int_equal(e.rest != NULL, count > 0);
    entries_fini(&e);
    return count;
}

/* What is taken, and what is left to libyaml. */
static void what_is_plain(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } rows[] = {
        {"zones:\n  - {name: a.test, file: a.zone}\n  - {name: b.test., file: /z/b}\n", 2},
        {"zones:\n- {\"name\": \"a.test\", \"file\": \"a.zone\"}\n", 1},
        {"zones: \n\n # text\n  - name: a.test\n    file: a\n\n  - name: b.test\n    file: b", 2},
        {"zones:\n  - name: a.test\n    file: a\n    notify: [192.0.2.1]\n", 0},
        {"zones:\n  - name: a.test\n    primaries: 192.0.2.1\n  - {name: b.test, file: b}\n", 1},
        {"zones:\n  - {name: a.test, file: a}\nendpoint:\n  - {name: b.test, file: b}\n", 1},
        {"zones:\n  - {name: a.test, file: a, notify: 192.0.2.1}\n", 0},
        {"zones:\n  - {name: a.test, file: a} # text\n", 0},
        {"zones:\n  - {name: a.test, file: \"a\\x41\"}\n", 0},
        {"zones:\n  - {name: a.test, file: 'a'}\n", 0},
        {"zones:\n  - {name: a.test, file: ~}\n  - {name: -, file: a}\n", 0},
        {"zones:\n  - {name: a.test, file: a}\n      b\n", 0},
        {"zones:\n  - {name: a.test, file: a}\n  x: y\n", 0},
        {"zones: [\n  - {name: a.test, file: a}\n", 0},
        {"x: \"\nzones:\n  - {name: a.test, file: a}\n\"\n", 0},
        {"x: [\nzones:\n  - {name: a.test, file: a}\n]\n", 0},
        {"x: |\n zones:\n  - {name: a.test, file: a}\n", 0},
        {"zones:\r\n  - {name: a.test, file: a}\r\n", 0},
        {"# \xc2\x85 text\nzones:\n  - {name: a.test, file: a}\n", 0},
        {"zones:\n  - {name: a.test, file: a}\n# \xe2\x80\xa8\n", 0},
        {"  zones:\n  - {name: a.test, file: a}\n", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (taken(rows[i].text) != rows[i].count)
            fail_msg("%zu taken of\n%s", taken(rows[i].text), rows[i].text);
    }
}

static bool keep(void *ctx, const struct entry *entry)
{
    struct entry **next = ctx;
    *(*next)++ = *entry;
    return true;
}

/* Nothing that was taken is left, each other line stands where it stood. */
static void the_rest_keeps_its_lines(void **state)
{
    (void)state;
    static const char text[] = "a: b\nzones:\n  - {name: a.test, file: a}\n  - name: x\n"
                               "  - name: b\n    file: c\n# end";
    struct entry items[2], *next = items;
    struct entries e = {.take = keep, .ctx = &next};
    assert_true(entries_take(&e, text, sizeof text - 1));
    assert_int_equal(e.count, 2);
    assert_ptr_equal(next, items + 2);
    assert_int_equal(items[0].line, 3);
    assert_int_equal(items[0].name.column, 12);
    assert_int_equal(items[1].line, 5);
    assert_int_equal(items[1].file.line, 6);
    assert_int_equal(e.rest_len, strlen("a: b\nzones:\n\n  - name: x\n\n\n# end"));
    assert_memory_equal(e.rest, "a: b\nzones:\n\n  - name: x\n\n\n# end", e.rest_len);
    entries_fini(&e);
}

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

/* Lists of zones in all ways of writing, and with every kind of mistake. */
static void libyaml_says_the_same(void **state)
{
    (void)state;
    enum { TURNS = 20000 };
    static const char *const lines[] = {
        "  - {name: z%u.test, file: z%u}\n",
        "  - {name: z%u.test, file: z%u}\n",
        "  - {\"name\": \"Z%u.test.\", \"file\": \"/z/z%u\"}\n",
        "  - name: z%u.test\n    file: z%u.zone\n",
        "  - name: z%u.test\n    file: z%u.zone\n    notify: 192.0.2.1\n",
        "  - {name: z%u.test, primaries: [192.0.2.1], allow-query: none}\n# %u\n",
        "\n  # it is number %u\n\n",
        "  -   {name: z%u.test,   file: z%u}\n",
        "  - {name: z%u..test, file: z%u}\n",
        "  - {name: z%u.test}\n  # %u\n",
        "  - {name: z%u.test, file: z%u, unknown: x}\n",
        "  - {name: z%u.test, file: z%u\n",
        "  - {name: z%u.test, name: z%u}\n",
        "- {name: z%u.test, file: z%u}\n",
        "    - {name: z%u.test, file: z%u}\n",
        "  - name: z%u.test\n   file: z%u.zone\n",
        "  - name: z%u.test\n    file: >\n  - {name: y.test, file: y}\n    #%u\n",
        "keys:\n  - {name: k%u, algorithm: hmac-sha256, secret: YWJj}\n#%u\n",
        "zones:\n  - {name: z%u.test, file: z%u}\n",
        "...\n# %u\n",
        "  - z%u\n",
        "  x%u: y\n",
    };
    const char *seed = getenv("ZONEDECK_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)getpid() * 2654435761u;
    printf("seed %llu (repeat with ZONEDECK_SEED)\n", (unsigned long long)random_state);
    unsigned good = 0, wrong = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct buf text = {0};
        buf_puts(&text, HEAD "zones:\n");
        unsigned kinds = random_below(3) ? 8 : sizeof lines / sizeof *lines;
        for (unsigned n = random_below(8); n; n--) {
            const char *line = lines[random_below(kinds)];
            for (const char *c = line; *c; c++) {
                if (c[0] == '%' && c[1] == 'u') {
                    buf_printf(&text, "%u", random_below(30));
                    c++;
                } else {
                    buf_add(&text, c, 1);
                }
            }
        }
        size_t count;
        const char *why = both_differ(PATH, text.data, text.len, true, &count);
        if (why)
            fail_msg("%s differ: %s", why, text.data);
        good += count > 0;
        wrong += count == 0;
        buf_fini(&text);
    }
    assert_true(good > TURNS / 4 && wrong > TURNS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain),
        cmocka_unit_test(the_rest_keeps_its_lines),
        cmocka_unit_test(libyaml_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

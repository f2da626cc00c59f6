/* docs/configuration.md says what the schema says, and its examples are valid. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buf.h"
#include "server/config/config.h"
#include "server/config/schema.h"

static const char doc_path[] = SOURCE_DIR "/docs/configuration.md";

static char *read_file(const char *path)
{
    struct buf text = {0};
    char part[4096];
    size_t n;
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    while ((n = fread(part, 1, sizeof part, file)) > 0)
        buf_add(&text, part, n);
    fclose(file);
    return buf_take(&text);
}

static struct config *parse(const char *path, const char *text, size_t len)
{
    struct buf errors = {0};
    struct config *config = config_parse(path, text, len, &errors);
    if (!config)
        fail_msg("%s", errors.data);
    buf_fini(&errors);
    return config;
}

static void write_section(struct buf *out, const char *in)
{
    buf_printf(out, "### %s\n\n| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n",
               *in ? in : "Top level");
    for (const struct schema_key *k = schema_keys; k->name; k++) {
        if (strcmp(k->in, in) == 0)
            buf_printf(out, "| `%s` | %s | %s | %s |\n", k->name, k->type,
                       k->required ? "required" : k->fallback, k->help);
    }
    buf_puts(out, "\nFor example:\n\n");
    for (const struct schema_key *k = schema_keys; k->name; k++) {
        if (strcmp(k->in, in) == 0)
            buf_printf(out, "    %s\n", k->example);
    }
    buf_puts(out, "\n");
}

static void test_keys(void **state)
{
    (void)state;
    static const char begin[] = "differs) -->\n", end[] = "<!-- keys: end -->";
    struct buf want = {0};
    buf_puts(&want, "\n");
    for (const struct schema_key *k = schema_keys; k->name; k++) {
        if (k == schema_keys || strcmp(k->in, k[-1].in) != 0)
            write_section(&want, k->in);
    }
    char *doc = read_file(doc_path), *from = strstr(doc, begin), *to = strstr(doc, end);
    assert_non_null(from);
    assert_non_null(to);
    from += strlen(begin);
    if ((size_t)(to - from) != want.len || memcmp(from, want.data, want.len) != 0) {
        fputs(want.data, stdout);
        fail_msg("%s differs from the schema; put the text above between its marks", doc_path);
    }
    free(doc);
    buf_fini(&want);
}

/* The rows of one mapping stand together, and each has all that a reader or a message needs. */
static void test_rows(void **state)
{
    (void)state;
    for (const struct schema_key *k = schema_keys; k->name; k++) {
        char path[SCHEMA_PATH_MAX];
        assert_non_null(k->read);
        assert_true(*k->type && *k->help);
        assert_true(strncmp(k->example, k->name, strlen(k->name)) == 0);
        assert_true(strlen(schema_path(k, path)) < SCHEMA_PATH_MAX - 1);
        for (const struct schema_key *j = k + 1; j->name; j++) {
            assert_false(strcmp(j->in, k->in) == 0 && strcmp(j->name, k->name) == 0);
            assert_false(strcmp(j->in, k->in) == 0 && strcmp(j->in, j[-1].in) != 0);
        }
    }
}

/* Every block of YAML in a page is a whole, valid configuration. */
static void check_page(const char *path)
{
    static const char begin[] = "```yaml\n";
    unsigned found = 0;
    char *page = read_file(path);
    for (char *at = strstr(page, begin); at; at = strstr(at, begin)) {
        at += strlen(begin);
        char *end = strstr(at, "```");
        assert_non_null(end);
        config_free(parse(path, at, (size_t)(end - at)));
        at = end + 3;
        found++;
    }
    assert_true(found > 0);
    free(page);
}

static void test_examples(void **state)
{
    (void)state;
    check_page(doc_path);
    check_page(SOURCE_DIR "/README.md");
}

/* The configurations of examples/, with how many zones each has. */
static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t zones;
    } files[] = {
        {SOURCE_DIR "/examples/zonedeck.yaml", 2},
        {SOURCE_DIR "/examples/demo/secondary.yaml", 5},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text = read_file(files[i].path);
        struct config *config = parse(files[i].path, text, strlen(text));
        assert_int_equal(config->zone_count, files[i].zones);
        config_free(config);
        free(text);
    }
    /* The demo puts the primary's configuration beside the zones. */
    char *text = read_file(SOURCE_DIR "/examples/demo/primary.yaml");
    struct config *config = parse(SOURCE_DIR "/examples/primary.yaml", text, strlen(text));
    assert_int_equal(config->zone_count, 5);
    config_free(config);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* docs/configuration.md says what the schema says, and its examples are valid. */
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

static char *read_doc(void)
{
    struct buf text = {0}, errors = {0};
    if (config_read(doc_path, &text, &errors) != 0)
        fail_msg("%s", errors.data);
    buf_fini(&errors);
    return buf_take(&text);
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
    char *doc = read_doc(), *from = strstr(doc, begin), *to = strstr(doc, end);
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

static void test_examples(void **state)
{
    (void)state;
    unsigned found = 0;
    char *doc = read_doc();
    for (char *at = strstr(doc, "```yaml\n"); at; at = strstr(at, "```yaml\n")) {
        struct buf errors = {0};
        at += strlen("```yaml\n");
        char *end = strstr(at, "```");
        assert_non_null(end);
        struct config *config = config_parse("example", at, (size_t)(end - at), &errors);
        if (!config)
            fail_msg("%s", errors.data);
        config_free(config);
        buf_fini(&errors);
        at = end + 3;
        found++;
    }
    assert_true(found > 0);
    free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

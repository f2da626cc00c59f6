/* A file opened in a folder that is kept open is the one its path names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/keeper/folder.h"

static char base[] = "/tmp/zonedeck-folder-XXXXXX";

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* What is in the file, or the number of the error. */
static const char *get(struct folder *f, const char *path)
{
    static char text[32];
    int fd = folder_open(f, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(text, sizeof text, "error %d", errno);
        return text;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}

static void the_file_of_the_path(void **state)
{
    (void)state;
    struct folder f;
    char missing[32], directory[32], path[5000];
    snprintf(missing, sizeof missing, "error %d", ENOENT);
    folder_init(&f);
    assert_int_equal(mkdir("a", 0755), 0);
    assert_int_equal(mkdir("b", 0755), 0);
    put("a/1", "a1");
    put("a/2", "a2");
    put("b/1", "b1");
    put("1", "here");
    for (int i = 0; i < 3; i++) {
        assert_string_equal(get(&f, "a/1"), "a1");
        assert_string_equal(get(&f, "a/2"), "a2");
        assert_true(f.fd >= 0);
        assert_string_equal(get(&f, "b/1"), "b1");
        assert_int_equal(f.fd, -1); /* not for one file alone */
        assert_string_equal(get(&f, "b/2"), missing);
        assert_string_equal(get(&f, "b/1"), "b1");
        assert_string_equal(get(&f, "1"), "here");
        assert_string_equal(get(&f, "none/1"), missing);
        assert_string_equal(get(&f, "none/1"), missing);
    }
    /* Another folder takes the place of the one that is open. */
    assert_string_equal(get(&f, "a/1"), "a1");
    assert_string_equal(get(&f, "a/1"), "a1");
    assert_int_equal(rename("a", "c"), 0);
    assert_int_equal(mkdir("a", 0755), 0);
    put("a/1", "new");
    assert_int_equal(unlink("c/1"), 0);
    assert_string_equal(get(&f, "a/1"), "new");
    int fd = folder_open(&f, "a/", O_RDONLY);
    assert_true(fd >= 0);
    close(fd);
    snprintf(directory, sizeof directory, "error %d", ENOTDIR);
    assert_string_equal(get(&f, "1/x"), directory);
    assert_string_equal(get(&f, "1/x"), directory);
    memset(path, 'x', sizeof path);
    memcpy(path + sizeof path - 3, "/1", 3);
    snprintf(missing, sizeof missing, "error %d", ENAMETOOLONG);
    assert_string_equal(get(&f, path), missing);
    assert_string_equal(get(&f, path), missing);
    folder_fini(&f);
    assert_int_equal(f.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_file_of_the_path)};
    if (!mkdtemp(base) || chdir(base))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || system("rm -rf a b c 1") || chdir("/") || rmdir(base);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/supervisor/statedir.h"

struct scratch {
    char folder[64], path[128];
    struct identity self;
    struct buf problem;
};

static int setup(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    snprintf(s->folder, sizeof s->folder, "/tmp/zonedeck-statedir-XXXXXX");
    if (!mkdtemp(s->folder))
        return -1;
    snprintf(s->path, sizeof s->path, "%s/a/b/state", s->folder);
    s->self = (struct identity){.uid = geteuid(), .gid = getegid()};
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scratch *s = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", s->folder);
    buf_fini(&s->problem);
    int status = system(command);
    free(s);
    return status;
}

static mode_t mode_of(const char *folder, const char *name)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void makes_what_is_missing(void **state)
{
    struct scratch *s = *state;
    struct statedir dir;
    assert_int_equal(statedir_open(&dir, s->path, &s->self, &s->problem), ERR_OK);
    assert_true(dir.usable);
    assert_int_equal(mode_of(s->path, "."), 0700);
    assert_int_equal(mode_of(s->path, ".."), 0755);
    assert_int_equal(mode_of(s->path, "lock"), 0600);
    assert_int_equal(mode_of(s->path, ".probe"), 0);
    statedir_close(&dir);
}

static void one_server_a_directory(void **state)
{
    struct scratch *s = *state;
    struct statedir first, second;
    char pid[32];
    assert_int_equal(statedir_open(&first, s->path, &s->self, &s->problem), ERR_OK);
    assert_int_equal(statedir_open(&second, s->path, &s->self, &s->problem), ERR_EXISTS);
    assert_false(second.usable);
    snprintf(pid, sizeof pid, "(pid %d)", (int)getpid());
    assert_non_null(strstr(s->problem.data, pid));
    assert_non_null(strstr(s->problem.data, s->path));
    statedir_close(&first);
    assert_int_equal(statedir_open(&second, s->path, &s->self, &s->problem), ERR_OK);
    statedir_close(&second);
}

static void the_lock_ends_with_its_process(void **state)
{
    struct scratch *s = *state;
    struct statedir dir;
    pid_t pid = fork();
    if (pid == 0)
        _exit(statedir_open(&dir, s->path, &s->self, &s->problem) == ERR_OK ? 0 : 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(statedir_open(&dir, s->path, &s->self, &s->problem), ERR_OK);
    statedir_close(&dir);
}

static void pids_are_noted_for_the_next_server(void **state)
{
    struct scratch *s = *state;
    struct statedir first, second;
    const pid_t pids[] = {101, 102, 103};
    assert_int_equal(statedir_open(&first, s->path, &s->self, &s->problem), ERR_OK);
    assert_int_equal(first.left_count, 0);
    statedir_note(&first, false, pids, 3);
    statedir_note(&first, false, pids + 1, 2);
    statedir_close(&first);
    assert_int_equal(statedir_open(&second, s->path, &s->self, &s->problem), ERR_OK);
    assert_int_equal(second.left_count, 2);
    assert_int_equal(second.left[0], 102);
    assert_int_equal(second.left[1], 103);
    statedir_note(&second, false, NULL, 0);
    statedir_close(&second);
}

/* The one that stops is waited for; it says so only once it is asked to. */
static void a_server_that_stops_is_waited_for(void **state)
{
    struct scratch *s = *state;
    struct statedir dir;
    int said[2];
    char byte;
    assert_int_equal(pipe(said), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (statedir_open(&dir, s->path, &s->self, &s->problem) != ERR_OK)
            _exit(1);
        statedir_note(&dir, true, NULL, 0);
        bool told = write(said[1], "x", 1) == 1;
        usleep(2500000); /* longer than one that does not stop is waited for */
        _exit(told ? 0 : 1);
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_int_equal(statedir_open(&dir, s->path, &s->self, &s->problem), ERR_OK);
    statedir_close(&dir);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(said[0]);
    close(said[1]);
}

static void only_the_last_folder_is_made(void **state)
{
    struct scratch *s = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/run", s->folder);
    assert_int_equal(statedir_make_last(path, 0755, false, &s->self), ERR_OK);
    snprintf(path, sizeof path, "%s/typo/run", s->folder);
    assert_int_equal(statedir_make_last(path, 0755, false, &s->self), ERR_SYSTEM);
    snprintf(path, sizeof path, "%s/typo", s->folder);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_file_is_no_directory(void **state)
{
    struct scratch *s = *state;
    struct statedir dir;
    char file[128];
    snprintf(file, sizeof file, "%s/file", s->folder);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(statedir_open(&dir, file, &s->self, &s->problem), ERR_SYSTEM);
    assert_false(dir.usable);
    assert_non_null(strstr(s->problem.data, "set server.state to a directory"));
}

static void what_the_user_may_not_write_is_not_usable(void **state)
{
    struct scratch *s = *state;
    if (geteuid() != 0)
        skip();
    struct identity nobody = {.change = true, .name = "nobody", .uid = 65534, .gid = 65534};
    struct statedir dir;
    assert_int_equal(statedir_open(&dir, s->folder, &nobody, &s->problem), ERR_SYSTEM);
    assert_non_null(strstr(s->problem.data, "for user nobody"));
    assert_int_equal(geteuid(), 0);
    assert_int_equal(getegid(), 0);
}

static void the_key_stays(void **state)
{
    struct scratch *s = *state;
    struct statedir dir;
    uint8_t first[16], second[16];
    assert_int_equal(statedir_open(&dir, s->path, &s->self, &s->problem), ERR_OK);
    assert_int_equal(statedir_hash_key(&dir, &s->self, first, &s->problem), ERR_OK);
    assert_int_equal(statedir_hash_key(&dir, &s->self, second, &s->problem), ERR_OK);
    assert_memory_equal(first, second, 16);
    assert_int_equal(mode_of(s->path, "hash.key"), 0600);
    statedir_close(&dir);
}

static void a_damaged_key_is_replaced_and_told(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 17, 4096};
    struct scratch *s = *state;
    struct statedir dir;
    char file[256], junk[4096] = {0};
    assert_int_equal(statedir_open(&dir, s->path, &s->self, &s->problem), ERR_OK);
    snprintf(file, sizeof file, "%s/hash.key", s->path);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t first[16], second[16];
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, junk, sizes[i]), sizes[i]);
        close(fd);
        assert_int_equal(statedir_hash_key(&dir, &s->self, first, &s->problem), ERR_SYSTEM);
        assert_non_null(strstr(s->problem.data, "damaged"));
        buf_clear(&s->problem);
        assert_int_equal(statedir_hash_key(&dir, &s->self, second, &s->problem), ERR_OK);
        assert_memory_equal(first, second, 16);
    }
    statedir_close(&dir);
}

static void a_key_is_given_without_a_directory(void **state)
{
    struct scratch *s = *state;
    struct statedir dir = {.path = s->path, .lock = -1};
    uint8_t first[16], second[16];
    assert_int_equal(statedir_hash_key(&dir, &s->self, first, &s->problem), ERR_OK);
    assert_int_equal(statedir_hash_key(&dir, &s->self, second, &s->problem), ERR_OK);
    assert_memory_not_equal(first, second, 16);
}

/* It would look like one and let nobody in. */
static void an_empty_token_is_told(void **state)
{
    struct scratch *s = *state;
    char file[128];
    snprintf(file, sizeof file, "%s/token", s->folder);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(statedir_token(file, &s->self, &s->problem), ERR_FORMAT);
    assert_non_null(strstr(s->problem.data, "empty; remove it"));
}

static void a_token_is_made_once(void **state)
{
    struct scratch *s = *state;
    char file[160], first[80], second[80];
    snprintf(file, sizeof file, "%s/token", s->folder);
    for (char *to = first; to; to = to == first ? second : NULL) {
        assert_int_equal(statedir_token(file, &s->self, &s->problem), ERR_OK);
        int fd = open(file, O_RDONLY);
        assert_int_equal(read(fd, to, 80), 65);
        close(fd);
    }
    assert_memory_equal(first, second, 65);
    assert_int_equal(first[64], '\n');
    assert_int_equal(strspn(first, "0123456789abcdef"), 64);
    assert_int_equal(mode_of(s->folder, "token"), 0600);
}

static void a_cookie_secret_is_made_once(void **state)
{
    struct scratch *s = *state;
    char file[160], first[80], second[80];
    snprintf(file, sizeof file, "%s/cookie.secret", s->folder);
    for (char *to = first; to; to = to == first ? second : NULL) {
        assert_int_equal(statedir_cookie_secret(file, &s->self, &s->problem), ERR_OK);
        int fd = open(file, O_RDONLY);
        assert_int_equal(read(fd, to, 80), 33);
        close(fd);
    }
    assert_memory_equal(first, second, 33);
    assert_int_equal(first[32], '\n');
    assert_int_equal(strspn(first, "0123456789abcdef"), 32);
    assert_int_equal(mode_of(s->folder, "cookie.secret"), 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(one_server_a_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lock_ends_with_its_process, setup, teardown),
        cmocka_unit_test_setup_teardown(pids_are_noted_for_the_next_server, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_stops_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_last_folder_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_no_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_user_may_not_write_is_not_usable, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_key_is_replaced_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_given_without_a_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_token_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_is_made_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cookie_secret_is_made_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/supervisor/inherit.h"

static int count(char **argv)
{
    int n = 0;
    while (argv[n])
        n++;
    return n;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct inherit_socket sockets[] = {{10, 0, false}, {11, 0, true}, {12, 63, false}};
    struct inherit in = {.role = ROLE_SERVE,
                         .slot = 3,
                         .stats = 4,
                         .channel = 5,
                         .config = 6,
                         .ring = 7,
                         .workers = 64,
                         .operator_uid = 4294967294u,
                         .config_path = "/etc/a b=c,d.yaml",
                         .token_file = "/var/lib/zonedeck/token",
                         .sockets = sockets,
                         .socket_count = 3};
    struct inherit_args args;
    struct inherit out;
    assert_int_equal(inherit_write(&in, "/usr/sbin/zonedeckd", &args), ERR_OK);
    assert_string_equal(args.argv[0], "/usr/sbin/zonedeckd");
    assert_int_equal(inherit_read(count(args.argv) - 1, args.argv + 1, &out), ERR_OK);
    assert_int_equal(out.role, ROLE_SERVE);
    assert_int_equal(out.slot, 3);
    assert_int_equal(out.stats, 4);
    assert_int_equal(out.channel, 5);
    assert_int_equal(out.config, 6);
    assert_int_equal(out.ring, 7);
    assert_int_equal(out.workers, 64);
    assert_int_equal(out.operator_uid, 4294967294u);
    assert_string_equal(out.config_path, in.config_path);
    assert_string_equal(out.token_file, in.token_file);
    assert_int_equal(out.socket_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(out.sockets[i].fd, sockets[i].fd);
        assert_int_equal(out.sockets[i].worker, sockets[i].worker);
        assert_int_equal(out.sockets[i].tcp, sockets[i].tcp);
    }
    inherit_fini(&out);
    inherit_args_fini(&args);
}

static void no_sockets_are_none(void **state)
{
    (void)state;
    struct inherit in = {.role = ROLE_KEEPER, .stats = 4, .channel = 5, .config = 6, .ring = -1};
    struct inherit_args args;
    struct inherit out;
    assert_int_equal(inherit_write(&in, "zonedeckd", &args), ERR_OK);
    assert_int_equal(inherit_read(count(args.argv) - 1, args.argv + 1, &out), ERR_OK);
    assert_int_equal(out.socket_count, 0);
    assert_int_equal(out.ring, -1);
    assert_string_equal(out.token_file, "");
    inherit_fini(&out);
    inherit_args_fini(&args);
}

static void too_many_sockets_are_refused(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct inherit in = {.role = ROLE_SERVE, .socket_count = MANY};
    in.sockets = calloc(MANY, sizeof *in.sockets);
    assert_non_null(in.sockets);
    struct inherit_args args;
    assert_int_equal(inherit_write(&in, "zonedeckd", &args), ERR_LIMIT);
    free(in.sockets);
}

static void other_arguments_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][8] = {
        {NULL},
        {"--role"},
        {"--role", "supervisor"},
        {"--role", "cook", "stats=3", "channel=4", "config=5"},
        {"--role", "serve"},
        {"--role", "serve", "stats=3", "channel=4"},
        {"--role", "serve", "stats=3", "channel=4", "config=x"},
        {"--role", "serve", "stats=3", "channel=4", "config="},
        {"--role", "serve", "stats=3", "channel=4", "config=99999999999"},
        {"--role", "serve", "stats=3", "channel=4", "config=5", "colour=blue"},
        {"--role", "serve", "stats=3", "channel=4", "config=5", "sockets=1"},
        {"--role", "serve", "stats=3", "channel=4", "config=5", "sockets=1:0:sctp"},
        {"--role", "serve", "stats=3", "channel=4", "config=5", "sockets=1:0:udp,"},
        {"--role", "serve", "stats=3", "channel=4", "config=5", "sockets=1:-2:udp"},
        {"--role", "serve", "stats=3", "channel=4", "config=5", "sockets=1:0:udpx"},
        {"--role", "serve", "stats=3", "channel=4", "config=5", "sockets=1:0:udp",
         "sockets=2:0:udp"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[9] = {NULL};
        for (int k = 0; k < 8 && cases[i][k]; k++)
            argv[k] = strdup(cases[i][k]);
        struct inherit out;
        assert_int_equal(inherit_read(count(argv), argv, &out), ERR_USAGE);
        for (int k = 0; argv[k]; k++)
            free(argv[k]);
    }
}

static void close_on_exec_covers_every_descriptor(void **state)
{
    (void)state;
    struct inherit_socket sockets[] = {{-1, 0, false}};
    struct inherit in = {.ring = -1, .sockets = sockets, .socket_count = 1};
    int *fds[] = {&in.stats, &in.channel, &in.config, &sockets[0].fd};
    for (size_t i = 0; i < 4; i++) {
        *fds[i] = open("/dev/null", O_RDONLY);
        assert_true(*fds[i] >= 0);
    }
    for (int on = 1; on >= 0; on--) {
        assert_int_equal(inherit_cloexec(&in, on), ERR_OK);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(fcntl(*fds[i], F_GETFD), on ? FD_CLOEXEC : 0);
    }
    close(sockets[0].fd);
    assert_int_equal(inherit_cloexec(&in, true), ERR_SYSTEM);
    for (size_t i = 0; i < 3; i++)
        close(*fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(no_sockets_are_none),
        cmocka_unit_test(too_many_sockets_are_refused),
        cmocka_unit_test(other_arguments_are_refused),
        cmocka_unit_test(close_on_exec_covers_every_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/supervisor/listeners.h"

struct told {
    unsigned udp, tcp;
    int error;
    char subject[128], text[256];
};

static void note(void *arg, bool tcp, int error, const char *subject, const char *text)
{
    struct told *told = arg;
    *(tcp ? &told->tcp : &told->udp) += 1;
    told->error = error;
    snprintf(told->subject, sizeof told->subject, "%s", subject);
    snprintf(told->text, sizeof told->text, "%s", text);
}

/* 127.0.0.LAST on a port that was free for UDP and TCP a moment ago. */
static struct config_listen address(unsigned last)
{
    struct config_listen l = {.address_len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&l.address;
    for (int tries = 0; tries < 100 && !*l.text; tries++) {
        socklen_t len = sizeof *in;
        int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(0x7f000000u | last);
        in->sin_port = 0;
        assert_int_equal(bind(udp, (struct sockaddr *)in, sizeof *in), 0);
        assert_int_equal(getsockname(udp, (struct sockaddr *)in, &len), 0);
        if (bind(tcp, (struct sockaddr *)in, sizeof *in) == 0)
            snprintf(l.text, sizeof l.text, "127.0.0.%u@%u", last, ntohs(in->sin_port));
        close(udp);
        close(tcp);
    }
    assert_true(*l.text);
    return l;
}

static unsigned count_for(const struct listeners *set, unsigned worker, bool tcp)
{
    unsigned n = 0;
    for (size_t i = 0; i < set->count; i++)
        n += set->item[i].worker == worker && set->item[i].tcp == tcp;
    return n;
}

static bool option_is_set(int fd, int name)
{
    int value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, name, &value, &len), 0);
    return value != 0;
}

static void every_worker_gets_both_kinds(void **state)
{
    (void)state;
    struct told told = {0};
    const struct listeners_report report = {note, &told};
    struct config_listen listen[] = {address(1), address(2)};
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct config config = {.listen = listen, .listen_count = 2, .threads = threads};
        struct listeners *set = listeners_open_dns(&config, NULL, &report);
        assert_non_null(set);
        assert_int_equal(set->count, 4 * threads);
        for (unsigned w = 0; w < threads; w++) {
            assert_int_equal(count_for(set, w, false), 2);
            assert_int_equal(count_for(set, w, true), 2);
        }
        for (size_t i = 0; i < set->count; i++) {
            assert_true(set->item[i].bound);
            assert_int_equal(option_is_set(set->item[i].fd, SO_REUSEPORT), threads > 1);
            assert_int_equal(option_is_set(set->item[i].fd, SO_ACCEPTCONN), set->item[i].tcp);
        }
        listeners_close(set, NULL);
    }
    assert_int_equal(told.udp + told.tcp, 0);
}

static void a_port_in_use_is_told_and_left_out(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct told told = {0};
        const struct listeners_report report = {note, &told};
        struct config_listen listen[] = {address(1), address(2)};
        struct config config = {.listen = listen, .listen_count = 2, .threads = threads};
        struct config first_only = {.listen = listen, .listen_count = 1, .threads = 2};
        struct listeners *other = listeners_open_dns(&first_only, NULL, &report);
        struct listeners *set = listeners_open_dns(&config, NULL, &report);
        assert_int_equal(set->count, 2 * threads);
        assert_false(listeners_have(set, listen[0].text));
        assert_true(listeners_have(set, listen[1].text));
        assert_int_equal(told.udp, 1);
        assert_int_equal(told.tcp, 1);
        assert_int_equal(told.error, EADDRINUSE);
        assert_string_equal(told.subject, listen[0].text);
        assert_non_null(strstr(told.text, "ss -ltnp sport = :"));
        listeners_close(set, NULL);
        listeners_close(other, NULL);
    }
}

static void an_address_of_another_machine_is_told(void **state)
{
    (void)state;
    struct told told = {0};
    const struct listeners_report report = {note, &told};
    struct config_listen listen = address(1);
    ((struct sockaddr_in *)&listen.address)->sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
    struct config config = {.listen = &listen, .listen_count = 1, .threads = 1};
    struct listeners *set = listeners_open_dns(&config, NULL, &report);
    assert_int_equal(set->count, 0);
    assert_int_equal(told.error, EADDRNOTAVAIL);
    listeners_close(set, NULL);
}

static void send_to(const struct config_listen *to, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        /* Another source each, so that they spread over the sockets. */
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(
            sendto(fd, "x", 1, 0, (const struct sockaddr *)&to->address, to->address_len), 1);
        close(fd);
    }
}

static unsigned receive_all(const struct listeners *set)
{
    unsigned n = 0;
    char byte;
    for (size_t i = 0; i < set->count; i++) {
        while (!set->item[i].tcp && set->item[i].bound && recv(set->item[i].fd, &byte, 1, 0) == 1)
            n++;
    }
    return n;
}

static void a_new_set_keeps_what_is_queued(void **state)
{
    (void)state;
    static const unsigned threads[] = {2, 1, 4, 3, 1};
    struct told told = {0};
    const struct listeners_report report = {note, &told};
    struct config_listen listen = address(1);
    struct config config = {.listen = &listen, .listen_count = 1, .threads = 1};
    struct listeners *set = listeners_open_dns(&config, NULL, &report);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        send_to(&listen, 50);
        config.threads = threads[i];
        struct listeners *next = listeners_open_dns(&config, set, &report);
        for (unsigned w = 0; w < threads[i]; w++) {
            assert_true(count_for(next, w, false) >= 1);
            assert_true(count_for(next, w, true) >= 1);
        }
        /* Not before the new process is about to serve may anything arrive at a new socket. */
        send_to(&listen, 50);
        assert_int_equal(receive_all(set), 100);
        listeners_bind_rest(next, &report);
        listeners_close(set, next);
        set = next;
        send_to(&listen, 50);
        assert_int_equal(receive_all(set), 50);
    }
    assert_int_equal(told.udp + told.tcp, 0);
    listeners_close(set, NULL);
}

static void sets_are_compared_by_their_sockets(void **state)
{
    (void)state;
    struct told told = {0};
    const struct listeners_report report = {note, &told};
    struct config_listen listen[] = {address(1), address(2)};
    struct config config = {.listen = listen, .listen_count = 1, .threads = 2};
    struct listeners *a = listeners_open_dns(&config, NULL, &report);
    struct listeners *same = listeners_open_dns(&config, a, &report);
    assert_true(listeners_same(a, same));
    config.listen_count = 2;
    struct listeners *more = listeners_open_dns(&config, a, &report);
    assert_false(listeners_same(a, more));
    config.listen_count = 1;
    config.threads = 1;
    struct listeners *fewer = listeners_open_dns(&config, a, &report);
    assert_false(listeners_same(a, fewer));
    listeners_close(fewer, a);
    listeners_close(more, a);
    listeners_close(same, a);
    listeners_close(a, NULL);
    assert_int_equal(told.udp + told.tcp, 0);
}

static struct listeners *open_unix(const char *path, struct told *told)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", path);
    struct config_endpoint_listen one = {.unix_path = copy};
    struct config config = {.endpoint = &one, .endpoint_count = 1};
    const struct identity self = {.uid = geteuid(), .gid = getegid()};
    const struct listeners_report report = {note, told};
    return listeners_open_endpoint(&config, NULL, &self, &report);
}

static void a_unix_socket_is_private_to_its_group(void **state)
{
    (void)state;
    char folder[] = "/tmp/zonedeck-listeners-XXXXXX", path[128], parent[64];
    struct told told = {0};
    struct stat st;
    assert_non_null(mkdtemp(folder));
    snprintf(parent, sizeof parent, "%s/run", folder);
    snprintf(path, sizeof path, "%s/run/endpoint.sock", folder);

    struct listeners *set = open_unix(path, &told);
    assert_int_equal(set->count, 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0660);

    /* Somebody listens there. */
    struct listeners *second = open_unix(path, &told);
    assert_int_equal(second->count, 0);
    assert_int_equal(told.error, EADDRINUSE);
    listeners_close(second, NULL);
    assert_int_equal(stat(path, &st), 0);

    /* Nobody listens any more, but the file is left. */
    close(set->item[0].fd);
    free(set);
    told = (struct told){0};
    set = open_unix(path, &told);
    assert_int_equal(set->count, 1);
    assert_int_equal(told.tcp, 0);
    listeners_close(set, NULL);
    assert_int_equal(stat(path, &st), -1);

    /* A file that is no socket is nobody's to remove. */
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    set = open_unix(path, &told);
    assert_int_equal(set->count, 0);
    assert_int_equal(told.error, EEXIST);
    assert_int_equal(stat(path, &st), 0);
    listeners_close(set, NULL);
    unlink(path);
    rmdir(parent);
    rmdir(folder);
}

static void a_path_too_long_for_a_socket_is_told(void **state)
{
    (void)state;
    struct told told = {0};
    char path[200];
    memset(path, 'x', sizeof path);
    memcpy(path, "/tmp/", 5);
    path[sizeof path - 1] = '\0';
    struct listeners *set = open_unix(path, &told);
    assert_int_equal(set->count, 0);
    assert_int_equal(told.error, ENAMETOOLONG);
    listeners_close(set, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_worker_gets_both_kinds),
        cmocka_unit_test(a_port_in_use_is_told_and_left_out),
        cmocka_unit_test(an_address_of_another_machine_is_told),
        cmocka_unit_test(a_new_set_keeps_what_is_queued),
        cmocka_unit_test(sets_are_compared_by_their_sockets),
        cmocka_unit_test(a_unix_socket_is_private_to_its_group),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

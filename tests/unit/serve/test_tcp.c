/* Connections of a worker without its thread: what epoll told before a place changed hands, who has
 * to leave, and when time is up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "server/serve/tcp.h"

enum { CONNECTIONS = 3, PER_CLIENT = 2 };

struct fixture {
    struct worker worker;
    struct worker_shared shared;
    struct tcp_limits limits;
    struct stats_worker stats;
    struct zone_table *zones;
    int listener;
    struct sockaddr_in address;
};

static int set_up(void **state)
{
    struct fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    memset(f, 0, sizeof *f);
    f->limits = (struct tcp_limits){CONNECTIONS, PER_CLIENT, CLK_SECOND, CLK_SECOND, CLK_SECOND};
    f->shared.rings = calloc(1, sizeof *f->shared.rings);
    f->worker.shared = &f->shared;
    f->worker.stats = &f->stats;
    f->worker.epoll = epoll_create1(EPOLL_CLOEXEC);
    f->worker.tcp = tcp_pool_new(&f->limits);
    f->zones = zone_table_new(0);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    f->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof f->address;
    *state = f;
    return bind(f->listener, (struct sockaddr *)&f->address, len) || listen(f->listener, 16) ||
           getsockname(f->listener, (struct sockaddr *)&f->address, &len) || !f->worker.tcp;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tcp_pool_free(f->worker.tcp);
    zone_table_free(f->zones);
    close(f->worker.epoll);
    close(f->listener);
    free(f->shared.rings);
    free(f);
    return 0;
}

static void wait_readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 5000), 1);
}

/* A client from 127.0.0.`host`, accepted. */
static int join(struct fixture *f, unsigned host)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 | host)};
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&f->address, sizeof f->address), 0);
    wait_readable(f->listener);
    assert_true(tcp_accept(&f->worker, f->listener));
    return fd;
}

static bool is_closed(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static uint64_t counted(const struct fixture *f, enum counter c)
{
    return atomic_load(&f->stats.counter[c]);
}

static void reset(int fd)
{
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static struct epoll_event next_event(struct fixture *f)
{
    struct epoll_event e;
    assert_int_equal(epoll_wait(f->worker.epoll, &e, 1, 5000), 1);
    return e;
}

/* Of two events of one epoll_wait, the first may end what the second is about, and an accept may
 * give its place away. */
static void test_late_event(void **state)
{
    struct fixture *f = *state;
    int first = join(f, 1);
    reset(first);
    struct epoll_event e = next_event(f);
    assert_true(e.events & EPOLLERR);
    tcp_ready(&f->worker, e.data.u64, e.events, f->zones);
    assert_int_equal(tcp_open(&f->worker), 0);
    int second = join(f, 2); /* at the same place */
    tcp_ready(&f->worker, e.data.u64, e.events, f->zones);
    assert_int_equal(tcp_open(&f->worker), 1);
    assert_false(is_closed(second));
    reset(second);
    e = next_event(f);
    tcp_ready(&f->worker, e.data.u64, e.events, f->zones);
    assert_int_equal(tcp_open(&f->worker), 0);
    assert_int_equal(counted(f, COUNTER_TCP_CLOSED), 2);
}

/* C4: over its own limit a client's own oldest leaves; over that of all, the oldest of all. */
static void test_eviction(void **state)
{
    struct fixture *f = *state;
    int a = join(f, 1), b1 = join(f, 2), b2 = join(f, 2), b3 = join(f, 2);
    assert_false(is_closed(a));
    assert_true(is_closed(b1));
    assert_false(is_closed(b2));
    assert_int_equal(tcp_open(&f->worker), 3);
    int c = join(f, 3);
    assert_true(is_closed(a));
    assert_false(is_closed(b2) || is_closed(b3) || is_closed(c));
    assert_int_equal(counted(f, COUNTER_TCP_EVICTED), 2);
    assert_int_equal(counted(f, COUNTER_TCP_ACCEPTED), 5);
    int all[] = {a, b1, b2, b3, c};
    for (unsigned i = 0; i < 5; i++)
        close(all[i]);
    while (tcp_open(&f->worker)) {
        struct epoll_event e = next_event(f);
        tcp_ready(&f->worker, e.data.u64, e.events, f->zones);
    }
}

/* C1: the time of a query runs from its first byte, whatever else comes. */
static void test_query_time(void **state)
{
    struct fixture *f = *state;
    int fd = join(f, 1);
    int64_t start = clk_mono_ns();
    assert_int_equal(write(fd, "\xff\xff", 2), 2);
    while (!is_closed(fd) && clk_mono_ns() - start < 20 * CLK_SECOND) {
        ssize_t n = send(fd, "x", 1, MSG_NOSIGNAL);
        (void)n;
        struct epoll_event e;
        if (epoll_wait(f->worker.epoll, &e, 1, 50) == 1)
            tcp_ready(&f->worker, e.data.u64, e.events, f->zones);
        tcp_tick(&f->worker, false);
        poll(NULL, 0, 10);
    }
    assert_true(is_closed(fd));
    assert_true(clk_mono_ns() - start >= CLK_SECOND);
    assert_int_equal(counted(f, COUNTER_TCP_TIMEOUT), 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_late_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_eviction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "server/keeper/loop.h"

enum { TIMERS = 500 };

struct fired {
    struct loop *loop;
    int64_t last;
    unsigned count;
};

struct timed {
    struct loop_timer timer;
    struct fired *fired;
};

static void on_timer(void *ctx)
{
    struct timed *t = ctx;
    assert_true(t->timer.due >= t->fired->last);
    assert_true(t->timer.due <= clk_mono_ns());
    t->fired->last = t->timer.due;
    t->fired->count++;
}

/* However they are set, set anew and cleared, they fire in order and once. */
static void timers_fire_in_order(void **state)
{
    (void)state;
    struct loop loop;
    struct fired fired = {&loop, 0, 0};
    static struct timed timers[TIMERS];
    unsigned set = 0;
    int64_t now = clk_mono_ns();
    srand(7);
    assert_int_equal(loop_init(&loop), 0);
    for (int i = 0; i < TIMERS; i++) {
        timers[i].fired = &fired;
        assert_int_equal(loop_add_timer(&loop, &timers[i].timer, on_timer, &timers[i]), 0);
    }
    for (int i = 0; i < 10 * TIMERS; i++) {
        struct timed *t = &timers[rand() % TIMERS];
        if (rand() % 3)
            loop_set_timer(&loop, &t->timer, now + rand() % (50 * CLK_MS));
        else
            loop_clear_timer(&loop, &t->timer);
    }
    for (int i = 0; i < TIMERS; i++)
        set += timers[i].timer.place > 0;
    assert_true(set > 0 && set == loop.count);
    while (fired.count < set)
        assert_int_equal(loop_turn(&loop, CLK_SECOND), 0);
    assert_int_equal(loop.count, 0);
    for (int i = 0; i < TIMERS; i++)
        loop_remove_timer(&loop, &timers[i].timer);
    assert_int_equal(loop.reserved, 0);
    loop_fini(&loop);
}

struct pair {
    struct loop *loop;
    struct loop_watch mine, *other;
    unsigned calls;
};

static void on_ready(void *ctx, uint32_t events)
{
    struct pair *p = ctx;
    (void)events;
    p->calls++;
    loop_unwatch(p->loop, p->other);
    loop_unwatch(p->loop, &p->mine);
}

/* Of two that are ready in one turn, the first removes the second: it must not be called. */
static void removed_watches_are_not_called(void **state)
{
    (void)state;
    struct loop loop;
    int a[2], b[2];
    assert_int_equal(loop_init(&loop), 0);
    assert_int_equal(pipe(a), 0);
    assert_int_equal(pipe(b), 0);
    struct pair x = {.loop = &loop}, y = {.loop = &loop};
    x.other = &y.mine;
    y.other = &x.mine;
    assert_int_equal(loop_watch(&loop, &x.mine, a[0], EPOLLIN, on_ready, &x), 0);
    assert_int_equal(loop_watch(&loop, &y.mine, b[0], EPOLLIN, on_ready, &y), 0);
    assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
    assert_int_equal(loop_turn(&loop, CLK_SECOND), 0);
    assert_int_equal(x.calls + y.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
    loop_fini(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order),
        cmocka_unit_test(removed_watches_are_not_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

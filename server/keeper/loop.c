#include "server/keeper/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"

int loop_init(struct loop *loop)
{
    *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll < 0 ? ERR_SYSTEM : ERR_OK;
}

void loop_fini(struct loop *loop)
{
    if (loop->epoll >= 0)
        close(loop->epoll);
    free(loop->heap);
    *loop = (struct loop){.epoll = -1};
}

int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
               void (*ready)(void *ctx, uint32_t events), void *ctx)
{
    *watch = (struct loop_watch){fd, ready, ctx};
    struct epoll_event e = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
        return ERR_OK;
    watch->fd = -1;
    return ERR_SYSTEM;
}

int loop_rewatch(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = watch};
    return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &e) < 0 ? ERR_SYSTEM : ERR_OK;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
    if (watch->fd < 0)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    /* Events of this turn that are still to be told must not reach it any more. */
    for (int i = 0; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
    }
}

int loop_add_timer(struct loop *loop, struct loop_timer *timer, void (*fire)(void *ctx), void *ctx)
{
    *timer = (struct loop_timer){.fire = fire, .ctx = ctx};
    if (loop->reserved == loop->room) {
        size_t room = loop->room ? loop->room * 2 : 64;
        struct loop_timer **heap = realloc(loop->heap, room * sizeof(struct loop_timer *));
        if (!heap) {
            timer->fire = NULL;
            return ERR_MEMORY;
        }
        loop->heap = heap;
        loop->room = room;
    }
    loop->reserved++;
    return ERR_OK;
}

void loop_remove_timer(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->fire)
        return;
    loop_clear_timer(loop, timer);
    timer->fire = NULL;
    loop->reserved--;
}

static void put(struct loop *loop, size_t i, struct loop_timer *timer)
{
    loop->heap[i] = timer;
    timer->place = i + 1;
}

static void sift_up(struct loop *loop, size_t i)
{
    struct loop_timer *t = loop->heap[i];
    for (; i > 0 && t->due < loop->heap[(i - 1) / 2]->due; i = (i - 1) / 2)
        put(loop, i, loop->heap[(i - 1) / 2]);
    put(loop, i, t);
}

static void sift_down(struct loop *loop, size_t i)
{
    struct loop_timer *t = loop->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= loop->count)
            break;
        if (child + 1 < loop->count && loop->heap[child + 1]->due < loop->heap[child]->due)
            child++;
        if (loop->heap[child]->due >= t->due)
            break;
        put(loop, i, loop->heap[child]);
        i = child;
    }
    put(loop, i, t);
}

void loop_set_timer(struct loop *loop, struct loop_timer *timer, int64_t due)
{
    assert(timer->fire);
    timer->due = due;
    if (!timer->place)
        put(loop, loop->count++, timer);
    sift_up(loop, timer->place - 1);
    sift_down(loop, timer->place - 1);
}

void loop_clear_timer(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->place)
        return;
    size_t i = timer->place - 1;
    timer->place = 0;
    struct loop_timer *last = loop->heap[--loop->count];
    if (last == timer)
        return;
    put(loop, i, last);
    sift_up(loop, i);
    sift_down(loop, last->place - 1);
}

static int wait_ms(const struct loop *loop, int64_t wait_ns)
{
    if (loop->count) {
        int64_t left = loop->heap[0]->due - clk_mono_ns();
        if (left < wait_ns)
            wait_ns = left;
    }
    if (wait_ns <= 0)
        return 0;
    return (int)((wait_ns + CLK_MS - 1) / CLK_MS);
}

int loop_turn(struct loop *loop, int64_t wait_ns)
{
    int n = epoll_wait(loop->epoll, loop->events, LOOP_BATCH, wait_ms(loop, wait_ns));
    if (n < 0)
        return errno == EINTR ? ERR_OK : ERR_SYSTEM;
    loop->event_count = n;
    for (int i = 0; i < n; i++) {
        struct loop_watch *w = loop->events[i].data.ptr;
        if (w)
            w->ready(w->ctx, loop->events[i].events);
    }
    loop->event_count = 0;
    /* Timers that callbacks set for now wait for the next turn, so that descriptors are not
     * starved. */
    for (int64_t now = clk_mono_ns(); loop->count && loop->heap[0]->due <= now;) {
        struct loop_timer *t = loop->heap[0];
        loop_clear_timer(loop, t);
        t->fire(t->ctx);
    }
    return ERR_OK;
}

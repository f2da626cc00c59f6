/* The keeper's poll loop: descriptors and timers, one thread.
 *
 * A watch or a timer lies in its owner's memory and calls back with its `ctx`. Room for a timer is
 * taken when it is added, so setting one never fails. A callback may remove any watch or timer,
 * its own included, and free it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop_watch {
    int fd; /* -1 when not watched */
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
};

struct loop_timer {
    int64_t due;  /* monotonic ns */
    size_t place; /* in the heap, from 1; 0 not set */
    void (*fire)(void *ctx);
    void *ctx;
};

enum { LOOP_BATCH = 64 };

struct loop {
    int epoll;
    struct loop_timer **heap;
    size_t count, reserved, room;
    struct epoll_event events[LOOP_BATCH];
    int event_count;
};

/* ERR_SYSTEM. */
int loop_init(struct loop *loop);
void loop_fini(struct loop *loop);

/* Watches `fd`, which stays the caller's, for `events` of epoll. ERR_SYSTEM. */
int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
               void (*ready)(void *ctx, uint32_t events), void *ctx);
int loop_rewatch(struct loop *loop, struct loop_watch *watch, uint32_t events);
/* Fine when not watched. The descriptor stays open. */
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* Prepares a timer, not set. ERR_MEMORY. */
int loop_add_timer(struct loop *loop, struct loop_timer *timer, void (*fire)(void *ctx), void *ctx);
void loop_remove_timer(struct loop *loop, struct loop_timer *timer);
/* Sets it, or sets it anew, to fire once at `due`. */
void loop_set_timer(struct loop *loop, struct loop_timer *timer, int64_t due);
void loop_clear_timer(struct loop *loop, struct loop_timer *timer);

/* Waits for something to do, at most `wait_ns`, and does it. ERR_SYSTEM. */
int loop_turn(struct loop *loop, int64_t wait_ns);

#include "server/serve/publish.h"

#include <urcu-qsbr.h>

/* ThreadSanitizer does not see the barriers inside liburcu: it is told what they order. */
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

#ifdef TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
static char order_quiet;
static void quiet_before(void)
{
    __tsan_release(&order_quiet);
}
static void quiet_after(void)
{
    __tsan_acquire(&order_quiet);
}
#else
static void quiet_before(void)
{
}
static void quiet_after(void)
{
}
#endif

void publish_join(void)
{
    rcu_register_thread();
}

void publish_leave(void)
{
    quiet_before();
    rcu_unregister_thread();
}

void publish_quiet(void)
{
    quiet_before();
    rcu_quiescent_state();
}

void publish_sleep(void)
{
    quiet_before();
    rcu_thread_offline();
}

void publish_wake(void)
{
    rcu_thread_online();
}

const struct zone_table *publish_read(const struct publish *publish)
{
    return atomic_load_explicit(&publish->table, memory_order_acquire);
}

void publish_write(struct publish *publish, struct zone_table *table)
{
    atomic_store_explicit(&publish->table, table, memory_order_release);
}

void publish_wait(void)
{
    synchronize_rcu();
    quiet_after();
}

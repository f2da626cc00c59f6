/* Pages that a second thread makes ready while the first one fills them: nothing that was written
 * is lost, and nothing outside is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/keeper/pages.h"

enum { SIZE = 8 << 20, SKIP = 100 };

static size_t resident(void *at, size_t len, size_t page)
{
    static unsigned char in[SIZE / 4096 + 1];
    size_t count = 0;
    assert_int_equal(mincore(at, len, in), 0);
    for (size_t i = 0; i < len / page; i++)
        count += in[i] & 1;
    return count;
}

static char *new_memory(int flags)
{
    char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

static void both_at_once(void **state)
{
    (void)state;
    struct pages pages = {0};
    char *own = new_memory(MAP_PRIVATE), *shared = new_memory(MAP_SHARED);
    pages_add(&pages, own, SIZE);
    pages_add(&pages, shared + SKIP, SIZE - 2 * SKIP);
    pages_start(&pages);
    assert_true(pages.started);
    memset(own, 'a', SIZE);
    memset(shared + SKIP, 'b', SIZE / 2);
    pages_end(&pages);
    for (size_t i = 0; i < SIZE; i++) {
        assert_int_equal(own[i], 'a');
        assert_int_equal(shared[i], i >= SKIP && i < SKIP + SIZE / 2 ? 'b' : 0);
    }
    munmap(own, SIZE);
    munmap(shared, SIZE);
}

static void whole_pages_within(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct pages pages = {0};
    char *memory = new_memory(MAP_PRIVATE);
    pages_add(&pages, memory + page + 1, SIZE - 4 * page);
    pages_start(&pages);
    pages_end(&pages);
    size_t made = resident(memory, SIZE, page);
    if (!made) /* the system cannot do it: nothing is lost */
        skip();
    assert_int_equal(made, SIZE / page - 5);
    assert_int_equal(resident(memory, 2 * page, page), 0);
    munmap(memory, SIZE);
}

static void little_is_left_alone(void **state)
{
    (void)state;
    struct pages pages = {0};
    char few[SKIP];
    pages_add(&pages, few, sizeof few);
    assert_int_equal(pages.count, 0);
    pages_start(&pages);
    assert_false(pages.started);
    pages_end(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_at_once),
        cmocka_unit_test(whole_pages_within),
        cmocka_unit_test(little_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

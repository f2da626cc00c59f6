/* Whole screens as text, compared with the files in golden/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tui/screen.h"

enum { UP, LOST, CONNECTING };

static const struct golden {
    const char *name;
    int rows, cols;
    const char *keys;
    int link;
    bool attrs, utf8;
} goldens[] = {
    {"overview-80x24", 24, 80, "1", UP, true, false},
    {"overview-120x40", 40, 120, "1", UP, false, true},
    {"overview-40x10", 10, 40, "1", UP, false, false},
    {"overview-1x1", 1, 1, "1", UP, false, false},
    {"overview-80x1", 1, 80, "1", UP, false, false},
    {"lost-80x24", 24, 80, "1", LOST, true, false},
    {"lost-40x10", 10, 40, "1", LOST, false, false},
    {"connecting-80x24", 24, 80, "1", CONNECTING, false, false},
    {"zones-80x24", 24, 80, "2j", UP, true, false},
    {"zones-120x40", 40, 120, "2", UP, false, false},
    {"zones-200x50", 50, 200, "2", UP, false, false},
    {"zones-40x10", 10, 40, "2", UP, false, false},
    {"zones-filter-80x24", 24, 80, "2/org", UP, false, false},
    {"zones-lost-80x24", 24, 80, "2", LOST, false, false},
    {"transfers-80x24", 24, 80, "3", UP, false, false},
    {"transfers-120x40", 40, 120, "3", UP, false, false},
    {"events-80x24", 24, 80, "4", UP, false, false},
    {"events-120x40", 40, 120, "4", UP, false, false},
    {"zone-detail-80x24", 24, 80, "2jj\n", UP, false, false},
    {"sort-80x24", 24, 80, "2s", UP, false, false},
    {"menu-80x24", 24, 80, "2x", UP, false, false},
    {"confirm-80x24", 24, 80, "2xr", UP, false, false},
    {"typed-80x24", 24, 80, "1xsn", UP, false, false},
    {"help-80x24", 24, 80, "2?", UP, false, false},
    {"help-40x10", 10, 40, "2?", UP, false, false},
};

static void screens(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
        const struct golden *g = &goldens[i];
        struct screen s;
        screen_init(&s, g->rows, g->cols);
        s.canvas.utf8 = g->utf8;
        screen_keys(&s, g->keys);
        if (g->link == LOST)
            screen_lose(&s);
        if (g->link == CONNECTING) {
            model_fini(&s.model);
            s.link.state = LINK_CONNECTING;
            s.link.since = s.shown.now - 2 * CLK_SECOND;
        }
        screen_golden(&s, g->attrs, g->name);
        screen_fini(&s);
    }
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Any keys at any size: nothing is drawn outside (the sanitizers see it) and nothing asks a server
 * for anything without its confirmation. */
static void any_key_any_size(void **state)
{
    static const char keys[] = "1234\t\n\x1bjkgG/sIxzt+-n?q!abcdefo. \x7f\x0c\x03";
    uint32_t seed = 20261122;
    struct screen s;
    struct buf text = {0};
    (void)state;
    screen_init(&s, 24, 80);
    for (int i = 0; i < 20000; i++) {
        enum overlay before = s.ui.overlay;
        int key = keys[next(&seed) % (sizeof(keys) - 1)];
        enum ui_effect effect = screen_key(&s, key);
        if (effect == UI_POST)
            assert_true(before == OVERLAY_TYPED || (before == OVERLAY_CONFIRM && key == 'y'));
        if (i % 10 == 0)
            canvas_resize(&s.canvas, (int)(next(&seed) % 60), (int)(next(&seed) % 200));
        screen_text(&s, false, &text);
    }
    buf_fini(&text);
    screen_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(screens),
                                       cmocka_unit_test(any_key_any_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What keys do: selection by identity, filters, sorting, and the ways to an action. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tui/screen.h"
#include "tui/input/keymap.h"
#include "tui/term/key.h"

static bool shows(struct screen *s, const char *text)
{
    struct buf b = {0};
    bool found = strstr(screen_text(s, false, &b), text) != NULL;
    buf_fini(&b);
    return found;
}

static void keys_are_unique(void **state)
{
    (void)state;
    for (const struct binding *a = keymap; a->key; a++) {
        assert_true(a->help || a != keymap);
        assert_true(a->label || !a->help);
        assert_int_equal(keymap_find(a->key), a->request);
        for (const struct binding *b = a + 1; b->key; b++)
            assert_int_not_equal(a->key, b->key);
    }
    assert_int_equal(keymap_find('y'), REQUEST_NONE);
}

static void help_names_every_key(void **state)
{
    struct buf help = {0};
    (void)state;
    keymap_help(&help);
    for (const struct binding *b = keymap; b->key; b++) {
        if (b->label)
            assert_non_null(strstr(help.data, b->label));
    }
    buf_fini(&help);
}

static void selection_follows_the_zone(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2j");
    assert_string_equal(ui_selected_zone(&s.ui, &s.shown), "example.com.");
    struct model_zone first = s.model.zones.rows[0];
    s.model.zones.rows[0] = s.model.zones.rows[1];
    s.model.zones.rows[1] = first;
    ui_arrange(&s.ui, &s.shown);
    assert_int_equal(s.ui.places[1].index, 0);
    assert_string_equal(ui_selected_zone(&s.ui, &s.shown), "example.com.");
    screen_fini(&s);
}

/* Also the one that was never moved to: it was seen as selected. */
static void first_selection_stays(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2");
    assert_true(shows(&s, ">example.net."));
    struct model_zone first = s.model.zones.rows[0];
    s.model.zones.rows[0] = s.model.zones.rows[1];
    s.model.zones.rows[1] = first;
    screen_keys(&s, "xr");
    assert_string_equal(s.ui.target.zone, "example.net.");
    screen_fini(&s);
}

static void filters(void **state)
{
    static const struct {
        const char *keys;
        unsigned rows;
    } cases[] = {{"2", 3}, {"2/org\n", 1}, {"2/!org\n", 2}, {"2/stale\n", 1}, {"2/zzz\n", 0}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct screen s;
        screen_init(&s, 24, 80);
        screen_keys(&s, cases[i].keys);
        ui_arrange(&s.ui, &s.shown);
        assert_int_equal(s.ui.order_count, cases[i].rows);
        screen_key(&s, KEY_CODE_ESC);
        ui_arrange(&s.ui, &s.shown);
        assert_int_equal(s.ui.order_count, 3);
        screen_fini(&s);
    }
}

/* A filter begins empty; Up brings the one of before. */
static void filter_is_recalled(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2/org\n/");
    assert_string_equal(s.ui.places[1].filter.text, "");
    screen_keys(&s, "net\n");
    assert_string_equal(s.ui.places[1].filter.text, "net");
    screen_keys(&s, "/");
    screen_key(&s, KEY_CODE_UP);
    assert_string_equal(s.ui.places[1].filter.text, "net");
    screen_key(&s, KEY_CODE_ESC);
    assert_string_equal(s.ui.places[1].filter.text, "");
    screen_fini(&s);
}

/* Names get what they need, up to a share; the reason gets the rest. */
static void columns_share_the_width(void **state)
{
    static const struct {
        int cols;
        const char *name, *shows;
    } cases[] = {
        {200, "example.net.", "bad TTL; the version of 2026112104 is served\n"},
        {200, "a-name-of-forty-bytes.below.example.net.",
         " a-name-of-forty-bytes.below.example.net. prim"},
        {160, "a-name-of-forty-bytes.below.example.net.", "net. prim"},
        {80, "example.net.",
         "\n example.net.zone:812:14: bad TTL; the version of 2026112104 is served\n worst"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct screen s;
        screen_init(&s, 24, cases[i].cols);
        screen_keys(&s, "2");
        s.model.zones.rows[0].name = cases[i].name;
        if (i == 1)
            screen_keys(&s, "j");
        if (!shows(&s, cases[i].shows))
            fail_msg("case %u", i);
        screen_fini(&s);
    }
}

/* A "~" does not cost a digit. */
static void stale_numbers_are_whole(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_lose(&s);
    screen_keys(&s, "2");
    assert_true(shows(&s, " ~2026112201 "));
    assert_true(shows(&s, " ~81.0k"));
    screen_keys(&s, "3");
    assert_true(shows(&s, " ~79.1K"));
    screen_fini(&s);
}

/* On 80x24 every bad zone that fits is there, those that do not are counted, and no process is left
 * out. */
static void overview_is_whole(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    s.model.zones.rows[1].state = "failed";
    s.model.zones.rows[1].severity = value_of(2);
    s.model.status.zones_by_state[ZONE_FAILED] = value_of(1);
    assert_true(shows(&s, "\nstale     example.net."));
    assert_true(shows(&s, "\nfailed    example.com."));
    assert_true(shows(&s, "endpoint 6.75M"));
    assert_true(shows(&s, "endpoint 5.0%"));
    s.model.status.zones_by_state[ZONE_FAILED] = value_of(9);
    assert_true(shows(&s, "8 more: press 2"));
    screen_fini(&s);
}

static void menu_is_whole(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2x");
    assert_true(shows(&s, action_info[ACTION_ZONE_RELOAD].help));
    screen_keys(&s, "q");
    for (int i = 0; i < ACTION_COUNT; i++)
        assert_in_range(strlen(action_info[i].help), 1, 48);
    screen_keys(&s, "jjx"); /* a secondary */
    assert_true(shows(&s, "r  reload     zone    blocked: a secondary has no file; see refresh"));
    assert_true(shows(&s, action_info[ACTION_ZONE_RETRANSFER].help));
    screen_fini(&s);
}

static void events_say_what(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 120);
    screen_keys(&s, "4");
    assert_true(shows(&s, "A title: example.net.zone:812:14: bad TTL"));
    screen_keys(&s, "\n");
    assert_true(shows(&s, "what to do  Nothing to do."));
    screen_fini(&s);
}

static void sorts(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2sj\n"); /* by name */
    ui_arrange(&s.ui, &s.shown);
    assert_string_equal(s.model.zones.rows[s.ui.order[0]].name, "example.com.");
    assert_string_equal(s.model.zones.rows[s.ui.order[2]].name, "example.org.");
    screen_keys(&s, "sjjjjjjj\n"); /* by records: 12, 81000, 81000 */
    ui_arrange(&s.ui, &s.shown);
    assert_string_equal(s.model.zones.rows[s.ui.order[0]].name, "example.com.");
    screen_keys(&s, "I");
    ui_arrange(&s.ui, &s.shown);
    assert_string_equal(s.model.zones.rows[s.ui.order[2]].name, "example.com.");
    screen_fini(&s);
}

static void confirmed(void **state)
{
    static const struct {
        const char *keys;
        enum ui_effect effect;
        enum action action;
        const char *says;
    } cases[] = {
        {"2xry", UI_POST, ACTION_ZONE_RELOAD, NULL},
        {"2jjxty", UI_POST, ACTION_ZONE_RETRANSFER, NULL},
        {"2jjxfy", UI_POST, ACTION_ZONE_REFRESH, NULL},
        {"2xny", UI_POST, ACTION_ZONE_NOTIFY, NULL},
        {"2xcy", UI_POST, ACTION_SERVICE_RELOAD, NULL},
        {"1xsns1\n", UI_POST, ACTION_SERVICE_RESTART, NULL},
        {"1xons1\n", UI_POST, ACTION_SERVICE_STOP, NULL},
        {"2x\ny", UI_POST, ACTION_ZONE_RELOAD, NULL},
        {"2\nxry", UI_POST, ACTION_ZONE_RELOAD, NULL},
        {"3xfy", UI_POST, ACTION_ZONE_REFRESH, NULL},
        {"2jjx\ny", UI_POST, ACTION_ZONE_RETRANSFER, NULL},
        {"1x\ny", UI_POST, ACTION_SERVICE_RELOAD, NULL},
        {"4xry", UI_POST, ACTION_ZONE_RELOAD, NULL},
        {"2xr\n", UI_NOTHING, 0, "cancelled"},
        {"2xrn", UI_NOTHING, 0, "cancelled"},
        {"2xt", UI_NOTHING, 0, "not possible: the zone is primary"},
        {"1xr", UI_NOTHING, 0, "no zone is selected"},
        {"1xsns2\n", UI_NOTHING, 0, "is not the server's name"},
        {"1xs\n", UI_NOTHING, 0, "is not the server's name"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct screen s;
        screen_init(&s, 24, 80);
        assert_int_equal(screen_keys(&s, cases[i].keys), cases[i].effect);
        if (cases[i].effect == UI_POST)
            assert_int_equal(s.ui.action, cases[i].action);
        if (cases[i].says)
            assert_non_null(strstr(s.ui.status, cases[i].says));
        screen_fini(&s);
    }
}

static void deaf_at_first(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2xr");
    s.shown.now += 299 * CLK_MS;
    assert_int_equal(ui_key(&s.ui, &s.shown, 'y'), UI_NOTHING);
    assert_int_equal(s.ui.overlay, OVERLAY_CONFIRM);
    s.shown.now += 2 * CLK_MS;
    assert_int_equal(ui_key(&s.ui, &s.shown, 'y'), UI_POST);
    screen_fini(&s);
}

static void another_server(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2xr");
    strcpy(s.model.status.stamp.boot, "another life");
    assert_int_equal(screen_keys(&s, "y"), UI_NOTHING);
    assert_non_null(strstr(s.ui.status, "nothing was asked"));
    screen_fini(&s);
}

static void target_stays(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    screen_keys(&s, "2x");
    assert_string_equal(s.ui.target.zone, "example.net.");
    struct model_zone first = s.model.zones.rows[0];
    s.model.zones.rows[0] = s.model.zones.rows[2];
    s.model.zones.rows[2] = first;
    assert_int_equal(screen_keys(&s, "ry"), UI_POST);
    assert_string_equal(s.ui.target.zone, "example.net.");
    screen_fini(&s);
}

static void honest_line_one(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    assert_true(shows(&s, "  SERVING  up"));
    s.shown.now += 10 * CLK_SECOND; /* nothing came for ten seconds */
    assert_true(shows(&s, "SERVING?"));
    assert_false(shows(&s, "no problems"));
    screen_lose(&s);
    assert_true(shows(&s, "NO ANSWER 00:24, was SERVING pid 4711; retry 3s"));
    assert_true(shows(&s, "~"));
    s.link.state = LINK_UP;
    s.model.status.stamp.taken = s.shown.now;
    s.link.restarted_at = SCREEN_WALL - 5;
    assert_true(shows(&s, "RESTARTED 03:41:02Z"));
    s.model.status.server.state = "not-serving";
    assert_true(shows(&s, "NOT-SERVING"));
    screen_fini(&s);
}

static void hostile_names(void **state)
{
    struct screen s;
    (void)state;
    screen_init(&s, 24, 80);
    s.model.zones.rows[0].name = "\x1b[2J\x07\xc3\xa4.evil";
    screen_keys(&s, "2");
    assert_true(shows(&s, "\\x1b[2J\\x07\\xc3"));
    for (int i = 0; i < s.canvas.rows * s.canvas.cols; i++)
        assert_true(s.canvas.cells[i].ch >= 0x20 && s.canvas.cells[i].ch < 0x7f);
    screen_fini(&s);
}

static void effects(void **state)
{
    static const struct {
        int key;
        enum ui_effect effect;
    } cases[] = {{'q', UI_QUIT},        {KEY_CTRL('c'), UI_QUIT},
                 {'t', UI_SAMPLE},      {'z', UI_PAUSE},
                 {'+', UI_SLOWER},      {'-', UI_FASTER},
                 {'n', UI_NEXT_SERVER}, {KEY_CTRL('l'), UI_REPAINT},
                 {'y', UI_NOTHING}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct screen s;
        screen_init(&s, 24, 80);
        assert_int_equal(screen_key(&s, cases[i].key), cases[i].effect);
        screen_fini(&s);
    }
}

static void quit_closes_first(void **state)
{
    static const char *const openers[] = {"?", "2\n", "2s", "x"};
    static const int closers[] = {'q', KEY_CODE_ESC, KEY_CTRL('c')};
    (void)state;
    for (unsigned i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
        for (unsigned k = 0; k < sizeof(closers) / sizeof(closers[0]); k++) {
            struct screen s;
            screen_init(&s, 24, 80);
            screen_keys(&s, openers[i]);
            assert_int_not_equal(s.ui.overlay, OVERLAY_NONE);
            assert_int_equal(screen_key(&s, closers[k]), UI_NOTHING);
            assert_int_equal(s.ui.overlay, OVERLAY_NONE);
            screen_fini(&s);
        }
    }
}

static void window_moves(void **state)
{
    struct screen s;
    struct source_want w;
    (void)state;
    screen_init(&s, 24, 80);
    s.model.zones.matched = value_of(1000);
    s.model.status.zones_total = value_of(1000);
    screen_keys(&s, "2jj");
    ui_want(&s.ui, &s.shown, &w);
    assert_int_equal(w.zone_offset, SOURCE_WINDOW / 2);
    screen_keys(&s, "G");
    ui_want(&s.ui, &s.shown, &w);
    assert_int_equal(w.zone_offset, 1000 - SOURCE_WINDOW);
    screen_keys(&s, "g/org");
    ui_want(&s.ui, &s.shown, &w);
    assert_int_equal(w.zone_offset, 0);
    assert_string_equal(w.zone_search, "org");
    screen_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_unique),
        cmocka_unit_test(help_names_every_key),
        cmocka_unit_test(selection_follows_the_zone),
        cmocka_unit_test(first_selection_stays),
        cmocka_unit_test(filters),
        cmocka_unit_test(filter_is_recalled),
        cmocka_unit_test(columns_share_the_width),
        cmocka_unit_test(stale_numbers_are_whole),
        cmocka_unit_test(overview_is_whole),
        cmocka_unit_test(menu_is_whole),
        cmocka_unit_test(events_say_what),
        cmocka_unit_test(sorts),
        cmocka_unit_test(confirmed),
        cmocka_unit_test(deaf_at_first),
        cmocka_unit_test(another_server),
        cmocka_unit_test(target_stays),
        cmocka_unit_test(honest_line_one),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(effects),
        cmocka_unit_test(quit_closes_first),
        cmocka_unit_test(window_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

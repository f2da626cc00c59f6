/* A console without a terminal and without a server, for tests: replies of a fixed instant, a clock
 * that is moved by hand, keys as text. Included by tests that have included cmocka. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/clk.h"
#include "backend/source/reply.h"
#include "tui/view/list.h"

enum { SCREEN_WALL = 1795318867 }; /* 2026-11-22 03:41:07 UTC */

struct screen {
    struct model model;
    struct rates rates;
    struct link link;
    struct http_address address;
    struct shown shown;
    struct ui ui;
    struct canvas canvas;
};

static inline void screen_read(const char *name, struct buf *to)
{
    char path[512];
    snprintf(path, sizeof(path), SOURCE_DIR "/tests/unit/tui/%s", name);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s cannot be read", path);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_printf(to, "%c", c);
    fclose(f);
}

#define SCREEN_LOAD(s, section, function)                                                          \
    do {                                                                                           \
        struct buf json_ = {0};                                                                    \
        screen_read("replies/" #function ".json", &json_);                                         \
        assert_int_equal(                                                                          \
            reply_##function(&(s)->model.section, json_.data, json_.len, (s)->shown.now), 0);      \
        buf_fini(&json_);                                                                          \
    } while (0)

/* A minute and a half of steady samples before the reply of now. */
static inline void screen_history(struct screen *s)
{
    struct model_status *st = &s->model.status;
    int64_t now = st->stamp.time_ms, queries = st->counters[COUNTER_UDP4_QUERIES].n;
    int64_t nxdomain = st->counters[COUNTER_NXDOMAIN].n, noerror = st->counters[COUNTER_NOERROR].n;
    for (int i = 100; i >= 0; i--) {
        st->stamp.time_ms = now - i * 1000;
        st->counters[COUNTER_UDP4_QUERIES].n = queries - i * 500 - (i % 30) * 100;
        st->counters[COUNTER_NXDOMAIN].n = nxdomain - i * 100;
        st->counters[COUNTER_NOERROR].n = noerror - i * 400;
        for (unsigned p = 0; p < st->process_count; p++)
            st->processes[p].cpu_us = value_of(9000000 - i * 10000 * (p + 1));
        rates_update(&s->rates, st);
    }
}

/* A server that serves, with a stale zone, a failing transfer and events. */
static inline void screen_init(struct screen *s, int rows, int cols)
{
    memset(s, 0, sizeof(*s));
    model_init(&s->model);
    ui_init(&s->ui);
    assert_int_equal(http_address_parse(&s->address, "unix:/run/zonedeck/endpoint.sock"), 0);
    s->shown = (struct shown){.model = &s->model,
                              .rates = &s->rates,
                              .link = &s->link,
                              .address = &s->address,
                              .now = 5000 * CLK_SECOND,
                              .wall = SCREEN_WALL,
                              .interval = CLK_SECOND,
                              .servers = 1};
    s->link.state = LINK_UP;
    SCREEN_LOAD(s, status, status);
    SCREEN_LOAD(s, zones, zones);
    SCREEN_LOAD(s, transfers, transfers);
    SCREEN_LOAD(s, events, events);
    SCREEN_LOAD(s, detail, detail);
    screen_history(s);
    canvas_resize(&s->canvas, rows, cols);
    ui_draw(&s->ui, &s->shown, &s->canvas);
}

static inline void screen_fini(struct screen *s)
{
    model_fini(&s->model);
    ui_fini(&s->ui);
    canvas_fini(&s->canvas);
}

/* A key, pressed 400 ms after what was before it. */
static inline enum ui_effect screen_key(struct screen *s, int key)
{
    s->shown.now += 400 * CLK_MS;
    s->model.status.stamp.taken = s->shown.now;
    return ui_key(&s->ui, &s->shown, key);
}

static inline enum ui_effect screen_keys(struct screen *s, const char *keys)
{
    enum ui_effect effect = UI_NOTHING;
    for (; *keys; keys++)
        effect = screen_key(s, *keys == '\n' ? 10 : *keys);
    return effect;
}

/* The link was lost 14 s ago. */
static inline void screen_lose(struct screen *s)
{
    s->shown.now += 14 * CLK_SECOND;
    s->link.state = LINK_LOST;
    s->link.retry_at = s->shown.now + 3 * CLK_SECOND;
    strcpy(s->link.error, "Connection refused");
    model_mark_stale(&s->model);
    rates_mark_stale(&s->rates);
}

static inline const char *screen_text(struct screen *s, bool attrs, struct buf *to)
{
    buf_clear(to);
    ui_draw(&s->ui, &s->shown, &s->canvas);
    canvas_dump(&s->canvas, attrs, to);
    return to->data;
}

/* Compares with golden/NAME.txt; with ZONEDECK_GOLDEN set, writes it. */
static inline void screen_golden(struct screen *s, bool attrs, const char *name)
{
    struct buf got = {0}, expected = {0};
    char file[300];
    screen_text(s, attrs, &got);
    if (getenv("ZONEDECK_GOLDEN")) {
        snprintf(file, sizeof(file), SOURCE_DIR "/tests/unit/tui/golden/%s.txt", name);
        FILE *f = fopen(file, "w");
        assert_non_null(f);
        fwrite(got.data, 1, got.len, f);
        fclose(f);
    } else {
        snprintf(file, sizeof(file), "golden/%s.txt", name);
        screen_read(file, &expected);
        if (strcmp(got.data, expected.data ? expected.data : "") != 0)
            fail_msg("%s differs; got:\n%s\nexpected:\n%s", file, got.data, expected.data);
    }
    buf_fini(&got);
    buf_fini(&expected);
}

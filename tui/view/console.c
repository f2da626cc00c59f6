#include "tui/view/console.h"

#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "tui/term/term.h"
#include "tui/view/ui.h"

static const int64_t intervals[] = {CLK_SECOND / 2, CLK_SECOND,      2 * CLK_SECOND,
                                    5 * CLK_SECOND, 10 * CLK_SECOND, 30 * CLK_SECOND,
                                    60 * CLK_SECOND};
enum { INTERVALS = sizeof(intervals) / sizeof(intervals[0]), DEFAULT_INTERVAL = 1 };

struct console {
    const struct http_address *servers;
    unsigned server_count, server;
    struct terminal *term;
    struct source *source;
    struct canvas canvas;
    struct ui ui;
    unsigned interval;
    bool paused, quit, dirty, urgent, trimmed;
    int64_t drawn;
};

static struct shown shown_now(const struct console *c)
{
    return (struct shown){.model = source_model(c->source),
                          .rates = source_rates(c->source),
                          .link = source_link(c->source),
                          .address = &c->servers[c->server],
                          .now = clk_mono_ns(),
                          .wall = clk_wall(),
                          .interval = intervals[c->interval],
                          .paused = c->paused,
                          .server = c->server,
                          .servers = c->server_count};
}

static int attach(struct console *c, unsigned server)
{
    struct source *s = source_new(&c->servers[server], intervals[c->interval], clk_mono_ns());
    if (!s)
        return ERR_MEMORY;
    source_free(c->source);
    c->source = s;
    c->server = server;
    c->paused = false;
    ui_forget(&c->ui);
    return 0;
}

static void post(struct console *c)
{
    struct buf path = {0};
    act_path(c->ui.action, c->ui.target.zone, &path);
    if (path.failed || source_post(c->source, path.data)) {
        ui_say(&c->ui, ATTR_BAD, " nothing was asked: out of memory, or another action runs");
    } else {
        c->ui.acting = true;
        c->ui.acting_since = clk_mono_ns();
    }
    buf_fini(&path);
}

static void set_interval(struct console *c, int by)
{
    int next = (int)c->interval + by;
    c->interval = next < 0 ? 0 : next >= INTERVALS ? INTERVALS - 1 : (unsigned)next;
    source_set_interval(c->source, intervals[c->interval]);
    ui_say(&c->ui, 0, " the server is asked every %.3g s",
           (double)intervals[c->interval] / (double)CLK_SECOND);
}

static void do_effect(struct console *c, enum ui_effect effect)
{
    if (effect == UI_QUIT) {
        c->quit = true;
    } else if (effect == UI_SAMPLE) {
        source_sample(c->source);
    } else if (effect == UI_PAUSE) {
        c->paused = !c->paused;
        source_pause(c->source, c->paused);
    } else if (effect == UI_SLOWER || effect == UI_FASTER) {
        set_interval(c, effect == UI_SLOWER ? 1 : -1);
    } else if (effect == UI_REPAINT) {
        term_repaint(c->term);
    } else if (effect == UI_NEXT_SERVER && c->server_count > 1) {
        attach(c, (c->server + 1) % c->server_count);
    } else if (effect == UI_POST) {
        post(c);
    }
}

static void look_at_action(struct console *c)
{
    static const uint32_t attrs[] = {[ACT_DONE] = ATTR_GOOD | ATTR_BOLD,
                                     [ACT_FAILED] = ATTR_BAD | ATTR_REVERSE,
                                     [ACT_UNKNOWN] = ATTR_WARN | ATTR_REVERSE};
    const struct http_reply *reply;
    struct act_result result;
    char name[1400];
    int rc;
    if (!c->ui.acting || source_post_state(c->source, &reply, &rc) != POST_ENDED)
        return;
    act_result_read(&result, reply, rc);
    act_name(&c->ui.target, c->ui.action, name, sizeof(name));
    ui_say(&c->ui, attrs[result.outcome], " %s %s%s%s%s%s", act_outcome_name(result.outcome), name,
           result.text[0] ? ": " : "", result.text, result.remedy[0] ? "; " : "", result.remedy);
    c->ui.acting = false;
    c->dirty = true;
}

static void draw(struct console *c)
{
    struct shown s = shown_now(c);
    int rows, cols;
    term_size(c->term, &rows, &cols);
    if (rows != c->canvas.rows || cols != c->canvas.cols)
        canvas_resize(&c->canvas, rows, cols);
    c->canvas.utf8 = term_utf8(c->term);
    ui_draw(&c->ui, &s, &c->canvas);
    term_push(c->term, &c->canvas, c->urgent);
    c->drawn = s.now;
    c->dirty = c->urgent = false;
}

static void take_events(struct console *c)
{
    enum { MOST = 256 };
    int key;
    for (int i = 0; i < MOST && !c->quit; i++) {
        enum term_event event = term_next(c->term, &key);
        if (event == TERM_EVENT_NONE)
            return;
        c->dirty = c->urgent = true;
        if (event == TERM_EVENT_LOST)
            c->quit = true;
        else if (event == TERM_EVENT_SUSPEND)
            term_suspend(c->term);
        else if (event == TERM_EVENT_KEY) {
            struct shown s = shown_now(c);
            do_effect(c, ui_key(&c->ui, &s, key));
        }
    }
}

/* When the loop must wake though nothing happened: the source's own deadlines, and once a second
 * for the clock and the age of the data. */
static int wait_ms(const struct console *c)
{
    enum { SLACK_MS = 150 };
    int64_t now = clk_mono_ns();
    int64_t at = c->drawn + CLK_SECOND + SLACK_MS * CLK_MS;
    int64_t deadline = source_deadline(c->source);
    if (deadline < at)
        at = deadline;
    if (c->dirty || at <= now)
        return 0;
    return (int)((at - now + CLK_MS - 1) / CLK_MS);
}

static void turn(struct console *c)
{
    enum { OWN = 3 };
    struct pollfd fds[SOURCE_FDS + OWN] = {
        {.fd = term_key_fd(c->term), .events = POLLIN},
        {.fd = term_signal_fd(c->term), .events = POLLIN},
        {.fd = term_wants_write(c->term) ? term_write_fd(c->term) : -1, .events = POLLOUT},
    };
    unsigned count = source_fds(c->source, fds + OWN);
    struct source_want want;
    poll(fds, count + OWN, wait_ms(c));
    take_events(c);
    if (c->quit)
        return;
    term_flush(c->term);
    struct shown s = shown_now(c);
    ui_want(&c->ui, &s, &want);
    source_want(c->source, &want);
    c->dirty |= source_step(c->source, fds + OWN, count, s.now);
    look_at_action(c);
    if (c->dirty || s.now - c->drawn >= CLK_SECOND + 100 * CLK_MS)
        draw(c);
}

/* Starting touches far more of the libraries' code than running does (libcurl brings two dozen of
 * them). Those pages are dropped once; what is still needed comes back from the page cache. */
static void drop_start_pages(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], modes[8];
    unsigned long from, to, inode;
    while (maps && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx %7s %*s %*s %lu", &from, &to, modes, &inode) == 4 && inode &&
            !strcmp(modes, "r-xp"))
            madvise((void *)from, to - from, MADV_DONTNEED);
    }
    if (maps)
        fclose(maps);
    malloc_trim(0);
}

int console_run(const struct http_address *servers, unsigned count)
{
    struct console c = {.servers = servers, .server_count = count, .interval = DEFAULT_INTERVAL};
    char why[200];
    ui_init(&c.ui);
    int rc = term_open(&c.term, why, sizeof(why));
    if (rc) {
        fprintf(stderr, "zonedeck: %s\n", why);
        return rc == ERR_USAGE ? 2 : 1;
    }
    rc = attach(&c, 0);
    if (!rc)
        draw(&c);
    while (!rc && !c.quit) {
        turn(&c);
        if (!c.trimmed && source_link(c.source)->rounds >= 2) {
            drop_start_pages();
            c.trimmed = true;
        }
    }
    source_free(c.source);
    ui_fini(&c.ui);
    canvas_fini(&c.canvas);
    term_close(c.term);
    if (rc)
        fprintf(stderr, "zonedeck: %s\n", err_text(rc));
    return rc ? 1 : 0;
}

#include "tui/term/term.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "tui/term/key.h"
#include "tui/term/rescue.h"

enum { PAIR_GOOD = 1, PAIR_WARN, PAIR_BAD, PAIR_INFO };

struct terminal {
    int tty; /* the terminal, opened anew without blocking; or stdout */
    int signals;
    bool own_tty, utf8, colours, plain, lost, resized;
    int rows, cols;
    struct termios saved, raw;
    SCREEN *screen;
    FILE *frame, *input; /* ncurses writes a frame here; and reads keys from there */
    struct buf pending;  /* of a frame that the terminal did not take at once */
    size_t pending_at;
    struct canvas shown; /* what the terminal has */
    bool fresh;          /* nothing is shown yet */
    bool answer_due;     /* a plain terminal gets one more page soon */
    int64_t plain_at;
    size_t bytes, writes;
};

static void read_size(struct terminal *t)
{
    struct winsize w = {0};
    t->rows = 24;
    t->cols = 80;
    if (!ioctl(t->tty, TIOCGWINSZ, &w) && w.ws_row && w.ws_col) {
        t->rows = w.ws_row > CANVAS_MAX_ROWS ? CANVAS_MAX_ROWS : w.ws_row;
        t->cols = w.ws_col > CANVAS_MAX_COLS ? CANVAS_MAX_COLS : w.ws_col;
    }
}

static void open_tty(struct terminal *t)
{
    /* A second open file description: O_NONBLOCK on the one we were started with would change it
     * for the shell as well. */
    const char *name = ttyname(STDOUT_FILENO);
    t->tty = name ? open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    t->own_tty = t->tty >= 0;
    if (!t->own_tty)
        t->tty = STDOUT_FILENO;
}

static int open_signals(struct terminal *t)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGCONT);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    t->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return t->signals < 0 ? ERR_SYSTEM : 0;
}

static void make_raw(struct terminal *t)
{
    t->raw = t->saved;
    cfmakeraw(&t->raw);
    t->raw.c_cc[VMIN] = 1;
    t->raw.c_cc[VTIME] = 0;
    tcsetattr(t->tty, TCSADRAIN, &t->raw);
}

/* A memory file takes a frame of any size without blocking. */
static FILE *open_frame(void)
{
    int fd = memfd_create("frame", MFD_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!f && fd >= 0)
        close(fd);
    return f;
}

/* Looks a terminal type up: whether it is known, and whether it can move its cursor. */
static bool look_up(const char *type, bool *moves)
{
    int found = 0;
    if (!type || !*type || setupterm(type, STDOUT_FILENO, &found) != OK)
        return false;
    const char *address = tigetstr("cup");
    *moves = address && address != (char *)-1;
    del_curterm(cur_term);
    return true;
}

static void start_colours(struct terminal *t)
{
    const char *no = getenv("NO_COLOR");
    t->colours = has_colors() && !(no && *no) && start_color() == OK;
    if (!t->colours)
        return;
    use_default_colors();
    init_pair(PAIR_GOOD, COLOR_GREEN, -1);
    init_pair(PAIR_WARN, COLOR_YELLOW, -1);
    init_pair(PAIR_BAD, COLOR_RED, -1);
    init_pair(PAIR_INFO, COLOR_CYAN, -1);
}

static int start_curses(struct terminal *t)
{
    const char *type = getenv("TERM");
    bool moves = true;
    set_escdelay(25);
    /* Without a known type a terminal of today understands at least what a vt100 did. */
    if (!look_up(type, &moves))
        type = "vt100";
    t->plain = !moves;
    if (t->plain)
        return 0;
    t->screen = newterm(type, t->frame, t->input);
    if (!t->screen)
        return ERR_SYSTEM;
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    leaveok(stdscr, FALSE);
    start_colours(t);
    resize_term(t->rows, t->cols);
    return 0;
}

static int set_up(struct terminal *t, char *why, size_t size)
{
    setlocale(LC_CTYPE, "");
    open_tty(t);
    t->input = stdin;
    t->frame = open_frame();
    if (!t->frame || tcgetattr(t->tty, &t->saved) || open_signals(t)) {
        snprintf(why, size, "cannot use the terminal: %s", strerror(errno));
        return ERR_SYSTEM;
    }
    read_size(t);
    if (start_curses(t)) {
        snprintf(why, size, "the terminal type \"%s\" cannot be used", getenv("TERM"));
        return ERR_SYSTEM;
    }
    t->utf8 = !t->plain && !strcmp(nl_langinfo(CODESET), "UTF-8");
    rescue_arm(t->tty, &t->saved, t->plain);
    make_raw(t);
    t->fresh = true;
    return 0;
}

int term_open(struct terminal **to, char *why, size_t size)
{
    *to = NULL;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        snprintf(
            why, size,
            "the console needs a terminal on stdin and stdout; in scripts use: zonedeck status");
        return ERR_USAGE;
    }
    struct terminal *t = calloc(1, sizeof(*t));
    if (!t) {
        snprintf(why, size, "out of memory");
        return ERR_MEMORY;
    }
    t->signals = t->tty = -1;
    int rc = set_up(t, why, size);
    if (rc)
        term_close(t);
    else
        *to = t;
    return rc;
}

void term_close(struct terminal *t)
{
    rescue_restore();
    if (t->screen) {
        /* endwin would write into the frame; what it does was done by rescue_restore. */
        delscreen(t->screen);
    }
    if (t->frame)
        fclose(t->frame);
    if (t->signals >= 0)
        close(t->signals);
    if (t->own_tty)
        close(t->tty);
    buf_fini(&t->pending);
    canvas_fini(&t->shown);
    free(t);
}

bool term_utf8(const struct terminal *t)
{
    return t->utf8;
}

void term_size(const struct terminal *t, int *rows, int *cols)
{
    *rows = t->rows;
    *cols = t->cols;
}

int term_key_fd(const struct terminal *t)
{
    (void)t;
    return STDIN_FILENO;
}

int term_signal_fd(const struct terminal *t)
{
    return t->signals;
}

int term_write_fd(const struct terminal *t)
{
    return t->tty;
}

bool term_wants_write(const struct terminal *t)
{
    return t->pending_at < t->pending.len;
}

void term_flush(struct terminal *t)
{
    while (term_wants_write(t)) {
        ssize_t n = write(t->tty, t->pending.data + t->pending_at, t->pending.len - t->pending_at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            t->lost |= errno != EAGAIN;
            return;
        }
        t->pending_at += (size_t)n;
        t->bytes += (size_t)n;
        t->writes++;
    }
}

static void send_bytes(struct terminal *t, const char *data, size_t len)
{
    if (!term_wants_write(t)) {
        buf_clear(&t->pending);
        t->pending_at = 0;
    }
    buf_add(&t->pending, data, len);
    term_flush(t);
}

/* Takes what ncurses wrote into the frame file and sends it. */
static void send_frame(struct terminal *t)
{
    int fd = fileno(t->frame);
    fflush(t->frame);
    off_t len = lseek(fd, 0, SEEK_CUR);
    char *bytes = len > 0 ? malloc((size_t)len) : NULL;
    if (bytes && pread(fd, bytes, (size_t)len, 0) == len)
        send_bytes(t, bytes, (size_t)len);
    free(bytes);
    if (len > 0 && (lseek(fd, 0, SEEK_SET) || ftruncate(fd, 0)))
        t->lost = true;
}

static attr_t curses_attr(const struct terminal *t, uint32_t attr, short *pair)
{
    static const struct {
        uint32_t attr;
        short pair;
        attr_t mono;
    } colours[] = {{ATTR_BAD, PAIR_BAD, A_BOLD},
                   {ATTR_WARN, PAIR_WARN, A_BOLD},
                   {ATTR_GOOD, PAIR_GOOD, 0},
                   {ATTR_INFO, PAIR_INFO, 0}};
    attr_t a = (attr & ATTR_BOLD ? A_BOLD : 0) | (attr & ATTR_DIM ? A_DIM : 0) |
               (attr & ATTR_REVERSE ? A_REVERSE : 0);
    *pair = 0;
    for (unsigned i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (!(attr & colours[i].attr))
            continue;
        if (t->colours)
            *pair = colours[i].pair;
        return a | (t->colours && !(attr & ATTR_BAD) ? 0 : colours[i].mono);
    }
    return a;
}

static void draw_cell(const struct terminal *t, int row, int col, struct cell cell)
{
    short pair;
    wchar_t text[2] = {(wchar_t)cell.ch, 0};
    cchar_t c;
    attr_t attr = curses_attr(t, cell.attr, &pair);
    setcchar(&c, text, attr, pair, NULL);
    mvadd_wch(row, col, &c);
}

static void draw_changes(struct terminal *t, const struct canvas *c, bool all)
{
    for (int row = 0; row < c->rows; row++) {
        size_t at = (size_t)row * (size_t)c->cols;
        for (int col = 0; col < c->cols; col++, at++) {
            struct cell new = c->cells[at], old = t->shown.cells[at];
            if (all || new.ch != old.ch || new.attr != old.attr)
                draw_cell(t, row, col, new);
        }
    }
    move(c->cursor_row, c->cursor_col);
}

static bool same_as_shown(const struct terminal *t, const struct canvas *c)
{
    return t->shown.cells && t->shown.rows == c->rows && t->shown.cols == c->cols &&
           t->shown.cursor_row == c->cursor_row && t->shown.cursor_col == c->cursor_col &&
           !memcmp(t->shown.cells, c->cells, (size_t)c->rows * (size_t)c->cols * sizeof(*c->cells));
}

/* Whether a plain terminal gets a page now: after a key, once more when what the key asked for has
 * come, and else from time to time. */
static bool page_due(struct terminal *t, bool urgent)
{
    int64_t now = clk_mono_ns();
    bool due =
        urgent || t->fresh || t->answer_due || now - t->plain_at >= TERM_PLAIN_SECONDS * CLK_SECOND;
    if (due) {
        t->plain_at = now;
        t->answer_due = urgent || t->fresh;
    }
    return due;
}

static void push_plain(struct terminal *t, const struct canvas *c)
{
    struct buf page = {0}, out = {0};
    canvas_dump(c, false, &page);
    for (const char *p = page.data; p && *p; p++) {
        if (*p == '\n')
            buf_puts(&out, "\r");
        buf_add(&out, p, 1);
    }
    send_bytes(t, out.data, out.len);
    buf_fini(&page);
    buf_fini(&out);
}

void term_push(struct terminal *t, const struct canvas *c, bool urgent)
{
    if (term_wants_write(t) || t->lost)
        return;
    if (!t->fresh && same_as_shown(t, c))
        return;
    if (t->plain && !page_due(t, urgent))
        return;
    bool all = t->fresh || !t->shown.cells || t->shown.rows != c->rows || t->shown.cols != c->cols;
    if (all)
        canvas_resize(&t->shown, c->rows, c->cols);
    if (t->plain) {
        push_plain(t, c);
    } else {
        if (t->fresh)
            clearok(curscr, TRUE);
        draw_changes(t, c, all);
        refresh();
        send_frame(t);
    }
    memcpy(t->shown.cells, c->cells, (size_t)c->rows * (size_t)c->cols * sizeof(*c->cells));
    t->shown.cursor_row = c->cursor_row;
    t->shown.cursor_col = c->cursor_col;
    t->fresh = false;
}

void term_repaint(struct terminal *t)
{
    t->fresh = true;
}

static int translate(int ch)
{
    static const struct {
        int from, to;
    } keys[] = {
        {KEY_UP, KEY_CODE_UP},
        {KEY_DOWN, KEY_CODE_DOWN},
        {KEY_LEFT, KEY_CODE_LEFT},
        {KEY_RIGHT, KEY_CODE_RIGHT},
        {KEY_PPAGE, KEY_CODE_PAGE_UP},
        {KEY_NPAGE, KEY_CODE_PAGE_DOWN},
        {KEY_HOME, KEY_CODE_HOME},
        {KEY_END, KEY_CODE_END},
        {KEY_DC, KEY_CODE_DELETE},
        {KEY_BTAB, KEY_CODE_BACK_TAB},
        {KEY_BACKSPACE, KEY_CODE_BACKSPACE},
        {8, KEY_CODE_BACKSPACE},
        {KEY_ENTER, KEY_CODE_ENTER},
        {'\r', KEY_CODE_ENTER},
        {KEY_F(1), KEY_CODE_F1},
        {KEY_F(6), KEY_CODE_F6},
        {KEY_F(9), KEY_CODE_F9},
    };
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].from == ch)
            return keys[i].to;
    }
    return ch < 0x80 ? ch : KEY_CODE_OTHER;
}

static enum term_event next_signal(struct terminal *t)
{
    struct signalfd_siginfo info;
    while (read(t->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTSTP)
            return TERM_EVENT_SUSPEND;
        t->resized = true;
        if (info.ssi_signo == SIGCONT) {
            make_raw(t);
            t->fresh = true;
        }
    }
    if (!t->resized)
        return TERM_EVENT_NONE;
    t->resized = false;
    read_size(t);
    if (!t->plain)
        resize_term(t->rows, t->cols);
    t->fresh = true;
    return TERM_EVENT_RESIZE;
}

/* Whether there is input; notes a terminal that is gone. */
static bool readable(struct terminal *t)
{
    struct pollfd p = {.fd = term_key_fd(t), .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
        return false;
    t->lost |=
        (p.revents & (POLLERR | POLLNVAL)) || ((p.revents & POLLHUP) && !(p.revents & POLLIN));
    return p.revents & POLLIN;
}

static int read_plain(struct terminal *t)
{
    unsigned char byte;
    ssize_t n = read(term_key_fd(t), &byte, 1);
    if (n == 1)
        return byte;
    t->lost |= n == 0 || errno != EAGAIN;
    return ERR;
}

enum term_event term_next(struct terminal *t, int *key)
{
    enum term_event event = next_signal(t);
    if (event != TERM_EVENT_NONE)
        return event;
    bool input = readable(t);
    if (t->lost)
        return TERM_EVENT_LOST;
    /* ncurses may hold keys of its own that it read ahead. */
    errno = 0;
    int ch = t->plain ? (input ? read_plain(t) : ERR) : getch();
    if (t->lost || (ch == ERR && input && errno != EAGAIN && errno != EINTR && errno != 0))
        return TERM_EVENT_LOST;
    if (ch == ERR && input && !t->plain && errno == 0) {
        /* Readable and yet nothing: the end of the file, unless it was half a sequence. */
        struct pollfd p = {.fd = term_key_fd(t), .events = POLLIN};
        return poll(&p, 1, 0) > 0 && !(p.revents & POLLIN) ? TERM_EVENT_LOST : TERM_EVENT_NONE;
    }
    if (ch == ERR || ch == KEY_RESIZE)
        return TERM_EVENT_NONE;
    *key = translate(ch);
    return *key == KEY_CTRL('z') ? TERM_EVENT_SUSPEND : TERM_EVENT_KEY;
}

void term_suspend(struct terminal *t)
{
    rescue_restore();
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    signal(SIGTSTP, SIG_DFL);
    /* The whole job, as the terminal itself would do it; the program stops when it is unblocked. */
    kill(0, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    make_raw(t);
    rescue_return();
    read_size(t);
    if (!t->plain)
        resize_term(t->rows, t->cols);
    t->resized = true;
    t->fresh = true;
}

void term_sent(const struct terminal *t, size_t *bytes, size_t *writes)
{
    *bytes = t->bytes;
    *writes = t->writes;
}

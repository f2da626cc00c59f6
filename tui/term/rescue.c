#include "tui/term/rescue.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

struct sequence {
    char text[256];
    size_t len;
};

static struct {
    int tty;
    struct termios saved;
    struct sequence leave, enter;
    struct sequence *building;
    volatile sig_atomic_t armed;
} rescue;

static char stack[16384];

static int add_byte(int c)
{
    struct sequence *s = rescue.building;
    if (s->len < sizeof(s->text))
        s->text[s->len++] = (char)c;
    return c;
}

static bool add_capability(const char *name)
{
    const char *s = tigetstr(name);
    if (!s || s == (char *)-1)
        return false;
    tputs(s, 1, add_byte);
    return true;
}

static void prepare(bool plain)
{
    rescue.leave.len = rescue.enter.len = 0;
    rescue.building = &rescue.enter;
    if (!plain) {
        add_capability("smcup");
        add_capability("smkx");
    }
    rescue.building = &rescue.leave;
    if (plain) {
        add_byte('\r');
        add_byte('\n');
        return;
    }
    add_capability("sgr0");
    add_capability("op");
    add_capability("rmkx");
    add_capability("cnorm");
    if (!add_capability("rmcup"))
        add_capability("clear");
    add_byte('\r');
}

static void send(const struct sequence *s)
{
    /* What cannot be written to a terminal that is gone need not be written. */
    if (write(rescue.tty, s->text, s->len) < 0)
        return;
}

void rescue_restore(void)
{
    if (!rescue.armed)
        return;
    rescue.armed = 0;
    int error = errno;
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    /* A program in the background may set the modes only with SIGTTOU blocked. */
    sigprocmask(SIG_BLOCK, &set, &before);
    send(&rescue.leave);
    tcsetattr(rescue.tty, TCSANOW, &rescue.saved);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
}

void rescue_return(void)
{
    send(&rescue.enter);
    rescue.armed = 1;
}

static void on_fatal(int number)
{
    rescue_restore();
    struct sigaction act = {.sa_handler = SIG_DFL};
    sigaction(number, &act, NULL);
    raise(number);
}

void rescue_arm(int tty, const struct termios *saved, bool plain)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
                                SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    rescue.tty = tty;
    rescue.saved = *saved;
    prepare(plain);
    rescue.armed = 1;
    /* A stack of its own: one of the ways to a SIGSEGV is a stack that is full. */
    stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&other, NULL);
    struct sigaction act = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK};
    for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        sigaction(fatal[i], &act, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
}

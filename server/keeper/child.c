#include "server/keeper/child.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/err.h"
#include "backend/base/title.h"

enum {
    NICE = 5, /* queries go before loads */
    /* Large arrays grow by moving pages, not bytes; left to itself malloc gives that up. */
    MMAP_THRESHOLD = 1 << 20,
    /* What one small zone needed the next one needs again. */
    TRIM_THRESHOLD = 8 << 20
};

static void close_others(int a, int b)
{
    int low = a < b ? a : b, high = a < b ? b : a;
    unsigned from = 3;
    if (low >= (int)from) {
        if ((unsigned)low > from)
            close_range(from, (unsigned)low - 1, 0);
        from = (unsigned)low + 1;
    }
    if ((unsigned)high > from)
        close_range(from, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0u, 0);
}

static void become_child(const char *title, int keep, int channel, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    close_others(keep, channel);
    setpriority(PRIO_PROCESS, 0, NICE);
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    title_set("%s", title);
}

pid_t child_start(const char *title, int keep, int *channel)
{
    int ends[2];
    if (channel_pair(ends))
        return ERR_SYSTEM;
    pid_t parent = getpid(), pid = fork();
    int saved = errno;
    if (pid == 0) {
        close(ends[0]);
        become_child(title, keep, ends[1], parent);
        *channel = ends[1];
        return 0;
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = saved;
        return ERR_SYSTEM;
    }
    *channel = ends[0];
    return pid;
}

void child_exit(int status)
{
    _exit(status);
}

void child_wait(pid_t pid, char text[64], bool *killed)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    text[0] = '\0';
    *killed = false;
    if (got != pid)
        return;
    if (WIFSIGNALED(status)) {
        int sig = WTERMSIG(status);
        *killed = sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == SIGHUP;
        snprintf(text, 64, "was killed by signal %d (%s)", sig, strsignal(sig));
    } else if (WEXITSTATUS(status)) {
        snprintf(text, 64, "ended with status %d", WEXITSTATUS(status));
    }
}

void child_kill(pid_t pid)
{
    char text[64];
    bool killed;
    kill(pid, SIGKILL);
    child_wait(pid, text, &killed);
}

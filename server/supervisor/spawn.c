#include "server/supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "backend/base/log.h"

enum { EXIT_CANNOT_RUN = 127 };

static void reset_signals(void)
{
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_stdin(void)
{
    int fd = open("/dev/null", O_RDONLY);
    if (fd >= 0 && fd != STDIN_FILENO) {
        dup2(fd, STDIN_FILENO);
        close(fd);
    }
}

static _Noreturn void become(const struct inherit *in, char **argv, const struct identity *id)
{
    setpgid(0, 0);
    reset_signals();
    close_stdin();
    const char *step = "user";
    if (identity_drop(id) == ERR_OK) {
        step = "descriptors";
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (inherit_cloexec(in, false) == ERR_OK) {
            execv(argv[0], argv);
            execv("/proc/self/exe", argv);
            step = argv[0];
        }
    }
    log_line(LOG_ERROR, "cannot start %s: %s: %s", role_name(in->role), step, strerror(errno));
    _exit(EXIT_CANNOT_RUN);
}

static void wait_at_gate(int gate)
{
    char byte;
    ssize_t n;
    do
        n = read(gate, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(EXIT_CANNOT_RUN);
    close(gate);
}

static pid_t start(const struct inherit *in, char **argv, const struct identity *id, int *gate)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ERR_SYSTEM;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        wait_at_gate(ends[0]);
        become(in, argv, id);
    }
    int kept = errno;
    close(ends[0]);
    *gate = ends[1];
    if (pid < 0)
        close(ends[1]);
    errno = kept;
    return pid < 0 ? ERR_SYSTEM : pid;
}

pid_t spawn(const struct inherit *in, const char *program, const struct identity *id, int *gate)
{
    struct inherit_args args;
    int err = inherit_write(in, program, &args);
    if (err != ERR_OK)
        return err;
    pid_t pid = start(in, args.argv, id, gate);
    int kept = errno;
    inherit_args_fini(&args);
    errno = kept;
    return pid;
}

void spawn_open_gate(int gate)
{
    ssize_t n = write(gate, "", 1);
    (void)n; /* a child that is gone does not run either */
    close(gate);
}

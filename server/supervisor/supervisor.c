#include "server/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/base/title.h"
#include "server/supervisor/adoption.h"
#include "server/supervisor/children.h"
#include "server/supervisor/messages.h"
#include "server/supervisor/reload.h"
#include "server/supervisor/restart.h"
#include "server/supervisor/state.h"
#include "server/supervisor/stop.h"
#include "server/supervisor/watch.h"

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1, EXIT_CONFIG = 2, TICK_MS = 100 };

/* Standard descriptors exist, and others we were started with are nobody's business. */
static void tidy_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int find_program(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    if (n < 0)
        return ERR_SYSTEM;
    path[n] = '\0';
    return ERR_OK;
}

static int make_absolute(const char *path, char *to, size_t size)
{
    char here[PATH_MAX] = "";
    if (*path != '/' && !getcwd(here, sizeof here))
        return ERR_SYSTEM;
    errno = ENAMETOOLONG;
    int n = snprintf(to, size, "%s%s%s", here, *path == '/' ? "" : "/", path);
    return n < (int)size ? ERR_OK : ERR_SYSTEM;
}

/* What can only be wrong in the configuration or with who starts us. */
static int read_configuration(struct supervisor *sup, const char *path)
{
    struct buf errors = {0};
    int status = EXIT_CONFIG;
    if (make_absolute(path, sup->config_path, sizeof sup->config_path) != ERR_OK) {
        buf_printf(&errors, "%s: %s\n", path, strerror(errno));
        goto out;
    }
    int err = reload_read(sup->config_path, false, &sup->config_fd, &sup->config, &errors);
    if (err) {
        status = err == ERR_SYSTEM ? EXIT_FAILED : EXIT_CONFIG;
        goto out;
    }
    if (identity_resolve(sup->config->user, &sup->identity, &errors) != ERR_OK)
        reload_check_zones(sup, &errors);
    else
        status = EXIT_STOPPED;
out:
    if (errors.len)
        fprintf(stderr, "%s%s", errors.data, errors.data[errors.len - 1] == '\n' ? "" : "\n");
    buf_fini(&errors);
    return status;
}

static int make_stats(struct supervisor *sup)
{
    struct stats *s = sup->stats = stats_create(&sup->stats_fd);
    if (!s) {
        log_line(LOG_ERROR, "cannot make the shared memory: %s", strerror(errno));
        return EXIT_FAILED;
    }
    gethostname(s->host, sizeof s->host - 1);
    snprintf(s->config, sizeof s->config, "%s", sup->config_path);
    snprintf(s->state_dir, sizeof s->state_dir, "%s", sup->config->state);
    atomic_store(&s->workers, sup->config->threads);
    atomic_store(&s->most_workers, sup->config->threads);
    atomic_store(&s->claim, STATS_SERVE);
    atomic_store(&s->config_generation, 1);
    atomic_store(&s->config_at, clk_wall());
    atomic_store(&s->memory_limit, sup->config->memory_limit);
    struct stats_process *row = &s->process[STATS_SUPERVISOR];
    atomic_store(&row->state, PROCESS_ACTIVE);
    atomic_store(&row->pid, (int32_t)getpid());
    atomic_store(&row->starts, 1);
    atomic_store(&row->started_at, s->started_at);
    children_init(sup);
    return EXIT_STOPPED;
}

static void tell_state(struct supervisor *sup, enum event event, int err, const char *subject,
                       struct buf *problem)
{
    if (err != ERR_OK)
        stats_event(sup->stats, STATS_SUPERVISOR, event, err == ERR_SYSTEM ? errno : err, subject,
                    "%s", problem->data ? problem->data : err_text(err));
    buf_clear(problem);
}

static int use_state(struct supervisor *sup)
{
    const char *path = sup->config->state;
    struct buf problem = {0};
    int err = statedir_open(&sup->statedir, sup->stats->state_dir, &sup->identity, &problem);
    if (err == ERR_EXISTS) {
        log_line(LOG_ERROR, "%s", problem.data ? problem.data : path);
        buf_fini(&problem);
        return EXIT_FAILED;
    }
    tell_state(sup, EVENT_STATE_DIR, err, path, &problem);
    err = statedir_hash_key(&sup->statedir, &sup->identity, sup->stats->hash_key, &problem);
    tell_state(sup, EVENT_STATE_FILE, err, path, &problem);
    err = statedir_token(sup->config->token_file, &sup->identity, &problem);
    tell_state(sup, EVENT_STATE_FILE, err, sup->config->token_file, &problem);
    err = statedir_cookie_secret(sup->config->cookie_secret_file, &sup->identity, &problem);
    tell_state(sup, EVENT_STATE_FILE, err, sup->config->cookie_secret_file, &problem);
    buf_fini(&problem);
    reload_check_secrets(sup);
    return EXIT_STOPPED;
}

/* What is served must not be touched for a configuration that is no good. */
static int adopt(struct supervisor *sup)
{
    struct buf errors = {0};
    bool left = adoption_count_left(sup) > 0;
    sup->zones_good = left && reload_check_zones(sup, &errors);
    if (errors.data)
        fputs(errors.data, stderr);
    buf_fini(&errors);
    if (left && !sup->zones_good)
        return EXIT_CONFIG;
    adoption_begin(sup);
    return EXIT_STOPPED;
}

static int open_sockets(struct supervisor *sup)
{
    const struct listeners_report report = reload_report(sup);
    struct listeners *set = listeners_open_dns(sup->config, sup->dns, &report);
    if (sup->adoption.orphan)
        sup->adoption.listeners = set;
    else
        sup->dns = set;
    if (!set || set->count == 0) {
        log_line(LOG_ERROR,
                 "no address of server.listen could be bound; there is nothing to serve on");
        return EXIT_FAILED;
    }
    sup->http = listeners_open_endpoint(sup->config, NULL, &sup->identity, &report);
    return sup->http ? EXIT_STOPPED : EXIT_FAILED;
}

/* The last ones mean something to other servers and nothing to us: they must not end us. */
static const int signals_taken[] = {SIGCHLD, SIGHUP,    SIGTERM, SIGINT, SIGUSR1, SIGUSR2,
                                    SIGALRM, SIGVTALRM, SIGPROF, SIGIO,  SIGPWR};

static int open_events(struct supervisor *sup)
{
    static const struct itimerspec tick = {{0, TICK_MS * CLK_MS}, {0, TICK_MS * CLK_MS}};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals_taken / sizeof *signals_taken; i++)
        sigaddset(&set, signals_taken[i]);
    signal(SIGPIPE, SIG_IGN);
    sup->signals = -1;
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
        sup->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    sup->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (sup->signals < 0 || sup->timer < 0 || timerfd_settime(sup->timer, 0, &tick, NULL) < 0) {
        log_line(LOG_ERROR, "cannot watch for signals and time: %s", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_STOPPED;
}

static void ignore_signal(struct supervisor *sup, unsigned number)
{
    uint64_t bit = UINT64_C(1) << (number & 63);
    if (!(sup->ignored & bit))
        log_line(LOG_NOTICE, "signal %u (%s) is ignored; HUP reloads, TERM stops", number,
                 sigdescr_np((int)number) ? sigdescr_np((int)number) : "unknown");
    sup->ignored |= bit;
}

static void take_signals(struct supervisor *sup)
{
    static const struct request by_signal = {0};
    struct signalfd_siginfo info;
    while (read(sup->signals, &info, sizeof info) == sizeof info) {
        /* Exits are looked for in every turn. */
        if (info.ssi_signo == SIGHUP)
            reload_begin(sup, &by_signal);
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            stop_begin(sup, &by_signal);
        else if (info.ssi_signo != SIGCHLD)
            ignore_signal(sup, info.ssi_signo);
    }
}

static void wait_for_events(struct supervisor *sup)
{
    struct pollfd fds[STATS_PROCESSES + 2] = {{.fd = sup->signals, .events = POLLIN},
                                              {.fd = sup->timer, .events = POLLIN}};
    /* A channel whose other end is closed would wake us again and again: the exit follows. */
    for (unsigned i = 0; i < STATS_PROCESSES; i++) {
        const struct child *c = &sup->child[i];
        fds[i + 2] = (struct pollfd){.fd = c->kill_at ? -1 : c->channel, .events = POLLIN};
    }
    poll(fds, STATS_PROCESSES + 2, -1);
    uint64_t ticks;
    ssize_t n = read(sup->timer, &ticks, sizeof ticks);
    (void)n;
}

/* When we ourselves did not run (stopped, suspended), neither did the others, perhaps. */
static void note_time(struct supervisor *sup)
{
    int64_t now = clk_mono_ns();
    if (now - sup->now > CLK_SECOND)
        sup->hang_from = now;
    sup->now = now;
}

/* Notes them for the next supervisor, should this one be killed. */
static void loop(struct supervisor *sup)
{
    sup->now = sup->began = sup->hang_from = clk_mono_ns();
    adoption_step(sup);
    children_ensure(sup);
    children_note(sup);
    while (sup->stop.phase != STOP_DONE) {
        wait_for_events(sup);
        note_time(sup);
        take_signals(sup);
        for (unsigned i = 0; i < STATS_PROCESSES; i++)
            messages_receive(sup, &sup->child[i]);
        children_reap(sup);
        if (sup->zones_bad && sup->stop.phase == STOP_NONE)
            stop_begin(sup, &(const struct request){0});
        children_announce(sup);
        children_signal(sup);
        watch_heartbeats(sup);
        watch_memory(sup);
        restart_step(sup);
        adoption_step(sup);
        reload_step(sup);
        stop_step(sup);
        children_ensure(sup);
        children_note(sup);
        stats_heartbeat(sup->stats, STATS_SUPERVISOR);
    }
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void fini(struct supervisor *sup, bool ran)
{
    /* What another process still serves on must not be shut down by a start that failed. */
    if (ran || !sup->adoption.orphan)
        listeners_close(sup->dns, NULL);
    listeners_close(sup->http, NULL);
    statedir_close(&sup->statedir);
    config_free(sup->config);
    stats_unmap(sup->stats);
    const int fds[] = {sup->config_fd, sup->stats_fd, sup->ring_fd, sup->signals, sup->timer};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close_fd(fds[i]);
    free(sup);
}

int supervisor_run(const struct supervisor_start *start)
{
    static int (*const steps[])(struct supervisor *) = {make_stats, open_events, use_state, adopt,
                                                        open_sockets};
    log_init("supervisor", LOG_INFO);
    title_set("supervisor");
    tidy_descriptors();
    raise_descriptor_limit();
    struct supervisor *sup = calloc(1, sizeof *sup);
    if (!sup || find_program(sup->program, sizeof sup->program) != ERR_OK) {
        log_line(LOG_ERROR, "cannot start: %s", strerror(errno));
        free(sup);
        return EXIT_FAILED;
    }
    sup->ring_fd = start->ring;
    sup->stats_fd = sup->config_fd = sup->signals = sup->timer = sup->statedir.lock = -1;
    sup->operator_uid = getuid();
    int status = read_configuration(sup, start->config_path);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == EXIT_STOPPED; i++)
        status = steps[i](sup);
    bool ran = status == EXIT_STOPPED;
    if (ran)
        loop(sup);
    status = sup->zones_bad ? EXIT_CONFIG : status;
    fini(sup, ran);
    return status;
}

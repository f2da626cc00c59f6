#include "server/supervisor/adoption.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/contract/adopt.h"
#include "server/supervisor/children.h"
#include "server/supervisor/reload.h"
#include "server/supervisor/restart.h"

/* Numbers from HIGH on are nobody's, so those the rings name stay free. */
enum { SLOT = STATS_SERVE - 1, MOST_SOCKETS = 1 << 14, HIGH = 512, FRAME_MS = 2000 };

/* It waits for us a moment after it lost the other; a cold start of many zones takes its time. */
static const int64_t listens_within = 2 * CLK_SECOND, ready_within = 300 * CLK_SECOND;
static const int64_t term_grace = 200 * CLK_MS, kill_grace = 2 * CLK_SECOND;

struct found {
    int ring;
    size_t all, count;
    struct listener_found *socket;
    int *number; /* it had there */
};

static void pause_briefly(void)
{
    nanosleep(&(const struct timespec){0, 10 * CLK_MS}, NULL);
}

/* Reads "PID (name) state parent group ... threads" of a process; false when it is gone. One that
 * waits to be reaped is, unless threads of it still hold its sockets. */
static bool read_process(pid_t pid, char name[32], int *parent, int *group)
{
    char path[64], text[512], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    int threads = 0;
    const char *from = strchr(text, '('), *to = strrchr(text, ')');
    if (!from || !to ||
        sscanf(to + 1, " %c %d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d",
               &state, parent, group, &threads) != 4)
        return false;
    snprintf(name, 32, "%.*s", (int)(to - from - 1), from + 1);
    return threads > 1 || (state != 'Z' && state != 'X');
}

/* Is it one of a supervisor that is gone? A number may be a stranger's by now: ours lead a group
 * and bear the name, and nobody of that name is their parent. */
static bool is_left(pid_t pid)
{
    char name[32];
    int parent, group, unused;
    if (!read_process(pid, name, &parent, &group) || strcmp(name, "zonedeckd") || group != pid)
        return false;
    return !read_process(parent, name, &unused, &unused) || strcmp(name, "zonedeckd");
}

static unsigned count_left(const struct statedir *dir, pid_t but)
{
    unsigned n = 0;
    for (unsigned i = 0; i < dir->left_count; i++)
        n += dir->left[i] != but && is_left(dir->left[i]);
    return n;
}

static void signal_left(const struct statedir *dir, pid_t but, int number)
{
    for (unsigned i = 0; i < dir->left_count; i++) {
        if (dir->left[i] == but || !is_left(dir->left[i]))
            continue;
        kill(dir->left[i], number);
        if (number == SIGKILL)
            kill(-dir->left[i], number);
    }
}

/* Ends what the supervisor before left, but the one that serves on. */
static void end_left(const struct statedir *dir, pid_t but)
{
    static const struct {
        int number;
        const int64_t *grace;
    } steps[] = {{SIGTERM, &term_grace}, {SIGKILL, &kill_grace}};
    for (unsigned i = 0; i < 2; i++) {
        signal_left(dir, but, steps[i].number);
        for (int64_t from = clk_mono_ns();
             count_left(dir, but) && clk_mono_ns() - from < *steps[i].grace;)
            pause_briefly();
    }
}

static int connect_to(struct supervisor *sup)
{
    struct adopt_path path;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || adopt_path_open(&path, sup->stats->state_dir) != ERR_OK) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int64_t from = clk_mono_ns();
    bool connected;
    while (!(connected =
                 connect(fd, (const struct sockaddr *)&path.address, sizeof path.address) == 0) &&
           count_left(&sup->statedir, 0) && clk_mono_ns() - from < listens_within)
        pause_briefly();
    adopt_path_close(&path);
    if (connected)
        return fd;
    close(fd);
    return -1;
}

/* The process at the other end; 0 when it is not to be trusted. */
static pid_t peer_of(const struct supervisor *sup, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return 0;
    bool trusted = peer.uid == 0 || peer.uid == geteuid() ||
                   (sup->identity.change && peer.uid == sup->identity.uid);
    return trusted ? peer.pid : 0;
}

static int move_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
    if (high < 0)
        return fd;
    close(fd);
    return high;
}

static bool next_frame(struct supervisor *sup, int fd, struct msg_adopt *m)
{
    struct channel_frame *f = &sup->frame;
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, FRAME_MS) != 1 || channel_receive(fd, f) != 1)
        return false;
    if (f->type == MSG_ADOPT && f->len == sizeof *m) {
        memcpy(m, f->payload, sizeof *m);
        return m->version == ADOPT_VERSION && m->count <= ADOPT_SOCKETS;
    }
    channel_discard(f);
    return false;
}

static void take_sockets(struct found *found, const struct msg_adopt *m, struct channel_frame *f)
{
    for (unsigned i = 0; i < m->count && i < f->nfds && found->count < found->all; i++) {
        found->number[found->count] = m->socket[i].fd;
        found->socket[found->count++] = (struct listener_found){
            move_high(f->fds[i]), m->socket[i].worker % STATS_WORKERS, m->socket[i].tcp != 0};
        f->fds[i] = -1;
    }
    channel_discard(f);
}

/* Takes the rings and every socket; false when the other process is not able to hand them over. */
static bool receive(struct supervisor *sup, int fd, struct found *found)
{
    struct msg_adopt m;
    if (!next_frame(sup, fd, &m) || sup->frame.nfds != 1 || m.all == 0 || m.all > MOST_SOCKETS) {
        channel_discard(&sup->frame);
        return false;
    }
    found->ring = move_high(sup->frame.fds[0]);
    found->all = m.all;
    found->socket = calloc(m.all, sizeof *found->socket);
    found->number = calloc(m.all, sizeof *found->number);
    while (found->socket && found->number && found->count < found->all) {
        size_t before = found->count;
        if (next_frame(sup, fd, &m))
            take_sockets(found, &m, &sup->frame);
        if (found->count == before)
            break;
    }
    return found->socket && found->number && found->count == found->all;
}

/* The rings name sockets by the numbers they had: they get them again where these are free. */
static void renumber(struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        int number = found->number[i], fd = found->socket[i].fd;
        if (number <= STDERR_FILENO || fcntl(number, F_GETFD) >= 0 || errno != EBADF ||
            dup3(fd, number, O_CLOEXEC) < 0)
            continue;
        close(fd);
        found->socket[i].fd = number;
    }
}

static void found_fini(struct found *found, bool close_all)
{
    for (size_t i = 0; i < found->count && close_all; i++)
        close(found->socket[i].fd);
    if (close_all && found->ring >= 0)
        close(found->ring);
    free(found->socket);
    free(found->number);
}

static void install(struct supervisor *sup, int channel, pid_t pid, int watch)
{
    struct child *c = &sup->child[SLOT];
    struct stats_process *row = &sup->stats->process[SLOT];
    *c = (struct child){.slot = SLOT,
                        .role = ROLE_SERVE,
                        .pid = pid,
                        .last_pid = pid,
                        .channel = channel,
                        .ready = true,
                        .adopted = true,
                        .watch = watch,
                        .spawned_at = clk_mono_ns()};
    atomic_store(&row->started_at, clk_wall());
    atomic_store(&row->pid, pid);
    atomic_store(&row->state, PROCESS_ACTIVE);
    atomic_store(&sup->stats->claim, UINT64_C(1) << 8 | SLOT);
    atomic_store(&sup->stats->active, SLOT);
    sup->adoption.orphan = c;
}

/* Takes over from the process behind a connection; false leaves nothing of it. */
static bool adopt(struct supervisor *sup, int fd, pid_t pid)
{
    struct found found = {.ring = -1};
    int watch = (int)syscall(SYS_pidfd_open, pid, 0);
    bool taken = watch >= 0 && receive(sup, fd, &found);
    if (taken) {
        renumber(&found);
        sup->dns = listeners_adopt(sup->config, found.socket, found.count);
        taken = sup->dns != NULL;
    }
    found_fini(&found, !taken);
    if (!taken) {
        if (watch >= 0)
            close(watch);
        return false;
    }
    close(sup->ring_fd);
    sup->ring_fd = found.ring;
    install(sup, fd, pid, watch);
    log_line(LOG_NOTICE, "the supervisor before has ended; pid %d still serves and is taken over",
             (int)pid);
    return true;
}

unsigned adoption_count_left(const struct supervisor *sup)
{
    return count_left(&sup->statedir, 0);
}

void adoption_begin(struct supervisor *sup)
{
    if (sup->statedir.lock < 0)
        return;
    int fd = connect_to(sup);
    pid_t pid = fd >= 0 ? peer_of(sup, fd) : 0;
    if (fd >= 0)
        fd = move_high(fd);
    bool taken = pid > 0 && adopt(sup, fd, pid);
    if (fd >= 0 && !taken)
        close(fd);
    unsigned others = count_left(&sup->statedir, taken ? pid : 0);
    if (others > 0)
        log_line(LOG_NOTICE, "%u processes of the supervisor before are ended", others);
    end_left(&sup->statedir, taken ? pid : 0);
    if (!taken && others > 0)
        log_line(LOG_WARNING, "none of them could be taken over; the service starts anew");
}

static void hand_over(struct supervisor *sup)
{
    const struct listeners_report report = reload_report(sup);
    struct listeners *set = sup->adoption.listeners;
    sup->adoption.listeners = NULL;
    if (!set)
        set = listeners_open_dns(sup->config, sup->dns, &report);
    if (!set)
        return;
    if (listeners_same(set, sup->dns)) {
        listeners_close(set, sup->dns);
        set = sup->dns;
    }
    if (restart_begin(sup, NULL, false, set) == ERR_OK)
        sup->restart.deadline = sup->now + ready_within;
    else if (set != sup->dns)
        listeners_close(set, sup->dns);
}

void adoption_step(struct supervisor *sup)
{
    struct child *orphan = sup->adoption.orphan;
    if (!orphan)
        return;
    struct child *active = children_active(sup);
    if (active != orphan) {
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_ADOPTED, 0, role_name(ROLE_SERVE),
                    "pid %d served on; pid %d follows it", (int)orphan->last_pid,
                    active ? (int)active->last_pid : 0);
        sup->adoption.orphan = NULL;
        return;
    }
    /* It writes its heartbeat to other stats. */
    if (child_alive(orphan))
        stats_heartbeat(sup->stats, SLOT);
    if (child_alive(orphan) && sup->restart.phase == RESTART_IDLE && sup->stop.phase == STOP_NONE)
        hand_over(sup);
}

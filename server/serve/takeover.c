#include "server/serve/takeover.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "server/serve/udp.h"

enum { TRY_MS = 200 };

unsigned takeover_active(const struct stats *stats)
{
    unsigned slot = atomic_load(&stats->claim) & 0xff;
    return slot < STATS_SERVE ? slot : STATS_SERVE;
}

static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int takeover_watch(const struct stats *stats, unsigned own)
{
    unsigned slot = takeover_active(stats);
    if (slot == STATS_SERVE || slot == own)
        return -1;
    pid_t pid = atomic_load(&stats->process[slot].pid);
    int fd = open_pidfd(pid);
    if (fd >= 0)
        return fd;
    /* Only who is gone is dead: descriptors or memory may have run out here. */
    return kill(pid, 0) < 0 && errno == ESRCH ? -2 : -1;
}

bool takeover_claim(struct stats *stats, unsigned own, unsigned from)
{
    uint64_t claim = atomic_load(&stats->claim);
    if ((claim & 0xff) != from || atomic_load(&stats->planned))
        return false;
    uint64_t mine = ((claim >> 8) + 1) << 8 | own;
    if (!atomic_compare_exchange_strong(&stats->claim, &claim, mine))
        return false;
    atomic_store(&stats->active, own);
    return true;
}

static unsigned next_left(const struct ring *ring, unsigned from)
{
    while (from < RING_SLOTS && !ring_left(ring, from))
        from++;
    return from;
}

/* Waits for the child; true when it ended well. One that hangs is killed. */
static bool child_survived(pid_t pid)
{
    int fd = open_pidfd(pid), status = 0;
    struct pollfd p = {fd, POLLIN, 0};
    if (fd < 0 || poll(&p, 1, TRY_MS) != 1)
        kill(pid, SIGKILL);
    if (fd >= 0)
        close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status);
}

/* Suspects: a child answers them one after the other, saying in the ring which; the one it dies of
 * is quarantined, and another child goes on behind it. */
static void replay_suspects(struct worker *w, struct ring *ring, const struct zone_table *zones,
                            struct takeover_result *result)
{
    unsigned slot = next_left(ring, 0);
    while (slot < RING_SLOTS) {
        pid_t pid = fork();
        if (pid == 0) {
            for (; slot < RING_SLOTS; slot = next_left(ring, slot + 1))
                udp_replay(w, ring, slot, zones);
            _exit(0);
        }
        if (pid < 0 || child_survived(pid))
            return;
        slot = atomic_load(&ring->current) - 1;
        if (slot >= RING_SLOTS)
            return;
        ring_add_poison(w->shared->rings, ring->slot[slot].query, ring_left(ring, slot),
                        clk_mono_ns());
        result->quarantined++;
        slot = next_left(ring, slot + 1);
    }
}

static void replay_ring(struct worker *w, struct ring *ring, bool fault,
                        struct takeover_result *result)
{
    const struct zone_table *zones = worker_zones(w);
    for (unsigned s = next_left(ring, 0); s < RING_SLOTS; s = next_left(ring, s + 1)) {
        result->replayed++;
        if (!fault)
            udp_replay(w, ring, s, zones);
    }
    if (fault)
        replay_suspects(w, ring, zones, result);
    atomic_store(&ring->sent, RING_SLOTS);
    atomic_store(&ring->fault, 0);
}

void takeover_replay(struct worker *worker, struct takeover_result *result)
{
    /* All rings: the dead process may have had more workers than this one. */
    struct ring *ring = worker->shared->rings->ring;
    bool fault = atomic_load(&ring[0].fault) != 0;
    for (unsigned i = 0; i < STATS_WORKERS; i++) {
        if (atomic_load(&ring[i].socket))
            replay_ring(worker, &ring[i], fault, result);
    }
}

static struct rings *fault_rings; /* a signal handler has no other way to it */

static void on_fault(int sig)
{
    atomic_store(&fault_rings->ring[0].fault, sig);
    raise(sig);
}

void takeover_mark_faults(struct rings *rings)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    fault_rings = rings;
    struct sigaction action = {.sa_handler = on_fault,
                               .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

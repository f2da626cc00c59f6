#include "server/serve/orphan.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/contract/adopt.h"
#include "backend/contract/message.h"

enum { SEND_MS = 1000 };

static int open_listener(const char *state_dir)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct adopt_path path;
    if (fd < 0 || adopt_path_open(&path, state_dir) != ERR_OK) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    /* What lies there is of a process that is gone: one serves at a time. */
    unlink(path.address.sun_path);
    mode_t mask = umask(0177);
    bool done = bind(fd, (const struct sockaddr *)&path.address, sizeof path.address) == 0 &&
                !listen(fd, 4);
    int kept = errno;
    umask(mask);
    adopt_path_close(&path);
    if (!done) {
        close(fd);
        fd = -1;
    }
    errno = kept;
    return fd;
}

void orphan_follow(struct orphan *o, const char *state_dir, bool wanted)
{
    if (!wanted && o->listener >= 0) {
        close(o->listener);
        o->listener = -1;
    }
    if (!wanted || o->listener >= 0)
        return;
    o->listener = open_listener(state_dir);
    if (o->listener >= 0)
        log_line(LOG_NOTICE, "the supervisor is gone; serving goes on, and the next one started "
                             "with this configuration takes over");
    else if (!o->told)
        log_line(LOG_WARNING, "%s: cannot wait for a new supervisor there: %s", state_dir,
                 strerror(errno));
    o->told = true;
}

static bool is_trusted(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static int hand_over(int to, const struct serve_start *start)
{
    struct msg_adopt m = {.version = ADOPT_VERSION, .all = start->socket_count};
    int fds[ADOPT_SOCKETS];
    int err = channel_send(to, MSG_ADOPT, &m, sizeof m, &start->ring, 1, SEND_MS);
    for (unsigned i = 0; i < start->socket_count && err == ERR_OK; i += m.count) {
        for (m.count = 0; m.count < ADOPT_SOCKETS && i + m.count < start->socket_count; m.count++) {
            const struct serve_socket *s = &start->sockets[i + m.count];
            fds[m.count] = m.socket[m.count].fd = s->fd;
            m.socket[m.count].worker = (uint16_t)s->worker;
            m.socket[m.count].tcp = s->tcp != 0;
        }
        err = channel_send(to, MSG_ADOPT, &m, sizeof m, fds, m.count, SEND_MS);
    }
    return err;
}

int orphan_accept(struct orphan *o, const struct serve_start *start)
{
    int fd = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return -1;
    if (!is_trusted(fd) || hand_over(fd, start) != ERR_OK) {
        close(fd);
        return -1;
    }
    return fd;
}

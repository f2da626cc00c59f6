#include "tests/unit/endpoint/stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/log.h"
#include "server/endpoint/endpoint.h"
#include "server/endpoint/proc.h"

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "stage: %s: %s\n", what, strerror(errno));
    abort();
}

static void listen_tcp(struct stage *s)
{
    int on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(s->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool bound = false;
    for (uint16_t port = 15300; !bound && port < 15400; port++) {
        a.sin_port = htons(port);
        bound = bind(s->tcp, (struct sockaddr *)&a, sizeof a) == 0;
    }
    must(bound && listen(s->tcp, 1024) == 0, "listen");
    getsockname(s->tcp, (struct sockaddr *)&a, &len);
    s->port = ntohs(a.sin_port);
}

static void listen_unix(struct stage *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", s->socket_path);
    s->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(bind(s->local, (struct sockaddr *)&a, sizeof a) == 0 && listen(s->local, 1024) == 0,
         "unix");
}

static void fill_process(struct stats *s, unsigned process, unsigned role, unsigned state)
{
    struct stats_process *p = &s->process[process];
    p->role = role;
    p->state = state;
    p->pid = getpid();
    p->starts = 1;
    p->started_at = clk_wall();
}

void stage_beat(struct stage *s)
{
    for (unsigned p = 0; p < STATS_PROCESSES; p++) {
        if (p != STATS_ENDPOINT && s->stats->process[p].state != PROCESS_NONE)
            stats_heartbeat(s->stats, p);
    }
    for (unsigned w = 0; w < s->stats->workers; w++)
        s->stats->worker[0][w].heartbeat_at = clk_mono_ns();
}

void stage_add_zone(struct stage *s, const char *name, unsigned state, unsigned role)
{
    uint32_t row = s->stats->zone_rows, at = s->stats->names_used;
    struct stats_zone_row *z = &s->stats->zones[row];
    size_t len = strlen(name);
    memcpy(s->stats->names + at, name, len);
    stats_row_begin(&z->seq);
    z->name = at;
    z->name_len = (uint16_t)len;
    z->state = (uint8_t)state;
    z->role = (uint8_t)role;
    z->serial = 2026112200 + row;
    z->records = 10;
    z->bytes = 1000;
    z->loaded_at = state == ZONE_FAILED ? 0 : clk_wall();
    z->since = clk_wall();
    stats_row_end(&z->seq);
    s->stats->names_used = at + (uint32_t)len;
    s->stats->zones_by_state[state]++;
    s->stats->zone_rows = row + 1;
}

void stage_set(struct stage *s)
{
    memset(s, 0, offsetof(struct stage, frame));
    s->operator_uid = getuid();
    s->stats = stats_create(&s->stats_fd);
    must(s->stats != NULL, "stats");
    snprintf(s->dir, sizeof s->dir, "/tmp/zd-endpoint-XXXXXX");
    must(mkdtemp(s->dir) != NULL, "mkdtemp");
    snprintf(s->token_file, sizeof s->token_file, "%s/token", s->dir);
    snprintf(s->socket_path, sizeof s->socket_path, "%s/socket", s->dir);
    memset(s->token, 'a', sizeof s->token - 1);
    FILE *f = fopen(s->token_file, "w");
    must(f && fprintf(f, "%s\n", s->token) > 0 && fclose(f) == 0, "token");
    snprintf(s->stats->host, sizeof s->stats->host, "ns1.example");
    snprintf(s->stats->config, sizeof s->stats->config, "%s/zonedeck.yaml", s->dir);
    snprintf(s->stats->state_dir, sizeof s->stats->state_dir, "%s", s->dir);
    fill_process(s->stats, 0, ROLE_SERVE, PROCESS_ACTIVE);
    fill_process(s->stats, STATS_SUPERVISOR, ROLE_SUPERVISOR, PROCESS_ACTIVE);
    fill_process(s->stats, STATS_KEEPER, ROLE_KEEPER, PROCESS_ACTIVE);
    fill_process(s->stats, STATS_ENDPOINT, ROLE_ENDPOINT, PROCESS_ACTIVE);
    s->stats->active = 0;
    s->stats->workers = 2;
    s->stats->zones_settled = 1;
    s->stats->config_at = clk_wall();
    stage_beat(s);
    listen_tcp(s);
    listen_unix(s);
}

static void child(struct stage *s, int channel)
{
    if (s->nofile) {
        struct rlimit l = {s->nofile, s->nofile};
        setrlimit(RLIMIT_NOFILE, &l);
    }
    log_init("endpoint", getenv("ZD_TEST_LOG") ? LOG_DEBUG : LOG_ERROR);
    close(s->supervisor);
    int listeners[] = {s->local, s->tcp};
    struct endpoint_start start = {.stats = s->stats,
                                   .slot = STATS_ENDPOINT,
                                   .supervisor = channel,
                                   .listeners = listeners,
                                   .listener_count = 2,
                                   .token_file = s->token_file,
                                   .operator_uid = s->operator_uid};
    int status = endpoint_main(&start);
    close(channel);
    stats_unmap(s->stats);
    /* exit, not _exit: a leak checker runs then. */
    exit(status);
}

static bool receive(struct stage *s, uint32_t type, int ms)
{
    int64_t until = clk_mono_ns() + ms * CLK_MS;
    for (;;) {
        int rc = channel_receive(s->supervisor, &s->frame);
        if (rc == 1 && s->frame.type == type)
            return true;
        int64_t left = (until - clk_mono_ns()) / CLK_MS;
        if (rc < 0 || left < 0)
            return false;
        struct pollfd p = {s->supervisor, POLLIN, 0};
        poll(&p, 1, (int)left + 1);
    }
}

void stage_start(struct stage *s)
{
    int fds[2];
    must(channel_pair(fds) == 0, "channel");
    s->supervisor = fds[0];
    fflush(NULL);
    s->pid = fork();
    must(s->pid >= 0, "fork");
    if (s->pid == 0)
        child(s, fds[1]);
    close(fds[1]);
    s->stats->process[STATS_ENDPOINT].pid = s->pid;
    must(receive(s, MSG_READY, 10000), "MSG_READY");
}

static int await_exit(struct stage *s)
{
    int64_t until = clk_mono_ns() + 10 * CLK_SECOND;
    int status = 0;
    while (waitpid(s->pid, &status, WNOHANG) == 0) {
        if (clk_mono_ns() > until) {
            kill(s->pid, SIGKILL);
            waitpid(s->pid, &status, 0);
            s->pid = 0;
            return -1;
        }
        poll(NULL, 0, 10);
    }
    s->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int stage_stop(struct stage *s)
{
    channel_send(s->supervisor, MSG_STOP, NULL, 0, NULL, 0, 1000);
    int status = await_exit(s);
    close(s->supervisor);
    s->supervisor = -1;
    return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

void stage_strike(struct stage *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
        close(s->supervisor);
    }
    close(s->tcp);
    close(s->local);
    close(s->stats_fd);
    stats_unmap(s->stats);
    nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int stage_connect(struct stage *s, bool local)
{
    struct sockaddr_in tcp = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(s->port)};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    snprintf(path.sun_path, sizeof path.sun_path, "%.100s", s->socket_path);
    int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const void *address = local ? (const void *)&path : (const void *)&tcp;
    if (connect(fd, address, local ? sizeof path : sizeof tcp) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Is the reply whole by its Content-Length or its last chunk? */
static bool is_whole(const char *reply)
{
    const char *end = strstr(reply, "\r\n\r\n");
    const char *length = strcasestr(reply, "\r\nContent-Length:");
    if (!end)
        return false;
    if (length && length < end)
        return strlen(end + 4) >= strtoul(length + 17, NULL, 10);
    return strcasestr(reply, "chunked") && strstr(end, "\r\n0\r\n\r\n");
}

int stage_ask(struct stage *s, bool local, const char *request, size_t len, char *reply, size_t cap,
              int ms)
{
    int fd = stage_connect(s, local);
    size_t n = 0;
    int status = -1;
    int64_t until = clk_mono_ns() + ms * CLK_MS;
    reply[0] = '\0';
    if (fd < 0)
        return 0;
    if (send(fd, request, len, MSG_NOSIGNAL) < 0) {
        close(fd);
        return 0;
    }
    while (n + 1 < cap && !is_whole(reply)) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left = (until - clk_mono_ns()) / CLK_MS;
        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            break;
        ssize_t got = recv(fd, reply + n, cap - 1 - n, 0);
        if (got <= 0) {
            status = 0;
            break;
        }
        n += (size_t)got;
        reply[n] = '\0';
    }
    close(fd);
    if (sscanf(reply, "HTTP/1.1 %d", &status) == 1)
        return status;
    return status;
}

/* Puts the parts of a chunked body together, in place. */
static void unchunk(char *body)
{
    char *to = body;
    for (char *p = body; *p;) {
        char *end;
        unsigned long n = strtoul(p, &end, 16);
        if (n == 0 || strncmp(end, "\r\n", 2))
            break;
        memmove(to, end + 2, n);
        to += n;
        p = end + 2 + n + 2;
    }
    *to = '\0';
}

static void keep_body(char *reply)
{
    char *end = strstr(reply, "\r\n\r\n");
    char *chunked = strcasestr(reply, "Transfer-Encoding: chunked");
    if (!end)
        return;
    bool parts = chunked && chunked < end;
    memmove(reply, end + 4, strlen(end + 4) + 1);
    if (parts)
        unchunk(reply);
}

int stage_get(struct stage *s, bool local, const char *path, char *body, size_t cap)
{
    char request[2048];
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    int status = stage_ask(s, local, request, (size_t)len, body, cap, 10000);
    keep_body(body);
    return status;
}

int stage_post(struct stage *s, bool local, const char *path, char *body, size_t cap)
{
    char request[2048], token[128] = "";
    if (!local)
        snprintf(token, sizeof token, "Authorization: Bearer %s\r\n", s->token);
    int len = snprintf(request, sizeof request,
                       "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       "%sContent-Length: 2\r\n\r\n{}",
                       path, token);
    int status = stage_ask(s, local, request, (size_t)len, body, cap, 10000);
    keep_body(body);
    return status;
}

bool stage_action(struct stage *s, struct msg_action *action, int ms)
{
    if (!receive(s, MSG_ACTION, ms) || s->frame.len != sizeof *action)
        return false;
    memcpy(action, s->frame.payload, sizeof *action);
    return true;
}

void stage_result(struct stage *s, uint64_t id, int status, const char *text)
{
    struct msg_result r = {.id = id, .status = status};
    snprintf(r.text, sizeof r.text, "%s", text);
    channel_send(s->supervisor, MSG_RESULT, &r, sizeof r, NULL, 0, 1000);
}

bool stage_until(struct stage *s, const char *path, const char *text, int ms)
{
    enum { CAP = 1 << 20 };
    char *body = malloc(CAP);
    int64_t until = clk_mono_ns() + ms * CLK_MS;
    bool found = false;
    while (!found && clk_mono_ns() < until) {
        stage_get(s, true, path, body, CAP);
        found = strstr(body, text) != NULL;
        if (!found)
            poll(NULL, 0, 20);
    }
    free(body);
    return found;
}

uint64_t stage_cpu_us(const struct stage *s)
{
    struct proc_basic basic = {0};
    proc_read_basic(s->pid, &basic);
    return basic.cpu_us;
}

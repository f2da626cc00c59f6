#include "server/endpoint/http.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/endpoint/act.h"
#include "server/endpoint/command.h"
#include "server/endpoint/guard.h"
#include "server/endpoint/mhd.h"
#include "server/endpoint/reply.h"
#include "server/endpoint/respond.h"
#include "server/endpoint/route.h"

enum {
    CONNECTIONS = 64,
    CONNECTIONS_LEAST = 4,
    PER_ADDRESS = 32,
    IDLE_SECONDS = 5,
    REQUEST_SECONDS = 10,
    REPLY_SECONDS = COMMAND_SECONDS + 15,
    MEMORY = 32768,
    SPARE_DESCRIPTORS = 16,
};

struct listener;

/* A connection, and the request on it. */
struct peer {
    struct listener *listener;
    struct MHD_Connection *connection; /* NULL: the place is free */
    int fd;                            /* guarded by the listener's lock, as the next two */
    int64_t deadline, since;           /* of the state; monotonic ns */
    bool busy;                         /* a request is being answered */
    /* Of the thread that serves the listener. */
    bool begun, broken_path;
    uintptr_t path_end; /* where the path as it was sent ends, 0 not known */
    unsigned body;
    struct act *act; /* an action under way */
};

struct listener {
    struct http *http;
    struct MHD_Daemon *daemon; /* NULL: not started */
    int fd;
    struct guard_place place;
    pthread_mutex_t lock;
    pthread_cond_t quiet;
    unsigned busy;
    int64_t logged_at;
    struct peer peer[CONNECTIONS];
};

struct http {
    const struct context *context;
    unsigned count;
    struct listener *listener;
};

static void set_deadline(struct peer *p, bool busy, int seconds)
{
    struct listener *l = p->listener;
    pthread_mutex_lock(&l->lock);
    p->since = clk_mono_ns();
    p->deadline = p->since + seconds * CLK_SECOND;
    l->busy += busy - p->busy;
    p->busy = busy;
    if (!l->busy)
        pthread_cond_signal(&l->quiet);
    pthread_mutex_unlock(&l->lock);
}

static void opened(struct listener *l, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    pthread_mutex_lock(&l->lock);
    struct peer *p = NULL;
    for (int i = 0; !p && i < CONNECTIONS; i++) {
        if (!l->peer[i].connection)
            p = &l->peer[i];
    }
    if (p) {
        *p = (struct peer){.listener = l, .connection = connection, .fd = info->connect_fd};
        p->since = clk_mono_ns();
        p->deadline = p->since + REQUEST_SECONDS * CLK_SECOND;
    }
    pthread_mutex_unlock(&l->lock);
    *context = p;
}

static void closed(struct listener *l, struct peer *p)
{
    pthread_mutex_lock(&l->lock);
    l->busy -= p->busy;
    *p = (struct peer){.fd = -1};
    pthread_mutex_unlock(&l->lock);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        opened(cls, connection, context);
    else if (*context)
        closed(cls, *context);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct peer *p = *request;
    (void)cls, (void)connection, (void)code;
    *request = NULL;
    if (!p)
        return;
    act_free(p->act);
    p->act = NULL;
    p->begun = p->broken_path = false;
    p->path_end = 0;
    p->body = 0;
    set_deadline(p, false, REQUEST_SECONDS);
}

/* The peer of a connection; NULL when there was no place for it. */
static struct peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static size_t on_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
    size_t len;
    (void)cls;
    if (!guard_unescape(text, &len)) {
        struct peer *p = peer_of(connection);
        if (p)
            p->broken_path = true;
    }
    return len;
}

/* The request line lies in one buffer: behind the path come spaces, then the version. When there is
 * more between them, the path holds a NUL byte. */
static void *on_path(void *cls, const char *path, struct MHD_Connection *connection)
{
    struct peer *p = peer_of(connection);
    (void)cls;
    if (p)
        p->path_end = (uintptr_t)path + strlen(path);
    return NULL;
}

static bool holds_nul(const struct peer *p, const char *version)
{
    uintptr_t at = (uintptr_t)version;
    if (!p->path_end || at <= p->path_end || at - p->path_end > MEMORY)
        return false;
    const char *between = version - (at - p->path_end) + 1;
    return strspn(between, " ") != (size_t)(version - between);
}

static enum MHD_Result give(struct peer *p, struct reply *r)
{
    struct MHD_Response *response = respond_make(r);
    if (!response) {
        reply_fini(r);
        return MHD_NO;
    }
    set_deadline(p, true, REPLY_SECONDS);
    enum MHD_Result result = mhd.queue_response(p->connection, r->status, response);
    mhd.destroy_response(response);
    reply_fini(r);
    return result;
}

static enum MHD_Result give_error(struct peer *p, const struct guard_verdict *v, const char *allow)
{
    struct reply r = {.close = v->close};
    reply_error(&r, p->listener->http->context, v->status, v->error, v->remedy);
    r.allow = allow;
    return give(p, &r);
}

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    guard_note(cls, name, value);
    return MHD_YES;
}

static struct guard_verdict check(struct peer *p, const char *method, const char *path,
                                  const char *version, struct guard_headers *h)
{
    *h = (struct guard_headers){0};
    mhd.get_connection_values(p->connection, MHD_HEADER_KIND, note_header, h);
    struct guard_verdict v =
        guard_check(h, &p->listener->place, version, path, !strcmp(method, "POST"));
    if (p->broken_path || holds_nul(p, version))
        v = (struct guard_verdict){400, true, "the path is not well formed",
                                   "Ask for a path of docs/http.md."};
    return v;
}

static struct guard_verdict no_route(const struct route *route)
{
    if (route->status == 405)
        return (struct guard_verdict){405, false, "that path does not take this method",
                                      "See the Allow header."};
    return (struct guard_verdict){404, false, "no such path", route_list()};
}

static void wake(void *arg)
{
    mhd.resume_connection(arg);
}

static struct act *begin_act(struct peer *p, const struct route *route,
                             const struct guard_headers *h)
{
    struct act_source source = {.is_unix = p->listener->place.is_unix,
                                .fd = p->fd,
                                .address = p->listener->place.address,
                                .authorization = h->authorization};
    return act_new(p->listener->http->context, route->action, route->zone, &source);
}

/* An action whose body has come: send it off and let the connection sleep. */
static enum MHD_Result go_on_with_act(struct peer *p)
{
    struct reply r = {0};
    if (!guard_body_ends(p->body))
        act_refuse(p->act, 400, "usage", "the body is cut short", "Send no body, or {}.");
    if (act_is_ready(p->act)) {
        act_reply(p->act, &r);
        return give(p, &r);
    }
    set_deadline(p, true, REPLY_SECONDS);
    mhd.suspend_connection(p->connection);
    if (!act_send(p->act, wake, p->connection))
        mhd.resume_connection(p->connection);
    return MHD_YES;
}

static const char *argument(const void *cls, const char *name)
{
    return mhd.lookup_connection_value((struct MHD_Connection *)(uintptr_t)cls,
                                       MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result answer_get(struct peer *p, const struct route *route)
{
    struct request q = {.context = p->listener->http->context,
                        .zone = route->zone,
                        .argument = argument,
                        .cls = p->connection};
    struct reply r = {0};
    route->get(&q, &r);
    return give(p, &r);
}

/* The headers have come. What is wrong with a request that has a body is said at once, without
 * reading it; else when libmicrohttpd asks for the answer. */
static enum MHD_Result begin(struct peer *p, const char *method, const char *path,
                             const char *version)
{
    struct guard_headers h;
    struct route route;
    struct guard_verdict v = check(p, method, path, version, &h);
    if (!v.status)
        route_find(&route, method, path);
    if (!v.status && route.status != 200)
        v = no_route(&route);
    if (!v.status && route.action != ACTION_COUNT)
        v = guard_type(&h);
    if (!v.status && route.action != ACTION_COUNT) {
        p->act = begin_act(p, &route, &h);
        if (!p->act)
            v = (struct guard_verdict){503, true, "out of memory",
                                       "Free memory or raise the limit."};
    }
    bool has_body =
        h.transfer_encoding_count || (h.content_length && strcmp(h.content_length, "0"));
    if (v.status && (has_body || v.close)) {
        v.close = true;
        return give_error(p, &v, v.status == 405 ? route.allow : NULL);
    }
    return MHD_YES;
}

static enum MHD_Result finish(struct peer *p, const char *method, const char *path,
                              const char *version)
{
    struct guard_headers h;
    struct route route;
    if (p->act)
        return go_on_with_act(p);
    struct guard_verdict v = check(p, method, path, version, &h);
    route_find(&route, method, path);
    if (!v.status && route.status != 200)
        v = no_route(&route);
    if (!v.status && route.action != ACTION_COUNT)
        v = guard_type(&h);
    if (v.status)
        return give_error(p, &v, v.status == 405 ? route.allow : NULL);
    return answer_get(p, &route);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **request)
{
    struct peer *p = peer_of(connection);
    (void)cls;
    if (!p)
        return MHD_NO;
    *request = p;
    if (!p->begun) {
        p->begun = true;
        return begin(p, method, path, version);
    }
    if (*len) {
        if (p->act && !guard_body(&p->body, data, *len))
            act_refuse(p->act, 400, "usage", "the body is not empty and not {}",
                       "Send no body, or {}.");
        *len = 0;
        return MHD_YES;
    }
    return finish(p, method, path, version);
}

/* Its complaints are about clients and say little: one a second at most. When it has run out of
 * descriptors all the same (another process took the system's last), it would spin: pause it. */
__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *format, va_list ap)
{
    struct listener *l = cls;
    int64_t now = clk_mono_ns();
    if (strstr(format, "resource limit")) {
        struct timespec pause = {0, 100 * CLK_MS};
        nanosleep(&pause, NULL);
    }
    if (now - l->logged_at < CLK_SECOND)
        return;
    l->logged_at = now;
    char text[512];
    vsnprintf(text, sizeof text, format, ap);
    text[strcspn(text, "\n")] = '\0';
    log_line(LOG_INFO, "http: %s", text);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static unsigned connections_each(unsigned listeners)
{
    struct rlimit limit = {1024, 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t used = open_descriptors() + SPARE_DESCRIPTORS + 4 * listeners;
    rlim_t each = limit.rlim_cur > used ? (limit.rlim_cur - used) / (listeners ? listeners : 1) : 0;
    return each > CONNECTIONS         ? CONNECTIONS
           : each < CONNECTIONS_LEAST ? CONNECTIONS_LEAST
                                      : (unsigned)each;
}

static void start(struct listener *l, unsigned connections)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    l->daemon = mhd.start_daemon(
        flags, 0, NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log, l,
        MHD_OPTION_LISTEN_SOCKET, l->fd, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        connections < PER_ADDRESS ? connections : PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
        MHD_OPTION_URI_LOG_CALLBACK, on_path, l, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, l,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        l, MHD_OPTION_END);
}

static void place_of(struct listener *l, const struct context *c)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    l->place.host = c->host;
    if (getsockname(l->fd, (struct sockaddr *)&a, &len) < 0)
        return;
    l->place.is_unix = a.ss_family == AF_UNIX;
    if (a.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, l->place.address,
                  INET_ADDRSTRLEN);
    if (a.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, l->place.address,
                  INET6_ADDRSTRLEN);
}

int http_start(struct http *h)
{
    int started = 0;
    for (unsigned i = 0; i < h->count; i++) {
        if (!h->listener[i].daemon)
            start(&h->listener[i], connections_each(h->count));
        started += h->listener[i].daemon != NULL;
    }
    return started;
}

int http_new(struct http **http, const struct context *context, const int *listeners,
             unsigned count)
{
    struct http *h = calloc(1, sizeof *h);
    if (h)
        h->listener = calloc(count + 1, sizeof *h->listener);
    if (!h || !h->listener) {
        free(h);
        return ERR_MEMORY;
    }
    h->context = context;
    h->count = count;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    for (unsigned i = 0; i < count; i++) {
        struct listener *l = &h->listener[i];
        l->http = h;
        /* libmicrohttpd closes what it listens on. */
        l->fd = dup(listeners[i]);
        pthread_mutex_init(&l->lock, NULL);
        pthread_cond_init(&l->quiet, &attr);
        place_of(l, context);
    }
    pthread_condattr_destroy(&attr);
    *http = h;
    return http_start(h);
}

/* A client that left before it was accepted goes unnoticed (what it sent and its end come as one
 * edge), and would hold its place until the time-out. */
static bool is_deserted(const struct peer *p, int64_t now)
{
    struct pollfd hung = {p->fd, POLLRDHUP, 0};
    return !p->busy && now - p->since > CLK_SECOND && poll(&hung, 1, 0) == 1;
}

void http_tick(struct http *h, int64_t now)
{
    for (unsigned i = 0; i < h->count; i++) {
        struct listener *l = &h->listener[i];
        /* The lock keeps the descriptor ours: it is closed only after `closed` was called. */
        pthread_mutex_lock(&l->lock);
        for (int k = 0; k < CONNECTIONS; k++) {
            struct peer *p = &l->peer[k];
            if (p->connection && p->deadline && (now > p->deadline || is_deserted(p, now))) {
                shutdown(p->fd, SHUT_RDWR);
                p->deadline = 0;
            }
        }
        pthread_mutex_unlock(&l->lock);
    }
}

static void wait_quiet(struct listener *l, const struct timespec *until)
{
    pthread_mutex_lock(&l->lock);
    while (l->busy && pthread_cond_timedwait(&l->quiet, &l->lock, until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&l->lock);
}

void http_free(struct http *h, int ms)
{
    if (!h)
        return;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms % 1000 * CLK_MS;
    until.tv_sec += ms / 1000 + until.tv_nsec / CLK_SECOND;
    until.tv_nsec %= CLK_SECOND;
    for (unsigned i = 0; i < h->count; i++) {
        /* Quiesced first, as stopping may shut the socket down for every process that has it. */
        if (h->listener[i].daemon)
            mhd.quiesce_daemon(h->listener[i].daemon);
    }
    for (unsigned i = 0; i < h->count; i++) {
        struct listener *l = &h->listener[i];
        wait_quiet(l, &until);
        if (l->daemon)
            mhd.stop_daemon(l->daemon);
        close(l->fd);
        pthread_mutex_destroy(&l->lock);
        pthread_cond_destroy(&l->quiet);
    }
    free(h->listener);
    free(h);
}

#include "server/supervisor/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/supervisor/statedir.h"

/* The receive buffer bridges a hand-over: a small query is charged 832 bytes, so this holds about
 * 20,000 of them, a second's worth of a busy server. */
enum { RECEIVE_BUFFER = 16 << 20, SEND_BUFFER = 4 << 20, BACKLOG = 1024 };

static void cure_of(int error, const struct listener *l, char *text, size_t size)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&l->address;
    const char *why = strerror(error);
    if (l->address.ss_family == AF_UNIX && error == EEXIST)
        snprintf(text, size,
                 "a file that is no socket is there; remove it or change "
                 "endpoint.listen");
    else if (l->address.ss_family == AF_UNIX && error == EADDRINUSE)
        snprintf(text, size, "%s; another program listens there: stop it or change endpoint.listen",
                 why);
    else if (l->address.ss_family == AF_UNIX)
        snprintf(text, size, "%s; correct the path in endpoint.listen", why);
    else if (error == EADDRINUSE)
        snprintf(text, size, "%s; find the program with: ss -l%cnp sport = :%u", why,
                 l->tcp ? 't' : 'u', ntohs(in->sin_port));
    else if (error == EACCES)
        snprintf(text, size, "%s; a port below 1024 needs root or CAP_NET_BIND_SERVICE", why);
    else if (error == EADDRNOTAVAIL)
        snprintf(text, size, "%s; this machine has no such address: see ip address", why);
    else
        snprintf(text, size, "%s; change the address in the configuration", why);
}

static void tell(const struct listeners_report *report, const struct listener *l, int error)
{
    char text[200];
    cure_of(error, l, text, sizeof text);
    report->tell(report->arg, l->tcp, error, l->text, text);
}

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static bool is_wildcard(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static void set_udp_options(int fd, const struct sockaddr_storage *a)
{
    if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
    if (a->ss_family == AF_INET) {
        set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
        if (is_wildcard(a))
            set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
    } else {
        set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
        if (is_wildcard(a))
            set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    }
}

/* A socket with all its options, not bound; -1 and errno. */
static int make_socket(const struct listener *l, bool shared_port)
{
    int family = l->address.ss_family;
    int type = (l->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(family, type, 0);
    if (fd < 0 || family == AF_UNIX)
        return fd;
    int failed = 0;
    if (family == AF_INET6)
        failed |= set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (shared_port)
        failed |= set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (l->tcp) {
        failed |= set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    } else {
        set_udp_options(fd, &l->address);
    }
    if (failed) {
        int kept = errno;
        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

static int bind_listener(struct listener *l)
{
    if (bind(l->fd, (const struct sockaddr *)&l->address, l->address_len) < 0)
        return ERR_SYSTEM;
    if (l->tcp && listen(l->fd, BACKLOG) < 0)
        return ERR_SYSTEM;
    l->bound = true;
    return ERR_OK;
}

/* With SO_REUSEPORT a port that another server of this user has would be shared silently: a plain
 * bind finds out. */
static int check_port_free(const struct listener *l)
{
    struct listener test = *l;
    test.fd = make_socket(&test, false);
    if (test.fd < 0)
        return ERR_SYSTEM;
    int err = bind(test.fd, (const struct sockaddr *)&l->address, l->address_len) < 0 ? ERR_SYSTEM
                                                                                      : ERR_OK;
    int kept = errno;
    close(test.fd);
    errno = kept;
    return err;
}

static const struct listener *find(const struct listeners *set, const char *text, bool tcp,
                                   unsigned worker)
{
    for (size_t i = 0; set && i < set->count; i++) {
        const struct listener *l = &set->item[i];
        if (l->tcp == tcp && l->worker == worker && !strcmp(l->text, text))
            return l;
    }
    return NULL;
}

/* Carries over every socket of an address; when there are fewer workers than before, one reads
 * several, so nothing queued is lost. */
static void carry_over(struct listeners *set, const struct listeners *old, const char *text,
                       bool tcp)
{
    unsigned carried = 0;
    for (size_t i = 0; old && i < old->count; i++) {
        if (old->item[i].tcp != tcp || strcmp(old->item[i].text, text))
            continue;
        struct listener *l = &set->item[set->count++];
        *l = old->item[i];
        l->worker = carried++ % set->workers;
        if (set->shared_ports)
            set_option(l->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
}

static void open_address(struct listeners *set, const struct listeners *old,
                         const struct config_listen *address, bool tcp,
                         const struct listeners_report *report)
{
    struct listener l = {
        .address = address->address, .address_len = address->address_len, .tcp = tcp};
    snprintf(l.text, sizeof l.text, "%s", address->text);
    size_t before = set->count;
    carry_over(set, old, l.text, tcp);
    bool served = set->count > before;
    if (!served && set->shared_ports && check_port_free(&l) != ERR_OK) {
        tell(report, &l, errno);
        return;
    }
    for (; l.worker < set->workers; l.worker++) {
        if (find(set, l.text, tcp, l.worker))
            continue;
        l.fd = make_socket(&l, set->shared_ports);
        if (l.fd < 0 || (!served && bind_listener(&l) != ERR_OK)) {
            tell(report, &l, errno);
            if (l.fd >= 0)
                close(l.fd);
            return;
        }
        set->item[set->count++] = l;
        l.bound = false;
    }
}

static struct listeners *new_set(size_t room, unsigned workers)
{
    struct listeners *set = calloc(1, sizeof *set + room * sizeof set->item[0]);
    if (set)
        set->workers = workers;
    return set;
}

struct listeners *listeners_open_dns(const struct config *config, const struct listeners *old,
                                     const struct listeners_report *report)
{
    size_t room = config->listen_count * config->threads * 2 + (old ? old->count : 0);
    struct listeners *set = new_set(room, config->threads);
    if (!set)
        return NULL;
    set->shared_ports = config->threads > 1 || (old && old->shared_ports);
    for (size_t i = 0; i < config->listen_count; i++) {
        open_address(set, old, &config->listen[i], false, report);
        open_address(set, old, &config->listen[i], true, report);
    }
    return set;
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return a->ss_family == AF_INET6 && a6->sin6_port == b6->sin6_port &&
           a6->sin6_scope_id == b6->sin6_scope_id &&
           !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr);
}

struct listeners *listeners_adopt(const struct config *config, const struct listener_found *found,
                                  size_t count)
{
    struct listeners *set = new_set(count, 1);
    for (size_t i = 0; set && i < count; i++) {
        struct listener *l = &set->item[set->count++];
        *l = (struct listener){.text = "no longer configured",
                               .address_len = sizeof l->address,
                               .worker = found[i].worker,
                               .tcp = found[i].tcp,
                               .bound = true,
                               .fd = found[i].fd};
        int shared = 0;
        socklen_t len = sizeof shared;
        getsockname(l->fd, (struct sockaddr *)&l->address, &l->address_len);
        getsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &shared, &len);
        set->shared_ports |= shared != 0;
        set->workers = l->worker + 1 > set->workers ? l->worker + 1 : set->workers;
        for (size_t j = 0; j < config->listen_count; j++) {
            if (same_address(&config->listen[j].address, &l->address))
                snprintf(l->text, sizeof l->text, "%s", config->listen[j].text);
        }
    }
    return set;
}

static bool is_stale_socket(const struct listener *l)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&l->address;
    struct stat st;
    if (lstat(un->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool refused =
        connect(fd, (const struct sockaddr *)un, l->address_len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static bool is_socket(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int bind_unix(struct listener *l, const struct identity *id)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&l->address;
    char parent[sizeof un->sun_path];
    snprintf(parent, sizeof parent, "%s", un->sun_path);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = '\0';
        if (statedir_make_last(parent, 0755, true, id) != ERR_OK)
            return ERR_SYSTEM;
    }
    /* Nobody may connect before owner and mode are right. */
    mode_t mask = umask(0177);
    int err = bind(l->fd, (const struct sockaddr *)un, l->address_len);
    if (err < 0 && errno == EADDRINUSE) {
        err = is_stale_socket(l) ? unlink(un->sun_path) : -1;
        if (err == 0)
            err = bind(l->fd, (const struct sockaddr *)un, l->address_len);
        else
            errno = is_socket(un->sun_path) ? EADDRINUSE : EEXIST;
    }
    umask(mask);
    if (err < 0)
        return ERR_SYSTEM;
    l->bound = true;
    if ((id->change && lchown(un->sun_path, id->uid, id->gid) < 0) ||
        chmod(un->sun_path, 0660) < 0 || listen(l->fd, BACKLOG) < 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

static bool describe_endpoint(const struct config_endpoint_listen *from, struct listener *l)
{
    *l = (struct listener){.tcp = true, .fd = -1};
    if (!from->unix_path) {
        l->address = from->address.address;
        l->address_len = from->address.address_len;
        snprintf(l->text, sizeof l->text, "%s", from->address.text);
        return true;
    }
    struct sockaddr_un *un = (struct sockaddr_un *)&l->address;
    un->sun_family = AF_UNIX;
    l->address_len = sizeof *un;
    snprintf(l->text, sizeof l->text, "unix:%s", from->unix_path);
    int n = snprintf(un->sun_path, sizeof un->sun_path, "%s", from->unix_path);
    errno = ENAMETOOLONG;
    return n < (int)sizeof un->sun_path;
}

struct listeners *listeners_open_endpoint(const struct config *config, const struct listeners *old,
                                          const struct identity *id,
                                          const struct listeners_report *report)
{
    struct listeners *set = new_set(config->endpoint_count, 1);
    for (size_t i = 0; set && i < config->endpoint_count; i++) {
        struct listener l;
        bool fits = describe_endpoint(&config->endpoint[i], &l);
        const struct listener *have = fits ? find(old, l.text, true, 0) : NULL;
        if (have) {
            set->item[set->count++] = *have;
            continue;
        }
        l.fd = fits ? make_socket(&l, false) : -1;
        int err = l.fd < 0                         ? ERR_SYSTEM
                  : l.address.ss_family == AF_UNIX ? bind_unix(&l, id)
                                                   : bind_listener(&l);
        if (err == ERR_OK) {
            set->item[set->count++] = l;
            continue;
        }
        tell(report, &l, errno);
        if (l.fd >= 0)
            close(l.fd);
    }
    return set;
}

void listeners_bind_rest(struct listeners *set, const struct listeners_report *report)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set->item[i].bound && bind_listener(&set->item[i]) != ERR_OK)
            tell(report, &set->item[i], errno);
    }
}

bool listeners_have(const struct listeners *set, const char *text)
{
    for (size_t i = 0; set && i < set->count; i++) {
        if (!strcmp(set->item[i].text, text))
            return true;
    }
    return false;
}

static bool has_fd(const struct listeners *set, int fd, const unsigned *worker)
{
    for (size_t i = 0; set && i < set->count; i++) {
        if (set->item[i].fd == fd)
            return !worker || set->item[i].worker == *worker;
    }
    return false;
}

bool listeners_same(const struct listeners *a, const struct listeners *b)
{
    if (a->count != b->count || a->workers != b->workers)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!has_fd(b, a->item[i].fd, &a->item[i].worker))
            return false;
    }
    return true;
}

void listeners_close(struct listeners *set, const struct listeners *keep)
{
    for (size_t i = 0; set && i < set->count; i++) {
        struct listener *l = &set->item[i];
        if (has_fd(keep, l->fd, NULL))
            continue;
        /* A process that is finishing may hold it a while longer: nobody shall queue there. */
        if (l->tcp && l->bound)
            shutdown(l->fd, SHUT_RDWR);
        close(l->fd);
        if (l->address.ss_family == AF_UNIX)
            unlink(((const struct sockaddr_un *)&l->address)->sun_path);
    }
    free(set);
}

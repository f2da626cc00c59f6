#include "server/endpoint/auth.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/log.h"

void auth_init(struct auth *a, const char *token_file, uid_t operator_uid)
{
    memset(a, 0, sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    a->operator_uid = operator_uid;
    if (token_file)
        snprintf(a->path, sizeof a->path, "%s", token_file);
}

void auth_fini(struct auth *a)
{
    explicit_bzero(a->token, sizeof a->token);
    pthread_mutex_destroy(&a->lock);
}

bool auth_uid(const struct auth *a, uid_t uid)
{
    return uid == 0 || uid == geteuid() || uid == a->operator_uid;
}

static void read_token(struct auth *a, int fd)
{
    char text[AUTH_TOKEN_MOST + 2];
    ssize_t n = read(fd, text, sizeof text);
    explicit_bzero(a->token, sizeof a->token);
    if (n > 0 && text[n - 1] == '\n')
        n--;
    bool printable = n >= AUTH_TOKEN_LEAST && n <= AUTH_TOKEN_MOST;
    for (ssize_t i = 0; printable && i < n; i++)
        printable = text[i] > ' ' && text[i] < 0x7f;
    if (printable)
        memcpy(a->token, text, (size_t)n);
    else
        log_line(LOG_WARNING, "%s: not a token of %d to %d printable characters", a->path,
                 AUTH_TOKEN_LEAST, AUTH_TOKEN_MOST);
    explicit_bzero(text, sizeof text);
}

static void forget(struct auth *a)
{
    explicit_bzero(a->token, sizeof a->token);
    a->changed = (struct timespec){0};
    a->inode = 0;
}

static void refresh(struct auth *a)
{
    struct stat st;
    int fd = a->path[0] ? open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        forget(a);
    } else if (st.st_mtim.tv_sec != a->changed.tv_sec || st.st_mtim.tv_nsec != a->changed.tv_nsec ||
               st.st_ino != a->inode || st.st_size != a->size) {
        read_token(a, fd);
        a->changed = st.st_mtim;
        a->inode = st.st_ino;
        a->size = st.st_size;
    }
    if (fd >= 0)
        close(fd);
}

bool auth_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned char different = a_len != b_len;
    size_t len = a_len < b_len ? a_len : b_len;
    for (size_t i = 0; i < len; i++)
        different |= (unsigned char)(a[i] ^ b[i]);
    return !different;
}

bool auth_bearer(struct auth *a, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1))
        return false;
    const char *given = authorization + sizeof scheme - 1;
    while (*given == ' ')
        given++;
    pthread_mutex_lock(&a->lock);
    refresh(a);
    size_t len = strlen(a->token);
    bool good = len >= AUTH_TOKEN_LEAST && auth_equal(given, strlen(given), a->token, len);
    pthread_mutex_unlock(&a->lock);
    return good;
}

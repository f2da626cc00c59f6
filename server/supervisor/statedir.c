#include "server/supervisor/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/io.h"
#include "backend/base/rnd.h"

enum { KEY_SIZE = 16, TOKEN_BYTES = 32, COOKIE_SECRET_BYTES = 16, NOTE_SIZE = 512 };

static const char empty_file[] = "empty; remove it, and a new one is made at the next start";
static const int64_t patience = 2 * CLK_SECOND, stop_patience = 20 * CLK_SECOND;

int statedir_make(const char *path, unsigned mode, bool own, const struct identity *id)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        errno = ENAMETOOLONG;
        return ERR_SYSTEM;
    }
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return ERR_SYSTEM;
        *p = '/';
    }
    return statedir_make_last(path, mode, own, id);
}

int statedir_make_last(const char *path, unsigned mode, bool own, const struct identity *id)
{
    if (mkdir(path, mode) < 0) {
        struct stat st;
        if (errno != EEXIST || stat(path, &st) < 0)
            return ERR_SYSTEM;
        errno = ENOTDIR;
        return S_ISDIR(st.st_mode) ? ERR_OK : ERR_SYSTEM;
    }
    if (own && id->change && lchown(path, id->uid, id->gid) < 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

static int sync_parent(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash && slash != path ? (int)(slash - path) : 1;
    snprintf(parent, sizeof parent, "%.*s", len, slash ? path : ".");
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYSTEM;
    int err = fsync(fd) < 0 ? ERR_SYSTEM : ERR_OK;
    close(fd);
    return err;
}

/* Writes a private file whole or not at all. */
static int replace_file(const char *path, const void *data, size_t len)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        errno = ENAMETOOLONG;
        return ERR_SYSTEM;
    }
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYSTEM;
    int err = io_write_all(fd, data, len);
    if (err == ERR_OK && fsync(fd) < 0)
        err = ERR_SYSTEM;
    int kept = errno;
    close(fd);
    errno = kept;
    if (err == ERR_OK && rename(temporary, path) == 0)
        return sync_parent(path);
    kept = errno;
    unlink(temporary);
    errno = kept;
    return ERR_SYSTEM;
}

static int probe(const char *path)
{
    char file[PATH_MAX];
    if (snprintf(file, sizeof file, "%s/.probe", path) >= (int)sizeof file) {
        errno = ENAMETOOLONG;
        return ERR_SYSTEM;
    }
    int err = replace_file(file, "zonedeck\n", 9);
    if (err == ERR_OK)
        unlink(file);
    return err;
}

/* What the lock file says: "PID" or "PID stopping", then the pids of its processes, a line each. */
static void read_note(int fd, char text[NOTE_SIZE])
{
    ssize_t n = pread(fd, text, NOTE_SIZE - 1, 0);
    text[n > 0 ? n : 0] = '\0';
}

static int write_note(int fd, bool stopping, const pid_t *pids, unsigned count)
{
    char text[NOTE_SIZE];
    int n = snprintf(text, sizeof text, "%d%s\n", (int)getpid(), stopping ? " stopping" : "");
    for (unsigned i = 0; i < count && i < STATEDIR_PIDS; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%d\n", (int)pids[i]);
    if (pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) < 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

static void read_left(struct statedir *dir, int fd)
{
    char text[NOTE_SIZE];
    read_note(fd, text);
    for (char *p = strchr(text, '\n'); p && dir->left_count < STATEDIR_PIDS; p = strchr(p, '\n')) {
        long pid = strtol(++p, NULL, 10);
        if (pid > 1)
            dir->left[dir->left_count++] = (pid_t)pid;
    }
}

/* ERR_EXISTS somebody has it and goes on having it. */
static int wait_for_lock(int fd)
{
    const struct timespec pause = {0, 20 * CLK_MS};
    int64_t from = clk_mono_ns();
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        char text[NOTE_SIZE];
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return ERR_SYSTEM;
        read_note(fd, text);
        text[strcspn(text, "\n")] = '\0';
        if (clk_mono_ns() - from > (strstr(text, "stopping") ? stop_patience : patience))
            return ERR_EXISTS;
        nanosleep(&pause, NULL);
    }
    return ERR_OK;
}

static int take_lock(struct statedir *dir, struct buf *problem)
{
    char file[PATH_MAX], pid[NOTE_SIZE];
    snprintf(file, sizeof file, "%s/lock", dir->path);
    int fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYSTEM;
    int err = wait_for_lock(fd);
    if (err == ERR_OK) {
        read_left(dir, fd);
        /* They stay noted until they are dealt with: we may end before. */
        err = write_note(fd, false, dir->left, dir->left_count);
    }
    if (err == ERR_OK) {
        dir->lock = fd;
        return ERR_OK;
    }
    int kept = errno;
    read_note(fd, pid);
    close(fd);
    pid[strcspn(pid, " \n")] = '\0';
    if (err == ERR_EXISTS)
        buf_printf(
            problem,
            "%s: another zonedeckd (pid %s) uses this state directory; stop it, or give this "
            "server another server.state",
            dir->path, *pid ? pid : "unknown");
    errno = kept;
    return err;
}

static const char *state_cure(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return "give it to that user, mode 0700";
    case ENOSPC:
    case EDQUOT:
        return "free space on that file system";
    case EROFS:
        return "mount that file system writable";
    case ENOTDIR:
        return "set server.state to a directory";
    default:
        return "correct server.state";
    }
}

int statedir_open(struct statedir *dir, const char *path, const struct identity *id,
                  struct buf *problem)
{
    *dir = (struct statedir){.path = path, .lock = -1};
    int err = statedir_make(path, 0700, true, id);
    if (err == ERR_OK)
        err = identity_assume(id);
    if (err == ERR_OK) {
        /* The lock first: a second server must not find a full disk but the first server. */
        err = take_lock(dir, problem);
        if (err == ERR_OK)
            err = probe(path);
        identity_resume(id);
    }
    if (err == ERR_SYSTEM) {
        int error = errno;
        buf_printf(problem, "%s: not usable%s%s: %s; %s", path, *id->name ? " for user " : "",
                   id->name, strerror(error), state_cure(error));
        errno = error;
    }
    dir->usable = err == ERR_OK;
    return err;
}

void statedir_note(const struct statedir *dir, bool stopping, const pid_t *pids, unsigned count)
{
    /* Best effort: the lock itself is what counts. */
    if (dir->lock >= 0)
        write_note(dir->lock, stopping, pids, count);
}

void statedir_close(struct statedir *dir)
{
    if (dir->lock >= 0)
        close(dir->lock);
    dir->lock = -1;
}

static int read_key(const char *file, uint8_t key[16])
{
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_MISSING : ERR_SYSTEM;
    uint8_t bytes[KEY_SIZE + 1];
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    if (n != KEY_SIZE)
        return ERR_FORMAT;
    memcpy(key, bytes, KEY_SIZE);
    return ERR_OK;
}

int statedir_hash_key(const struct statedir *dir, const struct identity *id, uint8_t key[16],
                      struct buf *problem)
{
    char file[PATH_MAX];
    rnd_fill(key, KEY_SIZE);
    if (!dir->usable)
        return ERR_OK;
    snprintf(file, sizeof file, "%s/hash.key", dir->path);
    if (identity_assume(id) != ERR_OK)
        return ERR_SYSTEM;
    int err = read_key(file, key);
    if (err == ERR_FORMAT)
        buf_printf(problem, "%s: damaged; a new key was made and every zone is compiled again",
                   file);
    int written = err == ERR_OK ? ERR_OK : replace_file(file, key, KEY_SIZE);
    identity_resume(id);
    if (written != ERR_OK)
        buf_printf(problem, "%s%s: %s; zones are compiled again after a restart",
                   problem->len ? "; " : "", file, strerror(errno));
    return problem->len ? ERR_SYSTEM : ERR_OK;
}

/* A file of so many random bytes, in hexadecimal, unless there is one. */
static int make_secret(const char *path, size_t count, const struct identity *id)
{
    uint8_t random[TOKEN_BYTES];
    char text[2 * TOKEN_BYTES + 2];
    struct stat st;
    if (identity_assume(id) != ERR_OK)
        return ERR_SYSTEM;
    int err = ERR_OK;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0) {
        err = ERR_FORMAT;
    } else if (lstat(path, &st) < 0) {
        rnd_fill(random, count);
        for (size_t i = 0; i < count; i++)
            snprintf(text + 2 * i, 3, "%02x", random[i]);
        text[2 * count] = '\n';
        err = replace_file(path, text, 2 * count + 1);
    }
    identity_resume(id);
    return err;
}

int statedir_token(const char *path, const struct identity *id, struct buf *problem)
{
    int err = make_secret(path, TOKEN_BYTES, id);
    if (err != ERR_OK)
        buf_printf(problem, "%s: %s; actions over TCP are refused without it", path,
                   err == ERR_FORMAT ? empty_file : strerror(errno));
    return err;
}

int statedir_cookie_secret(const char *path, const struct identity *id, struct buf *problem)
{
    int err = make_secret(path, COOKIE_SECRET_BYTES, id);
    if (err != ERR_OK)
        buf_printf(problem, "%s: %s; DNS cookies do not outlive a process without it", path,
                   err == ERR_FORMAT ? empty_file : strerror(errno));
    return err;
}

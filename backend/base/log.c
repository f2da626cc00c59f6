#include "backend/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *role;
    enum log_level most;
} log_state = {"zonedeck", LOG_INFO};

void log_init(const char *role, enum log_level most)
{
    log_state.role = role;
    log_state.most = most;
}

static size_t escape(char *to, size_t cap, const char *from)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)from; *p && n + 5 < cap; p++) {
        if (*p >= 0x20 && *p < 0x7f)
            to[n++] = (char)*p;
        else
            n += (size_t)snprintf(to + n, cap - n, "\\x%02x", *p);
    }
    return n;
}

void log_vline(enum log_level level, const char *format, va_list ap)
{
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
    if (level > log_state.most)
        return;
    char text[2048], line[4096];
    vsnprintf(text, sizeof text, format, ap);
    size_t n = (size_t)snprintf(line, sizeof line, "%s %s: ", names[level], log_state.role);
    n += escape(line + n, sizeof line - n - 1, text);
    line[n++] = '\n';
    /* A reader that stopped reading must not stop the server: what does not fit is dropped. */
    struct pollfd p = {STDERR_FILENO, POLLOUT, 0};
    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
        ssize_t written = write(STDERR_FILENO, line, n);
        (void)written;
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    log_vline(level, format, ap);
    va_end(ap);
}

void log_lines(enum log_level level, const char *text)
{
    for (const char *p = text ? text : ""; *p;) {
        size_t len = strcspn(p, "\n");
        log_line(level, "%.*s", (int)len, p);
        p += len + (p[len] == '\n');
    }
}

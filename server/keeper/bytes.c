#include "server/keeper/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 18 };

void bytes_of_file(struct bytes *t, int fd, int64_t from, int64_t to)
{
    *t = (struct bytes){.fd = fd, .next = from, .stop = to};
}

void bytes_of_memory(struct bytes *t, const void *bytes, size_t len)
{
    *t = (struct bytes){.fd = -1, .buffer = malloc(len + BYTES_BEHIND)};
    if (!t->buffer) {
        t->failed = true;
        t->error = ENOMEM;
        return;
    }
    if (len)
        memcpy(t->buffer, bytes, len);
    memset(t->buffer + len, 0, BYTES_BEHIND);
    t->at = t->buffer;
    t->end = t->at + len;
    t->next = t->stop = (int64_t)len;
}

void bytes_fini(struct bytes *t)
{
    free(t->buffer);
    *t = (struct bytes){.fd = -1};
}

/* Reads behind what is there, which is moved to the front of the buffer. */
static bool fill(struct bytes *t)
{
    size_t kept = (size_t)(t->end - t->at);
    if (t->next >= t->stop || t->failed || kept == BLOCK)
        return false;
    if (!t->buffer) /* a small file needs no more than it has */
        t->buffer = malloc((t->stop - t->next < BLOCK ? (size_t)(t->stop - t->next) : BLOCK) +
                           BYTES_BEHIND);
    if (!t->buffer) {
        t->failed = true;
        t->error = ENOMEM;
        return false;
    }
    if (kept)
        memmove(t->buffer, t->at, kept);
    size_t room = BLOCK - kept;
    if ((int64_t)room > t->stop - t->next)
        room = (size_t)(t->stop - t->next);
    ssize_t n;
    do
        n = pread(t->fd, t->buffer + kept, room, t->next);
    while (n < 0 && errno == EINTR);
    t->at = t->buffer;
    t->end = t->buffer + kept + (n > 0 ? n : 0);
    memset(t->buffer + (t->end - t->at), 0, BYTES_BEHIND);
    t->next += n > 0 ? n : 0;
    t->failed = n < 0;
    t->error = n < 0 ? errno : 0;
    if (n == 0)
        t->stop = t->next;
    return n > 0;
}

bool bytes_more(struct bytes *t)
{
    return fill(t);
}

const char *bytes_line(struct bytes *t, size_t *len)
{
    size_t searched = 0;
    do {
        size_t there = (size_t)(t->end - t->at);
        const char *end = there ? memchr(t->at + searched, '\n', there - searched) : NULL;
        if (end) {
            *len = (size_t)(end - t->at);
            return t->at;
        }
        searched = there;
    } while (fill(t));
    *len = searched;
    return searched && !t->failed && t->next >= t->stop ? t->at : NULL;
}

void bytes_take_line(struct bytes *t, size_t len)
{
    t->at += len;
    if (t->at < t->end)
        t->at++;
}

int64_t bytes_position(const struct bytes *t)
{
    return t->next - (t->end - t->at);
}

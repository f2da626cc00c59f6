#include "server/keeper/timers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "backend/base/buf.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/keeper/zones.h"

static const int64_t write_after = 5 * CLK_SECOND;
static const char magic[8] = "zdtimer1";
enum { FILE_MAX = 512 << 20 };

/* After it for each zone: entry, then name_len bytes of its name. */
struct head {
    char magic[8];
    uint64_t checksum; /* of all that follows */
};

struct entry {
    int64_t confirmed, next;
    uint8_t name_len;
};

static void on_write(void *ctx)
{
    struct keeper *k = ctx;
    if (timers_write(k))
        log_line(LOG_DEBUG, "the timers could not be written: %s", strerror(errno));
}

int timers_init(struct keeper *k)
{
    return loop_add_timer(&k->loop, &k->timers.write, on_write, k);
}

void timers_changed(struct keeper *k)
{
    if (!k->timers.write.place)
        loop_set_timer(&k->loop, &k->timers.write, clk_mono_ns() + write_after);
}

static void collect(const struct keeper *k, struct buf *b)
{
    struct head head = {0};
    memcpy(head.magic, magic, sizeof head.magic);
    buf_add(b, &head, sizeof head);
    for (size_t i = 0; i < k->zone_count; i++) {
        const struct zone *z = k->zones[i];
        if (!z || !z->secondary || !z->secondary->confirmed)
            continue;
        struct entry e;
        memset(&e, 0, sizeof e);
        e.confirmed = z->secondary->confirmed;
        e.next = z->secondary->next_at;
        e.name_len = z->config->wire_len;
        buf_add(b, &e, sizeof e);
        buf_add(b, z->config->wire, z->config->wire_len);
    }
    if (b->failed)
        return;
    head.checksum = XXH3_64bits(b->data + sizeof head, b->len - sizeof head);
    memcpy(b->data, &head, sizeof head);
}

static int write_file(int dir, const struct buf *b)
{
    int fd =
        openat(dir, ".timers.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_SYSTEM;
    bool ok = true;
    for (size_t at = 0; ok && at < b->len;) {
        ssize_t n = write(fd, b->data + at, b->len - at);
        ok = n > 0 || (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    /* Not synced: this is the keeper's loop, and a lost file only means that zones are checked. */
    if (close(fd) < 0 || !ok || renameat(dir, ".timers.tmp", dir, "../timers") < 0) {
        unlinkat(dir, ".timers.tmp", 0);
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

int timers_write(struct keeper *k)
{
    struct buf b = {0};
    loop_clear_timer(&k->loop, &k->timers.write);
    if (k->store.dir < 0)
        return ERR_SYSTEM;
    collect(k, &b);
    int err = b.failed ? ERR_MEMORY : write_file(k->store.dir, &b);
    buf_fini(&b);
    return err;
}

static bool read_file(int dir, struct buf *b)
{
    struct stat st;
    int fd = openat(dir, "../timers", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX;
    while (ok && b->len < (size_t)st.st_size) {
        char *to = buf_reserve(b, (size_t)st.st_size - b->len);
        ssize_t n = to ? read(fd, to, (size_t)st.st_size - b->len) : -1;
        ok = n > 0;
        b->len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return ok;
}

static void take_entries(struct keeper *k, const char *p, size_t len)
{
    while (len >= sizeof(struct entry)) {
        struct entry e;
        memcpy(&e, p, sizeof e);
        if (len - sizeof e < e.name_len)
            return;
        struct zone *z = zones_find(k, (const uint8_t *)p + sizeof e, e.name_len);
        if (z && z->secondary) {
            z->secondary->confirmed = e.confirmed;
            z->secondary->next_at = e.next;
        }
        p += sizeof e + e.name_len;
        len -= sizeof e + e.name_len;
    }
}

void timers_load(struct keeper *k)
{
    struct buf b = {0};
    struct head head;
    if (k->store.dir < 0)
        return;
    if (read_file(k->store.dir, &b) && b.len >= sizeof head) {
        memcpy(&head, b.data, sizeof head);
        if (memcmp(head.magic, magic, sizeof magic) ||
            head.checksum != XXH3_64bits(b.data + sizeof head, b.len - sizeof head))
            log_line(LOG_WARNING,
                     "the file of timers is damaged; every secondary zone is checked now");
        else
            take_entries(k, b.data + sizeof head, b.len - sizeof head);
    }
    buf_fini(&b);
}

void timers_fini(struct keeper *k)
{
    loop_remove_timer(&k->loop, &k->timers.write);
}

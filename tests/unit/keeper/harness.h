/* Runs a keeper as a child, with this test in the place of the supervisor and of a serve process.
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/contract/actions.h"
#include "backend/contract/feed.h"
#include "backend/contract/message.h"
#include "backend/contract/stats.h"
#include "server/image/file.h"
#include "server/image/node.h"
#include "server/keeper/keeper.h"

/* How long anything may take: 10 s, stretched by ZONEDECK_PATIENCE for sanitizers and slow
 * machines. */
static inline int64_t patience(void)
{
    const char *factor = getenv("ZONEDECK_PATIENCE");
    return 10 * CLK_SECOND * (factor && atoi(factor) > 0 ? atoi(factor) : 1);
}

/* What a serve process knows of a zone. */
struct known {
    unsigned flags;
    int fd;
    uint64_t offset, size, file_size;
    uint32_t transfer_count, notify_count;
    struct msg_acl allow_notify[4];
    uint8_t name_len;
    uint8_t name[MSG_NAME_MAX + 1];
};

struct harness {
    char dir[64], config_path[96], state[96];
    char zones[512]; /* of the configuration, for tests that make it up */
    struct stats *stats;
    int supervisor, serve; /* our ends */
    pid_t pid;
    uint64_t next_id;
    struct channel_frame frame; /* last received */
    /* What the serve process knows, newest frame by zone. */
    struct known known[256];
    unsigned known_count, zone_frames;
    bool synced;
};

static inline struct harness *harness_new(void)
{
    struct harness *h = calloc(1, sizeof *h);
    int fd;
    assert_non_null(h);
    snprintf(h->dir, sizeof h->dir, "/tmp/zonedeck-keeper-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    snprintf(h->config_path, sizeof h->config_path, "%s/zonedeck.yaml", h->dir);
    snprintf(h->state, sizeof h->state, "%s/state", h->dir);
    assert_int_equal(mkdir(h->state, 0700), 0);
    h->stats = stats_create(&fd);
    assert_non_null(h->stats);
    close(fd);
    memset(h->stats->hash_key, 7, sizeof h->stats->hash_key);
    h->supervisor = h->serve = -1;
    h->next_id = 1;
    log_init("keeper", LOG_ERROR);
    return h;
}

static inline void harness_write(struct harness *h, const char *name, const char *text)
{
    char path[256], temporary[300];
    snprintf(path, sizeof path, "%s/%s", h->dir, name);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *f = fopen(temporary, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(temporary, path), 0);
}

/* A zone of `count` addresses beside SOA and NS. */
static inline void harness_zone(struct harness *h, const char *file, unsigned serial,
                                unsigned count)
{
    struct buf b = {0};
    buf_printf(&b, "$TTL 300\n@ SOA ns h %u 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n", serial);
    for (unsigned i = 0; i < count; i++)
        buf_printf(&b, "h%u A 198.51.100.%u\n", i, i % 256);
    harness_write(h, file, b.data);
    buf_fini(&b);
}

static inline struct config *harness_config(struct harness *h, const char *zones, char **text)
{
    struct buf b = {0}, errors = {0};
    buf_printf(&b,
               "server:\n  listen: [127.0.0.1@15299]\n  state: %s\nendpoint:\n  listen: "
               "[unix:%s/sock]\nzones:\n%s",
               h->state, h->dir, zones);
    struct config *c = config_parse(h->config_path, b.data, b.len, &errors);
    if (!c)
        print_error("%s", errors.data);
    assert_non_null(c);
    buf_fini(&errors);
    if (text)
        *text = buf_take(&b);
    buf_fini(&b);
    return c;
}

static inline void harness_start(struct harness *h, const char *zones)
{
    int ends[2];
    struct config *config = harness_config(h, zones, NULL);
    assert_int_equal(channel_pair(ends), 0);
    fflush(NULL);
    h->pid = fork();
    assert_true(h->pid >= 0);
    if (h->pid == 0) {
        close(ends[0]);
        struct start start = {.stats = h->stats,
                              .slot = STATS_KEEPER,
                              .supervisor = ends[1],
                              .config = config,
                              .config_path = h->config_path};
        int status = keeper_main(&start);
        config_free(start.config);
        stats_unmap(h->stats);
        free(h);
        exit(status);
    }
    close(ends[1]);
    config_free(config);
    h->supervisor = ends[0];
    h->synced = false;
    h->known_count = 0;
}

/* The next frame of a channel; false when none came in time. */
static inline bool harness_receive(struct harness *h, int fd, int64_t deadline)
{
    for (;;) {
        int r = channel_receive(fd, &h->frame);
        if (r == 1)
            return true;
        int64_t left = deadline - clk_mono_ns();
        if (r < 0 || left <= 0)
            return false;
        struct pollfd p = {fd, POLLIN, 0};
        poll(&p, 1, (int)(left / CLK_MS) + 1);
    }
}

static inline void harness_ready(struct harness *h)
{
    assert_true(harness_receive(h, h->supervisor, clk_mono_ns() + patience()));
    assert_int_equal(h->frame.type, MSG_READY);
}

static inline void harness_serve(struct harness *h)
{
    int ends[2];
    assert_int_equal(channel_pair(ends), 0);
    assert_int_equal(channel_send(h->supervisor, MSG_SERVE, NULL, 0, &ends[1], 1, 1000), 0);
    close(ends[1]);
    h->serve = ends[0];
}

static inline struct known *harness_known(struct harness *h, const char *wire)
{
    for (unsigned i = 0; i < h->known_count; i++) {
        if (h->known[i].name_len == strlen(wire) + 1 &&
            !memcmp(h->known[i].name, wire, h->known[i].name_len))
            return &h->known[i];
    }
    return NULL;
}

static inline void harness_gone(struct harness *h, struct known *k)
{
    assert_non_null(k);
    if (k->fd >= 0)
        close(k->fd);
    *k = h->known[--h->known_count];
}

static inline void harness_take_zone(struct harness *h, const struct feed_item *item,
                                     const struct known *files, const struct feed_item *rules)
{
    struct known *at = harness_known(h, (const char *)item->name);
    struct known *k = at ? at : &h->known[h->known_count++];
    assert_true(h->known_count <= 256);
    if (at && at->fd >= 0)
        close(at->fd);
    *k = (struct known){.flags = item->zone.flags,
                        .name_len = item->name_len,
                        .offset = item->zone.image_offset,
                        .size = item->zone.image_size,
                        .transfer_count = rules->rules.transfer_count,
                        .notify_count = rules->rules.notify_count,
                        .fd = -1};
    for (unsigned i = 0; i < k->notify_count && i < 4; i++)
        k->allow_notify[i] = rules->acl[rules->rules.transfer_count + i];
    memcpy(k->name, item->name, item->name_len);
    assert_int_equal(item->zone.file != 0, (k->flags & ZONE_HAS_IMAGE) != 0);
    if (item->zone.file) {
        k->file_size = files[item->zone.file].file_size;
        k->fd = dup(files[item->zone.file].fd);
    }
    h->zone_frames++;
}

static inline void harness_take(struct harness *h)
{
    struct known files[CHANNEL_FDS + 1];
    struct feed_reader reader;
    struct feed_item item, rules[16];
    int r;
    if (h->frame.type == MSG_SYNCED)
        h->synced = true;
    if (h->frame.type == MSG_MARK)
        assert_int_equal(
            channel_send(h->serve, MSG_PASSED, h->frame.payload, h->frame.len, NULL, 0, 1000), 0);
    if (h->frame.type != MSG_ZONES)
        return;
    feed_read(&reader, &h->frame);
    while ((r = feed_next(&reader, &item)) == 1) {
        if (item.kind == FEED_FILE)
            files[reader.files] =
                (struct known){.fd = h->frame.fds[item.fd], .file_size = item.file.size};
        else if (item.kind == FEED_ZONE)
            harness_take_zone(h, &item, files, &rules[item.zone.rules % 16]);
        else if (item.kind == FEED_RULES)
            rules[reader.rules % 16] = item;
        else if (item.kind == FEED_GONE)
            harness_gone(h, harness_known(h, (const char *)item.name));
    }
    assert_int_equal(r, 0);
}

/* Takes frames of the serve channel until the condition holds. */
#define HARNESS_UNTIL(h, condition)                                                                \
    for (int64_t end_ = clk_mono_ns() + patience(); !(condition);) {                               \
        if (clk_mono_ns() > end_)                                                                  \
            fail_msg("not within %lld s: %s", (long long)(patience() / CLK_SECOND), #condition);   \
        if ((h)->serve < 0)                                                                        \
            poll(NULL, 0, 5);                                                                      \
        else if (harness_receive(h, (h)->serve, clk_mono_ns() + 5 * CLK_MS))                       \
            harness_take(h);                                                                       \
    }

/* The serial of the image that a serve process has of a zone; 0 none. Opens and verifies it. */
static inline uint32_t harness_served(struct harness *h, const char *wire)
{
    struct known *k = harness_known(h, wire);
    struct image_file *file;
    struct image image;
    if (!k || !(k->flags & ZONE_HAS_IMAGE))
        return 0;
    assert_int_equal(image_file_map(k->fd, 1, k->file_size, &file), 0);
    assert_true(k->offset + k->size <= k->file_size);
    assert_int_equal(image_at(file->base + k->offset, k->size, h->stats->hash_key, true, &image),
                     0);
    assert_int_equal(image_verify(&image), 0);
    uint32_t serial = image_get_summary(&image)->serial;
    image_file_put(file);
    return serial;
}

static inline bool harness_row(struct harness *h, const char *name, struct stats_zone *row)
{
    char text[1024];
    for (uint32_t i = 0; i < atomic_load(&h->stats->zone_rows); i++) {
        if (!stats_read_zone(h->stats, i, row))
            continue;
        stats_zone_name(h->stats, row, text);
        if (!strcmp(text, name))
            return true;
    }
    memset(row, 0, sizeof *row);
    return false;
}

static inline unsigned harness_state(struct harness *h, const char *name)
{
    struct stats_zone row;
    harness_row(h, name, &row);
    return row.state;
}

static inline bool harness_event(struct harness *h, enum event event, const char *part)
{
    struct stats_events *ring = &h->stats->events[STATS_KEEPER];
    struct stats_event e;
    uint64_t count = atomic_load(&ring->count);
    for (uint64_t i = count > STATS_EVENTS ? count - STATS_EVENTS : 0; i < count; i++) {
        if (stats_read_event(&ring->row[i % STATS_EVENTS], &e) && e.event == event &&
            strstr(e.text, part))
            return true;
    }
    return false;
}

/* How many events of the last ones are of a kind and about a subject; NULL any. */
static inline unsigned harness_events(struct harness *h, enum event event, const char *subject)
{
    struct stats_events *ring = &h->stats->events[STATS_KEEPER];
    struct stats_event e;
    uint64_t count = atomic_load(&ring->count);
    unsigned found = 0;
    for (uint64_t i = count > STATS_EVENTS ? count - STATS_EVENTS : 0; i < count; i++)
        found += stats_read_event(&ring->row[i % STATS_EVENTS], &e) && e.event == event &&
                 (!subject || !strcmp(e.subject, subject));
    return found;
}

static inline uint64_t harness_act(struct harness *h, enum action action, const char *zone)
{
    struct msg_action m = {.id = h->next_id++, .action = action};
    snprintf(m.zone, sizeof m.zone, "%s", zone);
    snprintf(m.actor, sizeof m.actor, "test");
    assert_int_equal(channel_send(h->supervisor, MSG_ACTION, &m, sizeof m, NULL, 0, 1000), 0);
    return m.id;
}

static inline uint64_t harness_reload(struct harness *h, const char *zones)
{
    char *text;
    struct msg_action m = {.id = h->next_id++, .action = ACTION_SERVICE_RELOAD};
    config_free(harness_config(h, zones, &text));
    int fd = memfd_create("config", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(channel_send(h->supervisor, MSG_CONFIG, &m, sizeof m, &fd, 1, 1000), 0);
    close(fd);
    free(text);
    return m.id;
}

/* Waits for a result and returns its status. */
static inline int harness_result(struct harness *h, uint64_t id, char text[MSG_TEXT_MAX])
{
    struct msg_result m;
    int64_t deadline = clk_mono_ns() + 6 * patience();
    /* Results wait for the serve process to say that it has caught up. */
    while (!harness_receive(h, h->supervisor, clk_mono_ns() + CLK_MS)) {
        assert_true(clk_mono_ns() < deadline);
        while (h->serve >= 0 && channel_receive(h->serve, &h->frame) == 1)
            harness_take(h);
    }
    assert_int_equal(h->frame.type, MSG_RESULT);
    assert_int_equal(h->frame.len, sizeof m);
    memcpy(&m, h->frame.payload, sizeof m);
    assert_true(m.id == id);
    memcpy(text, m.text, sizeof m.text);
    return m.status;
}

static inline void harness_forget(struct harness *h)
{
    for (unsigned i = 0; i < h->known_count; i++) {
        if (h->known[i].fd >= 0)
            close(h->known[i].fd);
    }
    h->known_count = 0;
    if (h->serve >= 0)
        close(h->serve);
    close(h->supervisor);
    h->serve = h->supervisor = -1;
}

static inline void harness_stop(struct harness *h)
{
    int status;
    assert_int_equal(channel_send(h->supervisor, MSG_STOP, NULL, 0, NULL, 0, 1000), 0);
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    harness_forget(h);
}

static inline void harness_kill(struct harness *h)
{
    kill(h->pid, SIGKILL);
    assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
    harness_forget(h);
}

static inline int harness_unlink(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void harness_free(struct harness *h)
{
    nftw(h->dir, harness_unlink, 16, FTW_DEPTH | FTW_PHYS);
    stats_unmap(h->stats);
    free(h);
}

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/err.h"
#include "server/dns/name.h"
#include "server/dns/name_text.h"
#include "server/keeper/child.h"
#include "server/keeper/compile.h"
#include "server/keeper/keeper.h"

/* A child checks zones one after another and reports each; libldns may crash on some text: that
 * zone gets a message, and the next child goes on behind it. */

enum { FRAME_TEXT = 1, FRAME_VERDICT, TEXT_PART = 32768 };

struct verdict {
    int32_t status;
    uint32_t serial;
    uint64_t records;
};

struct check {
    const struct config_zone *zones;
    size_t count, done; /* done: have their verdict */
    unsigned bad;
    struct verdict last;
};

/* In the child. */
static int report(const struct config_zone *zone, int channel)
{
    static const uint8_t any_key[16];
    struct compile_job job = {.zone = zone};
    struct compile_result result;
    int err = ERR_OK;
    memcpy(job.key, any_key, sizeof job.key);
    compile_zone(&job, &result);
    for (size_t at = 0; at < result.text.len && !err; at += TEXT_PART) {
        size_t len = result.text.len - at < TEXT_PART ? result.text.len - at : TEXT_PART;
        err = channel_send(channel, FRAME_TEXT, result.text.data + at, len, NULL, 0, -1);
    }
    struct verdict v = {result.status, result.summary.serial, result.summary.records};
    if (!err)
        err = channel_send(channel, FRAME_VERDICT, &v, sizeof v, NULL, 0, -1);
    compile_fini(&result);
    return err;
}

static void child_main(const struct check *c, int channel)
{
    for (size_t i = c->done; i < c->count; i++) {
        if (c->zones[i].file && report(&c->zones[i], channel))
            child_exit(1);
    }
    child_exit(0);
}

static void skip_secondaries(struct check *c)
{
    while (c->done < c->count && !c->zones[c->done].file)
        c->done++;
}

/* A zone file may hold bytes that would drive the terminal. */
static void print_clean(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f))
            putchar(text[i]);
        else
            printf("\\x%02x", text[i]);
    }
}

static void take_frame(struct check *c, const struct channel_frame *f)
{
    if (f->type == FRAME_TEXT) {
        print_clean(f->payload, f->len);
    } else if (f->type == FRAME_VERDICT && f->len == sizeof c->last && c->done < c->count) {
        memcpy(&c->last, f->payload, sizeof c->last);
        c->bad += c->last.status != ERR_OK;
        c->done++;
        skip_secondaries(c);
    }
}

/* Takes what the child says until it has ended. */
static void listen_to(struct check *c, int channel, struct channel_frame *f)
{
    for (;;) {
        struct pollfd p = {channel, POLLIN, 0};
        int r = poll(&p, 1, -1) < 0 ? 0 : channel_receive(channel, f);
        if (r < 0)
            return;
        if (r == 1) {
            take_frame(c, f);
            channel_discard(f);
        }
    }
}

static void run(struct check *c)
{
    struct channel_frame *f = malloc(sizeof *f);
    skip_secondaries(c);
    while (c->done < c->count) {
        char how[64] = "";
        bool killed;
        int channel;
        fflush(stdout);
        pid_t pid = f ? child_start("zone check", -1, &channel) : -1;
        if (pid == 0)
            child_main(c, channel);
        if (pid > 0) {
            listen_to(c, channel, f);
            close(channel);
            child_wait(pid, how, &killed);
        }
        if (c->done == c->count)
            break;
        printf("%s: error: %s%s\n", c->zones[c->done].file,
               pid > 0 ? "the process that checked it " : "no process could be started to check it",
               pid > 0 && !*how ? "ended without a result" : how);
        c->bad++;
        c->done++;
        skip_secondaries(c);
    }
    free(f);
}

int keeper_check_zone(const char *zone, const char *file)
{
    uint8_t wire[NAME_WIRE_MAX];
    struct config_zone config = {
        .file = (char *)(uintptr_t)file, .wire = wire, .lists = &config_no_lists};
    struct check check = {.zones = &config, .count = 1};
    char name[NAME_TEXT_MAX];
    size_t len;
    int err = name_from_text(zone, config.wire, &len);
    if (err) {
        printf("%s: error: not a zone name: %s\n", zone, name_text_reason(err));
        return 1;
    }
    name_lower(config.wire, len);
    config.wire_len = (uint8_t)len;
    name_to_text(config.wire, len, name);
    config.name = name;
    run(&check);
    if (check.bad)
        return 1;
    printf("%s: zone %s: serial %u, %llu records\n", file, name, check.last.serial,
           (unsigned long long)check.last.records);
    return 0;
}

unsigned keeper_check_config(const struct config *config)
{
    struct check check = {.zones = config->zones, .count = config->zone_count};
    run(&check);
    return check.bad;
}

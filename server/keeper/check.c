#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/channel.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "server/dns/name.h"
#include "server/dns/name_text.h"
#include "server/keeper/child.h"
#include "server/keeper/compile.h"
#include "server/keeper/keeper.h"

enum { FRAME_TEXT = 1, FRAME_GOOD, FRAME_BAD, TEXT_PART = 32768 };

struct verdict {
    uint64_t records;
    uint32_t serial;
};

/* In the child: messages in parts, then the verdict. */
static void child_main(const struct config_zone *zone, int channel)
{
    static const uint8_t any_key[16];
    struct compile_job job = {.zone = zone};
    struct compile_result result;
    memcpy(job.key, any_key, sizeof job.key);
    compile_zone(&job, &result);
    for (size_t at = 0; at < result.text.len; at += TEXT_PART) {
        size_t len = result.text.len - at < TEXT_PART ? result.text.len - at : TEXT_PART;
        if (channel_send(channel, FRAME_TEXT, result.text.data + at, len, NULL, 0, -1))
            child_exit(1);
    }
    struct verdict v = {result.summary.records, result.summary.serial};
    int err =
        channel_send(channel, result.status ? FRAME_BAD : FRAME_GOOD, &v, sizeof v, NULL, 0, -1);
    child_exit(err ? 1 : 0);
}

/* Passes on what the child says. Returns FRAME_GOOD, FRAME_BAD, or 0 when it ended before. */
static unsigned listen_to(int channel, struct verdict *v)
{
    struct channel_frame *f = malloc(sizeof *f);
    unsigned last = 0;
    while (f && !last) {
        struct pollfd p = {channel, POLLIN, 0};
        int r = poll(&p, 1, -1) < 0 ? 0 : channel_receive(channel, f);
        if (r < 0)
            break;
        if (r == 0)
            continue;
        if (f->type == FRAME_TEXT)
            fwrite(f->payload, 1, f->len, stdout);
        else if ((f->type == FRAME_GOOD || f->type == FRAME_BAD) && f->len == sizeof *v) {
            last = f->type;
            memcpy(v, f->payload, sizeof *v);
        }
        channel_discard(f);
    }
    free(f);
    return last;
}

/* Libldns may crash on some text: in a child that is an error message. */
static bool check(const struct config_zone *zone, struct verdict *v)
{
    char how[64];
    bool killed;
    int channel;
    fflush(stdout);
    pid_t pid = child_start("zone check", -1, &channel);
    if (pid == 0)
        child_main(zone, channel);
    if (pid < 0) {
        printf("%s: error: no process could be started to check it\n", zone->file);
        return false;
    }
    unsigned said = listen_to(channel, v);
    close(channel);
    child_wait(pid, how, &killed);
    if (!said)
        printf("%s: error: the process that checked it %s\n", zone->file,
               *how ? how : "ended without a result");
    return said == FRAME_GOOD;
}

int keeper_check_zone(const char *zone, const char *file)
{
    struct config_zone config = {0};
    char name[NAME_TEXT_MAX];
    struct verdict v = {0};
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
    config.file = (char *)(uintptr_t)file;
    if (!check(&config, &v))
        return 1;
    printf("%s: zone %s: serial %u, %llu records\n", file, name, v.serial,
           (unsigned long long)v.records);
    return 0;
}

unsigned keeper_check_config(const struct config *config)
{
    unsigned bad = 0;
    struct verdict v;
    for (size_t i = 0; i < config->zone_count; i++) {
        if (config->zones[i].file)
            bad += !check(&config->zones[i], &v);
    }
    return bad;
}

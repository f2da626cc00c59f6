/* What the keeper tells the serve processes of zones: frames of many items (MSG_ZONES).
 *
 * There may be a million zones, so a frame holds as many as fit, and what they share is said once a
 * frame: files with images, and the lists of who may do what. A frame stands for itself; a reader
 * keeps nothing between two. Items refer to files and lists by their number in the frame, from 1.
 *
 * The writer's pointers are loans until feed_clear. The reader believes nothing: an item that does
 * not fit ends the frame with ERR_FORMAT. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/channel.h"
#include "backend/contract/message.h"

/* Three lists one after another. */
struct feed_rules {
    uint32_t transfer_count, notify_count, query_count; /* MSG_ACL_MAX each at most */
};

/* A file that came beside the frame. `id` tells it from all others, so that a process that has it
 * already need not map it again; 0: it is for one zone and need not be found again. */
struct feed_file {
    uint64_t id, size;
};

struct feed_zone {
    uint64_t image_offset, image_size;
    uint32_t row;
    uint16_t rules;
    uint8_t flags; /* ZONE_* */
    uint8_t file;  /* 0 none */
};

struct feed_writer {
    size_t len;
    unsigned rules, files;
    int fd[CHANNEL_FDS];
    uint64_t id[CHANNEL_FDS];
    _Alignas(8) unsigned char bytes[CHANNEL_PAYLOAD];
};

/* An empty frame. */
void feed_clear(struct feed_writer *w);
bool feed_is_empty(const struct feed_writer *w);
/* Each adds an item and returns its number (1 for zones), or 0 when the frame has no room. */
unsigned feed_put_rules(struct feed_writer *w, const struct feed_rules *rules,
                        const struct msg_acl *items);
/* The same file (by id) is added once. The descriptor stays the caller's. */
unsigned feed_put_file(struct feed_writer *w, const struct feed_file *file, int fd);
unsigned feed_put_zone(struct feed_writer *w, const struct feed_zone *zone, const uint8_t *name,
                       uint8_t name_len);
unsigned feed_put_gone(struct feed_writer *w, const uint8_t *name, uint8_t name_len);
/* Sends the frame as channel_send does, without waiting. */
int feed_send(const struct feed_writer *w, int channel);

enum feed_kind { FEED_RULES = 1, FEED_FILE, FEED_ZONE, FEED_GONE };

struct feed_reader {
    const unsigned char *at, *end;
    unsigned rules, files, fds;
};

struct feed_item {
    enum feed_kind kind;
    struct feed_rules rules; /* FEED_RULES, with its items */
    const struct msg_acl *acl;
    struct feed_file file; /* FEED_FILE */
    unsigned fd;           /* its place among the frame's descriptors */
    struct feed_zone zone; /* FEED_ZONE: `rules` and `file` are numbers that have been there */
    const uint8_t *name;   /* FEED_ZONE, FEED_GONE: in wire form, well-formed */
    uint8_t name_len;
};

void feed_read(struct feed_reader *r, const struct channel_frame *frame);
/* The next item: 1 there is one, 0 the end, ERR_FORMAT. */
int feed_next(struct feed_reader *r, struct feed_item *item);

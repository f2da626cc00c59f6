/* The history's thread: the only one that waits for the disk.
 *
 * Five times a second it moves the events of all rings to the history, and the actions it was
 * handed. It answers queries; who asks waits half a second at most and is then served from the
 * rings, so a disk that hangs holds up nobody. What the events say is wrong until another one says
 * otherwise (a configuration that did not load) is remembered here as a condition. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/base/buf.h"
#include "backend/contract/stats.h"
#include "backend/history/history.h"

enum { ARCHIVE_CONDITIONS = 16, ARCHIVE_WAIT_MS = 500 };

struct archive;

struct archive_condition {
    enum event event;
    int64_t since;
    char subject[256];
    char text[STATS_TEXT + 56];
};

struct archive_conditions {
    struct archive_condition list[ARCHIVE_CONDITIONS];
    unsigned count;
};

/* Without its thread all works, from the rings. ERR_MEMORY. */
int archive_new(struct archive **archive, struct stats *stats, const char *state_dir);
/* Starts the thread, when there is none. ERR_SYSTEM (errno): try again later. */
int archive_start(struct archive *archive);
/* Keeps what is in the rings, then ends the thread. */
void archive_free(struct archive *archive);

/* Renders one event of the answer to a query. `id` is 0 when the event comes from a ring. */
typedef void archive_render(struct buf *body, const struct history_event *event);
/* Appends the events found, newest first. */
void archive_query(struct archive *archive, const struct history_filter *filter,
                   archive_render *render, struct buf *body);

/* Hands over an action to be kept; the texts are copied. Never waits. False when it is left out:
 * refused ones are kept ten a second at most, so that a stranger cannot fill the disk; archive_tell
 * logs how many were left out. */
bool archive_action(struct archive *archive, const struct history_action *action);
/* What is wrong by the events. After archive_acted it waits, as a query does, until the thread has
 * seen what came before that. */
void archive_conditions(struct archive *archive, struct archive_conditions *out);
/* An action has ended: its events will be looked for before the conditions are given. */
void archive_acted(struct archive *archive);

/* Writes an event of this process: stats_event for the endpoint's main thread. */
void archive_event(struct archive *archive, enum event event, int error, const char *subject,
                   const char *text);
/* Raises the events the thread has to tell of; called by the main thread. */
void archive_tell(struct archive *archive);

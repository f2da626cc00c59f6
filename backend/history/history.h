/* Events and actions over time, in STATE/history.db (SQLite, write-ahead log).
 *
 * A store has one user, one thread. A file that is damaged, foreign or of another version is
 * renamed to history.db.damaged-N and begun anew. Where the disk cannot be used (read-only, full,
 * missing) the same tables are kept in memory, beginning with what could still be read, and
 * history_retry moves them to the disk later. The newest HISTORY_EVENTS events and HISTORY_ACTIONS
 * actions are kept.
 *
 * Any call may wait for the disk. Times are wall clock seconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_EVENTS = 100000, HISTORY_ACTIONS = 10000, HISTORY_IN_MEMORY = 1000 };
/* Seconds within which the same event again is counted. */
enum { HISTORY_REPEAT = 3600 };

struct history;

/* An event to add, or one that was kept. A repeated one (same number, subject and text as the last
 * of that number and subject) is counted and gets a new id, not a new row. Starts, stops, restarts
 * and deaths (2, 3, 8100 to 8105, 8110, 8111) are never counted: each has its own time. */
struct history_event {
    int64_t id;        /* grows with every event; set by the store */
    uint32_t number;   /* of the catalogue, not enum event */
    unsigned severity; /* enum severity */
    int32_t error, pid;
    const char *subject, *text, *process, *boot;
    int64_t first, last;
    int64_t count;
};

struct history_action {
    int64_t at;
    const char *action, *zone, *actor, *result, *text;
    unsigned status; /* of HTTP */
    int64_t duration_ms;
};

/* What to look for: the newest `limit` events with an id below `before` (0 for no bound). */
struct history_filter {
    int64_t before;
    unsigned limit;
    unsigned severity;   /* at least */
    const char *subject; /* "" any */
};

/* Called for each row, newest first; the strings live until it returns. */
typedef void history_row(void *arg, const struct history_event *event);
typedef void history_action_row(void *arg, const struct history_action *action);

/* Opens the store in a directory; keeps in memory when it cannot. ERR_MEMORY when even that fails.
 */
int history_open(struct history **history, const char *directory);
void history_close(struct history *history);

/* Is what is added kept over a restart? When not, history_reason says why. */
bool history_on_disk(const struct history *history);
const char *history_reason(const struct history *history);
/* Where the last open, degrade or retry put a damaged file; "" when there was none. */
const char *history_damaged(const struct history *history);

/* A transaction; many additions are cheap in one. When any step fails, roll back, then
 * history_degrade. ERR_SYSTEM, ERR_SPACE, ERR_CHECKSUM (damaged). */
int history_begin(struct history *history);
int history_commit(struct history *history);
void history_rollback(struct history *history);
int history_add(struct history *history, const struct history_event *event);
int history_add_action(struct history *history, const struct history_action *action);

/* How many events of a ring of one life of the server are kept: the reader's place, which moves in
 * the transaction of the events themselves. 0 when unknown. */
uint64_t history_place(struct history *history, const char *boot, unsigned ring);
int history_set_place(struct history *history, const char *boot, unsigned ring, uint64_t count);

/* Notes that the life of the server that has this boot id lasts; call it once a minute or so. */
int history_alive(struct history *history, const char *boot, int64_t now);
/* Did the life before the one of this boot id end without EVENT_STOPPED? Then the time of its last
 * sign of life, else 0; 0 too once this life gave a sign. Ask before its events are added. */
int64_t history_unclean(struct history *history, const char *boot);

/* After an error: goes on in memory, or with a new file when the old one is damaged. */
int history_degrade(struct history *history, int error);
/* When in memory: tries the disk again and moves there what came since. True when on disk now. */
bool history_retry(struct history *history);

int history_query(struct history *history, const struct history_filter *filter, history_row *row,
                  void *arg);
/* The newest actions. */
int history_actions(struct history *history, unsigned limit, history_action_row *row, void *arg);

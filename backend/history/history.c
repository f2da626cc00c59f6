#include "backend/history/history.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "backend/history/file.h"
#include "backend/history/spare.h"

enum { TRIM_EVERY = 1000, LIFE_RING = 1000 /* its place is the time of a sign of life */ };

enum statement {
    ADD_EVENT,
    FIND_REPEAT,
    COUNT_REPEAT,
    ADD_ACTION,
    GET_PLACE,
    SET_PLACE,
    FIND_EVENTS,
    FIND_ACTIONS,
    FIND_BEFORE,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [ADD_EVENT] = "INSERT INTO events(id,number,severity,subject,text,error,process,pid,first,last,"
                  "count,boot) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    [FIND_REPEAT] = "SELECT id,text,last FROM events WHERE number=?1 AND subject=?2"
                    " ORDER BY id DESC LIMIT 1",
    [COUNT_REPEAT] = "UPDATE events SET id=?2,count=count+?3,last=?4,pid=?5,boot=?6,error=?7"
                     " WHERE id=?1",
    [ADD_ACTION] = "INSERT INTO actions(at,action,zone,actor,result,text,status,duration_ms)"
                   " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [GET_PLACE] = "SELECT count FROM places WHERE boot=?1 AND ring=?2",
    [SET_PLACE] = "INSERT INTO places(boot,ring,count) VALUES(?1,?2,?3)"
                  " ON CONFLICT(boot,ring) DO UPDATE SET count=excluded.count",
    [FIND_EVENTS] = "SELECT id,number,severity,error,pid,subject,text,process,boot,first,last,count"
                    " FROM events WHERE id<?1 AND severity>=?2 AND (?3='' OR subject=?3)"
                    " ORDER BY id DESC LIMIT ?4",
    [FIND_ACTIONS] = "SELECT at,action,zone,actor,result,text,status,duration_ms FROM actions"
                     " ORDER BY id DESC LIMIT ?1",
    /* The newest event of another life, and the newest start or stop of that life. */
    [FIND_BEFORE] = "SELECT e.last,(SELECT count FROM places WHERE boot=e.boot AND ring=?2),"
                    "(SELECT number FROM events WHERE boot=e.boot AND number IN (2,3)"
                    " ORDER BY id DESC LIMIT 1) FROM events e WHERE e.boot<>?1"
                    " ORDER BY e.id DESC LIMIT 1",
};

struct history {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    bool on_disk;
    int64_t last_id; /* of an event */
    int64_t base_id; /* in memory: ids up to this one are on disk */
    unsigned since_trim;
    char path[1200];
    char damaged[1300];
    char reason[HISTORY_REASON];
};

static int fail(struct history *h, int rc)
{
    return history_file_error(h->db, rc, h->reason);
}

static int run(struct history *h, const char *text)
{
    return history_file_run(h->db, text, h->reason);
}

static void shut(struct history *h)
{
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(h->statement[i]);
        h->statement[i] = NULL;
    }
    sqlite3_close(h->db);
    h->db = NULL;
}

static int prepare(struct history *h)
{
    for (int i = 0; i < STATEMENTS; i++) {
        int rc = sqlite3_prepare_v3(h->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &h->statement[i],
                                    NULL);
        /* The file says it is ours, yet lacks a table or column. */
        if (rc != SQLITE_OK) {
            int err = fail(h, rc);
            return rc == SQLITE_ERROR ? ERR_CHECKSUM : err;
        }
    }
    h->last_id = history_file_number(h->db, "SELECT max(id) FROM events", 0);
    return ERR_OK;
}

static int open_memory(struct history *h)
{
    h->on_disk = false;
    int err = history_file_open_memory(&h->db);
    if (!err)
        err = prepare(h);
    if (err)
        shut(h);
    h->last_id = h->base_id;
    return err;
}

/* With a test write, as a read-only file opens without complaint. */
static int open_disk_file(struct history *h)
{
    int err = history_file_open(&h->db, h->path, h->reason);
    if (!err)
        err = prepare(h);
    if (!err)
        err = run(h, "BEGIN IMMEDIATE; UPDATE places SET count=count; COMMIT");
    return err;
}

static void put_aside(struct history *h)
{
    history_file_put_aside(h->path, h->damaged, sizeof h->damaged);
}

static int open_disk(struct history *h)
{
    h->damaged[0] = '\0';
    int err = open_disk_file(h);
    if (history_file_is_damage(err)) {
        shut(h);
        put_aside(h);
        err = h->damaged[0] ? open_disk_file(h) : ERR_SYSTEM;
    }
    if (err)
        shut(h);
    h->on_disk = !err;
    return err;
}

/* Goes on in memory with the newest events of `from`, which may be NULL and is closed. */
static int move_to_memory(struct history *h, sqlite3 *from)
{
    h->db = from;
    h->base_id =
        from ? history_file_number(h->db, "SELECT max(id) FROM events", h->last_id) : h->last_id;
    int err = open_memory(h);
    if (!err && from)
        spare_fill(from, h->db, HISTORY_IN_MEMORY);
    sqlite3_close(from);
    return err;
}

int history_open(struct history **history, const char *directory)
{
    struct history *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_MEMORY;
    snprintf(h->path, sizeof h->path, "%s/history.db", directory);
    int err = open_disk(h);
    if (err)
        err = move_to_memory(h, history_file_open_to_read(h->path));
    if (err) {
        free(h);
        return err;
    }
    *history = h;
    return ERR_OK;
}

void history_close(struct history *h)
{
    if (!h)
        return;
    shut(h);
    free(h);
}

bool history_on_disk(const struct history *h)
{
    return h->on_disk;
}

const char *history_reason(const struct history *h)
{
    return h->reason;
}

const char *history_damaged(const struct history *h)
{
    return h->damaged;
}

int history_begin(struct history *h)
{
    int err = run(h, "BEGIN IMMEDIATE");
    if (err)
        return err;
    /* The endpoint of a server that lost its supervisor may be writing to the same file. */
    int64_t last = history_file_number(h->db, "SELECT max(id) FROM events", 0);
    if (last > h->last_id)
        h->last_id = last;
    return ERR_OK;
}

static int trim(struct history *h)
{
    char text[400];
    snprintf(
        text, sizeof text,
        "DELETE FROM events WHERE id<=(SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET %d);"
        "DELETE FROM actions WHERE id<=(SELECT id FROM actions ORDER BY id DESC LIMIT 1 OFFSET %d);"
        "DELETE FROM places WHERE boot NOT IN (SELECT DISTINCT boot FROM events);",
        h->on_disk ? HISTORY_EVENTS : HISTORY_IN_MEMORY * 10, HISTORY_ACTIONS);
    return run(h, text);
}

int history_commit(struct history *h)
{
    if (h->since_trim >= TRIM_EVERY) {
        int err = trim(h);
        if (err)
            return err;
        h->since_trim = 0;
    }
    return run(h, "COMMIT");
}

void history_rollback(struct history *h)
{
    if (h->db)
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_STATIC);
}

static int finish(struct history *h, sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);
    int err = fail(h, rc);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

static bool is_counted(uint32_t number)
{
    return number != 2 && number != 3 && (number < 8100 || number > 8105) && number != 8110 &&
           number != 8111;
}

/* The id of the row this event repeats, 0 for none. */
static int64_t find_repeat(struct history *h, const struct history_event *e)
{
    if (!is_counted(e->number))
        return 0;
    sqlite3_stmt *s = h->statement[FIND_REPEAT];
    int64_t id = 0;
    sqlite3_bind_int64(s, 1, e->number);
    bind_text(s, 2, e->subject);
    if (sqlite3_step(s) == SQLITE_ROW && e->first - sqlite3_column_int64(s, 2) < HISTORY_REPEAT &&
        !strcmp((const char *)sqlite3_column_text(s, 1), e->text))
        id = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    /* A row that is on disk is not changed while we are in memory: it could not be found again. */
    return !h->on_disk && id <= h->base_id ? 0 : id;
}

static int count_repeat(struct history *h, int64_t id, const struct history_event *e)
{
    sqlite3_stmt *s = h->statement[COUNT_REPEAT];
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, h->last_id + 1);
    sqlite3_bind_int64(s, 3, e->count);
    sqlite3_bind_int64(s, 4, e->last);
    sqlite3_bind_int(s, 5, e->pid);
    bind_text(s, 6, e->boot);
    sqlite3_bind_int(s, 7, e->error);
    return finish(h, s);
}

static int insert(struct history *h, const struct history_event *e, int64_t id)
{
    sqlite3_stmt *s = h->statement[ADD_EVENT];
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, e->number);
    sqlite3_bind_int64(s, 3, e->severity);
    bind_text(s, 4, e->subject);
    bind_text(s, 5, e->text);
    sqlite3_bind_int(s, 6, e->error);
    bind_text(s, 7, e->process);
    sqlite3_bind_int(s, 8, e->pid);
    sqlite3_bind_int64(s, 9, e->first);
    sqlite3_bind_int64(s, 10, e->last);
    sqlite3_bind_int64(s, 11, e->count);
    bind_text(s, 12, e->boot);
    h->since_trim++;
    return finish(h, s);
}

int history_add(struct history *h, const struct history_event *e)
{
    int64_t repeated = find_repeat(h, e);
    int err = repeated ? count_repeat(h, repeated, e) : insert(h, e, h->last_id + 1);
    if (!err)
        h->last_id++;
    return err;
}

int history_add_action(struct history *h, const struct history_action *a)
{
    sqlite3_stmt *s = h->statement[ADD_ACTION];
    sqlite3_bind_int64(s, 1, a->at);
    bind_text(s, 2, a->action);
    bind_text(s, 3, a->zone);
    bind_text(s, 4, a->actor);
    bind_text(s, 5, a->result);
    bind_text(s, 6, a->text);
    sqlite3_bind_int64(s, 7, a->status);
    sqlite3_bind_int64(s, 8, a->duration_ms);
    h->since_trim++;
    return finish(h, s);
}

uint64_t history_place(struct history *h, const char *boot, unsigned ring)
{
    sqlite3_stmt *s = h->statement[GET_PLACE];
    bind_text(s, 1, boot);
    sqlite3_bind_int64(s, 2, ring);
    uint64_t count = sqlite3_step(s) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return count;
}

int history_set_place(struct history *h, const char *boot, unsigned ring, uint64_t count)
{
    sqlite3_stmt *s = h->statement[SET_PLACE];
    bind_text(s, 1, boot);
    sqlite3_bind_int64(s, 2, ring);
    sqlite3_bind_int64(s, 3, (int64_t)count);
    return finish(h, s);
}

int history_alive(struct history *h, const char *boot, int64_t now)
{
    return history_set_place(h, boot, LIFE_RING, now > 0 ? (uint64_t)now : 0);
}

int64_t history_unclean(struct history *h, const char *boot)
{
    sqlite3_stmt *s = h->statement[FIND_BEFORE];
    int64_t at = 0;
    if (history_place(h, boot, LIFE_RING))
        return 0;
    bind_text(s, 1, boot);
    sqlite3_bind_int64(s, 2, LIFE_RING);
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int64(s, 2) == 2) {
        int64_t event = sqlite3_column_int64(s, 0), sign = sqlite3_column_int64(s, 1);
        at = event > sign ? event : sign;
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return at;
}

int history_degrade(struct history *h, int error)
{
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(h->statement[i]);
        h->statement[i] = NULL;
    }
    sqlite3 *old = h->db;
    h->db = NULL;
    if (h->on_disk && history_file_is_damage(error)) {
        sqlite3_close(old);
        put_aside(h);
        char damaged[sizeof h->damaged];
        memcpy(damaged, h->damaged, sizeof damaged);
        if (damaged[0] && open_disk(h) == ERR_OK) {
            memcpy(h->damaged, damaged, sizeof damaged);
            return ERR_OK;
        }
        old = NULL;
    }
    return move_to_memory(h, old);
}

bool history_retry(struct history *h)
{
    if (h->on_disk)
        return true;
    struct history *disk = calloc(1, sizeof *disk);
    if (!disk)
        return false;
    memcpy(disk->path, h->path, sizeof disk->path);
    bool good = open_disk(disk) == ERR_OK;
    if (good && h->db) {
        int64_t from = disk->last_id < h->base_id ? disk->last_id : h->base_id;
        good = spare_return(h->db, disk->db, from) == SQLITE_OK;
        disk->last_id = history_file_number(disk->db, "SELECT max(id) FROM events", disk->last_id);
    }
    if (good) {
        shut(h);
        *h = *disk;
    } else {
        memcpy(h->reason, disk->reason, sizeof h->reason);
        shut(disk);
    }
    free(disk);
    return good;
}

static void row_event(sqlite3_stmt *s, struct history_event *e)
{
    *e = (struct history_event){
        .id = sqlite3_column_int64(s, 0),
        .number = (uint32_t)sqlite3_column_int64(s, 1),
        .severity = (unsigned)sqlite3_column_int(s, 2),
        .error = sqlite3_column_int(s, 3),
        .pid = sqlite3_column_int(s, 4),
        .subject = (const char *)sqlite3_column_text(s, 5),
        .text = (const char *)sqlite3_column_text(s, 6),
        .process = (const char *)sqlite3_column_text(s, 7),
        .boot = (const char *)sqlite3_column_text(s, 8),
        .first = sqlite3_column_int64(s, 9),
        .last = sqlite3_column_int64(s, 10),
        .count = sqlite3_column_int64(s, 11),
    };
}

int history_query(struct history *h, const struct history_filter *f, history_row *row, void *arg)
{
    sqlite3_stmt *s = h->statement[FIND_EVENTS];
    sqlite3_bind_int64(s, 1, f->before > 0 ? f->before : INT64_MAX);
    sqlite3_bind_int64(s, 2, f->severity);
    bind_text(s, 3, f->subject);
    sqlite3_bind_int64(s, 4, f->limit);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct history_event e;
        row_event(s, &e);
        if (!e.subject || !e.text || !e.process || !e.boot) {
            rc = SQLITE_NOMEM;
            break;
        }
        row(arg, &e);
    }
    int err = fail(h, rc);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

int history_actions(struct history *h, unsigned limit, history_action_row *row, void *arg)
{
    sqlite3_stmt *s = h->statement[FIND_ACTIONS];
    sqlite3_bind_int64(s, 1, limit);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct history_action a = {
            .at = sqlite3_column_int64(s, 0),
            .action = (const char *)sqlite3_column_text(s, 1),
            .zone = (const char *)sqlite3_column_text(s, 2),
            .actor = (const char *)sqlite3_column_text(s, 3),
            .result = (const char *)sqlite3_column_text(s, 4),
            .text = (const char *)sqlite3_column_text(s, 5),
            .status = (unsigned)sqlite3_column_int(s, 6),
            .duration_ms = sqlite3_column_int64(s, 7),
        };
        row(arg, &a);
    }
    int err = fail(h, rc);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

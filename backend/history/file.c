#include "backend/history/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/err.h"

enum { APPLICATION_ID = 0x7a64686b, SCHEMA_VERSION = 1, BUSY_MS = 500, DAMAGED_MOST = 9 };

static const char schema[] =
    "CREATE TABLE events(id INTEGER PRIMARY KEY, number INTEGER NOT NULL, severity INTEGER NOT "
    "NULL,"
    " subject TEXT NOT NULL, text TEXT NOT NULL, error INTEGER NOT NULL, process TEXT NOT NULL,"
    " pid INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,"
    " boot TEXT NOT NULL);"
    "CREATE INDEX events_subject ON events(subject, number, id);"
    "CREATE TABLE actions(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL,"
    " zone TEXT NOT NULL, actor TEXT NOT NULL, result TEXT NOT NULL, text TEXT NOT NULL,"
    " status INTEGER NOT NULL, duration_ms INTEGER NOT NULL);"
    "CREATE TABLE places(boot TEXT NOT NULL, ring INTEGER NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY(boot, ring)) WITHOUT ROWID;";

static int from_sqlite(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_NOMEM:
        return ERR_MEMORY;
    case SQLITE_FULL:
        return ERR_SPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CHECKSUM;
    default:
        return ERR_SYSTEM;
    }
}

int history_file_error(sqlite3 *db, int rc, char reason[HISTORY_REASON])
{
    int err = from_sqlite(rc);
    if (err && db)
        snprintf(reason, HISTORY_REASON, "history.db: %.200s", sqlite3_errmsg(db));
    return err;
}

int history_file_run(sqlite3 *db, const char *text, char reason[HISTORY_REASON])
{
    return history_file_error(db, sqlite3_exec(db, text, NULL, NULL, NULL), reason);
}

int64_t history_file_number(sqlite3 *db, const char *question, int64_t otherwise)
{
    sqlite3_stmt *s = NULL;
    int64_t answer = otherwise;
    if (sqlite3_prepare_v2(db, question, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        answer = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return answer;
}

static bool is_sound(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    bool sound = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW &&
                 !strcmp((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    return sound;
}

static int make_schema(sqlite3 *db, char reason[HISTORY_REASON])
{
    char pragma[96];
    snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
             APPLICATION_ID, SCHEMA_VERSION);
    int err = history_file_run(db, "BEGIN IMMEDIATE", reason);
    if (!err)
        err = history_file_run(db, schema, reason);
    if (!err)
        err = history_file_run(db, pragma, reason);
    if (!err)
        err = history_file_run(db, "COMMIT", reason);
    if (err)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* Ours, empty, or somebody else's? */
static int check_schema(sqlite3 *db, char reason[HISTORY_REASON])
{
    int64_t tables = history_file_number(db, "SELECT count(*) FROM sqlite_master", -1);
    int64_t application = history_file_number(db, "PRAGMA application_id", -1);
    int64_t version = history_file_number(db, "PRAGMA user_version", -1);
    if (tables < 0) {
        int err = history_file_error(db, sqlite3_errcode(db), reason);
        return err ? err : ERR_SYSTEM;
    }
    if (tables == 0 && application == 0 && version == 0)
        return make_schema(db, reason);
    if (application != APPLICATION_ID || version != SCHEMA_VERSION) {
        snprintf(reason, HISTORY_REASON, "history.db: not a history of this version");
        return ERR_VERSION;
    }
    if (!is_sound(db)) {
        snprintf(reason, HISTORY_REASON, "history.db: damaged");
        return ERR_CHECKSUM;
    }
    return ERR_OK;
}

/* Closes what did not pass. */
static int finish_open(sqlite3 **db, int err)
{
    if (err) {
        sqlite3_close(*db);
        *db = NULL;
    }
    return err;
}

int history_file_open_memory(sqlite3 **db)
{
    char reason[HISTORY_REASON];
    int rc = sqlite3_open_v2(
        ":memory:", db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    return finish_open(db, rc == SQLITE_OK ? make_schema(*db, reason) : ERR_MEMORY);
}

static int check_file(const char *path, char reason[HISTORY_REASON])
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat st = {0};
    int err = ERR_OK;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        bool odd = fd >= 0 || errno == EISDIR || errno == ELOOP || errno == ENXIO;
        snprintf(reason, HISTORY_REASON, "history.db: %s",
                 fd >= 0 ? "not a regular file" : strerror(errno));
        err = odd ? ERR_FORMAT : ERR_SYSTEM;
    }
    if (fd >= 0)
        close(fd);
    return err;
}

int history_file_open(sqlite3 **db, const char *path, char reason[HISTORY_REASON])
{
    *db = NULL;
    int err = check_file(path, reason);
    if (err)
        return err;
    int rc = sqlite3_open_v2(
        path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (rc != SQLITE_OK)
        return finish_open(db, history_file_error(*db, rc, reason));
    sqlite3_busy_timeout(*db, BUSY_MS);
    sqlite3_extended_result_codes(*db, 1);
    err = check_schema(*db, reason);
    if (!err)
        err = history_file_run(*db,
                               "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                               "PRAGMA cache_size=-1024; PRAGMA journal_size_limit=1048576;",
                               reason);
    return finish_open(db, err);
}

void history_file_put_aside(const char *path, char *damaged, size_t size)
{
    static const char *const beside[] = {"-wal", "-shm"};
    struct stat st;
    for (int n = 1; n <= DAMAGED_MOST; n++) {
        snprintf(damaged, size, "%s.damaged-%d", path, n);
        if (lstat(damaged, &st) < 0)
            break;
    }
    if (rename(path, damaged) < 0) {
        damaged[0] = '\0';
        return;
    }
    for (int i = 0; i < 2; i++) {
        char from[1300], to[1400];
        snprintf(from, sizeof from, "%s%s", path, beside[i]);
        snprintf(to, sizeof to, "%s%s", damaged, beside[i]);
        rename(from, to);
    }
}

bool history_file_is_damage(int err)
{
    return err == ERR_CHECKSUM || err == ERR_VERSION || err == ERR_FORMAT;
}

/* What a disk that cannot be written may still show. Without the log, as that needs writing. */
sqlite3 *history_file_open_to_read(const char *path)
{
    char uri[3700] = "file:";
    size_t n = strlen(uri);
    for (const char *p = path; *p; p++)
        n += (size_t)snprintf(uri + n, sizeof uri - n, strchr("?%#", *p) ? "%%%02x" : "%c", *p);
    snprintf(uri + n, sizeof uri - n, "?mode=ro&immutable=1");
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(uri, &db, flags, NULL) == SQLITE_OK)
        return db;
    sqlite3_close(db);
    return NULL;
}

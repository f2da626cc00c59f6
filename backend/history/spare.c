#include "backend/history/spare.h"

#include <stddef.h>

/* Runs `select` on one connection and `insert` with each row's columns on the other. */
static int copy(sqlite3 *from, sqlite3 *to, const char *select, int64_t argument,
                const char *insert)
{
    sqlite3_stmt *s = NULL, *i = NULL;
    int rc = sqlite3_prepare_v2(from, select, -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(to, insert, -1, &i, NULL);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(s) > 0)
        rc = sqlite3_bind_int64(s, 1, argument);
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        for (int c = 0; c < sqlite3_column_count(s); c++)
            sqlite3_bind_value(i, c + 1, sqlite3_column_value(s, c));
        rc = sqlite3_step(i) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(to);
        sqlite3_reset(i);
    }
    sqlite3_finalize(s);
    sqlite3_finalize(i);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static const char insert_event[] = "INSERT OR REPLACE INTO events VALUES(?,?,?,?,?,?,?,?,?,?,?,?)";

void spare_fill(sqlite3 *from, sqlite3 *to, unsigned limit)
{
    copy(from, to, "SELECT * FROM events ORDER BY id DESC LIMIT ?1", limit, insert_event);
}

int spare_return(sqlite3 *from, sqlite3 *to, int64_t id)
{
    int rc = sqlite3_exec(to, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = copy(from, to, "SELECT * FROM events WHERE id>?1 ORDER BY id", id, insert_event);
    if (rc == SQLITE_OK)
        rc = copy(
            from, to,
            "SELECT at,action,zone,actor,result,text,status,duration_ms FROM actions ORDER BY id",
            0,
            "INSERT INTO actions(at,action,zone,actor,result,text,status,duration_ms)"
            " VALUES(?,?,?,?,?,?,?,?)");
    if (rc == SQLITE_OK)
        rc = copy(from, to, "SELECT boot,ring,count FROM places", 0,
                  "INSERT OR REPLACE INTO places(boot,ring,count) VALUES(?,?,?)");
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        sqlite3_exec(to, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

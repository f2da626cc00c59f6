/* The file behind history.h: opening, checking and putting it aside. Functions over SQLite
 * connections; they hold nothing.
 *
 * A file is taken only when it is a regular one, is empty or says by its application id and version
 * that it is ours, and is sound. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_REASON = 256 };

/* Opens and checks a file, made when missing. ERR_SYSTEM, ERR_SPACE, or one that
 * history_file_is_damage; *db is then NULL and `reason` says why. */
int history_file_open(sqlite3 **db, const char *path, char reason[HISTORY_REASON]);
/* The same tables in memory. ERR_MEMORY. */
int history_file_open_memory(sqlite3 **db);
/* What a disk that cannot be written may still show; NULL when nothing. */
sqlite3 *history_file_open_to_read(const char *path);
/* Renames a file and its log; `damaged` gets the new name, "" when that is refused. */
void history_file_put_aside(const char *path, char *damaged, size_t size);

/* Does an error mean that the file, not the disk, is bad? */
bool history_file_is_damage(int err);
/* An SQLite result as enum err; the text goes to `reason` when it is an error. */
int history_file_error(sqlite3 *db, int rc, char reason[HISTORY_REASON]);
/* Runs statements without results. */
int history_file_run(sqlite3 *db, const char *text, char reason[HISTORY_REASON]);
/* The number a question is answered with; `otherwise` when it is not. */
int64_t history_file_number(sqlite3 *db, const char *question, int64_t otherwise);

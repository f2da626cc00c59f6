/* Queries that killed a process, kept as files: STATE/quarantine/CHECKSUM.query, the bytes as
 * received. For a report and for the fuzz corpus. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { QUARANTINE_FILES = 1000 };

/* Keeps one; a query of the same bytes is kept once. `state` is the state directory. ERR_LIMIT when
 * QUARANTINE_FILES are there, ERR_SYSTEM with errno. */
int quarantine_keep(const char *state, const uint8_t *query, size_t len);

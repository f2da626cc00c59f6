/* The log: lines on stderr, one write each, "LEVEL role: text".
 *
 * Rooms return errors; the caller that knows the zone or the peer logs once. Text from outside is
 * escaped here: control bytes and bytes above 0x7e appear as \xNN. A full or stopped log reader
 * never blocks the process when log_init made stderr non-blocking: lines are then dropped and
 * counted. Any thread may log. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* `role` names the process in each line and is not copied; levels above `most` are left out. */
void log_init(const char *role, enum log_level most);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Each line of a text that has several (NULL: none). */
void log_lines(enum log_level level, const char *text);
void log_vline(enum log_level level, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));

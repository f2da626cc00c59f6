/* Numbers as a person reads them: short, of a bounded width, the same in the console and on the
 * command line. Machine interfaces use the integers themselves.
 *
 * The functions return the text by value, so that it can be used within one expression. */
#pragma once

#include <stdint.h>

#include "backend/model/value.h"

enum unit {
    UNIT_COUNT,      /* 48.2k */
    UNIT_EXACT,      /* all digits: serials, process ids */
    UNIT_BYTES,      /* 3.81G, powers of 1024 */
    UNIT_SECONDS,    /* 8d04h */
    UNIT_MICROS,     /* 2.1ms */
    UNIT_PERMILLE,   /* 12.5% */
    UNIT_MILLI_RATE, /* thousandths a second: 48.2k/s */
};

struct short_text {
    char text[24];
};

/* A number in its unit, at most 8 characters but for UNIT_EXACT. */
struct short_text format_number(int64_t n, enum unit unit);
/* The same for a value: "-" when there is none, "~" before a stale one. */
struct short_text format_value(struct value v, enum unit unit);
/* How long ago (or until) an epoch second is, seen from `now`; "-" when none, "~" when stale. */
struct short_text format_since(struct value at, int64_t now);
struct short_text format_until(struct value at, int64_t now);
/* "03:21:07Z" and "2026-11-22 03:21:07Z" of an epoch second, in UTC. */
struct short_text format_clock(int64_t at);
struct short_text format_date(int64_t at);
/* The clock for times of the last 20 hours, "11-13 23:20Z" before that. */
struct short_text format_when(struct value at, int64_t now);
/* Seconds as "00:14", "1:02:03". */
struct short_text format_stopwatch(int64_t seconds);

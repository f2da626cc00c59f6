#include "backend/model/format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct short_text scaled(int64_t n, double step, const char *units)
{
    struct short_text t;
    double x = n < 0 ? -(double)n : (double)n;
    const char *sign = n < 0 ? "-" : "";
    unsigned i = 0;
    while (x >= 999.5 && units[i + 1]) {
        x /= step;
        i++;
    }
    int digits = i == 0 || x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2;
    if (i == 0)
        snprintf(t.text, sizeof(t.text), "%s%.0f", sign, x);
    else
        snprintf(t.text, sizeof(t.text), "%s%.*f%c", sign, digits, x, units[i]);
    return t;
}

static struct short_text seconds(int64_t s)
{
    struct short_text t;
    const char *sign = s < 0 ? "-" : "";
    uint64_t n = s < 0 ? 0 - (uint64_t)s : (uint64_t)s;
    if (n < 60)
        snprintf(t.text, sizeof(t.text), "%s%" PRIu64 "s", sign, n);
    else if (n < 3600)
        snprintf(t.text, sizeof(t.text), "%s%" PRIu64 "m%02" PRIu64 "s", sign, n / 60, n % 60);
    else if (n < 86400)
        snprintf(t.text, sizeof(t.text), "%s%" PRIu64 "h%02" PRIu64 "m", sign, n / 3600,
                 n % 3600 / 60);
    else if (n < 86400 * INT64_C(1000))
        snprintf(t.text, sizeof(t.text), "%s%" PRIu64 "d%02" PRIu64 "h", sign, n / 86400,
                 n % 86400 / 3600);
    else
        snprintf(t.text, sizeof(t.text), "%s%" PRIu64 "y", sign, n / (86400 * 365));
    return t;
}

static struct short_text micros(int64_t us)
{
    struct short_text t;
    if (us < 1000)
        snprintf(t.text, sizeof(t.text), "%" PRId64 "us", us);
    else if (us < 1000000)
        snprintf(t.text, sizeof(t.text), us < 99950 ? "%.1fms" : "%.0fms", (double)us / 1e3);
    else if (us < 60000000)
        snprintf(t.text, sizeof(t.text), "%.2fs", (double)us / 1e6);
    else
        return seconds(us / 1000000);
    return t;
}

static struct short_text permille(int64_t n)
{
    struct short_text t;
    if (n > -1000 && n < 1000)
        snprintf(t.text, sizeof(t.text), "%.1f%%", (double)n / 10.0);
    else
        snprintf(t.text, sizeof(t.text), "%.0f%%", (double)n / 10.0);
    return t;
}

static struct short_text rate(int64_t milli)
{
    struct short_text t;
    if (milli != 0 && milli > -9950 && milli < 9950)
        snprintf(t.text, sizeof(t.text), "%.1f", (double)milli / 1000.0);
    else
        t = scaled((milli + 500) / 1000, 1000.0, " kMGTPE");
    strcat(t.text, "/s");
    return t;
}

struct short_text format_number(int64_t n, enum unit unit)
{
    struct short_text t;
    switch (unit) {
    case UNIT_BYTES:
        return scaled(n, 1024.0, "BKMGTPE");
    case UNIT_SECONDS:
        return seconds(n);
    case UNIT_MICROS:
        return micros(n);
    case UNIT_PERMILLE:
        return permille(n);
    case UNIT_MILLI_RATE:
        return rate(n);
    case UNIT_EXACT:
        snprintf(t.text, sizeof(t.text), "%" PRId64, n);
        return t;
    case UNIT_COUNT:
        break;
    }
    return scaled(n, 1000.0, " kMGTPE");
}

static struct short_text none(void)
{
    return (struct short_text){"-"};
}

static struct short_text marked(struct short_text t, enum value_state state)
{
    if (state == VALUE_STALE && strlen(t.text) + 2 <= sizeof(t.text)) {
        memmove(t.text + 1, t.text, strlen(t.text) + 1);
        t.text[0] = '~';
    }
    return t;
}

struct short_text format_value(struct value v, enum unit unit)
{
    return value_known(v) ? marked(format_number(v.n, unit), v.state) : none();
}

struct short_text format_since(struct value at, int64_t now)
{
    if (!value_known(at))
        return none();
    return marked(seconds(at.n > now ? 0 : now - at.n), at.state);
}

struct short_text format_until(struct value at, int64_t now)
{
    if (!value_known(at))
        return none();
    return marked(seconds(at.n < now ? 0 : at.n - now), at.state);
}

static bool broken_down(int64_t at, struct tm *tm)
{
    time_t when = (time_t)at;
    /* Years of more than four digits come from damaged replies only. */
    return at >= 0 && at <= INT64_C(253402300799) && gmtime_r(&when, tm);
}

struct short_text format_clock(int64_t at)
{
    struct short_text t;
    struct tm tm;
    if (!broken_down(at, &tm))
        return none();
    strftime(t.text, sizeof(t.text), "%H:%M:%SZ", &tm);
    return t;
}

struct short_text format_date(int64_t at)
{
    struct short_text t;
    struct tm tm;
    if (!broken_down(at, &tm))
        return none();
    strftime(t.text, sizeof(t.text), "%Y-%m-%d %H:%M:%SZ", &tm);
    return t;
}

struct short_text format_when(struct value at, int64_t now)
{
    enum { RECENT = 20 * 3600 };
    struct short_text t;
    struct tm tm;
    if (!value_known(at) || !broken_down(at.n, &tm))
        return none();
    if (at.n <= now && now - at.n < RECENT)
        strftime(t.text, sizeof(t.text), "%H:%M:%SZ", &tm);
    else
        strftime(t.text, sizeof(t.text), "%m-%d %H:%MZ", &tm);
    return marked(t, at.state);
}

struct short_text format_stopwatch(int64_t s)
{
    struct short_text t;
    if (s < 0)
        s = 0;
    if (s < 3600)
        snprintf(t.text, sizeof(t.text), "%02" PRId64 ":%02" PRId64, s / 60, s % 60);
    else
        snprintf(t.text, sizeof(t.text), "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600,
                 s % 3600 / 60, s % 60);
    return t;
}

#include "server/config/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void report_init(struct report *report, const char *path)
{
    *report = (struct report){.path = path};
}

void report_fini(struct report *report)
{
    arena_fini(&report->arena);
    free(report->rows);
    *report = (struct report){0};
}

static struct report_row *new_row(struct report *report)
{
    if (report->count == report->cap) {
        size_t cap = report->cap ? report->cap * 2 : 16;
        struct report_row *rows = realloc(report->rows, cap * sizeof *rows);
        if (!rows)
            return NULL;
        report->rows = rows;
        report->cap = cap;
    }
    return &report->rows[report->count];
}

void report_add(struct report *report, unsigned line, unsigned column, const char *format, ...)
{
    if (report->count == REPORT_MAX) {
        report->more = true;
        return;
    }
    struct buf text = {0};
    va_list ap;
    va_start(ap, format);
    buf_vprintf(&text, format, ap);
    va_end(ap);
    struct report_row *row = text.failed ? NULL : new_row(report);
    char *copy = row ? arena_copy(&report->arena, text.data, text.len) : NULL;
    buf_fini(&text);
    if (!copy) {
        report->failed = true;
        return;
    }
    *row = (struct report_row){line, column, copy};
    report->count++;
}

bool report_full(const struct report *report)
{
    return report->more || report->failed;
}

bool report_any(const struct report *report)
{
    return report->count > 0 || report->failed;
}

static int by_place(const void *a, const void *b)
{
    const struct report_row *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return strcmp(x->text, y->text);
}

void report_write(struct report *report, struct buf *out)
{
    if (report->count > 0)
        qsort(report->rows, report->count, sizeof *report->rows, by_place);
    for (size_t i = 0; i < report->count; i++) {
        const struct report_row *row = &report->rows[i];
        buf_printf(out, "%s:%u:%u: %s\n", report->path, row->line, row->column, row->text);
    }
    if (report->more)
        buf_printf(out, "%s: more errors are not shown; correct these first\n", report->path);
    if (report->failed)
        buf_printf(out, "%s: out of memory while it was checked; free memory and try again\n",
                   report->path);
}

const char *report_quote(const char *text, size_t len, char out[REPORT_QUOTE])
{
    static const char cut[] = "...";
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = c >= ' ' && c < 0x7f;
        if (n + (plain ? 1 : 4) + sizeof cut + 1 > REPORT_QUOTE) {
            memcpy(out + n, cut, sizeof cut - 1);
            n += sizeof cut - 1;
            break;
        }
        n += (size_t)snprintf(out + n, REPORT_QUOTE - n, plain ? "%c" : "\\x%02x", c);
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

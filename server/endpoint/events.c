#include "server/endpoint/events.h"

#include <string.h>

#include "server/endpoint/archive.h"

enum { LIMIT = 200, LIMIT_MOST = 1000 };

static void render(struct buf *b, const struct history_event *e)
{
    const struct event_info *info = event_find(e->number);
    if (b->len)
        buf_puts(b, ",");
    buf_puts(b, "{\"id\":");
    if (e->id)
        buf_printf(b, "%lld", (long long)e->id);
    else
        buf_puts(b, "null");
    json_number(b, "number", e->number);
    json_text(b, "severity", severity_name(e->severity));
    json_text(b, "title", info ? info->title : "An event of another version");
    json_text(b, "remedy", info ? info->remedy : "");
    json_text(b, "subject", e->subject);
    json_text(b, "text", e->text);
    if (e->error)
        json_signed(b, "error", e->error);
    else
        buf_puts(b, ",\"error\":null");
    json_text(b, "process", e->process);
    json_signed(b, "pid", e->pid);
    json_signed(b, "first", e->first);
    json_signed(b, "last", e->last);
    json_signed(b, "count", e->count);
    buf_puts(b, "}");
}

static bool find_severity(const char *name, unsigned *severity)
{
    for (*severity = SEVERITY_INFO; *severity <= SEVERITY_ERROR; ++*severity) {
        if (!strcmp(name, severity_name(*severity)))
            return true;
    }
    *severity = SEVERITY_INFO;
    return !*name;
}

void events_get(const struct request *q, struct reply *r)
{
    const struct context *c = q->context;
    uint64_t limit = LIMIT, before = 0;
    struct history_filter f = {.subject = request_text(q, "subject")};
    if (!request_number(q, "limit", LIMIT_MOST, &limit) ||
        !request_number(q, "before", INT64_MAX, &before)) {
        reply_error(r, c, 400, "limit and before must be numbers", "See docs/http.md.");
        return;
    }
    if (!find_severity(request_text(q, "severity"), &f.severity)) {
        reply_error(r, c, 400, "severity must be info, warning or error", "See docs/http.md.");
        return;
    }
    f.limit = (unsigned)limit;
    f.before = (int64_t)before;
    struct buf rows = {0};
    archive_query(c->archive, &f, render, &rows);
    reply_open(r, c, 200);
    buf_puts(&r->body, ",\"events\":[");
    buf_add(&r->body, rows.data, rows.len);
    r->body.failed |= rows.failed;
    buf_fini(&rows);
    buf_puts(&r->body, "]");
    reply_end(r);
}

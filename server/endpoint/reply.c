#include "server/endpoint/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/clk.h"
#include "server/endpoint/proc.h"

const char reply_json[] = "application/json";
const char reply_metrics[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";

void reply_open(struct reply *r, const struct context *c, unsigned status)
{
    int64_t now_ms = clk_wall_ns() / CLK_MS;
    r->status = status;
    r->type = reply_json;
    buf_clear(&r->body);
    buf_printf(&r->body, "{\"schema\":1,\"boot\":\"%s\"", c->boot);
    json_signed(&r->body, "started", c->started_at);
    json_signed(&r->body, "time", now_ms / 1000);
    json_signed(&r->body, "time_ms", now_ms);
}

void reply_end(struct reply *r)
{
    buf_puts(&r->body, "}\n");
}

void reply_error(struct reply *r, const struct context *c, unsigned status, const char *error,
                 const char *remedy)
{
    bool close = r->close;
    reply_fini(r);
    r->close = close;
    reply_open(r, c, status);
    json_text(&r->body, "error", error);
    json_text(&r->body, "remedy", remedy);
    reply_end(r);
}

void reply_fini(struct reply *r)
{
    buf_fini(&r->body);
    if (r->done)
        r->done(r->state);
    *r = (struct reply){0};
}

void json_number(struct buf *b, const char *name, uint64_t value)
{
    buf_printf(b, ",\"%s\":%" PRIu64, name, value);
}

void json_signed(struct buf *b, const char *name, int64_t value)
{
    buf_printf(b, ",\"%s\":%" PRId64, name, value);
}

void json_known(struct buf *b, const char *name, uint64_t value)
{
    if (value == PROC_UNKNOWN)
        buf_printf(b, ",\"%s\":null", name);
    else
        json_number(b, name, value);
}

void json_epoch(struct buf *b, const char *name, int64_t value)
{
    if (value <= 0)
        buf_printf(b, ",\"%s\":null", name);
    else
        json_signed(b, name, value);
}

void json_text(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, ",\"%s\":", name);
    buf_json(b, value);
}

void json_bool(struct buf *b, const char *name, bool value)
{
    buf_printf(b, ",\"%s\":%s", name, value ? "true" : "false");
}

bool request_number(const struct request *q, const char *name, uint64_t most, uint64_t *value)
{
    const char *text = q->argument ? q->argument(q->cls, name) : NULL;
    if (!text)
        return true;
    size_t len = strlen(text);
    if (len == 0 || len > 20 || strspn(text, "0123456789") != len)
        return false;
    errno = 0;
    unsigned long long v = strtoull(text, NULL, 10);
    *value = errno || v > most ? most : v;
    return true;
}

const char *request_text(const struct request *q, const char *name)
{
    const char *text = q->argument ? q->argument(q->cls, name) : NULL;
    return text ? text : "";
}

#include "server/endpoint/respond.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16384 };

static ssize_t on_read(void *cls, uint64_t at, char *to, size_t most)
{
    struct reply *r = cls;
    (void)at;
    if (r->body.len == 0) {
        if (!r->more)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (!r->more(r->state, &r->body))
            r->more = NULL;
        if (r->body.failed)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (r->body.len == 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t n = r->body.len < most ? r->body.len : most;
    memcpy(to, r->body.data, n);
    memmove(r->body.data, r->body.data + n, r->body.len - n);
    r->body.len -= n;
    return (ssize_t)n;
}

static void on_read_end(void *cls)
{
    struct reply *r = cls;
    reply_fini(r);
    free(r);
}

/* The body as libmicrohttpd wants it: whole, or in parts. Takes what `r` holds. */
static struct MHD_Response *make_body(struct reply *r)
{
    struct MHD_Response *response = NULL;
    if (r->more && !r->more(r->state, &r->body))
        r->more = NULL;
    if (r->body.failed)
        return NULL;
    if (!r->more) {
        size_t len = r->body.len;
        char *data = buf_take(&r->body);
        response = mhd.create_response_from_buffer(
            len, data ? data : (char *)"", data ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (!response)
            free(data);
        return response;
    }
    struct reply *parts = malloc(sizeof *parts);
    if (!parts)
        return NULL;
    *parts = *r;
    response =
        mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, parts, on_read_end);
    if (response)
        *r = (struct reply){.status = r->status, .type = r->type, .close = r->close};
    else
        free(parts);
    return response;
}

static void add_headers(struct MHD_Response *response, const struct reply *r)
{
    mhd.add_response_header(response, "Content-Type", r->type);
    mhd.add_response_header(response, "Cache-Control", "no-store");
    mhd.add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (r->allow)
        mhd.add_response_header(response, "Allow", r->allow);
    if (r->challenge)
        mhd.add_response_header(response, "WWW-Authenticate", "Bearer");
    if (r->close)
        mhd.add_response_header(response, "Connection", "close");
}

struct MHD_Response *respond_make(struct reply *r)
{
    struct MHD_Response *response = make_body(r);
    if (response)
        add_headers(response, r);
    return response;
}

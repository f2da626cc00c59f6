#include "backend/source/reply.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"

static json_t *load(const char *json, size_t len)
{
    json_t *root = json_loadb(json, len, 0, NULL);
    if (root && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static struct value get_value(const json_t *object, const char *name)
{
    json_t *v = json_object_get(object, name);
    if (json_is_integer(v))
        return value_of(json_integer_value(v));
    if (json_is_boolean(v))
        return value_of(json_is_true(v));
    return (struct value){0};
}

static const char *get_text(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));
    return s ? s : "";
}

static void read_fields(const json_t *object, const struct model_field *fields, void *at,
                        struct text *text)
{
    model_blank(fields, at);
    for (const struct model_field *f = fields; f->name; f++) {
        char *member = (char *)at + f->offset;
        if (f->kind == MODEL_TEXT)
            *(const char **)(void *)member =
                text_copy(text, get_text(object, f->name), MODEL_STRING);
        else
            *(struct value *)(void *)member = get_value(object, f->name);
    }
}

static void read_stamp(const json_t *root, struct model_stamp *stamp, int64_t taken)
{
    memset(stamp, 0, sizeof(*stamp));
    stamp->present = true;
    stamp->taken = taken;
    stamp->time_ms = value_or(get_value(root, "time_ms"), 0);
    if (!stamp->time_ms)
        stamp->time_ms = value_or(get_value(root, "time"), 0) * 1000;
    stamp->started = value_or(get_value(root, "started"), 0);
    strncpy(stamp->boot, get_text(root, "boot"), sizeof(stamp->boot) - 1);
}

/* An array of objects into rows of `size`; returns how many there are. */
static unsigned read_rows(const json_t *array, const struct model_field *fields, void *rows,
                          size_t size, unsigned most, struct text *text)
{
    size_t n = json_array_size(array);
    unsigned count = n > most ? most : (unsigned)n;
    for (unsigned i = 0; i < count; i++)
        read_fields(json_array_get(array, i), fields, (char *)rows + i * size, text);
    return count;
}

static void *new_rows(const json_t *array, size_t size)
{
    size_t n = json_array_size(array);
    return text_calloc(n > MODEL_ROWS ? MODEL_ROWS : n, size);
}

static unsigned read_processes(const json_t *array, struct model_process *rows, struct text *text)
{
    unsigned count =
        read_rows(array, model_process_fields, rows, sizeof(*rows), MODEL_PROCESSES, text);
    for (unsigned i = 0; i < count; i++) {
        const json_t *last = json_object_get(json_array_get(array, i), "last_exit");
        read_fields(last, model_exit_fields, &rows[i].last_exit, text);
    }
    return count;
}

static void read_status_zones(struct model_status *s, const json_t *zones)
{
    s->zones_total = get_value(zones, "total");
    s->zones_settled = get_value(zones, "settled");
    const json_t *by_state = json_object_get(zones, "by_state");
    for (unsigned i = 0; i < ZONE_STATE_COUNT; i++)
        s->zones_by_state[i] = get_value(by_state, zone_state_name(i));
}

int reply_status(struct model_status *to, const char *json, size_t len, int64_t taken)
{
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    model_status_fini(to);
    read_stamp(root, &to->stamp, taken);
    read_fields(json_object_get(root, "server"), model_server_fields, &to->server, &to->text);
    to->process_count =
        read_processes(json_object_get(root, "processes"), to->processes, &to->text);
    read_status_zones(to, json_object_get(root, "zones"));
    read_fields(json_object_get(root, "memory"), model_memory_fields, &to->memory, &to->text);
    to->cpu_us = get_value(root, "cpu_us");
    to->tcp_connections = get_value(root, "tcp_connections");
    const json_t *counters = json_object_get(root, "counters");
    for (unsigned i = 0; i < COUNTER_COUNT; i++)
        to->counters[i] = get_value(counters, counter_info[i].name);
    read_fields(json_object_get(root, "transfers"), model_flow_fields, &to->transfers, &to->text);
    to->problem_count = read_rows(json_object_get(root, "problems"), model_problem_fields,
                                  to->problems, sizeof(to->problems[0]), MODEL_PROBLEMS, &to->text);
    to->problems_total = get_value(root, "problems_total");
    json_decref(root);
    return 0;
}

int reply_zones(struct model_zones *to, const char *json, size_t len, int64_t taken)
{
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    model_zones_fini(to);
    read_stamp(root, &to->stamp, taken);
    to->total = get_value(root, "total");
    to->matched = get_value(root, "matched");
    to->offset = get_value(root, "offset");
    const json_t *array = json_object_get(root, "zones");
    to->rows = new_rows(array, sizeof(*to->rows));
    to->count =
        read_rows(array, model_zone_fields, to->rows, sizeof(*to->rows), MODEL_ROWS, &to->text);
    json_decref(root);
    return 0;
}

int reply_transfers(struct model_transfers *to, const char *json, size_t len, int64_t taken)
{
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    model_transfers_fini(to);
    read_stamp(root, &to->stamp, taken);
    const json_t *array = json_object_get(root, "transfers");
    to->rows = new_rows(array, sizeof(*to->rows));
    to->count =
        read_rows(array, model_transfer_fields, to->rows, sizeof(*to->rows), MODEL_ROWS, &to->text);
    json_decref(root);
    return 0;
}

int reply_events(struct model_events *to, const char *json, size_t len, int64_t taken)
{
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    model_events_fini(to);
    read_stamp(root, &to->stamp, taken);
    const json_t *array = json_object_get(root, "events");
    to->rows = new_rows(array, sizeof(*to->rows));
    to->count =
        read_rows(array, model_event_fields, to->rows, sizeof(*to->rows), MODEL_ROWS, &to->text);
    json_decref(root);
    return 0;
}

int reply_detail(struct model_zone_detail *to, const char *json, size_t len, int64_t taken)
{
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    model_detail_fini(to);
    read_stamp(root, &to->stamp, taken);
    read_fields(json_object_get(root, "zone"), model_zone_fields, &to->zone, &to->text);
    const json_t *array = json_object_get(root, "transfers");
    to->rows = new_rows(array, sizeof(*to->rows));
    to->count =
        read_rows(array, model_transfer_fields, to->rows, sizeof(*to->rows), MODEL_ROWS, &to->text);
    json_decref(root);
    return 0;
}

int reply_usage(struct model_usage *to, const char *json, size_t len, int64_t taken)
{
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    model_usage_fini(to);
    read_stamp(root, &to->stamp, taken);
    to->process_count =
        read_processes(json_object_get(root, "processes"), to->processes, &to->text);
    const json_t *images = json_object_get(root, "images");
    to->image_zones = get_value(images, "zones");
    to->image_bytes = get_value(images, "bytes");
    to->system_total = get_value(root, "system_total");
    to->system_available = get_value(root, "system_available");
    json_decref(root);
    return 0;
}

static void copy_text(char *to, size_t size, const json_t *root, const char *name)
{
    const char *s = get_text(root, name);
    size_t len = strnlen(s, size - 1);
    memcpy(to, s, len);
    to[len] = '\0';
}

int reply_outcome(struct reply_outcome *to, const char *json, size_t len)
{
    memset(to, 0, sizeof(*to));
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    copy_text(to->result, sizeof(to->result), root, "result");
    copy_text(to->error, sizeof(to->error), root, "error");
    copy_text(to->text, sizeof(to->text), root, "text");
    copy_text(to->remedy, sizeof(to->remedy), root, "remedy");
    json_decref(root);
    return 0;
}

static int dump_to(const char *data, size_t len, void *ctx)
{
    struct buf *b = ctx;
    buf_add(b, data, len);
    return b->failed ? -1 : 0;
}

static json_t *json_of(const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    struct buf plain = {0};
    for (const char *p = text; *p; p++)
        buf_printf(&plain, "%c", (unsigned char)*p < 0x80 ? *p : '?');
    string = json_string(plain.data ? plain.data : "");
    buf_fini(&plain);
    return string;
}

void reply_write(struct buf *to, const char *const members[])
{
    json_t *object = json_object();
    for (; object && *members; members += 2)
        to->failed |= json_object_set_new(object, members[0], json_of(members[1])) != 0;
    if (!object || json_dump_callback(object, dump_to, to, JSON_COMPACT))
        to->failed = true;
    json_decref(object);
}

/* The first page's members without its rows; the brace stays open. */
static void begin_pages(struct buf *out, json_t *root, const char *list)
{
    json_t *head = json_copy(root);
    if (!head) {
        out->failed = true;
        return;
    }
    json_object_del(head, list);
    json_dump_callback(head, dump_to, out, JSON_COMPACT);
    json_decref(head);
    if (out->len && !out->failed)
        out->len--;
    buf_printf(out, "%s\"%s\":[", out->len > 1 ? "," : "", list);
}

int reply_pages_add(struct reply_pages *p, const char *list, const char *json, size_t len)
{
    json_t *root = load(json, len);
    if (!root)
        return ERR_FORMAT;
    if (!p->out.len)
        begin_pages(&p->out, root, list);
    const json_t *array = json_object_get(root, list);
    p->matched = value_or(get_value(root, "matched"), -1);
    p->added = json_array_size(array);
    for (size_t i = 0; i < p->added; i++) {
        if (p->rows)
            buf_puts(&p->out, ",");
        json_dump_callback(json_array_get(array, i), dump_to, &p->out,
                           JSON_COMPACT | JSON_ENCODE_ANY);
        p->rows = true;
    }
    json_decref(root);
    return p->out.failed ? ERR_MEMORY : 0;
}

int reply_pages_end(struct reply_pages *p)
{
    buf_puts(&p->out, "]}");
    return p->out.failed ? ERR_MEMORY : 0;
}

#include "backend/model/model.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_TABLE(table, type, list)                                                             \
    const struct model_field table[] = {list(FIELD_##type){NULL, MODEL_TEXT, 0}};
#define FIELD(type, kind, member)     {#member, MODEL_##kind, offsetof(struct type, member)},
#define FIELD_model_server(kind, m)   FIELD(model_server, kind, m)
#define FIELD_model_process(kind, m)  FIELD(model_process, kind, m)
#define FIELD_model_exit(kind, m)     FIELD(model_exit, kind, m)
#define FIELD_model_memory(kind, m)   FIELD(model_memory, kind, m)
#define FIELD_model_flow(kind, m)     FIELD(model_flow, kind, m)
#define FIELD_model_problem(kind, m)  FIELD(model_problem, kind, m)
#define FIELD_model_zone(kind, m)     FIELD(model_zone, kind, m)
#define FIELD_model_transfer(kind, m) FIELD(model_transfer, kind, m)
#define FIELD_model_event(kind, m)    FIELD(model_event, kind, m)

FIELD_TABLE(model_server_fields, model_server, MODEL_SERVER_FIELDS)
FIELD_TABLE(model_process_fields, model_process, MODEL_PROCESS_FIELDS)
FIELD_TABLE(model_exit_fields, model_exit, MODEL_EXIT_FIELDS)
FIELD_TABLE(model_memory_fields, model_memory, MODEL_MEMORY_FIELDS)
FIELD_TABLE(model_flow_fields, model_flow, MODEL_FLOW_FIELDS)
FIELD_TABLE(model_problem_fields, model_problem, MODEL_PROBLEM_FIELDS)
FIELD_TABLE(model_zone_fields, model_zone, MODEL_ZONE_FIELDS)
FIELD_TABLE(model_transfer_fields, model_transfer, MODEL_TRANSFER_FIELDS)
FIELD_TABLE(model_event_fields, model_event, MODEL_EVENT_FIELDS)

void model_blank(const struct model_field *fields, void *at)
{
    for (const struct model_field *f = fields; f->name; f++) {
        char *member = (char *)at + f->offset;
        if (f->kind == MODEL_TEXT)
            *(const char **)(void *)member = "";
        else
            *(struct value *)(void *)member = (struct value){0};
    }
}

static void stale_values(struct value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].state == VALUE_DATA)
            values[i].state = VALUE_STALE;
    }
}

static void stale_fields(const struct model_field *fields, void *at)
{
    for (const struct model_field *f = fields; f->name; f++) {
        if (f->kind == MODEL_VALUE)
            stale_values((struct value *)(void *)((char *)at + f->offset), 1);
    }
}

static void stale_rows(const struct model_field *fields, void *rows, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        stale_fields(fields, (char *)rows + i * size);
}

static void stale_processes(struct model_process *rows, unsigned count)
{
    stale_rows(model_process_fields, rows, count, sizeof(*rows));
    for (unsigned i = 0; i < count; i++)
        stale_fields(model_exit_fields, &rows[i].last_exit);
}

static void stale_status(struct model_status *s)
{
    s->stamp.stale = true;
    stale_fields(model_server_fields, &s->server);
    stale_processes(s->processes, s->process_count);
    stale_values(&s->zones_total, 1);
    stale_values(&s->zones_settled, 1);
    stale_values(s->zones_by_state, ZONE_STATE_COUNT);
    stale_fields(model_memory_fields, &s->memory);
    stale_values(&s->cpu_us, 1);
    stale_values(&s->tcp_connections, 1);
    stale_values(s->counters, COUNTER_COUNT);
    stale_fields(model_flow_fields, &s->transfers);
    stale_rows(model_problem_fields, s->problems, s->problem_count, sizeof(s->problems[0]));
    stale_values(&s->problems_total, 1);
}

void model_mark_stale(struct model *m)
{
    if (m->status.stamp.stale || !m->status.stamp.present)
        return;
    stale_status(&m->status);
    m->zones.stamp.stale = m->transfers.stamp.stale = m->events.stamp.stale = true;
    m->detail.stamp.stale = m->usage.stamp.stale = true;
    stale_values(&m->zones.total, 1);
    stale_values(&m->zones.matched, 1);
    stale_rows(model_zone_fields, m->zones.rows, m->zones.count, sizeof(struct model_zone));
    stale_rows(model_transfer_fields, m->transfers.rows, m->transfers.count,
               sizeof(struct model_transfer));
    stale_rows(model_event_fields, m->events.rows, m->events.count, sizeof(struct model_event));
    stale_fields(model_zone_fields, &m->detail.zone);
    stale_rows(model_transfer_fields, m->detail.rows, m->detail.count,
               sizeof(struct model_transfer));
    stale_processes(m->usage.processes, m->usage.process_count);
}

void model_status_init(struct model_status *s)
{
    memset(s, 0, sizeof(*s));
    model_blank(model_server_fields, &s->server);
}

void model_status_fini(struct model_status *s)
{
    text_fini(&s->text);
    model_status_init(s);
}

void model_zones_fini(struct model_zones *s)
{
    free(s->rows);
    text_fini(&s->text);
    memset(s, 0, sizeof(*s));
}

void model_transfers_fini(struct model_transfers *s)
{
    free(s->rows);
    text_fini(&s->text);
    memset(s, 0, sizeof(*s));
}

void model_events_fini(struct model_events *s)
{
    free(s->rows);
    text_fini(&s->text);
    memset(s, 0, sizeof(*s));
}

void model_detail_init(struct model_zone_detail *s)
{
    memset(s, 0, sizeof(*s));
    model_blank(model_zone_fields, &s->zone);
}

void model_detail_fini(struct model_zone_detail *s)
{
    free(s->rows);
    text_fini(&s->text);
    model_detail_init(s);
}

void model_usage_fini(struct model_usage *s)
{
    text_fini(&s->text);
    memset(s, 0, sizeof(*s));
}

void model_init(struct model *m)
{
    memset(m, 0, sizeof(*m));
    model_status_init(&m->status);
    model_detail_init(&m->detail);
}

void model_fini(struct model *m)
{
    model_status_fini(&m->status);
    model_zones_fini(&m->zones);
    model_transfers_fini(&m->transfers);
    model_events_fini(&m->events);
    model_detail_fini(&m->detail);
    model_usage_fini(&m->usage);
}

enum zone_state model_zone_state(const char *word)
{
    for (unsigned i = 0; i < ZONE_STATE_COUNT; i++) {
        if (!strcmp(zone_state_name(i), word))
            return (enum zone_state)i;
    }
    return ZONE_STATE_COUNT;
}

enum transfer_state model_transfer_state(const char *word)
{
    for (unsigned i = 0; i < TRANSFER_STATE_COUNT; i++) {
        if (!strcmp(transfer_state_name(i), word))
            return (enum transfer_state)i;
    }
    return TRANSFER_STATE_COUNT;
}

unsigned model_zone_severity(const struct model_zone *z)
{
    if (value_known(z->severity) && z->severity.n >= 0 && z->severity.n <= 2)
        return (unsigned)z->severity.n;
    return zone_state_severity(model_zone_state(z->state));
}

unsigned model_transfer_severity(const struct model_transfer *t)
{
    enum transfer_state state = model_transfer_state(t->state);
    if (state == TRANSFER_FAILED || state == TRANSFER_REFUSED || value_or(t->failures, 0) > 0)
        return 2;
    return state == TRANSFER_STATE_COUNT ? 1 : 0;
}

unsigned model_event_severity(const struct model_event *e)
{
    return !strcmp(e->severity, "error") ? 2 : !strcmp(e->severity, "warning") ? 1 : 0;
}

void model_event_text(const struct model_event *e, struct buf *to)
{
    size_t len = strlen(e->title);
    if (strncmp(e->text, e->title, len) != 0)
        buf_printf(to, "%s%s", e->title, e->text[0] ? ": " : "");
    buf_puts(to, e->text);
}

/* Any bytes as a reply of an endpoint: every reader takes them or refuses them, and a model that
 * was filled is whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "backend/source/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void whole(const struct model_field *fields, const void *at)
{
    for (const struct model_field *f = fields; f->name; f++) {
        const char *member = (const char *)at + f->offset;
        if (f->kind == MODEL_TEXT &&
            strlen(*(const char *const *)(const void *)member) > MODEL_STRING)
            abort();
        if (f->kind == MODEL_VALUE &&
            ((const struct value *)(const void *)member)->state > VALUE_DATA)
            abort();
    }
}

static void read_model(struct model *m, const char *json, size_t len)
{
    int rc = reply_status(&m->status, json, len, 1);
    if (rc != reply_zones(&m->zones, json, len, 1) ||
        rc != reply_events(&m->events, json, len, 1) ||
        rc != reply_transfers(&m->transfers, json, len, 1) ||
        rc != reply_detail(&m->detail, json, len, 1) || rc != reply_usage(&m->usage, json, len, 1))
        abort();
    if (m->status.stamp.present != !rc || m->status.process_count > MODEL_PROCESSES ||
        m->status.problem_count > MODEL_PROBLEMS || m->zones.count > MODEL_ROWS)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model m;
    struct reply_outcome o;
    struct reply_pages p = {0};
    const char *json = (const char *)data;
    model_init(&m);
    read_model(&m, json, size);
    whole(model_server_fields, &m.status.server);
    whole(model_zone_fields, &m.detail.zone);
    for (unsigned i = 0; i < m.zones.count; i++)
        whole(model_zone_fields, &m.zones.rows[i]);
    model_mark_stale(&m);
    model_fini(&m);
    reply_outcome(&o, json, size);
    if (!reply_pages_add(&p, "zones", json, size))
        reply_pages_end(&p);
    buf_fini(&p.out);
    return 0;
}

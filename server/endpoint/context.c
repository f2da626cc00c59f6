#include "server/endpoint/context.h"

#include <string.h>

static void copy(char *to, const char *from, size_t size)
{
    memcpy(to, from, size);
    to[size - 1] = '\0';
}

void context_init(struct context *c, struct stats *stats)
{
    memset(c, 0, sizeof *c);
    c->stats = stats;
    c->started_at = stats->started_at;
    c->started_mono = stats->started_mono;
    copy(c->boot, stats->boot, sizeof c->boot);
    copy(c->version, stats->version, sizeof c->version);
    copy(c->host, stats->host, sizeof c->host);
    copy(c->config, stats->config, sizeof c->config);
    copy(c->state_dir, stats->state_dir, sizeof c->state_dir);
}

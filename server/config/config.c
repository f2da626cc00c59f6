#include "server/config/config.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/config/entries.h"
#include "server/config/report.h"
#include "server/config/schema.h"
#include "server/config/tree.h"
#include "server/config/zones.h"

enum { THREADS_MAX = 64 };

static const char default_state[] = "/var/lib/zonedeck";
static const char default_version[] = "zonedeck " ZONEDECK_VERSION;
static const char default_socket[] = "/run/zonedeck/endpoint.sock";

static const struct config_tcp default_tcp = {
    .connections = 1024, .per_client = 256, .idle = 10, .query = 5, .send = 30};
static const struct config_rate default_rate = {.slip = 2, .bits4 = 24, .bits6 = 56};

/* A configuration and the memory all of it lives in. */
struct owner {
    struct config config;
    struct arena arena, zones;
};

static unsigned processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                            : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

static char *join(struct arena *arena, const char *folder, const char *file)
{
    size_t len = strlen(folder) + 1 + strlen(file) + 1;
    char *path = arena_alloc(arena, len);
    if (path)
        snprintf(path, len, "%s/%s", folder, file);
    return path;
}

/* The folder of the configuration file; "" is the root directory. */
static char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (path[0] == '/')
        return arena_copy(arena, path, len);
    char *here = getcwd(NULL, 0);
    char *relative = arena_copy(arena, path, len);
    char *folder = NULL;
    if (here && relative)
        folder = len ? join(arena, here, relative) : arena_copy(arena, here, strlen(here));
    free(here);
    return folder;
}

static void set_defaults(struct config *config, struct arena *arena)
{
    if (config->threads == 0)
        config->threads = processors();
    if (!config->state)
        config->state = arena_copy(arena, default_state, sizeof default_state - 1);
    if (!config->token_file && config->state)
        config->token_file = join(arena, config->state, "token");
    if (!config->cookie_secret_file && config->state)
        config->cookie_secret_file = join(arena, config->state, "cookie.secret");
    if (!config->version)
        config->version = arena_copy(arena, default_version, sizeof default_version - 1);
    if (!config->identity)
        config->identity = arena_copy(arena, "", 0);
    if (!config->nsid)
        config->nsid = config->identity;
    if (config->endpoint_count > 0)
        return;
    config->endpoint = arena_alloc(arena, sizeof *config->endpoint);
    if (!config->endpoint)
        return;
    config->endpoint->unix_path = arena_copy(arena, default_socket, sizeof default_socket - 1);
    config->endpoint_count = 1;
}

static void read_tree(struct schema_reader *r, const struct tree_node *root)
{
    if (root->kind == TREE_MAP)
        schema_read_map(r, "", root, r->config);
    else if (root->kind == TREE_TEXT && root->len == 0)
        report_add(r->report, root->line, root->column,
                   "the file is empty; it needs at least server.listen");
    else if (root->kind != TREE_BAD)
        report_add(r->report, root->line, root->column,
                   "the file is %s; write a mapping that begins with \"server:\"",
                   tree_kind_name(root));
}

/* Plain zones are found without libyaml when they may be; returns whether there were any. */
static bool fill(struct owner *owner, const char *path, const char *text, size_t len,
                 bool with_zones, bool may_be_plain, struct report *report)
{
    struct arena tree = {0};
    owner->config.tcp = default_tcp;
    owner->config.rate = default_rate;
    struct schema_reader r = {.report = report,
                              .arena = &owner->arena,
                              .zone_arena = with_zones ? &owner->zones : NULL,
                              .config = &owner->config};
    r.folder = folder_of(&owner->arena, path);
    struct entries entries = {.take = with_zones ? zones_take_plain : NULL, .ctx = &r};
    bool ok = r.folder && (!may_be_plain || entries_take(&entries, text, len));
    bool plain = entries.count > 0;
    struct tree_node *root = NULL;
    if (!plain)
        zones_drop(&r); /* what was taken before something unusual was met */
    if (ok)
        root = entries.rest ? tree_parse(entries.rest, entries.rest_len, &tree, report)
                            : tree_parse(text, len, &tree, report);
    if (root)
        read_tree(&r, root);
    zones_finish(&r);
    entries_fini(&entries);
    arena_wipe(&tree); /* it has the secrets as they were written */
    arena_fini(&tree);
    set_defaults(&owner->config, &owner->arena);
    if (owner->arena.failed || owner->zones.failed || !ok)
        report->failed = true;
    return plain;
}

static struct config *parse(const char *path, const char *text, size_t len, bool with_zones,
                            struct buf *errors)
{
    struct report report;
    struct owner *owner = calloc(1, sizeof *owner);
    report_init(&report, path);
    if (!owner)
        report.failed = true;
    else if (fill(owner, path, text, len, with_zones, true, &report) && report_any(&report)) {
        /* What is wrong is said of the text as it is. */
        report_fini(&report);
        report_init(&report, path);
        config_drop_zones(&owner->config);
        arena_fini(&owner->arena);
        *owner = (struct owner){0};
        fill(owner, path, text, len, with_zones, false, &report);
    }
    bool bad = report_any(&report);
    report_write(&report, errors);
    report_fini(&report);
    if (!bad)
        return &owner->config;
    if (owner)
        config_free(&owner->config);
    return NULL;
}

struct config *config_parse(const char *path, const char *text, size_t len, struct buf *errors)
{
    return parse(path, text, len, true, errors);
}

struct config *config_parse_service(const char *path, const char *text, size_t len,
                                    struct buf *errors)
{
    return parse(path, text, len, false, errors);
}

void config_drop_zones(struct config *config)
{
    arena_fini(&((struct owner *)config)->zones);
    free(config->zones);
    config->zones = NULL;
    config->zone_count = 0;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    struct owner *owner = (struct owner *)config;
    for (size_t i = 0; i < config->key_count; i++) {
        if (config->keys[i].secret)
            explicit_bzero(config->keys[i].secret, config->keys[i].secret_len);
    }
    if (config->tsig.count)
        explicit_bzero((void *)(uintptr_t)config->tsig.item,
                       config->tsig.count * sizeof *config->tsig.item);
    config_drop_zones(config);
    arena_fini(&owner->arena);
    free(owner);
}

bool config_is_exposed(const struct config *config, const char *path)
{
    struct stat st;
    return config->key_count && stat(path, &st) == 0 && st.st_mode & S_IROTH;
}

bool config_same_keys(const struct config *a, const struct config *b)
{
    bool same = a->tsig.count == b->tsig.count;
    for (size_t i = 0; same && i < a->tsig.count; i++)
        same = tsig_key_equal(&a->tsig.item[i], &b->tsig.item[i]);
    return same;
}

const struct config_zone *config_find_zone(const struct config *config, const uint8_t *wire,
                                           size_t len)
{
    size_t low = 0, high = config->zone_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct config_zone *zone = &config->zones[middle];
        int order = memcmp(wire, zone->wire, len < zone->wire_len ? len : zone->wire_len);
        if (order == 0)
            order = (len > zone->wire_len) - (len < zone->wire_len);
        if (order == 0)
            return zone;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

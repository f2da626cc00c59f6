#include "server/config/zones.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/value.h"
#include "server/dns/name_text.h"

static const char zone_suffix[] = ".zone";

static void set_name(struct schema_reader *r, struct config_zone *zone, const uint8_t *wire,
                     size_t len)
{
    zone->wire = (uint8_t *)arena_copy(r->arena, (const char *)wire, len);
    zone->wire_len = zone->wire ? (uint8_t)len : 0;
}

void read_zone_name(struct schema_reader *r, const struct schema_key *key,
                    const struct tree_node *value, void *to)
{
    struct config_zone *zone = to;
    uint8_t wire[255];
    size_t len = 0;
    const char *text = schema_text(r, key, value);
    const char *why = text ? value_name(text, wire, &len) : NULL;
    if (why)
        schema_refuse(r, key, value, why);
    else if (text)
        set_name(r, zone, wire, len);
}

const struct config_lists config_no_lists = {0};

/* Room for one more; NULL when memory ran out. */
static struct config_zone *new_zone(struct schema_reader *r, unsigned line, unsigned column)
{
    if (r->zone_count == r->zone_cap) {
        size_t cap = r->zone_cap ? r->zone_cap * 2 : 64;
        struct config_zone *zones = realloc(r->zones, cap * sizeof *zones);
        r->zones = zones ? zones : r->zones;
        struct schema_place *places = realloc(r->places, cap * sizeof *places);
        r->places = places ? places : r->places;
        if (!zones || !places) {
            r->arena->failed = true;
            return NULL;
        }
        r->zone_cap = cap;
    }
    r->places[r->zone_count] = (struct schema_place){line, column};
    return &r->zones[r->zone_count];
}

/* Appends a zone; its text name is made of its wire form. */
static void add_zone(struct schema_reader *r, const struct config_zone *zone,
                     const struct tree_node *place)
{
    char name[NAME_TEXT_MAX];
    struct config_zone *item = new_zone(r, place->line, place->column);
    if (!item)
        return;
    *item = *zone;
    name_to_text(zone->wire, zone->wire_len, name);
    item->name = arena_copy(r->arena, name, strlen(name));
    if (item->name)
        r->zone_count++;
}

static bool is_zone_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), suffix = sizeof zone_suffix - 1;
    return entry->d_name[0] != '.' && len > suffix &&
           memcmp(entry->d_name + len - suffix, zone_suffix, suffix) == 0;
}

/* False when it is not named after a zone. */
static bool file_zone(const char *file, uint8_t wire[255], size_t *wire_len)
{
    char name[256];
    size_t len = strlen(file) - (sizeof zone_suffix - 1);
    memcpy(name, file, len);
    name[len] = '\0';
    return !value_name(name, wire, wire_len);
}

static void add_file(struct schema_reader *r, const struct zone_entry *entry,
                     const struct tree_node *place, const char *file, const uint8_t *wire,
                     size_t wire_len)
{
    struct config_zone zone = entry->zone;
    size_t folder = strlen(entry->directory);
    set_name(r, &zone, wire, wire_len);
    zone.file = arena_alloc(r->arena, folder + 1 + strlen(file) + 1);
    if (!zone.file)
        return;
    memcpy(zone.file, entry->directory, folder);
    zone.file[folder] = '/';
    memcpy(zone.file + folder + 1, file, strlen(file));
    add_zone(r, &zone, place);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their names: a directory has none of its own. */
static void report_files(struct schema_reader *r, const struct tree_node *place, char **files,
                         size_t count)
{
    if (count)
        qsort(files, count, sizeof *files, by_text);
    for (size_t i = 0; i < count; i++) {
        char quote[REPORT_QUOTE];
        if (!report_full(r->report))
            report_add(
                r->report, place->line, place->column,
                "zones[].directory: a file in it, %s, is not named after a zone; rename or move it",
                report_quote(files[i], strlen(files[i]), quote));
        free(files[i]);
    }
    free(files);
}

static void add_files(struct schema_reader *r, const struct zone_entry *entry,
                      const struct tree_node *place, DIR *directory)
{
    char **bad = NULL;
    size_t bad_count = 0;
    for (struct dirent *e; (e = readdir(directory));) {
        uint8_t wire[255];
        size_t len = 0;
        if (!is_zone_file(e))
            continue;
        if (file_zone(e->d_name, wire, &len)) {
            add_file(r, entry, place, e->d_name, wire, len);
            continue;
        }
        char **more = realloc(bad, (bad_count + 1) * sizeof *bad);
        bad = more ? more : bad;
        if (!more || !(bad[bad_count] = strdup(e->d_name)))
            r->arena->failed = true;
        else
            bad_count++;
    }
    report_files(r, place, bad, bad_count);
}

static void add_directory(struct schema_reader *r, const struct zone_entry *entry,
                          const struct tree_node *place)
{
    DIR *directory = opendir(entry->directory);
    if (!directory) {
        char quote[REPORT_QUOTE];
        report_add(r->report, place->line, place->column,
                   "zones[].directory: %s cannot be listed: %s; create it or correct the path",
                   report_quote(entry->directory, strlen(entry->directory), quote),
                   strerror(errno));
        return;
    }
    add_files(r, entry, place, directory);
    closedir(directory);
}

/* Which keys an entry may not have together, and which one is reported. */
static void check_keys(struct schema_reader *r, const struct tree_node *entry)
{
    static const struct {
        const char *with, *key, *why;
    } rules[] = {
        {"directory", "name", "zones[].name and directory exclude each other; make two entries"},
        {"directory", "file", "zones[].file goes with name, not with directory; remove it"},
        {"directory", "primaries",
         "zones[].primaries goes with name, not with directory; remove it"},
        {"directory", "allow-notify", "zones[].allow-notify is for secondaries; remove it"},
        {"file", "primaries",
         "a zone has a file when this server is its primary, or primaries when it is a secondary; "
         "remove one"},
        {"file", "allow-notify", "zones[].allow-notify is for secondaries; remove it"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct tree_node *key = tree_get(entry, rules[i].key);
        if (key && tree_get(entry, rules[i].with))
            report_add(r->report, key->line, key->column, "%s", rules[i].why);
    }
    const struct tree_node *primaries = tree_get(entry, "primaries");
    if (primaries && primaries->kind == TREE_LIST && primaries->count == 0)
        report_add(r->report, primaries->line, primaries->column,
                   "zones[].primaries is an empty list; name a server to transfer from");
    if (tree_get(entry, "directory"))
        return;
    if (!tree_get(entry, "name"))
        report_add(r->report, entry->line, entry->column,
                   "an entry of zones needs a name or a directory; add one");
    else if (!tree_get(entry, "file") && !tree_get(entry, "primaries"))
        report_add(r->report, entry->line, entry->column,
                   "a zone needs a file or primaries; add file if this server is its primary, "
                   "primaries if it is a secondary");
}

/* A secondary listens to its primaries unless told otherwise. */
static void default_allow_notify(struct schema_reader *r, struct config_lists *lists)
{
    const struct config_peers *primaries = &lists->primaries;
    struct config_acl *items = arena_alloc(r->arena, primaries->count * sizeof *items);
    for (size_t i = 0; items && i < primaries->count; i++) {
        char host[sizeof primaries->items[i].text];
        size_t len = strcspn(primaries->items[i].text, "@");
        memcpy(host, primaries->items[i].text, len);
        host[len] = '\0';
        const char *why = value_prefix(host, &items[i]);
        if (!why)
            lists->allow_notify.count++;
    }
    lists->allow_notify.items = items;
}

static const struct config_lists *keep_lists(struct schema_reader *r,
                                             const struct config_lists *lists)
{
    bool some = lists->primaries.items || lists->notify.items || lists->allow_transfer.items ||
                lists->allow_notify.items || lists->allow_query.items || lists->limits_queries;
    struct config_lists *kept = some ? arena_alloc(r->arena, sizeof *kept) : NULL;
    if (!kept)
        return &config_no_lists;
    *kept = *lists;
    return kept;
}

static void read_entry(struct schema_reader *r, const struct tree_node *node)
{
    struct zone_entry entry = {.zone.line = node->line,
                               .lists.limits_queries = tree_get(node, "allow-query") != NULL};
    schema_read_map(r, "zones[]", node, &entry);
    check_keys(r, node);
    if (tree_get(node, "primaries") && !tree_get(node, "allow-notify"))
        default_allow_notify(r, &entry.lists);
    entry.zone.lists = keep_lists(r, &entry.lists);
    const struct tree_node *place = tree_get(node, "directory");
    if (entry.zone.wire_len > 0) {
        add_zone(r, &entry.zone, tree_get(node, "name"));
    } else if (entry.directory && place) {
        entry.zone.line = 0;
        add_directory(r, &entry, place);
    }
}

/* The text of a name, not the root's, none of whose bytes needs an escape. */
static void plain_text(const uint8_t *wire, size_t len, char *text)
{
    memcpy(text, wire + 1, len - 1);
    for (size_t at = 0; wire[at]; at += 1u + wire[at])
        text[at + wire[at]] = '.';
    text[len - 1] = '\0';
}

bool zones_take_plain(void *reader, const struct entry *e)
{
    struct schema_reader *r = reader;
    char text[ENTRY_VALUE_MAX + 1];
    uint8_t wire[255];
    size_t len, folder = *e->file.text == '/' ? 0 : strlen(r->folder) + 1;
    memcpy(text, e->name.text, e->name.len);
    text[e->name.len] = '\0';
    if (value_name(text, wire, &len) || folder + e->file.len > READERS_PATH_MAX)
        return false;
    struct config_zone *zone = new_zone(r, e->name.line, e->name.column);
    /* The wire form, the text, which is no longer, and the file. */
    char *to = zone ? arena_alloc(r->zone_arena, 2 * len + 1 + folder + e->file.len + 1) : NULL;
    if (!to)
        return false;
    *zone = (struct config_zone){.wire = (uint8_t *)to,
                                 .name = to + len,
                                 .file = to + 2 * len + 1,
                                 .lists = &config_no_lists,
                                 .line = e->line,
                                 .wire_len = (uint8_t)len};
    memcpy(zone->wire, wire, len);
    plain_text(wire, len, zone->name);
    if (folder) {
        memcpy(zone->file, r->folder, folder - 1);
        zone->file[folder - 1] = '/';
    }
    memcpy(zone->file + folder, e->file.text, e->file.len);
    r->zone_count++;
    return true;
}

void zones_drop(struct schema_reader *r)
{
    r->zone_count = 0;
    if (r->zone_arena)
        arena_fini(r->zone_arena);
}

void read_zones(struct schema_reader *r, const struct schema_key *key,
                const struct tree_node *value, void *to)
{
    (void)to;
    struct arena *kept = r->arena;
    const struct tree_node *at = NULL;
    if (!r->zone_arena)
        return;
    r->arena = r->zone_arena;
    while (!report_full(r->report) && (at = readers_next_map(r, key, value, at)))
        read_entry(r, at);
    r->arena = kept;
}

static int by_name(const struct config_zone *x, const struct config_zone *y)
{
    size_t least = x->wire_len < y->wire_len ? x->wire_len : y->wire_len;
    int order = memcmp(x->wire, y->wire, least);
    return order ? order : (int)x->wire_len - (int)y->wire_len;
}

/* A zone to be sorted; of very many most are told apart by the first bytes. */
struct rank {
    uint64_t head;
    size_t at;
};

static int by_name_and_place(const void *a, const void *b, void *reader)
{
    const struct schema_reader *r = reader;
    const struct rank *p = a, *q = b;
    if (p->head != q->head)
        return p->head < q->head ? -1 : 1;
    const struct config_zone *x = &r->zones[p->at], *y = &r->zones[q->at];
    int order = by_name(x, y);
    if (order)
        return order;
    const struct schema_place *s = &r->places[p->at], *t = &r->places[q->at];
    if (s->line != t->line)
        return s->line < t->line ? -1 : 1;
    if (s->column != t->column)
        return s->column < t->column ? -1 : 1;
    return x->file && y->file ? strcmp(x->file, y->file) : 0;
}

static uint64_t name_head(const struct config_zone *zone)
{
    uint64_t head = 0;
    for (unsigned i = 0; i < sizeof head; i++)
        head = head << 8 | (i < zone->wire_len ? zone->wire[i] : 0);
    return head;
}

static void report_twins(struct schema_reader *r, const struct rank *ranks)
{
    for (size_t i = 1, first = 0; i < r->zone_count; i++) {
        const struct config_zone *a = &r->zones[ranks[first].at], *b = &r->zones[ranks[i].at];
        unsigned line = r->places[ranks[first].at].line;
        const struct schema_place *at = &r->places[ranks[i].at];
        char quote[REPORT_QUOTE], path[REPORT_QUOTE];
        if (by_name(a, b) != 0) {
            first = i;
            continue;
        }
        report_quote(b->name, strlen(b->name), quote);
        if (b->line > 0 || !b->file)
            report_add(r->report, at->line, at->column,
                       "zone %s is configured twice; the first is at line %u, remove one", quote,
                       line);
        else
            report_add(r->report, at->line, at->column,
                       "zone %s is configured twice, here by the file %s; the first is at line %u, "
                       "remove one",
                       quote, report_quote(b->file, strlen(b->file), path), line);
    }
}

/* Moves each zone to its rank: around each circle of zones that stand in each other's place. */
static void reorder(struct config_zone *zones, struct rank *ranks, size_t count)
{
    for (size_t first = 0; first < count; first++) {
        struct config_zone kept = zones[first];
        size_t to = first;
        for (size_t from = ranks[to].at; from != first; from = ranks[to].at) {
            zones[to] = zones[from];
            ranks[to].at = to;
            to = from;
        }
        zones[to] = kept;
        ranks[to].at = to;
    }
}

/* Is each name behind the one before it, as a program that writes very many may have them? */
static bool is_sorted(const struct schema_reader *r)
{
    for (size_t i = 1; i < r->zone_count; i++) {
        if (by_name(&r->zones[i - 1], &r->zones[i]) >= 0)
            return false;
    }
    return true;
}

static void sort(struct schema_reader *r)
{
    struct rank *ranks = malloc(r->zone_count * sizeof *ranks);
    if (!ranks) {
        r->arena->failed = true;
        return;
    }
    for (size_t i = 0; i < r->zone_count; i++)
        ranks[i] = (struct rank){name_head(&r->zones[i]), i};
    qsort_r(ranks, r->zone_count, sizeof *ranks, by_name_and_place, r);
    report_twins(r, ranks);
    reorder(r->zones, ranks, r->zone_count);
    free(ranks);
}

void zones_finish(struct schema_reader *r)
{
    if (!is_sorted(r))
        sort(r);
    r->config->zones = r->zones;
    r->config->zone_count = r->zone_count;
    free(r->places);
}

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

/* Appends a zone; its text name is made of its wire form. */
static void add_zone(struct schema_reader *r, const struct config_zone *zone,
                     const struct tree_node *place)
{
    char name[NAME_TEXT_MAX];
    if (r->zone_count == r->zone_cap) {
        size_t cap = r->zone_cap ? r->zone_cap * 2 : 64;
        struct schema_zone *zones = realloc(r->zones, cap * sizeof *zones);
        if (!zones) {
            r->arena->failed = true;
            return;
        }
        r->zones = zones;
        r->zone_cap = cap;
    }
    struct schema_zone *item = &r->zones[r->zone_count];
    *item = (struct schema_zone){*zone, place->line, place->column};
    name_to_text(zone->wire, zone->wire_len, name);
    item->zone.name = arena_copy(r->arena, name, strlen(name));
    if (item->zone.name)
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
static void default_allow_notify(struct schema_reader *r, struct config_zone *zone)
{
    const struct config_peers *primaries = &zone->primaries;
    struct config_acl *items = arena_alloc(r->arena, primaries->count * sizeof *items);
    for (size_t i = 0; items && i < primaries->count; i++) {
        char host[sizeof primaries->items[i].text];
        size_t len = strcspn(primaries->items[i].text, "@");
        memcpy(host, primaries->items[i].text, len);
        host[len] = '\0';
        const char *why = value_prefix(host, &items[i]);
        if (!why)
            zone->allow_notify.count++;
    }
    zone->allow_notify.items = items;
}

static void read_entry(struct schema_reader *r, const struct tree_node *node)
{
    struct zone_entry entry = {.zone.line = node->line,
                               .zone.limits_queries = tree_get(node, "allow-query") != NULL};
    schema_read_map(r, "zones[]", node, &entry);
    check_keys(r, node);
    if (tree_get(node, "primaries") && !tree_get(node, "allow-notify"))
        default_allow_notify(r, &entry.zone);
    const struct tree_node *place = tree_get(node, "directory");
    if (entry.zone.wire_len > 0) {
        add_zone(r, &entry.zone, tree_get(node, "name"));
    } else if (entry.directory && place) {
        entry.zone.line = 0;
        add_directory(r, &entry, place);
    }
}

/* A text of a tree; `buffer` is where it is kept. */
static struct tree_node text_node(const struct entry_value *value, char *buffer)
{
    memcpy(buffer, value->text, value->len);
    buffer[value->len] = '\0';
    return (struct tree_node){.kind = TREE_TEXT,
                              .line = value->line,
                              .column = value->column,
                              .text = buffer,
                              .len = value->len};
}

static void take_entry(struct schema_reader *r, const struct entry *e,
                       const struct schema_key *name, const struct schema_key *file)
{
    char name_text[ENTRY_VALUE_MAX + 1], file_text[ENTRY_VALUE_MAX + 1];
    struct tree_node name_node = text_node(&e->name, name_text);
    struct tree_node file_node = text_node(&e->file, file_text);
    struct zone_entry entry = {.zone.line = e->line};
    name->read(r, name, &name_node, (char *)&entry + name->offset);
    file->read(r, file, &file_node, (char *)&entry + file->offset);
    if (entry.zone.wire_len > 0)
        add_zone(r, &entry.zone, &name_node);
}

void zones_take_entries(struct schema_reader *r, const struct entries *entries)
{
    const struct schema_key *name = schema_row("zones[]", "name");
    const struct schema_key *file = schema_row("zones[]", "file");
    struct arena *kept = r->arena;
    if (!r->zone_arena)
        return;
    r->arena = r->zone_arena;
    for (size_t i = 0; i < entries->count && !report_full(r->report); i++)
        take_entry(r, &entries->items[i], name, file);
    r->arena = kept;
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

/* A zone in the order of names; of very many most are told apart by the first bytes. */
struct place {
    uint64_t head;
    const struct schema_zone *item;
};

static int by_name(const struct config_zone *x, const struct config_zone *y)
{
    size_t least = x->wire_len < y->wire_len ? x->wire_len : y->wire_len;
    int order = memcmp(x->wire, y->wire, least);
    return order ? order : (int)x->wire_len - (int)y->wire_len;
}

static int by_name_and_place(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    if (p->head != q->head)
        return p->head < q->head ? -1 : 1;
    const struct schema_zone *x = p->item, *y = q->item;
    int order = by_name(&x->zone, &y->zone);
    if (order)
        return order;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->zone.file && y->zone.file ? strcmp(x->zone.file, y->zone.file) : 0;
}

static uint64_t name_head(const struct config_zone *zone)
{
    uint64_t head = 0;
    for (unsigned i = 0; i < sizeof head; i++)
        head = head << 8 | (i < zone->wire_len ? zone->wire[i] : 0);
    return head;
}

static void report_twins(struct schema_reader *r, const struct place *places)
{
    for (size_t i = 1, first = 0; i < r->zone_count; i++) {
        const struct schema_zone *a = places[first].item, *b = places[i].item;
        char quote[REPORT_QUOTE], path[REPORT_QUOTE];
        if (by_name(&a->zone, &b->zone) != 0) {
            first = i;
            continue;
        }
        report_quote(b->zone.name, strlen(b->zone.name), quote);
        if (b->zone.line > 0 || !b->zone.file)
            report_add(r->report, b->line, b->column,
                       "zone %s is configured twice; the first is at line %u, remove one", quote,
                       a->line);
        else
            report_add(r->report, b->line, b->column,
                       "zone %s is configured twice, here by the file %s; the first is at line %u, "
                       "remove one",
                       quote, report_quote(b->zone.file, strlen(b->zone.file), path), a->line);
    }
}

void zones_finish(struct schema_reader *r)
{
    if (r->zone_count == 0)
        return;
    struct place *places = malloc(r->zone_count * sizeof *places);
    r->config->zones = arena_alloc(r->zone_arena, r->zone_count * sizeof *r->config->zones);
    if (!places || !r->config->zones) {
        r->zone_arena->failed = true;
        free(places);
        return;
    }
    for (size_t i = 0; i < r->zone_count; i++)
        places[i] = (struct place){name_head(&r->zones[i].zone), &r->zones[i]};
    qsort(places, r->zone_count, sizeof *places, by_name_and_place);
    report_twins(r, places);
    r->config->zone_count = r->zone_count;
    for (size_t i = 0; i < r->zone_count; i++)
        r->config->zones[i] = places[i].item->zone;
    free(places);
}

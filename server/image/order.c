#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "backend/base/rnd.h"
#include "server/dns/wire.h"
#include "server/image/crew.h"
#include "server/image/draft.h"
#include "server/image/key.h"

/* Range 0 is what is outside the zone, with the apex and what is above it; the others are the zone
 * cut by the names just below the apex, so that several threads can put them in order, and each
 * stays near while it is.
 *
 *   canonical order: range 0 up to the apex | range 1 | … | the rest of range 0 */
enum { RANGES_MAX = 65, SAMPLE = 4096, FEW_MENTIONS = 65536, SORT_FEW = 32 };

/* In a range, the parent of what is just below the apex; and the name of the apex itself. */
#define APEX (DRAFT_NONE - 1)

struct item {
    uint64_t word; /* of the key, the one that is sorted by */
    struct draft_mention *mention;
};

struct odd_label {
    struct odd_label *next;
    uint8_t bytes[LABEL_MAX_LEN];
};

/* The labels of the name that was put out last. */
struct path {
    const uint64_t *key;
    unsigned depth;
    uint16_t end[NAME_MAX_LABELS + 1]; /* behind each label in the key; end[0] 0 */
    uint32_t name[NAME_MAX_LABELS + 1];
};

struct range {
    struct item *items, *spare; /* in canonical order after sorting; items of one name together */
    size_t count, records;      /* all its records */
    struct draft_name *names;   /* first, count: its items, until the records are there */
    size_t name_count, name_cap;
    bool grown;        /* names are no longer in the array for all */
    size_t apex_items; /* the first ones, of the zone's own name */
    struct path path;
    struct odd_label *odd;
    size_t first_record;
    uint32_t first_name;
    struct draft_record repeats[DRAFT_REPEATS];
    size_t repeat_count, kept;
    bool failed;
};

struct ordering {
    struct image_builder *b;
    struct image_part *parts[256];
    unsigned part_count, range_count;
    uint64_t splits[RANGES_MAX];  /* range i + 1 ends before splits[i]; no more: UINT64_MAX */
    unsigned split_step;          /* a power of 2: as many splits, and one less, are looked at */
    size_t (*counts)[RANGES_MAX]; /* of each part; then where its items go */
    const struct draft_mention *apex; /* in range 0 */
    struct item *items;
    uint32_t apex_at, zone_names; /* names of range 0 before it; of the others together */
    /* Large: only those in use are cleared, since most zones are small and have two. */
    struct range range[RANGES_MAX];
};

/* ---- collecting */

static size_t mention_words(const struct draft_mention *m)
{
    return sizeof *m / 8 + m->words;
}

static unsigned range_of(const struct ordering *o, const struct draft_mention *m, uint64_t word)
{
    unsigned at = 0, step = o->split_step;
    if (m->outside)
        return 0;
    for (; step; step /= 2)
        at += word >= o->splits[at + step - 1] ? step : 0;
    return at + 2 < o->range_count ? at + 1 : o->range_count - 1;
}

static void count_part(void *arg, unsigned number)
{
    struct ordering *o = arg;
    const struct image_part *p = o->parts[number];
    for (size_t at = 1; at < p->key_count;) {
        struct draft_mention *m = draft_at(p, (uint32_t)at);
        m->part = (uint8_t)number;
        m->range = (uint8_t)range_of(o, m, key_word(*m->key));
        o->counts[number][m->range]++;
        at += mention_words(m);
    }
}

static void collect_part(void *arg, unsigned number)
{
    struct ordering *o = arg;
    const struct image_part *p = o->parts[number];
    for (size_t at = 1; at < p->key_count;) {
        struct draft_mention *m = draft_at(p, (uint32_t)at);
        o->items[o->counts[number][m->range]++] = (struct item){key_word(*m->key), m};
        at += mention_words(m);
    }
}

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A word cut behind its first label: all names below that label are on one side of it. */
static uint64_t first_label(uint64_t word)
{
    for (unsigned shift = 56; shift; shift -= 8) {
        if (!(word >> shift & 0xff))
            return word >> shift << shift;
    }
    return word;
}

/* Cuts the zone where the mentions of a sample say that the parts are of one size. */
static void choose_splits(struct ordering *o, size_t words)
{
    static const size_t least = 16;
    uint64_t sample[SAMPLE];
    size_t n = 0, step = words / SAMPLE + 1, next = 0, seen = 0;
    for (unsigned i = 0; i < o->part_count; i++) {
        const struct image_part *p = o->parts[i];
        for (size_t at = 1; at < p->key_count && n < SAMPLE;) {
            const struct draft_mention *m = draft_at(p, (uint32_t)at);
            if (!m->outside && seen + at >= next) {
                sample[n++] = key_word(*m->key);
                next = seen + at + step;
            }
            at += mention_words(m);
        }
        seen += p->key_count;
    }
    qsort(sample, n, sizeof *sample, compare_words);
    size_t wanted = n < least ? 1 : words / 4 / FEW_MENTIONS + 1;
    if (wanted > RANGES_MAX - 1)
        wanted = RANGES_MAX - 1;
    memset(o->splits, 0xff, sizeof o->splits);
    o->range_count = 2;
    for (size_t i = 1; i < wanted; i++) {
        uint64_t split = first_label(sample[n * i / wanted]);
        unsigned last = o->range_count - 2;
        if (split && (!last || split > o->splits[last - 1])) {
            o->splits[last] = split;
            o->range_count++;
        }
    }
    for (o->split_step = 1; o->split_step * 2 + 1 < o->range_count; o->split_step *= 2)
        ;
}

static int collect(struct ordering *o)
{
    size_t words = 0, at = 0;
    for (struct image_part *p = o->b->parts; p; p = p->next) {
        if (o->part_count == sizeof o->parts / sizeof *o->parts)
            return ERR_LIMIT;
        o->parts[o->part_count++] = p;
        words += p->key_count;
    }
    choose_splits(o, words);
    memset(o->range, 0, o->range_count * sizeof *o->range);
    o->counts = calloc(o->part_count, sizeof *o->counts);
    if (!o->counts)
        return ERR_MEMORY;
    crew_run(o->b->threads, o->part_count, count_part, o);
    for (unsigned r = 0; r < o->range_count; r++) {
        size_t first = at;
        for (unsigned i = 0; i < o->part_count; i++) {
            size_t count = o->counts[i][r];
            o->counts[i][r] = at;
            at += count;
        }
        o->range[r].count = at - first;
    }
    o->items = draft_alloc(at, sizeof *o->items);
    if (!o->items)
        return ERR_MEMORY;
    crew_run(o->b->threads, o->part_count, collect_part, o);
    struct item *items = o->items;
    for (unsigned r = 0; r < o->range_count; r++) {
        o->range[r].items = items;
        items += o->range[r].count;
    }
    return ERR_OK;
}

/* ---- names of one range */

static const uint8_t *label_of(struct range *r, const uint8_t *at, size_t *len, bool odd)
{
    if (!odd)
        return at;
    struct odd_label *label = malloc(sizeof *label);
    if (!label) {
        r->failed = true;
        *len = 0;
        return at;
    }
    label->next = r->odd;
    r->odd = label;
    *len = key_unescape(at, *len, label->bytes);
    return label->bytes;
}

/* Out of the stretch of the common array that it was given. */
static bool grow_names(struct range *r)
{
    size_t cap = r->name_cap * 2;
    struct draft_name *names = draft_alloc(cap, sizeof *names);
    if (!names)
        return false;
    memcpy(names, r->names, r->name_count * sizeof *names);
    if (r->grown)
        free(r->names);
    r->grown = true;
    r->names = names;
    r->name_cap = cap;
    return true;
}

static uint32_t add_name(struct range *r, uint32_t parent, const uint8_t *label, size_t len)
{
    if (r->name_count >= APEX - 1 || (r->name_count == r->name_cap && !grow_names(r))) {
        r->failed = true;
        return parent;
    }
    r->names[r->name_count] = (struct draft_name){
        .label = label, .parent = parent, .above = DRAFT_NONE, .len = (uint8_t)len};
    return (uint32_t)r->name_count++;
}

/* How many labels of the last name this one begins with. */
static unsigned shared_labels(const struct path *path, const uint64_t *key)
{
    unsigned i = 0, depth = path->depth;
    uint64_t differ = 0;
    if (!depth)
        return 0;
    while (!(differ = key_word(path->key[i]) ^ key_word(key[i])) && !key_ends(key_word(key[i])))
        i++;
    unsigned byte = differ ? i * 8 + (unsigned)__builtin_clzll(differ) / 8 : UINT16_MAX;
    while (path->end[depth] > byte)
        depth--;
    return depth;
}

/* The next name in order, with those above it that nobody mentioned; `n` items are of it. */
static void put_out(struct range *r, struct item *items, size_t n)
{
    struct path *path = &r->path;
    const uint64_t *key = items->mention->key;
    unsigned depth = shared_labels(path, key);
    const uint8_t *bytes = (const uint8_t *)key;
    for (size_t at = path->end[depth]; bytes[at];) {
        bool odd;
        size_t len = key_label(bytes + at, &odd), kept = len;
        const uint8_t *label = label_of(r, bytes + at, &kept, odd);
        uint32_t name = add_name(r, path->name[depth], label, kept);
        at += len + 1;
        path->end[++depth] = (uint16_t)at;
        path->name[depth] = name;
    }
    path->key = key;
    path->depth = depth;
    uint32_t name = path->name[depth];
    for (size_t i = 0; i < n; i++) {
        items[i].mention->name = name;
        r->records += items[i].mention->count;
    }
    if (name == APEX) {
        r->apex_items = n;
    } else if (r->name_count) {
        r->names[name].first = (uint32_t)(items - r->items);
        r->names[name].count = (uint32_t)n;
    }
}

static void sort_few(struct item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct item x = items[i];
        size_t j = i;
        for (; j > 0 && items[j - 1].word > x.word; j--)
            items[j] = items[j - 1];
        items[j] = x;
    }
}

/* Stable, by one byte after another from the lowest; bytes that are all the same cost nothing. */
static void sort_many(struct item *items, struct item *spare, size_t n)
{
    static const unsigned bytes = 8;
    size_t count[8][256] = {{0}};
    struct item *from = items, *to = spare;
    for (size_t i = 0; i < n; i++) {
        for (unsigned b = 0; b < bytes; b++)
            count[b][items[i].word >> 8 * b & 0xff]++;
    }
    for (unsigned b = 0; b < bytes; b++) {
        size_t *c = count[b], at = 0;
        if (c[items[0].word >> 8 * b & 0xff] == n)
            continue;
        for (unsigned v = 0; v < 256; v++) {
            size_t here = c[v];
            c[v] = at;
            at += here;
        }
        for (size_t i = 0; i < n; i++)
            to[c[from[i].word >> 8 * b & 0xff]++] = from[i];
        struct item *other = from;
        from = to;
        to = other;
    }
    if (from != items)
        memcpy(items, from, n * sizeof *items);
}

/* Sorts items whose keys are the same before word `depth`, and puts their names out. */
static void sort_items(struct range *r, struct item *items, size_t n, unsigned depth)
{
    if (n > SORT_FEW)
        sort_many(items, r->spare, n);
    else
        sort_few(items, n);
    for (size_t i = 0, end; i < n; i = end) {
        uint64_t word = items[i].word;
        for (end = i + 1; end < n && items[end].word == word; end++)
            ;
        if (end == i + 1 || key_ends(word)) {
            put_out(r, items + i, end - i);
            continue;
        }
        for (size_t k = i; k < end; k++)
            items[k].word = key_word(items[k].mention->key[depth + 1]);
        sort_items(r, items + i, end - i, depth + 1);
    }
}

static void order_range(void *arg, unsigned number)
{
    struct ordering *o = arg;
    struct range *r = &o->range[number];
    r->spare = draft_alloc(r->count, sizeof *r->spare);
    r->failed = !r->spare;
    r->path.name[0] = APEX;
    if (number == 0 && !r->failed)
        r->path.name[0] = add_name(r, DRAFT_NONE, NULL, 0);
    if (!r->failed && r->count)
        sort_items(r, r->items, r->count, 0);
    free(r->spare);
    r->spare = NULL;
}

/* ---- names of all ranges */

/* The number of a mention's name in the whole zone. */
static uint32_t number_of(const struct ordering *o, const struct draft_mention *m)
{
    if (m->range == 0)
        return m->name <= o->apex_at ? m->name : m->name + o->zone_names;
    return m->name == APEX ? o->apex_at : o->range[m->range].first_name + m->name;
}

/* Parents, from numbers within a range to those in the whole zone. */
static void number_parents(void *arg, unsigned number)
{
    struct ordering *o = arg;
    struct range *r = &o->range[number];
    for (size_t i = 0; i < r->name_count; i++) {
        uint32_t *parent = &r->names[i].parent;
        if (number > 0)
            *parent = *parent == APEX ? o->apex_at : *parent + r->first_name;
        else if (*parent != DRAFT_NONE && *parent > o->apex_at)
            *parent += o->zone_names;
    }
}

/* Every range gets a stretch of one array: most names are met as such, so this is most often
 * enough, and the names have only to be moved together afterwards. */
static int spread_names(struct ordering *o)
{
    size_t cap = 0;
    for (unsigned i = 0; i < o->range_count; i++) {
        o->range[i].name_cap = o->range[i].count + o->range[i].count / 4 + 16;
        cap += o->range[i].name_cap;
    }
    struct draft_name *names = o->b->names = draft_alloc(cap, sizeof *names);
    if (!names)
        return ERR_MEMORY;
    for (unsigned i = 0; i < o->range_count; i++) {
        o->range[i].names = names;
        names += o->range[i].name_cap;
    }
    return ERR_OK;
}

static void move_names(struct range *r, struct draft_name *to, size_t from, size_t count)
{
    memmove(to, r->names + from, count * sizeof *to);
}

/* Range 0 comes before and behind the others; so it is taken out of their way first. */
static int join_names(struct ordering *o, uint32_t count)
{
    struct image_builder *b = o->b;
    struct range *outer = &o->range[0];
    bool fits = true;
    for (unsigned i = 0; i < o->range_count; i++)
        fits &= !o->range[i].grown;
    struct draft_name *to = fits ? b->names : draft_alloc(count, sizeof *to);
    if (!to || (!outer->grown && !grow_names(outer))) {
        if (!fits)
            free(to);
        return ERR_MEMORY;
    }
    for (unsigned i = 1; i < o->range_count; i++)
        move_names(&o->range[i], to + o->range[i].first_name, 0, o->range[i].name_count);
    move_names(outer, to, 0, o->apex_at + 1u);
    move_names(outer, to + o->apex_at + 1 + o->zone_names, o->apex_at + 1u,
               outer->name_count - o->apex_at - 1);
    if (!fits)
        free(b->names);
    b->names = to;
    return ERR_OK;
}

static int gather_names(struct ordering *o)
{
    struct image_builder *b = o->b;
    uint64_t count = 0;
    o->apex_at = o->apex->name;
    for (unsigned i = 1; i < o->range_count; i++) {
        o->range[i].first_name = o->apex_at + 1 + (uint32_t)count;
        count += o->range[i].name_count;
    }
    o->zone_names = (uint32_t)count;
    count += o->range[0].name_count;
    if (count >= APEX)
        return ERR_LIMIT;
    b->name_count = (uint32_t)count;
    b->apex = o->apex_at;
    crew_run(b->threads, o->range_count, number_parents, o);
    return join_names(o, (uint32_t)count);
}

/* ---- records */

uint16_t draft_covered(const struct draft_record *r)
{
    return r->len >= 2 ? wire_get16(r->data) : 0;
}

/* Signatures stand behind the RRset they cover: sorted by covered type first. */
uint32_t draft_sort_key(const struct draft_record *r)
{
    if (r->type == TYPE_RRSIG)
        return (uint32_t)draft_covered(r) << 1 | 1;
    return (uint32_t)r->type << 1;
}

static bool same_record(const struct draft_record *x, const struct draft_record *y)
{
    return x->type == y->type && x->len == y->len && !memcmp(x->data, y->data, x->len);
}

/* Names in RDATA: from the mention to the number of the name. */
static void name_data(const struct ordering *o, const struct image_part *p, const char *layout,
                      uint8_t *at)
{
    for (; *layout; layout++) {
        if (*layout != 'n' && *layout != 'N') {
            at += *layout == 'x' ? 16 : *layout - '0';
            continue;
        }
        uint32_t place;
        memcpy(&place, at, 4);
        uint32_t number = number_of(o, draft_at(p, place));
        memcpy(at, &number, 4);
        at += 4;
    }
}

static struct draft_record *take_run(const struct ordering *o, const struct draft_mention *m,
                                     uint32_t name, struct draft_record *to)
{
    const struct image_part *p = o->parts[m->part];
    for (uint32_t i = m->first; i < m->first + m->count; i++) {
        const struct draft_arrival *a = &p->records[i];
        const char *layout = type_find(a->type)->layout;
        uint8_t *data = p->data + a->data;
        if (layout)
            name_data(o, p, layout, data);
        *to++ = (struct draft_record){.data = data,
                                      .name = name,
                                      .ttl = a->ttl,
                                      .place = a->place,
                                      .type = a->type,
                                      .len = a->len};
    }
    return to;
}

static void note_repeat(struct range *r, const struct draft_record *record)
{
    if (r->repeat_count++ < DRAFT_REPEATS)
        r->repeats[r->repeat_count - 1] = *record;
}

static void drop_few(struct range *range, struct draft_record *r, uint32_t *count)
{
    uint32_t kept = 1;
    for (uint32_t i = 1; i < *count; i++) {
        uint32_t j = 0;
        while (j < kept && !same_record(&r[j], &r[i]))
            j++;
        if (j < kept)
            note_repeat(range, &r[i]);
        else
            r[kept++] = r[i];
    }
    *count = kept;
}

/* Hash chains over one name's records find repeated ones in linear time. */
static void drop_many(struct range *range, struct draft_record *r, uint32_t *count)
{
    uint8_t random[16];
    rnd_fill(random, sizeof random);
    struct hash_key key = hash_key_from(random);
    uint32_t n = *count, kept = 0, slots = 64;
    while (slots < n * 2)
        slots *= 2;
    uint32_t *table = calloc(slots, sizeof *table);
    if (!table) {
        range->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t h = hash_bytes(&key, r[i].data, r[i].len) + r[i].type;
        uint32_t s = (uint32_t)h & (slots - 1);
        while (table[s] && !same_record(&r[table[s] - 1], &r[i]))
            s = (s + 1) & (slots - 1);
        if (table[s]) {
            note_repeat(range, &r[i]);
            continue;
        }
        r[kept] = r[i];
        table[s] = ++kept;
    }
    free(table);
    *count = kept;
}

struct placed {
    uint32_t key, at;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Stable, also for very many. */
static void sort_many_records(struct range *range, struct draft_record *r, uint32_t count)
{
    struct placed *placed = malloc(count * sizeof *placed);
    struct draft_record *copy = malloc(count * sizeof *copy);
    if (placed && copy) {
        for (uint32_t i = 0; i < count; i++)
            placed[i] = (struct placed){draft_sort_key(&r[i]), i};
        qsort(placed, count, sizeof *placed, compare_placed);
        for (uint32_t i = 0; i < count; i++)
            copy[i] = r[placed[i].at];
        memcpy(r, copy, count * sizeof *r);
    } else {
        range->failed = true;
    }
    free(placed);
    free(copy);
}

static void sort_few_records(struct draft_record *r, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct draft_record x = r[i];
        uint32_t key = draft_sort_key(&x), j = i;
        for (; j > 0 && draft_sort_key(&r[j - 1]) > key; j--)
            r[j] = r[j - 1];
        r[j] = x;
    }
}

/* Gives a name the records of its items; returns where the next name's go. *kept grows by those
 * that are no repeated ones. */
static struct draft_record *give_records(const struct ordering *o, struct range *r, uint32_t name,
                                         const struct item *items, size_t n,
                                         struct draft_record *to, size_t *kept)
{
    struct draft_record *end = to;
    for (size_t i = 0; i < n; i++)
        end = take_run(o, items[i].mention, name, end);
    uint32_t count = (uint32_t)(end - to);
    if (count > SORT_FEW)
        drop_many(r, to, &count);
    else if (count > 1)
        drop_few(r, to, &count);
    if (count > SORT_FEW)
        sort_many_records(r, to, count);
    else
        sort_few_records(to, count);
    o->b->names[name].first = (uint32_t)(to - o->b->records);
    o->b->names[name].count = count;
    *kept += count;
    return end;
}

static void order_records(void *arg, unsigned number)
{
    struct ordering *o = arg;
    struct range *r = &o->range[number];
    struct draft_record *to = o->b->records + r->first_record;
    struct draft_name *names = o->b->names;
    if (number == 0) { /* outside the zone nothing has records; the apex has its own elsewhere */
        for (uint32_t i = 0; i < o->b->name_count; i++) {
            if (i == o->apex_at)
                i += o->zone_names;
            else
                names[i].first = names[i].count = 0;
        }
        return;
    }
    size_t kept = 0; /* not in the range, whose neighbours others write to */
    if (number == 1)
        to = give_records(o, r, o->apex_at, r->items, r->apex_items, to, &kept);
    for (uint32_t i = r->first_name; i < r->first_name + r->name_count; i++)
        to = give_records(o, r, i, r->items + names[i].first, names[i].count, to, &kept);
    r->kept = kept;
}

static void join_repeats(struct ordering *o)
{
    struct image_builder *b = o->b;
    for (unsigned i = 0; i < o->range_count; i++) {
        const struct range *r = &o->range[i];
        for (size_t k = 0; k < r->repeat_count && k < DRAFT_REPEATS; k++) {
            if (b->repeat_count + k < DRAFT_REPEATS)
                b->repeats[b->repeat_count + k] = r->repeats[k];
        }
        b->repeat_count += r->repeat_count;
        b->record_count += r->kept;
    }
}

static int gather_records(struct ordering *o)
{
    struct image_builder *b = o->b;
    uint64_t count = 0;
    for (unsigned i = 0; i < o->range_count; i++) {
        o->range[i].first_record = count;
        count += o->range[i].records;
    }
    if (count >= DRAFT_NONE)
        return ERR_LIMIT;
    b->records = draft_alloc(count, sizeof *b->records);
    if (!b->records)
        return ERR_MEMORY;
    crew_run(b->threads, o->range_count, order_records, o);
    join_repeats(o);
    return ERR_OK;
}

/* The apex is sought among the names outside the zone, as it is from there that it hangs. */
static int mention_apex(struct ordering *o)
{
    struct image_part *p = o->b->parts;
    struct name name;
    uint64_t key[KEY_WORDS_MAX], hash = 0;
    name_read(&name, o->b->origin, o->b->origin_len);
    size_t words = key_write(&name, name.count, key, &hash);
    size_t need = sizeof(struct draft_mention) / 8 + words;
    uint64_t *keys = draft_grow(p->keys, &p->key_cap, p->key_count + need, sizeof *keys);
    if (!keys)
        return ERR_MEMORY;
    p->keys = keys;
    struct draft_mention *m = draft_at(p, (uint32_t)p->key_count);
    *m = (struct draft_mention){.words = (uint8_t)words, .outside = true};
    memcpy(m->key, key, words * sizeof *key);
    p->key_count += need;
    o->apex = m;
    return ERR_OK;
}

static int finish(struct ordering *o)
{
    bool failed = false;
    for (unsigned i = 0; i < o->range_count; i++) {
        struct range *r = &o->range[i];
        failed |= r->failed;
        if (r->grown)
            free(r->names);
        while (r->odd) {
            struct odd_label *next = r->odd->next;
            r->odd->next = o->b->odd_labels;
            o->b->odd_labels = r->odd;
            r->odd = next;
        }
    }
    for (struct image_part *p = o->b->parts; p; p = p->next) {
        free(p->records);
        p->records = NULL;
    }
    free(o->counts);
    free(o->items);
    return failed ? ERR_MEMORY : ERR_OK;
}

static bool has_failed(const struct ordering *o)
{
    bool failed = false;
    for (unsigned i = 0; i < o->range_count; i++)
        failed |= o->range[i].failed;
    return failed;
}

int draft_order(struct image_builder *b)
{
    struct ordering *o = malloc(sizeof *o);
    if (!o)
        return ERR_MEMORY;
    memset(o, 0, offsetof(struct ordering, range));
    o->b = b;
    int err = mention_apex(o);
    if (!err)
        err = collect(o);
    if (!err)
        err = spread_names(o);
    if (!err) {
        crew_run(b->threads, o->range_count, order_range, o);
        err = has_failed(o) ? ERR_MEMORY : gather_names(o);
    }
    if (!err)
        err = gather_records(o);
    int finished = finish(o);
    free(o);
    return err ? err : finished;
}

#include <stdlib.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/draft.h"

/* Siblings are sorted by the first eight bytes of their labels as one number, and by the whole
 * label only when these are equal. */
struct sibling {
    uint64_t prefix;
    const uint8_t *label;
    uint32_t id;
    uint8_t len;
};

static uint64_t label_prefix(const uint8_t *label, unsigned len)
{
    uint64_t prefix = 0;
    for (unsigned i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < len ? name_fold(label[i]) : 0);
    return prefix;
}

static int compare_siblings(const void *a, const void *b)
{
    const struct sibling *x = a, *y = b;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return name_compare_labels(x->label, x->len, y->label, y->len);
}

/* Children of name i are siblings[starts[i]] to siblings[starts[i + 1]]. */
static void group_by_parent(const struct image_builder *b, uint32_t *starts,
                            struct sibling *siblings)
{
    for (uint32_t i = 1; i < b->name_count; i++)
        starts[b->names[i].parent + 2]++;
    for (uint32_t i = 2; i <= b->name_count; i++)
        starts[i] += starts[i - 1];
    for (uint32_t i = 1; i < b->name_count; i++) {
        const struct draft_name *n = &b->names[i];
        const uint8_t *label = b->labels + n->label;
        siblings[starts[n->parent + 1]++] =
            (struct sibling){label_prefix(label, n->len), label, i, n->len};
    }
}

/* Walks the tree from the root; `todo` holds names yet to be visited. */
static void walk(struct image_builder *b, const uint32_t *starts, struct sibling *siblings,
                 uint32_t *todo)
{
    uint32_t depth = 0, n = 0;
    todo[depth++] = 0;
    while (depth) {
        uint32_t id = todo[--depth];
        b->order[n++] = id;
        struct sibling *first = siblings + starts[id];
        uint32_t count = starts[id + 1] - starts[id];
        if (count > 1)
            qsort(first, count, sizeof *first, compare_siblings);
        for (uint32_t i = count; i-- > 0;)
            todo[depth++] = first[i].id;
    }
}

static int order_names(struct image_builder *b)
{
    size_t n = b->name_count;
    uint32_t *starts = calloc(n + 2, sizeof *starts), *todo = malloc((n + 1) * sizeof *todo);
    struct sibling *siblings = malloc(n * sizeof *siblings);
    b->order = malloc(n * sizeof *b->order);
    bool ok = starts && todo && siblings && b->order;
    if (ok) {
        group_by_parent(b, starts, siblings);
        walk(b, starts, siblings, todo);
    }
    free(starts);
    free(todo);
    free(siblings);
    return ok ? ERR_OK : ERR_MEMORY;
}

uint16_t draft_covered(const struct image_builder *b, const struct draft_record *r)
{
    return r->len >= 2 ? wire_get16(b->data + r->data) : 0;
}

/* Signatures stand behind the RRset they cover: sorted by covered type first. */
uint32_t draft_sort_key(const struct image_builder *b, const struct draft_record *r)
{
    if (r->type == TYPE_RRSIG)
        return (uint32_t)draft_covered(b, r) << 1 | 1;
    return (uint32_t)r->type << 1;
}

static bool same_record(const struct image_builder *b, const struct draft_record *x,
                        const struct draft_record *y)
{
    return x->type == y->type && x->len == y->len &&
           !memcmp(b->data + x->data, b->data + y->data, x->len);
}

/* One name's records: insertion sort, stable, as there are few; a name with very many of them is
 * merged by qsort on the arrival number kept in `data`. */
static int compare_records(const void *a, const void *c, void *arg)
{
    const struct draft_record *x = a, *y = c;
    uint32_t kx = draft_sort_key(arg, x), ky = draft_sort_key(arg, y);
    if (kx != ky)
        return kx < ky ? -1 : 1;
    return x->data < y->data ? -1 : x->data > y->data;
}

static void sort_few(const struct image_builder *b, struct draft_record *r, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct draft_record x = r[i];
        uint32_t key = draft_sort_key(b, &x), j = i;
        for (; j > 0 && draft_sort_key(b, &r[j - 1]) > key; j--)
            r[j] = r[j - 1];
        r[j] = x;
    }
}

/* Hash chains over one name's records find repeated ones in linear time. */
static int drop_repeated(struct image_builder *b, struct draft_record *r, uint32_t *count)
{
    uint32_t n = *count, kept = 0, slots = 4;
    while (slots < n * 2)
        slots *= 2;
    uint32_t few[16], *table = slots <= 16 ? few : malloc(slots * sizeof *table);
    if (!table)
        return ERR_MEMORY;
    memset(table, 0, slots * sizeof *table);
    for (uint32_t i = 0; i < n; i++) {
        /* hash_label is keyed, but takes upper and lower case for the same. */
        uint64_t h = b->key.k[0] ^ r[i].type;
        for (unsigned k = 0; k < r[i].len; k++)
            h = (h ^ b->data[r[i].data + k]) * UINT64_C(0x100000001b3);
        h = hash_label(&b->key, h, b->data + r[i].data, r[i].len);
        uint32_t s = (uint32_t)h & (slots - 1);
        while (table[s] && !same_record(b, &r[table[s] - 1], &r[i]))
            s = (s + 1) & (slots - 1);
        if (table[s]) {
            if (b->repeat_count++ < DRAFT_REPEATS)
                b->repeats[b->repeat_count - 1] = r[i];
            continue;
        }
        r[kept] = r[i];
        table[s] = ++kept;
    }
    if (table != few)
        free(table);
    *count = kept;
    return ERR_OK;
}

static int order_records(struct image_builder *b)
{
    struct draft_record *sorted = malloc((b->record_count + 1) * sizeof *sorted);
    if (!sorted)
        return ERR_MEMORY;
    for (size_t i = 0; i < b->record_count; i++)
        b->names[b->records[i].name].count++;
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->name_count; i++) {
        struct draft_name *n = &b->names[b->order[i]];
        n->first = at;
        at += n->count;
        n->count = 0;
    }
    for (size_t i = 0; i < b->record_count; i++) {
        struct draft_name *n = &b->names[b->records[i].name];
        sorted[n->first + n->count++] = b->records[i];
    }
    free(b->records);
    b->records = sorted;
    b->record_cap = b->record_count + 1;
    size_t total = 0;
    for (uint32_t i = 0; i < b->name_count; i++) {
        struct draft_name *n = &b->names[i];
        struct draft_record *r = b->records + n->first;
        if (n->count > 1) {
            if (drop_repeated(b, r, &n->count))
                return ERR_MEMORY;
            if (n->count <= 32)
                sort_few(b, r, n->count);
            else
                qsort_r(r, n->count, sizeof *r, compare_records, b);
        }
        total += n->count;
    }
    b->record_count = total;
    return ERR_OK;
}

int draft_order(struct image_builder *b)
{
    int err = order_names(b);
    return err ? err : order_records(b);
}

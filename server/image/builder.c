#include "server/image/builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/draft.h"
#include "server/image/key.h"

enum {
    PART_MOST = 1 << 30, /* bytes of data or names in a part: then the next one begins */
    PAGE = 4096,
    LARGE = 1 << 20,
    HUGE = 64 << 20
};

static int fail(struct image_part *p, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct image_part *p, int err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(p->reason, sizeof p->reason, format, ap);
    va_end(ap);
    return err;
}

/* Large pages, for the largest zones only: most of what these cost the kernel is pages. But a
 * virtual machine may have given the idle memory back that large pages are made of, and has to ask
 * its host for it anew, which takes longer than the small pages do that it still has. */
static void *prefer_large(void *p, size_t size)
{
    uintptr_t from = ((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    uintptr_t to = ((uintptr_t)p + size) & ~(uintptr_t)(PAGE - 1);
    if (p && size >= HUGE)
        madvise((void *)from, to - from, MADV_HUGEPAGE);
    return p;
}

void *draft_grow(void *items, size_t *cap, size_t need, size_t unit)
{
    if (need <= *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 256;
    while (more < need)
        more *= 2;
    void *p = prefer_large(realloc(items, more * unit), more * unit);
    if (p)
        *cap = more;
    return p;
}

void *draft_alloc(size_t count, size_t unit)
{
    return prefer_large(malloc(count * unit + 1), count * unit);
}

/* A mention's key, made before it is known whether there is one like it. */
struct met {
    uint64_t key[KEY_WORDS_MAX];
    unsigned words;
    bool outside;
    struct draft_recent *recent; /* where one like it would be noted */
    uint32_t tag;
};

/* Returns the length of the name, 0 when it is malformed. */
static size_t meet(struct image_part *p, const uint8_t *wire, size_t len, struct met *met)
{
    const struct image_builder *b = p->builder;
    struct name name;
    if (!name_read(&name, wire, len))
        return 0;
    unsigned own = name.count >= b->origin_labels ? name.count - b->origin_labels : 0;
    size_t skip = name.label[own];
    met->outside = !name_equal(wire + skip, name.len - skip, b->origin, b->origin_len);
    uint64_t hash = met->outside;
    met->words = key_write(&name, met->outside ? name.count : own, met->key, &hash);
    met->recent = &p->recent[hash >> (64 - p->recent_bits)];
    met->tag = (uint32_t)hash;
    return name.len;
}

static bool may_be_recent(const struct met *met)
{
    return met->recent->place && met->recent->tag == met->tag;
}

static bool is_same(const struct draft_mention *m, const struct met *met)
{
    if (m->words != met->words || m->outside != met->outside)
        return false;
    for (unsigned i = 0; i < met->words; i++) {
        if (name_fold8(m->key[i]) != name_fold8(met->key[i]))
            return false;
    }
    return true;
}

/* Most zones are small, and a large table costs more than they do. */
static void remember_more(struct image_part *p)
{
    struct draft_recent *more = calloc((size_t)1 << DRAFT_MANY, sizeof *more);
    if (!more)
        return;
    p->recent = more;
    p->recent_bits = DRAFT_MANY;
}

static uint32_t add_mention(struct image_part *p, const struct met *met)
{
    size_t need = sizeof(struct draft_mention) / 8 + met->words;
    uint64_t *keys = draft_grow(p->keys, &p->key_cap, p->key_count + need, sizeof *keys);
    if (!keys || p->key_count + need >= DRAFT_NONE)
        return DRAFT_NONE;
    p->keys = keys;
    uint32_t place = (uint32_t)p->key_count;
    struct draft_mention *m = draft_at(p, place);
    *m = (struct draft_mention){.words = (uint8_t)met->words, .outside = met->outside};
    memcpy(m->key, met->key, met->words * sizeof *m->key);
    p->key_count += need;
    *met->recent = (struct draft_recent){place, met->tag};
    if (p->recent == p->few && p->key_count > DRAFT_SMALL)
        remember_more(p);
    return place;
}

/* The mention of a name in RDATA; DRAFT_NONE when memory runs out. Names just met are found again,
 * but not surely. */
static uint32_t mention(struct image_part *p, const struct met *met)
{
    if (may_be_recent(met) && is_same(draft_at(p, met->recent->place), met))
        return met->recent->place;
    return add_mention(p, met);
}

/* The mention of an owner that gets its next record: one whose run can be lengthened. */
static uint32_t mention_owner(struct image_part *p, const struct met *met)
{
    if (may_be_recent(met)) {
        const struct draft_mention *m = draft_at(p, met->recent->place);
        bool grows = !m->count || m->first + m->count == p->record_count;
        if (grows && is_same(m, met))
            return met->recent->place;
    }
    return add_mention(p, met);
}

struct image_part *image_builder_part(struct image_builder *b)
{
    struct image_part *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->builder = b;
    p->last_owner = DRAFT_NONE;
    p->key_count = 1; /* 0 is none */
    p->recent = p->few;
    p->recent_bits = DRAFT_FEW;
    *(b->last ? &b->last->next : &b->parts) = p;
    b->last = p;
    return p;
}

void image_part_expect(struct image_part *p, uint64_t bytes)
{
    if (p->key_cap || bytes < LARGE || bytes > PART_MOST)
        return;
    p->keys = draft_alloc(bytes / 8, sizeof *p->keys);
    p->records = draft_alloc(bytes / sizeof *p->records, sizeof *p->records);
    p->data = draft_alloc(bytes / 2, 1);
    p->key_cap = p->keys ? bytes / 8 : 0;
    p->record_cap = p->records ? bytes / sizeof *p->records : 0;
    p->data_cap = p->data ? bytes / 2 : 0;
}

struct image_builder *image_builder_new(const uint8_t *origin, size_t origin_len)
{
    struct image_builder *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    struct name name;
    b->threads = 1;
    memcpy(b->origin, origin, origin_len);
    name_lower(b->origin, origin_len);
    b->origin_len = origin_len;
    if (!name_read(&name, b->origin, origin_len) || !image_builder_part(b)) {
        image_builder_free(b);
        return NULL;
    }
    b->origin_labels = name.count;
    return b;
}

void image_builder_set_threads(struct image_builder *b, unsigned threads)
{
    b->threads = threads;
}

static void part_free(struct image_part *p)
{
    free(p->keys);
    free(p->records);
    free(p->data);
    if (p->recent != p->few)
        free(p->recent);
    free(p);
}

void image_builder_free(struct image_builder *b)
{
    if (!b)
        return;
    while (b->parts) {
        struct image_part *next = b->parts->next;
        part_free(b->parts);
        b->parts = next;
    }
    while (b->odd_labels) {
        void *next = *(void **)b->odd_labels;
        free(b->odd_labels);
        b->odd_labels = next;
    }
    free(b->image);
    free(b->head);
    for (unsigned i = 0; i < b->ahead_count; i++)
        free(b->ahead[i].bytes);
    free(b->ahead);
    free(b->names);
    free(b->records);
    free(b->nsec3);
    free(b->denial);
    free(b);
}

/* Owners come in runs: most records have the owner of the one before. */
static bool is_last_owner(const struct image_part *p, const uint8_t *owner, size_t len)
{
    return p->last_owner != DRAFT_NONE && len == p->last_len && !memcmp(owner, p->last_wire, len);
}

static int set_owner(struct image_part *p, const uint8_t *owner, size_t len)
{
    struct met met;
    p->last_owner = DRAFT_NONE;
    if (meet(p, owner, len, &met) != len)
        return fail(p, ERR_FORMAT, "malformed owner name");
    if (met.outside)
        return fail(p, ERR_MISSING, "the record is outside the zone");
    p->last_owner = mention_owner(p, &met);
    if (p->last_owner == DRAFT_NONE)
        return fail(p, ERR_MEMORY, "out of memory");
    memcpy(p->last_wire, owner, len);
    p->last_len = len;
    return ERR_OK;
}

/* Copies RDATA with each name replaced by its mention. */
static int encode(struct image_part *p, const struct type_info *type, const uint8_t *rdata,
                  size_t len)
{
    uint8_t *to = p->data + p->data_len;
    for (const char *step = type->layout; *step; step++) {
        struct met met;
        bool is_name = *step == 'n' || *step == 'N';
        size_t n = is_name ? meet(p, rdata, len, &met) : type_step(*step, rdata, len);
        if (!n)
            return fail(p, ERR_FORMAT, "%s record: malformed data", type->name);
        uint32_t place = is_name ? mention(p, &met) : 0;
        if (place == DRAFT_NONE)
            return fail(p, ERR_MEMORY, "out of memory");
        memcpy(to, is_name ? (const uint8_t *)&place : rdata, is_name ? 4 : n);
        to += is_name ? 4 : n;
        rdata += n;
        len -= n;
    }
    return len ? fail(p, ERR_FORMAT, "%s record: %zu bytes too many", type->name, len) : ERR_OK;
}

static int check_data(struct image_part *p, uint16_t type, size_t rdata_len)
{
    if (type_is_meta(type))
        return fail(p, ERR_FORMAT, "type %u cannot stand in a zone", type);
    if (type == TYPE_RRSIG && rdata_len < 18)
        return fail(p, ERR_FORMAT, "RRSIG record: data too short");
    return rdata_len > UINT16_MAX ? fail(p, ERR_FORMAT, "data too long") : ERR_OK;
}

/* The owner's run gets one more; one that cannot grow any more is left and another one begun. */
static bool count_record(struct image_part *p)
{
    struct draft_mention *m = draft_at(p, p->last_owner);
    if (m->count && m->first + m->count != p->record_count) {
        struct met met;
        meet(p, p->last_wire, p->last_len, &met);
        p->last_owner = mention_owner(p, &met);
        if (p->last_owner == DRAFT_NONE)
            return false;
        m = draft_at(p, p->last_owner);
    }
    if (!m->count++)
        m->first = (uint32_t)p->record_count;
    return true;
}

int image_part_add(struct image_part *p, const uint8_t *owner, size_t owner_len, uint16_t type,
                   uint32_t ttl, const uint8_t *rdata, size_t rdata_len)
{
    const struct type_info *info = type_find(type);
    int err = is_last_owner(p, owner, owner_len) ? ERR_OK : set_owner(p, owner, owner_len);
    if (!err)
        err = check_data(p, type, rdata_len);
    if (err)
        return err;
    size_t size = info->layout ? record_size(info->layout) : rdata_len;
    struct draft_arrival *records =
        draft_grow(p->records, &p->record_cap, p->record_count + 1, sizeof *records);
    uint8_t *data = draft_grow(p->data, &p->data_cap, p->data_len + size + 1, 1);
    if (records)
        p->records = records;
    if (data)
        p->data = data;
    if (!records || !data)
        return fail(p, ERR_MEMORY, "out of memory");
    if (info->layout)
        err = encode(p, info, rdata, rdata_len);
    else if (rdata_len)
        memcpy(data + p->data_len, rdata, rdata_len);
    if (err)
        return err;
    if (!count_record(p))
        return fail(p, ERR_MEMORY, "out of memory");
    /* RFC 2181 section 8: a TTL with the top bit set is 0. */
    records[p->record_count++] = (struct draft_arrival){.data = (uint32_t)p->data_len,
                                                        .ttl = ttl > INT32_MAX ? 0 : ttl,
                                                        .place = p->place,
                                                        .type = type,
                                                        .len = (uint16_t)size};
    p->data_len += size;
    return ERR_OK;
}

int image_builder_add(struct image_builder *b, const uint8_t *owner, size_t owner_len,
                      uint16_t type, uint32_t ttl, const uint8_t *rdata, size_t rdata_len)
{
    struct image_part *p = b->last;
    if (p->data_len > PART_MOST || p->key_count > PART_MOST / 8) {
        uint32_t place = p->place;
        p = image_builder_part(b);
        if (!p) {
            snprintf(b->reason, sizeof b->reason, "out of memory");
            return ERR_MEMORY;
        }
        p->place = place;
    }
    int err = image_part_add(p, owner, owner_len, type, ttl, rdata, rdata_len);
    if (err)
        memcpy(b->reason, p->reason, sizeof b->reason);
    return err;
}

void image_part_set_place(struct image_part *p, uint32_t place)
{
    p->place = place;
}

void image_builder_set_place(struct image_builder *b, uint32_t place)
{
    b->last->place = place;
}

void image_builder_set_files(struct image_builder *b, const void *files, size_t len)
{
    b->files = files;
    b->files_len = len;
}

const char *image_part_reason(const struct image_part *p)
{
    return p->reason;
}

const char *image_builder_reason(const struct image_builder *b)
{
    return b->reason;
}

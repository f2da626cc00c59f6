#include "server/image/builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "backend/base/rnd.h"
#include "server/dns/wire.h"
#include "server/image/draft.h"

static int fail(struct image_builder *b, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct image_builder *b, int err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(b->reason, sizeof b->reason, format, ap);
    va_end(ap);
    return err;
}

void *draft_grow(void *items, size_t *cap, size_t need, size_t unit)
{
    if (need <= *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 1024;
    while (more < need)
        more *= 2;
    void *p = realloc(items, more * unit);
    if (p)
        *cap = more;
    return p;
}

/* The table of names, by parent and label. */
static bool names_rehash(struct image_builder *b, size_t slots)
{
    uint32_t *table = calloc(slots, sizeof *table);
    if (!table)
        return false;
    for (uint32_t i = 0; i < b->name_count; i++) {
        size_t s = b->names[i].hash & (slots - 1);
        while (table[s])
            s = (s + 1) & (slots - 1);
        table[s] = i + 1;
    }
    free(b->table);
    b->table = table;
    b->table_slots = slots;
    return true;
}

static uint32_t name_add(struct image_builder *b, uint32_t parent, uint64_t hash,
                         const uint8_t *label, size_t len)
{
    struct draft_name *names =
        draft_grow(b->names, &b->name_cap, b->name_count + 1u, sizeof *names);
    uint8_t *labels = draft_grow(b->labels, &b->label_cap, b->label_len + len + 1, 1);
    if (names)
        b->names = names;
    if (labels)
        b->labels = labels;
    if (!names || !labels || b->name_count == DRAFT_NONE - 1)
        return DRAFT_NONE;
    if (len)
        memcpy(labels + b->label_len, label, len);
    names[b->name_count] = (struct draft_name){
        .hash = hash, .label = b->label_len, .parent = parent, .len = (uint8_t)len};
    b->label_len += len;
    return b->name_count++;
}

static uint32_t name_intern(struct image_builder *b, uint32_t parent, const uint8_t *label,
                            size_t len)
{
    if ((b->name_count + 1) * 2 > b->table_slots && !names_rehash(b, b->table_slots * 2))
        return DRAFT_NONE;
    uint64_t hash = hash_label(&b->key, b->names[parent].hash, label, len);
    size_t s = hash & (b->table_slots - 1);
    for (; b->table[s]; s = (s + 1) & (b->table_slots - 1)) {
        const struct draft_name *n = &b->names[b->table[s] - 1];
        if (n->hash == hash && n->parent == parent && n->len == len &&
            name_same_label(b->labels + n->label, label, len))
            return b->table[s] - 1;
    }
    uint32_t id = name_add(b, parent, hash, label, len);
    if (id != DRAFT_NONE)
        b->table[s] = id + 1;
    return id;
}

/* The number of a name; DRAFT_NONE when memory runs out. */
static uint32_t intern(struct image_builder *b, const uint8_t *wire, size_t len)
{
    struct name name;
    if (!name_read(&name, wire, len))
        return DRAFT_NONE;
    uint32_t id = 0;
    for (unsigned i = name.count; i-- > 0 && id != DRAFT_NONE;) {
        const uint8_t *label = wire + name.label[i];
        id = name_intern(b, id, label + 1, *label);
    }
    return id;
}

struct image_builder *image_builder_new(const uint8_t *origin, size_t origin_len)
{
    struct image_builder *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    uint8_t random[16];
    rnd_fill(random, sizeof random);
    b->key = hash_key_from(random);
    memcpy(b->origin, origin, origin_len);
    name_lower(b->origin, origin_len);
    b->origin_len = origin_len;
    b->last_owner = DRAFT_NONE;
    if (!names_rehash(b, 4096) ||
        name_add(b, DRAFT_NONE, hash_root(&b->key), NULL, 0) == DRAFT_NONE ||
        (b->apex = intern(b, b->origin, origin_len)) == DRAFT_NONE) {
        image_builder_free(b);
        return NULL;
    }
    return b;
}

void image_builder_free(struct image_builder *b)
{
    if (!b)
        return;
    free(b->names);
    free(b->labels);
    free(b->table);
    free(b->records);
    free(b->data);
    free(b->order);
    free(b->nsec3);
    free(b->denial);
    free(b);
}

/* Owners come in runs: most records have the owner of the one before. */
static uint32_t intern_owner(struct image_builder *b, const uint8_t *owner, size_t len)
{
    if (b->last_owner != DRAFT_NONE && len == b->last_len && !memcmp(owner, b->last_wire, len))
        return b->last_owner;
    b->last_owner = intern(b, owner, len);
    memcpy(b->last_wire, owner, len);
    b->last_len = len;
    return b->last_owner;
}

/* Copies RDATA with each name replaced by its number. */
static int encode(struct image_builder *b, const struct type_info *type, const uint8_t *rdata,
                  size_t len)
{
    uint8_t *to = b->data + b->data_len;
    for (const char *step = type->layout; *step; step++) {
        size_t n = type_step(*step, rdata, len);
        if (!n)
            return fail(b, ERR_FORMAT, "%s record: malformed data", type->name);
        if (*step == 'n' || *step == 'N') {
            uint32_t id = intern(b, rdata, n);
            if (id == DRAFT_NONE)
                return fail(b, ERR_MEMORY, "out of memory");
            memcpy(to, &id, 4);
            to += 4;
        } else {
            memcpy(to, rdata, n);
            to += n;
        }
        rdata += n;
        len -= n;
    }
    return len ? fail(b, ERR_FORMAT, "%s record: %zu bytes too many", type->name, len) : ERR_OK;
}

static int check_record(struct image_builder *b, const uint8_t *owner, size_t owner_len,
                        uint16_t type, const struct type_info *info, size_t rdata_len)
{
    if (name_length(owner, owner_len) != owner_len)
        return fail(b, ERR_FORMAT, "malformed owner name");
    if (!name_is_within(owner, owner_len, b->origin, b->origin_len))
        return fail(b, ERR_MISSING, "the record is outside the zone");
    if (type_is_meta(type))
        return fail(b, ERR_FORMAT, "type %u cannot stand in a zone", type);
    if (info->fixed && rdata_len != info->fixed)
        return fail(b, ERR_FORMAT, "%s record: %zu bytes of data instead of %u", info->name,
                    rdata_len, info->fixed);
    if (type == TYPE_RRSIG && rdata_len < 18)
        return fail(b, ERR_FORMAT, "RRSIG record: data too short");
    return rdata_len > UINT16_MAX ? fail(b, ERR_FORMAT, "data too long") : ERR_OK;
}

int image_builder_add(struct image_builder *b, const uint8_t *owner, size_t owner_len,
                      uint16_t type, uint32_t ttl, const uint8_t *rdata, size_t rdata_len)
{
    const struct type_info *info = type_find(type);
    int err = check_record(b, owner, owner_len, type, info, rdata_len);
    if (err)
        return err;
    uint32_t id = intern_owner(b, owner, owner_len);
    size_t size = info->layout ? record_size(info->layout) : rdata_len;
    struct draft_record *records =
        draft_grow(b->records, &b->record_cap, b->record_count + 1, sizeof *records);
    uint8_t *data = draft_grow(b->data, &b->data_cap, b->data_len + size + 1, 1);
    if (records)
        b->records = records;
    if (data)
        b->data = data;
    if (!records || !data || id == DRAFT_NONE)
        return fail(b, ERR_MEMORY, "out of memory");
    if (info->layout)
        err = encode(b, info, rdata, rdata_len);
    else if (rdata_len)
        memcpy(data + b->data_len, rdata, rdata_len);
    if (err)
        return err;
    /* RFC 2181 section 8: a TTL with the top bit set is 0. */
    records[b->record_count++] = (struct draft_record){.data = b->data_len,
                                                       .name = id,
                                                       .ttl = ttl > INT32_MAX ? 0 : ttl,
                                                       .type = type,
                                                       .len = (uint16_t)size,
                                                       .place = b->place};
    b->data_len += size;
    return ERR_OK;
}

void image_builder_set_place(struct image_builder *b, uint32_t place)
{
    b->place = place;
}

void image_builder_set_files(struct image_builder *b, const void *files, size_t len)
{
    b->files = files;
    b->files_len = len;
}

uint64_t image_builder_records(const struct image_builder *b)
{
    return b->record_count;
}

const char *image_builder_reason(const struct image_builder *b)
{
    return b->reason;
}

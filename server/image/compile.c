#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/crew.h"
#include "server/image/draft.h"
#include "server/image/sink.h"

/* Records of one RRset within a name's records, and the signatures behind them. */
struct group {
    uint32_t first, count, sigs;
    uint16_t type;
};

/* Reads the group that begins at record `i` of a name that ends at `end`. Signatures of a type the
 * name does not have are an RRset of their own. */
static uint32_t next_group(const struct image_builder *b, uint32_t i, uint32_t end, struct group *g)
{
    const struct draft_record *r = b->records;
    *g = (struct group){i, 0, 0, r[i].type};
    uint16_t covered = r[i].type == TYPE_RRSIG ? draft_covered(&r[i]) : r[i].type;
    if (r[i].type != TYPE_RRSIG) {
        for (; i < end && r[i].type == g->type; i++)
            g->count++;
        for (; i < end && r[i].type == TYPE_RRSIG && draft_covered(&r[i]) == covered; i++)
            g->sigs++;
        return i;
    }
    for (; i < end && r[i].type == TYPE_RRSIG && draft_covered(&r[i]) == covered; i++)
        g->count++;
    return i;
}

static uint64_t opaque_size(const struct image_builder *b, uint32_t first, uint32_t count)
{
    uint64_t size = 0;
    for (uint32_t i = first; i < first + count; i++)
        size += 2u + b->records[i].len;
    return size;
}

static uint64_t group_size(const struct image_builder *b, const struct group *g)
{
    const struct type_info *type = type_find(g->type);
    uint64_t size = sizeof(struct image_rrset);
    size += type->layout ? (uint64_t)g->count * record_size(type->layout)
                         : opaque_size(b, g->first, g->count);
    size = (size + 3) & ~UINT64_C(3);
    if (g->sigs)
        size += sizeof(struct image_sigs) + opaque_size(b, g->first + g->count, g->sigs);
    return (size + 3) & ~UINT64_C(3);
}

/* The size of a name's node; 0 when an RRset is larger than an answer can ever be. */
static uint64_t measure_node(const struct image_builder *b, const struct draft_name *n)
{
    uint64_t size = image_pad((uint32_t)sizeof(struct image_node) + n->len);
    if (n->flags & NODE_HASHED)
        size += IMAGE_UNIT;
    struct group g;
    for (uint32_t i = n->first; i < n->first + n->count;) {
        i = next_group(b, i, n->first + n->count, &g);
        uint64_t group = group_size(b, &g);
        if (group > 4 * DNS_MESSAGE_MAX || g.count > UINT16_MAX)
            return 0;
        size += group;
    }
    return size > UINT32_MAX ? 0 : size;
}

static uint8_t *put_opaque(const struct image_builder *b, uint8_t *to, uint32_t first,
                           uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        const struct draft_record *r = &b->records[i];
        memcpy(to, &r->len, 2);
        if (r->len)
            memcpy(to + 2, r->data, r->len);
        to += 2 + r->len;
    }
    return to;
}

static uint8_t *put_laid_out(const struct image_builder *b, uint8_t *to, const char *layout,
                             const struct draft_record *r)
{
    const uint8_t *from = r->data;
    for (; *layout; layout++) {
        unsigned n = *layout == 'x' ? 16 : (unsigned)(*layout - '0');
        if (*layout == 'n' || *layout == 'N') {
            uint32_t id;
            memcpy(&id, from, 4);
            memcpy(to, &b->names[id].ref, 4);
            n = 4;
        } else {
            memcpy(to, from, n);
        }
        to += n;
        from += n;
    }
    return to;
}

static uint8_t *put_group(const struct image_builder *b, uint8_t *to, const struct group *g)
{
    const struct type_info *type = type_find(g->type);
    struct image_rrset *set = (void *)to;
    uint32_t size = (uint32_t)group_size(b, g);
    *set = (struct image_rrset){g->type, (uint16_t)g->count, b->records[g->first].ttl,
                                size | (g->sigs ? RRSET_SIGNED : 0)};
    uint8_t *at = to + sizeof *set;
    if (type->layout) {
        for (uint32_t i = 0; i < g->count; i++)
            at = put_laid_out(b, at, type->layout, &b->records[g->first + i]);
    } else {
        at = put_opaque(b, at, g->first, g->count);
    }
    if (g->sigs) {
        uint32_t first = g->first + g->count;
        struct image_sigs *sigs = (void *)(to + image_pad((uint32_t)(at - to)));
        *sigs = (struct image_sigs){b->records[first].ttl, (uint16_t)g->sigs, 0};
        put_opaque(b, (uint8_t *)(sigs + 1), first, g->sigs);
    }
    return to + size;
}

static uint32_t ref_of(const struct image_builder *b, uint32_t id)
{
    return id == DRAFT_NONE ? 0 : b->names[id].ref;
}

/* `ahead` is what put_ahead made for the name, if it made anything. Returns how much that is. */
static size_t put_node(const struct image_builder *b, uint8_t *at, const struct draft_name *n,
                       const uint8_t *ahead)
{
    size_t ahead_len = 0;
    struct image_node *node = (void *)at;
    *node = (struct image_node){.parent = ref_of(b, n->parent), .flags = n->flags, .len = n->len};
    if (n->len)
        memcpy(node->label, n->label, n->len);
    uint8_t *to = at + image_pad((uint32_t)sizeof *node + n->len);
    struct group g;
    for (uint32_t i = n->first; i < n->first + n->count;) {
        i = next_group(b, i, n->first + n->count, &g);
        to = put_group(b, to, &g);
        node->rrsets++;
    }
    if (n->ahead) {
        node->flags |= NODE_COMPOSED;
        ahead_len = image_composed_size((const void *)ahead);
        memcpy(to, ahead, ahead_len);
        to += ahead_len;
    }
    if (n->flags & NODE_HASHED) {
        uint32_t ref = b->names[b->denial[n - b->names]].ref;
        memcpy(to, &ref, sizeof ref);
        to += IMAGE_UNIT;
    }
    node->size = (uint32_t)(to - at) | (n->above == DRAFT_NONE ? 0 : NODE_OCCLUDED);
    return ahead_len;
}

/* ---- in pieces, by several threads */

enum {
    PIECE_NAMES = 8192, /* some 400 kB of image, so that it is written while it is near */
    SLICE_BITS = 16,    /* slots: as large a part of the hash table */
    SLICES_MOST = 256,
    LATE_MAX = 1024,
    AHEAD_LEAST = 64 /* names: with fewer, room matters more than what each answer costs */
};

/* A name on its way into the hash table. */
struct entry {
    uint32_t high; /* half of its hash */
    struct image_slot slot;
};

struct fill {
    struct image_builder *b;
    uint32_t minimum; /* TTL of negative answers */
    const struct image_header *h;
    struct sink *to;
    unsigned pieces, slices, slice_bits;
    uint64_t *places;      /* of each piece, while they are measured */
    struct entry *entries; /* of each piece, those of one slice together */
    uint32_t *begins;      /* where these begin: for each piece, slices + 1 */
    _Atomic uint32_t late_count;
    struct entry *late; /* LATE_MAX: found no slot in their slice */
    _Atomic uint32_t exist_count, nsec_count;
    _Atomic uint32_t too_large; /* a name with an RRset that is; DRAFT_NONE none */
    _Atomic bool failed;        /* out of memory */
};

static unsigned count_pieces(const struct image_builder *b)
{
    return b->name_count / PIECE_NAMES + 1;
}

static uint32_t piece_end(const struct fill *f, unsigned piece)
{
    return (uint32_t)((uint64_t)f->b->name_count * piece / f->pieces);
}

static bool has_nsec(const struct image_builder *b, const struct draft_name *n)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (b->records[n->first + i].type == TYPE_NSEC)
            return true;
    }
    return false;
}

/* The answer for a name, written ahead; returns how much it is. That does not hang on the order of
 * its records, as image_same_content needs it: each name is its labels not met before and one
 * pointer, or the root. */
static size_t put_ahead(struct fill *f, struct draft_ahead *ahead, uint32_t id)
{
    struct draft_composed c;
    struct draft_name *n = &f->b->names[id];
    if (!(n->flags & (NODE_CUT | NODE_APEX)) || f->b->name_count < AHEAD_LEAST)
        return 0;
    if (!draft_compose(f->b, id, f->minimum, &c))
        return 0;
    struct image_composed head = {(uint16_t)c.len, (uint8_t)c.pointers, (uint8_t)c.authority,
                                  (uint8_t)c.additional};
    size_t size = image_composed_size(&head);
    uint8_t *bytes = draft_grow(ahead->bytes, &ahead->cap, ahead->len + size, 1);
    if (!bytes) {
        atomic_store(&f->failed, true);
        return 0;
    }
    ahead->bytes = bytes;
    bytes += ahead->len;
    memset(bytes + size - IMAGE_UNIT, 0, IMAGE_UNIT); /* padding */
    memcpy(bytes, &head, offsetof(struct image_composed, gap));
    bytes += offsetof(struct image_composed, gap);
    memcpy(bytes, c.gap, c.pointers);
    memcpy(bytes + c.pointers, c.bytes, c.len);
    ahead->len += size;
    n->ahead = true;
    return size;
}

/* Each name's place becomes that within its piece. What the piece comes to is counted apart from
 * the other pieces, which other threads are at. */
static void measure_piece(void *arg, unsigned piece)
{
    struct fill *f = arg;
    struct image_builder *b = f->b;
    struct draft_ahead ahead = {0};
    uint64_t place = 0;
    uint32_t end = piece_end(f, piece + 1), exist = 0, nsec = 0;
    for (uint32_t i = piece_end(f, piece); i < end; i++) {
        struct draft_name *n = &b->names[i];
        uint64_t size = measure_node(b, n);
        if (size)
            size += put_ahead(f, &ahead, i);
        else
            atomic_store(&f->too_large, i);
        n->ref = (uint32_t)place;
        place += size / IMAGE_UNIT;
        exist += n->flags & NODE_EXISTS;
        nsec += has_nsec(b, n);
    }
    b->ahead[piece] = ahead;
    f->places[piece + 1] = place;
    atomic_fetch_add(&f->exist_count, exist);
    atomic_fetch_add(&f->nsec_count, nsec);
}

static void place_piece(void *arg, unsigned piece)
{
    struct fill *f = arg;
    uint32_t end = piece_end(f, piece + 1);
    for (uint32_t i = piece_end(f, piece); i < end; i++)
        f->b->names[i].ref += (uint32_t)f->places[piece];
}

/* Gives every name its place; the header, which knows where the first one is, becomes how many
 * there are and where they end. ERR_ZONE when something is too large, ERR_MEMORY. */
static int place_nodes(struct image_builder *b, struct image_header *h)
{
    struct fill f = {
        .b = b, .minimum = h->summary.minimum, .pieces = count_pieces(b), .too_large = DRAFT_NONE};
    uint64_t few[2];
    b->ahead = calloc(f.pieces, sizeof *b->ahead);
    f.places = f.pieces > 1 ? draft_alloc(f.pieces + 1, sizeof *f.places) : few;
    if (!b->ahead || !f.places) {
        if (f.places != few)
            free(f.places);
        return ERR_MEMORY;
    }
    b->ahead_count = f.pieces;
    crew_run(b->threads, f.pieces, measure_piece, &f);
    f.places[0] = h->nodes / IMAGE_UNIT;
    for (unsigned i = 0; i < f.pieces; i++)
        f.places[i + 1] += f.places[i];
    uint64_t place = f.places[f.pieces];
    crew_run(b->threads, f.pieces, place_piece, &f);
    if (f.places != few)
        free(f.places);
    if (atomic_load(&f.failed))
        return ERR_MEMORY;
    uint32_t large = atomic_load(&f.too_large);
    if (large != DRAFT_NONE) {
        char text[1024];
        draft_name_text(b, large, text);
        snprintf(b->reason, sizeof b->reason, "%.100s: an RRset is too large to be sent", text);
        return ERR_ZONE;
    }
    if (place > UINT32_MAX) {
        snprintf(b->reason, sizeof b->reason, "the zone is too large for an image");
        return ERR_ZONE;
    }
    h->nodes_end = place * IMAGE_UNIT;
    h->node_count = b->name_count;
    h->exist_count = atomic_load(&f.exist_count);
    h->nsec_count = atomic_load(&f.nsec_count);
    return ERR_OK;
}

static uint64_t hash_of(const struct image_builder *b, const struct hash_key *key, uint32_t id)
{
    const struct draft_name *n = &b->names[id];
    return n->parent == DRAFT_NONE ? hash_root(key)
                                   : hash_label(key, hash_of(b, key, n->parent), n->label, n->len);
}

/* Where the nodes of a piece begin, in bytes. */
static uint64_t piece_place(const struct fill *f, unsigned piece)
{
    uint32_t first = piece_end(f, piece);
    return first < f->b->name_count ? (uint64_t)f->b->names[first].ref * IMAGE_UNIT
                                    : f->h->nodes_end;
}

/* Parents come first, but those of another piece may not be there yet. */
static void hash_piece(const struct fill *f, unsigned piece, uint64_t *hashes)
{
    const struct image_builder *b = f->b;
    struct hash_key key = hash_key_from(f->h->key);
    uint32_t first = piece_end(f, piece), end = piece_end(f, piece + 1), known = DRAFT_NONE;
    uint64_t known_hash = 0;
    for (uint32_t i = first; i < end; i++) {
        const struct draft_name *n = &b->names[i];
        if (n->parent == DRAFT_NONE) {
            hashes[i - first] = hash_root(&key);
            continue;
        }
        if (n->parent < first && n->parent != known) {
            known = n->parent;
            known_hash = hash_of(b, &key, known);
        }
        hashes[i - first] = hash_label(
            &key, n->parent < first ? known_hash : hashes[n->parent - first], n->label, n->len);
    }
}

/* Sorts the names that exist by the slice they belong to. */
static void sort_piece(struct fill *f, unsigned piece, const uint64_t *hashes)
{
    const struct draft_name *names = f->b->names + piece_end(f, piece);
    uint32_t count = piece_end(f, piece + 1) - piece_end(f, piece), next[SLICES_MOST] = {0};
    uint32_t *begin = f->begins + (size_t)piece * (f->slices + 1), at = piece_end(f, piece);
    for (uint32_t i = 0; i < count; i++)
        next[image_first_slot(hashes[i], f->h->slots) >> f->slice_bits] +=
            names[i].flags & NODE_EXISTS;
    for (unsigned s = 0; s < f->slices; s++) {
        begin[s] = at;
        at += next[s];
        next[s] = begin[s];
    }
    begin[f->slices] = at;
    for (uint32_t i = 0; i < count; i++) {
        if (names[i].flags & NODE_EXISTS)
            f->entries[next[image_first_slot(hashes[i], f->h->slots) >> f->slice_bits]++] =
                (struct entry){(uint32_t)(hashes[i] >> 32), {(uint32_t)hashes[i], names[i].ref}};
    }
}

static void fill_piece(void *arg, unsigned piece)
{
    struct fill *f = arg;
    uint64_t at = piece_place(f, piece), end = piece_place(f, piece + 1), hashes[PIECE_NAMES];
    uint8_t *bytes = sink_open(f->to, at, end - at);
    const uint8_t *ahead = f->b->ahead[piece].bytes;
    uint32_t last = piece_end(f, piece + 1);
    for (uint32_t i = piece_end(f, piece); i < last; i++) {
        const struct draft_name *n = &f->b->names[i];
        ahead += put_node(f->b, bytes + ((uint64_t)n->ref * IMAGE_UNIT - at), n, ahead);
    }
    sink_close(f->to, at, end - at, bytes);
    hash_piece(f, piece, hashes);
    sort_piece(f, piece, hashes);
}

static uint32_t first_slot(const struct fill *f, const struct entry *e)
{
    return image_first_slot((uint64_t)e->high << 32, f->h->slots);
}

static uint32_t slice_begin(const struct fill *f, unsigned slice)
{
    uint64_t begin = (uint64_t)slice << f->slice_bits;
    return begin < f->h->slots ? (uint32_t)begin : f->h->slots;
}

/* The hash table is filled a slice at a time, which stays near. Names that would go on into the
 * next slice are left for later. */
static void fill_slice(void *arg, unsigned slice)
{
    struct fill *f = arg;
    uint32_t from = slice_begin(f, slice), count = slice_begin(f, slice + 1) - from;
    uint64_t at = f->h->hash + (uint64_t)from * sizeof(struct image_slot);
    size_t size = count * sizeof(struct image_slot);
    struct image_slot *slots = (void *)sink_open(f->to, at, size);
    for (unsigned p = 0; p < f->pieces; p++) {
        const uint32_t *begin = f->begins + (size_t)p * (f->slices + 1) + slice;
        for (const struct entry *e = f->entries + begin[0]; e < f->entries + begin[1]; e++) {
            uint32_t s = first_slot(f, e) - from;
            while (s < count && slots[s].node)
                s++;
            if (s < count)
                slots[s] = e->slot;
            else
                f->late[atomic_fetch_add(&f->late_count, 1) % LATE_MAX] = *e;
        }
    }
    sink_close(f->to, at, size, (uint8_t *)slots);
}

static void put_late(const struct fill *f, struct image_slot *slots, const struct entry *e)
{
    uint32_t s = first_slot(f, e);
    while (slots[s].node)
        s = s + 1 < f->h->slots ? s + 1 : 0;
    slots[s] = e->slot;
}

/* What found no slot in its slice gets one behind it. `base`: the image as it is by then. */
static void put_all_late(struct fill *f, uint8_t *base)
{
    struct image_slot *slots = (void *)(base + f->h->hash);
    if (atomic_load(&f->late_count) <= LATE_MAX) {
        for (uint32_t i = 0; i < atomic_load(&f->late_count); i++)
            put_late(f, slots, &f->late[i]);
        return;
    }
    /* Too many to remember, which chance does not bring: all anew, one after another. */
    memset(slots, 0, f->h->slots * sizeof(struct image_slot));
    for (unsigned p = 0; p < f->pieces; p++) {
        const uint32_t *begin = f->begins + (size_t)p * (f->slices + 1);
        for (uint32_t i = begin[0]; i < begin[f->slices]; i++)
            put_late(f, slots, &f->entries[i]);
    }
}

/* Signed or with proofs: either way answers to queries with DO have more in them. */
static bool is_signed(const struct image_builder *b, const struct image_header *h)
{
    const struct draft_name *apex = &b->names[b->apex];
    for (uint32_t i = 0; i < apex->count; i++) {
        const struct draft_record *r = &b->records[apex->first + i];
        if (r->type == TYPE_RRSIG && draft_covered(r) == TYPE_SOA)
            return true;
    }
    return h->nsec_count || h->nsec3_count;
}

/* The header with the texts behind it, up to the nodes. */
static int plan(struct image_builder *b, const struct image_header *begun)
{
    struct image_header *h = calloc(1, begun->nodes);
    if (!h)
        return ERR_MEMORY;
    memcpy(h, begun, sizeof *h);
    memcpy(h->text, b->origin, b->origin_len);
    h->slots = h->exist_count + h->exist_count * UINT64_C(3) / 5 + 1;
    h->hash = (h->nodes_end + 7) & ~UINT64_C(7);
    h->nsec = h->hash + (uint64_t)h->slots * sizeof(struct image_slot);
    h->nsec3 = h->nsec + (uint64_t)h->nsec_count * 4;
    if ((h->nsec3_count = b->nsec3_count)) {
        h->nsec3_iterations = b->nsec3_params.iterations;
        h->nsec3_salt_len = b->nsec3_params.salt_len;
        memcpy(h->text + h->origin_len, b->nsec3_params.salt, h->nsec3_salt_len);
    }
    h->is_signed = is_signed(b, h);
    h->files = h->nsec3 + (uint64_t)h->nsec3_count * sizeof(struct image_nsec3);
    h->files_len = (uint32_t)b->files_len;
    h->size = h->summary.bytes = h->files + b->files_len;
    h->root = b->names[0].ref;
    h->apex = b->names[b->apex].ref;
    b->head = h;
    return ERR_OK;
}

/* What stands behind the hash table. */
static void put_tail(const struct image_builder *b, uint8_t *to)
{
    for (uint32_t i = 0; b->head->nsec_count && i < b->name_count; i++) {
        if (!has_nsec(b, &b->names[i]))
            continue;
        memcpy(to, &b->names[i].ref, 4);
        to += 4;
    }
    for (uint32_t i = 0; i < b->head->nsec3_count; i++) {
        struct image_nsec3 item = {.node = b->names[b->nsec3[i].name].ref};
        memcpy(item.hash, b->nsec3[i].hash, NSEC3_HASH_LEN);
        memcpy(to, &item, sizeof item);
        to += sizeof item;
    }
    if (b->files_len)
        memcpy(to, b->files, b->files_len);
}

static size_t largest_piece(const struct fill *f)
{
    uint64_t tail = f->h->size - f->h->nsec, most = f->h->nodes > tail ? f->h->nodes : tail;
    for (unsigned i = 0; i < f->pieces; i++) {
        uint64_t size = piece_place(f, i + 1) - piece_place(f, i);
        most = size > most ? size : most;
    }
    for (unsigned i = 0; i < f->slices; i++) {
        uint64_t size = (slice_begin(f, i + 1) - slice_begin(f, i)) * sizeof(struct image_slot);
        most = size > most ? size : most;
    }
    return most;
}

/* Everything but the late names and the checksum. */
static void fill(struct fill *f)
{
    struct image_builder *b = f->b;
    uint64_t tail = f->h->size - f->h->nsec;
    crew_run(b->threads, f->pieces, fill_piece, f);
    crew_run(b->threads, f->slices, fill_slice, f);
    uint8_t *piece = sink_open(f->to, 0, f->h->nodes);
    memcpy(piece, f->h, f->h->nodes);
    sink_close(f->to, 0, f->h->nodes, piece);
    piece = sink_open(f->to, f->h->nsec, tail);
    put_tail(b, piece);
    sink_close(f->to, f->h->nsec, tail, piece);
}

static void finish(struct fill *f, uint8_t *base)
{
    put_all_late(f, base);
    ((struct image_header *)(void *)base)->checksum =
        image_checksum(base, f->h->size, f->b->threads);
}

static int fill_memory(struct fill *f)
{
    f->b->image = f->to->memory = calloc(1, f->h->size);
    if (!f->b->image)
        return ERR_MEMORY;
    fill(f);
    finish(f, f->b->image);
    return ERR_OK;
}

static int fill_file(struct fill *f, int fd)
{
    uint64_t size = f->h->size;
    void *base = MAP_FAILED;
    if (sink_begin(f->to, fd, f->b->threads, largest_piece(f)))
        return ERR_MEMORY;
    fill(f);
    sink_end(f->to);
    errno = atomic_load(&f->to->error);
    if (!errno)
        base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (base == MAP_FAILED)
        return ERR_SYSTEM;
    finish(f, base);
    munmap(base, size);
    return ERR_OK;
}

/* Into memory for -1. */
static int compile_into(struct image_builder *b, int fd)
{
    struct sink sink = {.fd = -1};
    struct entry late[LATE_MAX]; /* not cleared: for most zones that would be much of the work */
    struct fill f = {.b = b,
                     .h = b->head,
                     .late = late,
                     .to = &sink,
                     .pieces = count_pieces(b),
                     .slice_bits = SLICE_BITS,
                     .entries = draft_alloc(b->name_count, sizeof *f.entries)};
    while (b->head->slots >> f.slice_bits >= SLICES_MOST)
        f.slice_bits++;
    f.slices = (b->head->slots >> f.slice_bits) + 1;
    f.begins = draft_alloc((size_t)f.pieces * (f.slices + 1), sizeof *f.begins);
    int err = !f.entries || !f.begins ? ERR_MEMORY : fd < 0 ? fill_memory(&f) : fill_file(&f, fd);
    int saved = errno;
    free(f.entries);
    free(f.begins);
    errno = saved;
    return err;
}

int image_builder_write(struct image_builder *b, int fd)
{
    struct sink file = {.fd = fd};
    int err = ERR_OK;
    if (b->image) {
        sink_put(&file, 0, b->head->size, b->image);
        errno = atomic_load(&file.error);
        err = errno ? ERR_SYSTEM : ERR_OK;
    } else {
        err = compile_into(b, fd);
    }
    if (err == ERR_SYSTEM)
        snprintf(b->reason, sizeof b->reason, "cannot write the image: %s", strerror(errno));
    return err;
}

const void *image_builder_image(const struct image_builder *b)
{
    return b->image;
}

/* Finds each name its place; a small image is there then, a large one is made when it is written.
 */
static int compile(struct image_builder *b, struct image_header *h)
{
    h->nodes = image_nodes_at(b->origin_len, b->nsec3_count ? b->nsec3_params.salt_len : 0);
    int err = place_nodes(b, h);
    if (!err)
        err = plan(b, h);
    if (!err && b->head->size <= IMAGE_SMALL)
        err = compile_into(b, -1);
    return err;
}

int image_builder_finish(struct image_builder *b, const uint8_t key[16],
                         const struct image_source *source, int fd, struct image_summary *summary,
                         struct buf *findings)
{
    struct image_header h = {
        .format = IMAGE_FORMAT, .order = IMAGE_ORDER, .built_at = clk_wall_ns()};
    memcpy(h.magic, IMAGE_MAGIC, sizeof h.magic);
    memcpy(h.key, key, sizeof h.key);
    if (source)
        h.source = *source;
    struct name origin;
    name_read(&origin, b->origin, b->origin_len);
    h.origin_len = origin.len;
    h.origin_labels = origin.count;
    int err = draft_order(b);
    if (!err)
        err = draft_check(b, &h.summary, findings);
    if (!err)
        err = draft_deny(b, findings);
    if (err == ERR_ZONE)
        snprintf(b->reason, sizeof b->reason, "the zone has errors");
    if (err)
        return err;
    h.summary.records = b->record_count;
    err = compile(b, &h);
    if (err)
        return err;
    *summary = b->head->summary;
    return fd < 0 ? ERR_OK : image_builder_write(b, fd);
}

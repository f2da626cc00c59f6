/* A zone between its records and its image: shared by the parts of the builder only.
 *
 * builder.c takes records; key.c makes keys of their names; order.c brings names and records into
 * canonical order and drops duplicates; check.c and lint.c look at the zone as a whole; deny.c
 * finds its NSEC3 chain; compose.c writes answers ahead; compile.c writes the image.
 *
 * A name is not looked up while records come in. Each time one is met it is noted as a mention: its
 * key, and the run of records it owns. Sorting the mentions afterwards by their keys finds what is
 * the same and gives the canonical order at once, and parts of the zone can be read and sorted by
 * several threads. */
#pragma once

#include <stdbool.h>

#include "server/dns/nsec3.h"
#include "server/image/builder.h"
#include "server/image/node.h"

#define DRAFT_NONE UINT32_MAX
enum {
    DRAFT_REPEATS = 100,
    /* Names met of late, as powers of two: few until a part has so many words of keys. */
    DRAFT_FEW = 6,
    DRAFT_MANY = 12,
    DRAFT_SMALL = 1024
};

/* A name met in a part; its key follows it. Referred to by its place in the part's arena. */
struct draft_mention {
    uint32_t first, count; /* its run among the part's records; count 0: only met in RDATA */
    uint32_t name;         /* order.c: number within its range */
    uint8_t words;         /* of the key */
    uint8_t range, part;   /* order.c */
    bool outside;          /* the zone: the key is from the root, not from the apex */
    uint64_t key[];
};

/* A record as it came: its owner is the mention whose run it is in; in RDATA with a layout each
 * name is the place of a mention. */
struct draft_arrival {
    uint32_t data, ttl, place; /* data: offset in the part's data */
    uint16_t type, len;
};

struct image_part {
    struct image_builder *builder;
    struct image_part *next;
    uint64_t *keys; /* mentions, one behind another */
    size_t key_count, key_cap;
    struct draft_arrival *records;
    size_t record_count, record_cap;
    uint8_t *data;
    size_t data_len, data_cap;
    uint8_t last_wire[NAME_MAX_LEN];
    size_t last_len;
    uint32_t last_owner; /* mention; DRAFT_NONE none */
    uint32_t place;
    struct draft_recent {
        uint32_t place, tag;        /* of a mention, 0 none; more of its hash */
    } few[1 << DRAFT_FEW], *recent; /* by hash, to find those just met again: few at first */
    unsigned recent_bits;
    char reason[160];
};

struct draft_name {
    const uint8_t *label;
    uint32_t parent;
    uint32_t above;        /* topmost cut or DNAME owner above, DRAFT_NONE none */
    uint32_t first, count; /* its records */
    uint32_t ref;          /* compile.c: where its node is */
    uint8_t len, flags;    /* flags: NODE_* */
    bool ahead;            /* compile.c: it has an answer that is written ahead */
};

struct draft_record {
    const uint8_t *data; /* with a layout: each name is its number */
    uint32_t name, ttl, place;
    uint16_t type, len;
};

struct draft_nsec3 {
    uint8_t hash[NSEC3_HASH_LEN];
    uint32_t name; /* its owner */
};

struct image_builder {
    uint8_t origin[NAME_MAX_LEN];
    size_t origin_len;
    unsigned origin_labels, threads;
    uint32_t apex;
    struct image_part *parts, *last;
    struct draft_name *names; /* in canonical order, so parents first; 0 is the root */
    uint32_t name_count;
    struct draft_record *records;     /* grouped by name, then by type */
    size_t record_count;              /* without the repeated ones */
    void *odd_labels;                 /* key.c: labels that stand in their keys in another form */
    struct nsec3_params nsec3_params; /* deny.c: the salt points into a record */
    struct draft_nsec3 *nsec3;        /* the chain, by hash */
    uint32_t nsec3_count;
    uint32_t
        *denial; /* for each name the owner of its NSEC3, or DRAFT_NONE; NULL without a chain */
    struct draft_record repeats[DRAFT_REPEATS]; /* order.c: the first ones that were dropped */
    size_t repeat_count;                        /* all of them */
    struct draft_ahead {
        uint8_t *bytes;
        size_t len, cap;
    } * ahead; /* compile.c: for each piece of the names the answers written ahead */
    unsigned ahead_count;
    const void *files;
    size_t files_len;
    struct image_header *head; /* compile.c: with the texts behind it; NULL before it is planned */
    uint8_t *image;            /* compile.c: when it is small */
    char reason[160];
};

/* Grows an array to hold `need` items; NULL when memory runs out (the old one stays). */
void *draft_grow(void *items, size_t *cap, size_t need, size_t unit);
/* An array of that size, not cleared; NULL when memory runs out. */
void *draft_alloc(size_t count, size_t unit);

static inline struct draft_mention *draft_at(const struct image_part *part, uint32_t place)
{
    return (struct draft_mention *)(void *)(part->keys + place);
}

/* Fills names and records; drops repeated ones. ERR_MEMORY. */
int draft_order(struct image_builder *b);
struct draft_findings {
    struct image_builder *b;
    struct buf *out;
    unsigned count;
    bool error;
};

/* Adds a finding about a name, at the place of a record (NULL: none). */
void draft_find(struct draft_findings *f, bool error, const struct draft_record *at, uint32_t name,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* What lint.c remembers from one name to the next; of a piece of the zone, or of all. */
struct draft_lint {
    struct draft_findings *f;
    struct image_builder *b;
    int64_t now;
    bool has_keys;
    bool unsure; /* some delegation is not reached by its own name servers alone */
    uint32_t expired, soon;
    const struct draft_record *first_expired, *first_soon, *first_unsigned;
};

/* Looks for what works, but not as meant: begin, each name (in pieces, each with a copy of what
 * begin made), what the pieces found, end; ERR_MEMORY. */
void draft_lint_begin(struct draft_lint *l, struct image_builder *b, struct draft_findings *f);
void draft_lint_name(struct draft_lint *l, uint32_t id);
void draft_lint_join(struct draft_lint *l, const struct draft_lint *piece);
int draft_lint_end(struct draft_lint *l);
/* Sets flags and above; adds findings; returns ERR_ZONE when one is an error. Also fills the SOA's
 * part of the summary. */
int draft_check(struct image_builder *b, struct image_summary *summary, struct buf *findings);
/* Finds the NSEC3 chain answers are made from and each name's place in it; adds findings. */
int draft_deny(struct image_builder *b, struct buf *findings);
enum { DRAFT_COMPOSED_BYTES = 1024, DRAFT_COMPOSED_POINTERS = 128 };
struct draft_composed {
    unsigned len, pointers, authority, additional; /* as in struct image_composed */
    uint8_t gap[DRAFT_COMPOSED_POINTERS];
    uint8_t bytes[DRAFT_COMPOSED_BYTES];
};

/* Writes the answer that belongs to a name ahead; false when there is none, or it is too large.
 * `minimum` is the TTL of negative answers. */
bool draft_compose(const struct image_builder *b, uint32_t id, uint32_t minimum,
                   struct draft_composed *out);
/* Does the name own nothing but NSEC3 and its signatures? Then it is not a name of the zone for
 * anybody who asks (RFC 5155 section 7.2.8). */
bool draft_is_hash_owner(const struct image_builder *b, const struct draft_name *n);
/* What a name's records are sorted by: the type, and signatures behind what they cover. */
uint32_t draft_sort_key(const struct draft_record *r);
/* The covered type of an RRSIG record. */
uint16_t draft_covered(const struct draft_record *r);
/* Writes the name in text form, for findings. */
void draft_name_text(const struct image_builder *b, uint32_t id, char out[1024]);
/* Its wire form; returns the length. */
size_t draft_name_wire(const struct image_builder *b, uint32_t id, uint8_t out[NAME_MAX_LEN]);

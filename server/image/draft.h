/* A zone between its records and its image: shared by the parts of the builder only.
 *
 * builder.c collects names and records; order.c puts both into canonical order and drops
 * duplicates; check.c and lint.c look at the zone as a whole; deny.c finds its NSEC3 chain;
 * compile.c writes the image. */
#pragma once

#include <stdbool.h>

#include "server/dns/hash.h"
#include "server/dns/nsec3.h"
#include "server/image/builder.h"
#include "server/image/node.h"

#define DRAFT_NONE UINT32_MAX

struct draft_name {
    uint64_t hash;  /* builder.c: by the builder's key; compile.c: by the image's */
    uint64_t label; /* offset in labels */
    uint32_t parent;
    uint32_t above;        /* topmost cut or DNAME owner above, DRAFT_NONE none */
    uint32_t first, count; /* its records after ordering */
    uint32_t ref;          /* compile.c: where its node is */
    uint8_t len, flags;    /* flags: NODE_* */
};

struct draft_record {
    uint64_t data; /* offset in data */
    uint32_t name, ttl;
    uint16_t type, len;
    uint32_t place;
};

enum { DRAFT_REPEATS = 100 };

struct draft_nsec3 {
    uint8_t hash[NSEC3_HASH_LEN];
    uint32_t name; /* its owner */
};

struct image_builder {
    struct hash_key key;
    uint8_t origin[NAME_MAX_LEN];
    size_t origin_len;
    uint32_t apex;
    struct draft_name *names; /* 0 is the root */
    size_t name_cap;
    uint32_t name_count;
    uint8_t *labels;
    size_t label_len, label_cap;
    uint32_t *table; /* names by hash, number + 1 */
    size_t table_slots;
    struct draft_record *records;
    size_t record_count, record_cap;
    uint8_t *data;
    size_t data_len, data_cap;
    uint32_t *order;                  /* order.c: names in canonical order, parents first */
    struct nsec3_params nsec3_params; /* deny.c: the salt points into data */
    struct draft_nsec3 *nsec3;        /* the chain, by hash */
    uint32_t nsec3_count;
    uint32_t
        *denial; /* for each name the owner of its NSEC3, or DRAFT_NONE; NULL without a chain */
    uint8_t last_wire[NAME_MAX_LEN];
    size_t last_len;
    uint32_t last_owner;
    uint32_t place;
    struct draft_record repeats[DRAFT_REPEATS]; /* order.c: the first ones that were dropped */
    size_t repeat_count;                        /* all of them */
    const void *files;
    size_t files_len;
    char reason[160];
};

/* Grows an array to hold `need` items; NULL when memory runs out (the old one stays). */
void *draft_grow(void *items, size_t *cap, size_t need, size_t unit);
/* Fills order, sorts records by name, type and arrival, drops repeated ones, sets first and count.
 */
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
/* Looks for what works, but not as meant; ERR_MEMORY. */
int draft_lint(struct image_builder *b, struct draft_findings *f);
/* Sets flags and above; adds findings; returns ERR_ZONE when one is an error. Also fills the SOA's
 * part of the summary. */
int draft_check(struct image_builder *b, struct image_summary *summary, struct buf *findings);
/* Finds the NSEC3 chain answers are made from and each name's place in it; adds findings. */
int draft_deny(struct image_builder *b, struct buf *findings);
/* Does the name own nothing but NSEC3 and its signatures? Then it is not a name of the zone for
 * anybody who asks (RFC 5155 section 7.2.8). */
bool draft_is_hash_owner(const struct image_builder *b, const struct draft_name *n);
/* What a name's records are sorted by: the type, and signatures behind what they cover. */
uint32_t draft_sort_key(const struct image_builder *b, const struct draft_record *r);
/* The covered type of an RRSIG record. */
uint16_t draft_covered(const struct image_builder *b, const struct draft_record *r);
/* Writes the name in text form, for findings. */
void draft_name_text(const struct image_builder *b, uint32_t id, char out[1024]);

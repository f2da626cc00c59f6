/* Walking an opened image: names, RRsets and records. Everything returned points into the image and
 * lives as long as it. All functions are pure and may be called by any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/dns/name.h"
#include "server/dns/type.h"
#include "server/image/image.h"
#include "server/image/layout.h"

struct image {
    union {
        const uint8_t *base;
        const struct image_header *header;
    };
};

static inline const struct image_slot *image_slots(const struct image *image)
{
    return (const void *)(image->base + image->header->hash);
}

static inline const uint32_t *image_nsec(const struct image *image)
{
    return (const void *)(image->base + image->header->nsec);
}

static inline const struct image_nsec3 *image_nsec3(const struct image *image)
{
    return (const void *)(image->base + image->header->nsec3);
}

static inline const struct image_node *node_at(const struct image *image, uint32_t ref)
{
    return (const struct image_node *)(const void *)(image->base + (uint64_t)ref * IMAGE_UNIT);
}

static inline uint32_t node_ref(const struct image *image, const struct image_node *node)
{
    return (uint32_t)((uint64_t)((const uint8_t *)node - image->base) / IMAGE_UNIT);
}

static inline const struct image_node *node_apex(const struct image *image)
{
    return node_at(image, image->header->apex);
}

static inline uint32_t node_size(const struct image_node *node)
{
    return node->size & ~3u;
}

/* Is there a cut or DNAME owner above? */
static inline bool node_is_occluded(const struct image_node *node)
{
    return node->size & NODE_OCCLUDED;
}

static inline const struct image_node *node_parent(const struct image *image,
                                                   const struct image_node *node)
{
    return node->parent ? node_at(image, node->parent) : NULL;
}

/* The node of the name that is the suffix of `name` from label `from` on, if the zone has it
 * (NODE_EXISTS); `hash` is what name_hash made. NULL else. */
const struct image_node *node_find(const struct image *image, const struct name *name,
                                   unsigned from, const uint64_t *hash);
/* The child of `node` with that one label; `parent_hash` is the hash of the node's name under the
 * image's key. */
const struct image_node *node_child(const struct image *image, const struct image_node *node,
                                    const struct hash_key *key, uint64_t parent_hash,
                                    const uint8_t *label, size_t len);
/* What is known before node_closest: that the zone has no name from a label before `label` on, and
 * that the one from there on may be the node `ref` refers to (0: not known). All zero: nothing. */
struct node_lead {
    uint32_t ref, label;
};

/* What node_closest will read is asked for from memory, so that it is there by then: first the
 * slots of the name and its parent, then the node found in them. */
void node_fetch_slots(const struct image *image, const struct name *name, const uint64_t *hash);
struct node_lead node_fetch(const struct image *image, const struct name *name,
                            const uint64_t *hash);
/* The deepest existing name that is `name` or above it; *from is its first label. `name`
 * is within the zone, so there is always one (RFC 4592 section 3.3.1: the closest encloser, or the
 * name itself). */
const struct image_node *node_closest(const struct image *image, const struct name *name,
                                      const uint64_t *hash, struct node_lead lead, unsigned *from);
static inline const struct image_rrset *node_first(const struct image_node *node)
{
    return (
        const struct image_rrset *)(const void *)((const uint8_t *)node +
                                                  image_pad((uint32_t)sizeof *node + node->len));
}

static inline const struct image_rrset *rrset_next(const struct image_rrset *set)
{
    return (const struct image_rrset *)(const void *)((const uint8_t *)set + (set->size & ~3u));
}

/* The RRset of a type, or NULL. */
static inline const struct image_rrset *node_rrset(const struct image_node *node, uint16_t type)
{
    const struct image_rrset *set = node_first(node);
    for (unsigned i = node->rrsets; i; i--, set = rrset_next(set)) {
        if (set->type == type)
            return set;
    }
    return NULL;
}

/* The answer that is written ahead for a delegation's owner or the apex, or NULL. */
static inline const struct image_composed *node_composed(const struct image_node *node)
{
    if (!(node->flags & NODE_COMPOSED))
        return NULL;
    const struct image_rrset *set = node_first(node);
    for (unsigned i = node->rrsets; i; i--)
        set = rrset_next(set);
    return (const void *)set;
}

/* Next node in canonical order, NULL at the end; begin with NULL. */
const struct image_node *node_next(const struct image *image, const struct image_node *node);
/* Writes the name of a node in wire form; returns its length. */
size_t node_name(const struct image *image, const struct image_node *node,
                 uint8_t out[NAME_MAX_LEN]);

/* The node that owns the last NSEC at or before `name` in canonical order, around the end of the
 * zone if need be; NULL when the zone has no NSEC. The name's labels must be within the zone. */
const struct image_node *node_nsec_before(const struct image *image, const struct name *name,
                                          unsigned from);

/* The owner of the NSEC3 that matches (NODE_MATCHED) or covers an existing name; NULL when the zone
 * has no NSEC3 or the name is below a cut. */
const struct image_node *node_nsec3(const struct image *image, const struct image_node *node);
/* The owner of the NSEC3 that matches or covers any other name, which is hashed for it; NULL when
 * the zone has no NSEC3. */
const struct image_node *node_nsec3_before(const struct image *image, const uint8_t *name,
                                           size_t len);

/* One record of an RRset as stored. */
struct image_record {
    const uint8_t *data;
    uint16_t len;
};

/* Steps through records: begin with `at` = rrset_records(set); returns the next `at`. */
static inline const uint8_t *rrset_records(const struct image_rrset *set)
{
    return (const uint8_t *)(set + 1);
}
const uint8_t *record_read(const struct type_info *type, const uint8_t *at,
                           struct image_record *record);
/* The signatures of an RRset, or NULL; their records (opaque) follow the struct. */
const struct image_sigs *rrset_sigs(const struct image_rrset *set, const struct type_info *type);
/* The stored size of a record of a type with a layout. */
unsigned record_size(const char *layout);
/* The node a stored name refers to. */
static inline const struct image_node *record_name(const struct image *image, const uint8_t *at)
{
    uint32_t ref;
    memcpy(&ref, at, sizeof ref);
    return node_at(image, ref);
}

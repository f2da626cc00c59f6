/* The bytes of an image. Only the builder writes them, only this room reads them raw; others use
 * node.h.
 *
 *   header | origin | NSEC3 salt | nodes in canonical order | hash table | NSEC index | NSEC3 index
 * | files
 *
 * There may be a million small zones, so the header has only what every zone needs.
 *
 * A reference is a 32-bit offset from the start of the image in units of 4 bytes, so an image may
 * have 16 GiB; 0 is none. Numbers are in the machine's order (an image never leaves the machine;
 * `order` tells a foreign one).
 *
 * A node is a name: label and parent. The nodes are the zone's own names with their RRsets
 * (EXISTS), its ancestors up to the root, and names that are only mentioned in RDATA: so RDATA
 * refers to a node instead of repeating a name, an answer compresses by comparing references, and
 * the address of a name server is found without a search. Each node is followed by its label and
 * its RRsets, so one look-up touches one place. Nodes stand in canonical order (RFC 4034
 * section 6.1), parents first. The hash table finds those that exist, also what is below a
 * delegation: who asks for a name server's name gets an answer that points at it in the question.
 *
 * An RRset: struct image_rrset, the records, then, when it is signed, a struct image_sigs and the
 * signatures. A record of a type with a layout (server/dns/type.h) has its bytes with each name
 * replaced by a reference, so all have one size; any other is a 16-bit length and the bytes.
 * Everything is padded to 4 bytes.
 *
 * Behind the RRsets of a delegation's owner its referral is written ahead, behind those of the apex
 * the SOA of negative answers (COMPOSED): a struct image_composed, its pointers, its bytes.
 *
 * In a zone with NSEC3 a node that can be asked for ends with a reference to the owner of its NSEC3
 * (HASHED), so only names that do not exist are hashed for an answer. Owners of nothing but NSEC3
 * are nodes, but do not EXIST. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/dns/nsec3.h"
#include "server/image/builder.h"

#define IMAGE_MAGIC "zdimage"
enum { IMAGE_FORMAT = 8, IMAGE_UNIT = 4 };
#define IMAGE_ORDER UINT32_C(0x01020304)

struct image_header {
    char magic[8];
    uint32_t format, order;
    uint64_t size;     /* of the whole image */
    uint64_t checksum; /* of all bytes behind this field (image_checksum) */
    uint8_t key[16];   /* hash key */
    struct image_source source;
    struct image_summary summary;
    int64_t built_at;          /* wall clock, ns */
    uint32_t root, apex;       /* nodes */
    uint64_t nodes, nodes_end; /* offsets in bytes */
    uint32_t node_count, exist_count;
    uint64_t hash;  /* offset of struct image_slot[slots] */
    uint64_t nsec;  /* offset of uint32_t[nsec_count]: nodes with NSEC, in order */
    uint64_t nsec3; /* offset of struct image_nsec3[nsec3_count], by hash */
    uint64_t files; /* offset of the bytes of image_builder_set_files */
    uint32_t slots, nsec_count, nsec3_count;
    uint32_t files_len;
    uint16_t nsec3_iterations;
    uint8_t nsec3_salt_len, is_signed;
    uint8_t origin_len, origin_labels;
    uint8_t pad[2];
    uint8_t text[]; /* origin in wire form, salt; the nodes begin at the next multiple of 8 */
};

enum {
    NODE_EXISTS = 1,   /* owns records or has descendants that do (RFC 4592 section 2.2.2) */
    NODE_CUT = 2,      /* a delegation: NS below the apex */
    NODE_DNAME = 4,    /* owns a DNAME */
    NODE_WILDCARD = 8, /* has a child named "*" */
    NODE_APEX = 16,
    NODE_HASHED = 32,  /* its last 4 bytes refer to the NSEC3 that matches or covers it */
    NODE_MATCHED = 64, /* that one matches */
    NODE_COMPOSED = 128
};

enum { NODE_OCCLUDED = 1 }; /* of size: there is a cut or DNAME owner above */

struct image_node {
    uint32_t parent; /* reference; 0 for the root */
    uint32_t size;   /* bytes to the next node; the two low bits are flags */
    uint16_t rrsets;
    uint8_t flags;
    uint8_t len; /* of the label that follows */
    uint8_t label[];
};

enum { RRSET_SIGNED = 1 };

struct image_rrset {
    uint16_t type, count;
    uint32_t ttl;
    uint32_t size; /* bytes to the next RRset; the two low bits are flags */
};

struct image_sigs {
    uint32_t ttl;
    uint16_t count, pad;
};

/* Records of an answer to who wants no DNSSEC, with names compressed. `len` bytes; in front of
 * them, for each pointer in them, how far it is behind the one before, or behind their begin. What
 * stands there is an offset from the first byte, or, with IMAGE_COMPOSED_QUESTION, from where the
 * node's name stands in the question. */
struct image_composed {
    uint16_t len;
    uint8_t pointers;
    uint8_t authority, additional; /* records */
    uint8_t gap[];
};
enum { IMAGE_COMPOSED_QUESTION = 0x8000 };

struct image_slot {
    uint32_t tag;  /* low half of the name's hash */
    uint32_t node; /* 0 free */
};

struct image_nsec3 {
    uint8_t hash[NSEC3_HASH_LEN];
    uint32_t node;
};

static inline uint32_t image_pad(uint32_t n)
{
    return (n + IMAGE_UNIT - 1) & ~(uint32_t)(IMAGE_UNIT - 1);
}

static inline uint32_t image_composed_size(const struct image_composed *c)
{
    return image_pad((uint32_t)offsetof(struct image_composed, gap) + c->pointers + c->len);
}

static inline const uint8_t *image_salt(const struct image_header *h)
{
    return h->text + h->origin_len;
}

/* Where the nodes of an image with these texts begin. */
static inline uint64_t image_nodes_at(unsigned origin_len, unsigned salt_len)
{
    return (sizeof(struct image_header) + origin_len + salt_len + 7) & ~UINT64_C(7);
}

/* Where the search for a hash begins. */
static inline uint32_t image_first_slot(uint64_t hash, uint32_t slots)
{
    return (uint32_t)((hash >> 32) * slots >> 32);
}

/* What the header's checksum must be for `size` bytes at `base`: XXH3 of up to 1 MiB, XXH3 of the
 * XXH3 of pieces for more, so that `threads` can share it. */
uint64_t image_checksum(const void *base, uint64_t size, unsigned threads);

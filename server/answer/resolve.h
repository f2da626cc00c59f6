/* Answering one question from one zone; the parts behind answer.h. */
#pragma once

#include "server/answer/answer.h"

enum {
    RESOLVE_CHAIN = 16,
    RESOLVE_PROOFS = 20
}; /* aliases followed, as BIND does; owners of NSEC
   or NSEC3 */

/* The question at the point it has been followed to. */
struct resolve {
    const struct zone_table *zones;
    const struct sockaddr *source; /* who asks: a chain ends before a zone closed to him */
    const struct zone *zone;       /* at last */
    const struct image *image;
    struct reply *reply;
    struct answer_scratch *scratch;
    const struct hash_key *key;
    struct answer *answer;
    uint16_t qtype;
    bool dnssec_ok; /* DO */
    bool dnssec;    /* and the zone is signed */
    bool minimal_any;
    bool authoritative;
    const struct name *name;       /* asked for now: QNAME or the target of an alias */
    uint16_t owner;                /* where the message has it */
    struct node_lead lead;         /* to the node */
    const struct image_node *node; /* closest existing name */
    unsigned from;                 /* its first label in name; 0: it is the name */
    const struct image_node *dname[RESOLVE_CHAIN]; /* those in the answer */
    unsigned dnames;
    /* What the later sections will hold. */
    struct {
        const struct image *image; /* an alias may lead from zone to zone */
        const struct image_node *owner;
    } proof[RESOLVE_PROOFS];
    unsigned proofs;
    const struct image_rrset *additional; /* addresses of the names in this RRset's records */
    const struct image_node *cut;         /* a referral's owner, NULL none */
};

/* The question of an answer; the caller adds who asks (zones, source, scratch, key, minimal_any).
 */
void resolve_begin(struct resolve *r, struct answer *answer, struct reply *reply);
/* Fills the reply's sections (answer->hash has the name's hashes); sets rcode, truncated,
 * referral, nodata of the answer. */
void resolve(struct resolve *r);

/* Writes what the image has written ahead for `node`, whose name begins at label `label` of the
 * question; false when it has nothing that serves here. */
bool resolve_composed(struct resolve *r, const struct image_node *node, unsigned label);
/* The delegation at `cut`. */
void resolve_referral(struct resolve *r, const struct image_node *cut);
/* SOA, and the proof that `node` (the name, or the wildcard in its place) lacks the type. */
void resolve_nodata(struct resolve *r, const struct image_node *node);
/* SOA, and the proof that neither the name nor a wildcard for it exists. */
void resolve_nxdomain(struct resolve *r);
/* Adds addresses for the names in an RRset's RDATA, those at or below `within` (a referral's owner,
 * NULL for none) first. False: the referral must be truncated, as one of these or all of the others
 * did not fit. */
bool resolve_additional(struct resolve *r, const struct image_rrset *set,
                        const struct image_node *within);
/* Adds an RRset, if the owner has it, to the authority section; sets truncated when it does not
 * fit. */
bool resolve_authority(struct resolve *r, const struct image_node *owner, uint16_t type,
                       uint32_t ttl);
/* The NSEC or NSEC3 of a node will stand in the authority section, once; NULL is fine. */
void resolve_add_proof(struct resolve *r, const struct image_node *owner);

/* The proofs, when the client wants DNSSEC and the zone has it (denial.c): that the name itself
 * does not exist, so that a wildcard took its place; */
void resolve_prove_expansion(struct resolve *r);
/* that `node` lacks the type; */
void resolve_prove_nodata(struct resolve *r, const struct image_node *node);
/* that neither the name nor a wildcard in its place exists; */
void resolve_prove_nxdomain(struct resolve *r);
/* that a delegation has no DS. */
void resolve_prove_no_ds(struct resolve *r, const struct image_node *cut);

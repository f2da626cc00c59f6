/* Answering one question from one zone; the parts behind answer.h. */
#pragma once

#include "server/answer/answer.h"

enum { RESOLVE_CHAIN = 16, RESOLVE_PROOFS = 20 }; /* aliases followed, as BIND does; NSEC owners */

/* The question at the point it has been followed to. */
struct resolve {
    const struct zone *zone;
    const struct image *image;
    struct reply *reply;
    struct answer_scratch *scratch;
    const struct hash_key *key;
    struct answer *answer;
    uint16_t qtype;
    bool dnssec; /* DO, and the zone is signed */
    bool minimal_any;
    bool authoritative;
    struct name name;              /* asked for now: QNAME or the target of an alias */
    uint16_t owner;                /* where the message has it */
    const struct image_node *node; /* closest existing name */
    unsigned from;                 /* its first label in name; 0: it is the name */
    /* What the later sections will hold. */
    const struct image_node *proof[RESOLVE_PROOFS];
    unsigned proofs;
    const struct image_rrset *additional; /* addresses of the names in this RRset's records */
    const struct image_node *cut;         /* a referral's owner, NULL none */
};

/* Fills the reply's sections; sets rcode, truncated, referral, nodata of the answer. */
void resolve(struct resolve *r);

/* The delegation at `cut`. */
void resolve_referral(struct resolve *r, const struct image_node *cut);
/* SOA, and with DNSSEC the proof that `node` (the name, or the wildcard in its place) lacks the
 * type. */
void resolve_nodata(struct resolve *r, const struct image_node *node);
/* SOA, and with DNSSEC the proof that neither the name nor a wildcard for it exists. */
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
/* The NSEC of a node will stand in the authority section, once; NULL is fine. */
void resolve_add_proof(struct resolve *r, const struct image_node *nsec);

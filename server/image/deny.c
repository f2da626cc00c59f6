#include <stdlib.h>

#include "backend/base/err.h"
#include "server/dns/nsec3.h"
#include "server/dns/wire.h"
#include "server/image/draft.h"

/* Chains beyond these are not looked at: a zone has two while its parameters change. */
enum { PARAMS_MAX = 8 };

struct chain {
    struct draft_nsec3 *item;
    uint32_t count;
    bool complete;
};

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, NSEC3_HASH_LEN);
}

bool draft_is_hash_owner(const struct image_builder *b, const struct draft_name *n)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct draft_record *r = &b->records[n->first + i];
        uint16_t type = r->type == TYPE_RRSIG ? draft_covered(r) : r->type;
        if (type != TYPE_NSEC3)
            return false;
    }
    return n->count > 0;
}

/* The name's NSEC3 record with these parameters; its owner must be the hash below the apex. */
static bool find_nsec3(const struct image_builder *b, uint32_t id,
                       const struct nsec3_params *params, struct draft_nsec3 *item,
                       const uint8_t **next)
{
    const struct draft_name *n = &b->names[id];
    if (n->parent != b->apex || n->len != NSEC3_LABEL_LEN)
        return false;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct draft_record *r = &b->records[n->first + i];
        struct nsec3 nsec3;
        if (r->type != TYPE_NSEC3 || !nsec3_read(&nsec3, r->data, r->len, false) ||
            nsec3.algorithm != NSEC3_SHA1 || !nsec3_same_params(&nsec3.params, params) ||
            !nsec3_read_label(n->label, n->len, item->hash))
            continue;
        item->name = id;
        *next = nsec3.next;
        return true;
    }
    return false;
}

/* Is the hash each record names the next one there is (RFC 5155 section 3.1.7)? */
static bool is_complete(const struct image_builder *b, const struct chain *chain,
                        const struct nsec3_params *params)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        struct draft_nsec3 again;
        const uint8_t *next;
        const struct draft_nsec3 *after = &chain->item[i + 1 < chain->count ? i + 1 : 0];
        if (!find_nsec3(b, chain->item[i].name, params, &again, &next) ||
            memcmp(next, after->hash, NSEC3_HASH_LEN))
            return false;
    }
    return chain->count > 0;
}

static int read_chain(const struct image_builder *b, const struct nsec3_params *params,
                      struct chain *chain)
{
    size_t cap = 0;
    *chain = (struct chain){0};
    for (uint32_t id = 0; id < b->name_count; id++) {
        struct draft_nsec3 item;
        const uint8_t *next;
        if (!b->names[id].count || !find_nsec3(b, id, params, &item, &next))
            continue;
        void *grown = draft_grow(chain->item, &cap, chain->count + 1u, sizeof item);
        if (!grown) {
            free(chain->item);
            return ERR_MEMORY;
        }
        chain->item = grown;
        chain->item[chain->count++] = item;
    }
    if (chain->count)
        qsort(chain->item, chain->count, sizeof *chain->item, compare_hashes);
    chain->complete = is_complete(b, chain, params);
    return ERR_OK;
}

/* The parameters at the apex; those with flags set are for a chain in the making (RFC 5155
 * section 4.1.2). */
static unsigned read_params(const struct image_builder *b, struct nsec3_params params[PARAMS_MAX])
{
    const struct draft_name *apex = &b->names[b->apex];
    unsigned count = 0;
    for (uint32_t i = 0; i < apex->count && count < PARAMS_MAX; i++) {
        const struct draft_record *r = &b->records[apex->first + i];
        struct nsec3 nsec3;
        if (r->type == TYPE_NSEC3PARAM && nsec3_read(&nsec3, r->data, r->len, true) &&
            nsec3.algorithm == NSEC3_SHA1 && nsec3.flags == 0)
            params[count++] = nsec3.params;
    }
    return count;
}

/* The last one at or before a hash, around the end. */
static const struct draft_nsec3 *find_before(const struct image_builder *b, const uint8_t *hash)
{
    uint32_t low = 0, high = b->nsec3_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (memcmp(b->nsec3[mid].hash, hash, NSEC3_HASH_LEN) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return &b->nsec3[low ? low - 1 : b->nsec3_count - 1];
}

/* Every name a proof can be asked for gets its place in the chain, so that answers hash only names
 * that do not exist. */
static int hash_names(struct image_builder *b)
{
    b->denial = malloc(b->name_count * sizeof *b->denial);
    if (!b->denial)
        return ERR_MEMORY;
    for (uint32_t id = 0; id < b->name_count; id++) {
        struct draft_name *n = &b->names[id];
        b->denial[id] = DRAFT_NONE;
        if (!(n->flags & NODE_EXISTS) || n->above != DRAFT_NONE)
            continue;
        uint8_t wire[NAME_MAX_LEN], hash[NSEC3_HASH_LEN];
        nsec3_hash(&b->nsec3_params, wire, draft_name_wire(b, id, wire), hash);
        const struct draft_nsec3 *found = find_before(b, hash);
        b->denial[id] = found->name;
        n->flags |= NODE_HASHED;
        if (!memcmp(found->hash, hash, sizeof hash))
            n->flags |= NODE_MATCHED;
    }
    return ERR_OK;
}

static void warn(const struct image_builder *b, struct buf *findings, const char *what)
{
    char text[1024];
    draft_name_text(b, b->apex, text);
    buf_printf(findings, "warning: %s %s\n", text, what);
}

/* The first complete chain, else the first there is. */
static int choose_chain(struct image_builder *b, const struct nsec3_params *params, unsigned count,
                        struct chain *best)
{
    *best = (struct chain){0};
    for (unsigned i = 0; i < count && !best->complete; i++) {
        struct chain chain;
        if (read_chain(b, &params[i], &chain))
            return ERR_MEMORY;
        if (chain.complete || (chain.count && !best->count)) {
            free(best->item);
            *best = chain;
            b->nsec3_params = params[i];
        } else {
            free(chain.item);
        }
    }
    return ERR_OK;
}

static bool has_type(const struct image_builder *b, const struct draft_name *n, uint16_t type)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (b->records[n->first + i].type == type)
            return true;
    }
    return false;
}

int draft_deny(struct image_builder *b, struct buf *findings)
{
    struct nsec3_params params[PARAMS_MAX];
    unsigned count = read_params(b, params);
    struct chain chain;
    /* While a zone changes over it has both; the NSEC chain is then the one that is complete. */
    if (!count || has_type(b, &b->names[b->apex], TYPE_NSEC))
        return ERR_OK;
    int err = choose_chain(b, params, count, &chain);
    b->nsec3 = chain.item;
    if (err)
        return err;
    if (!chain.count) {
        warn(b, findings, "has NSEC3PARAM but no NSEC3 records to go with it");
        return ERR_OK;
    }
    if (!chain.complete)
        warn(b, findings, "has an NSEC3 chain with gaps; proofs of what does not exist may fail");
    if (b->nsec3_params.iterations > NSEC3_ITERATIONS_MAX) {
        warn(b, findings, "has NSEC3 with more than 500 iterations (RFC 9276): no proofs are sent");
        return ERR_OK;
    }
    if (b->nsec3_params.iterations > NSEC3_ITERATIONS_WARN)
        warn(b, findings, "has NSEC3 with more than 100 iterations; 0 is best (RFC 9276)");
    b->nsec3_count = chain.count;
    return hash_names(b);
}

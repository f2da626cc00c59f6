#include "server/answer/sign.h"

void sign_judge(struct answer *a, const struct answer_facts *facts)
{
    const struct tsig *t = &a->query.tsig;
    const struct tsig_key *key =
        facts->setting ? tsig_keys_find(&facts->setting->keys, t->name, t->name_len) : NULL;
    tsig_chain_init(&a->chain, key);
    a->signature = tsig_verify(&a->chain, t, a->query.bytes, facts->now);
    if (a->signature == TSIG_GOOD)
        a->signer = key;
    else if (a->signature == TSIG_FORMERR)
        a->query.tsig.at = 0; /* section 5.2.2.1: nothing of it is answered */
}

size_t sign_room(const struct answer *a)
{
    if (!a->query.tsig.at)
        return 0;
    return a->signer ? tsig_room(a->signer)
                     : tsig_error_room(&a->query.tsig, a->chain.key, a->signature);
}

void sign_write(struct answer *a, const struct answer_facts *facts, uint8_t *out)
{
    /* The answer may be made anew (answer_empty): its signature then follows the query's too. */
    struct tsig_chain chain = a->chain;
    const struct tsig *t = &a->query.tsig;
    if (!t->at)
        return;
    if (a->signer)
        a->len = tsig_sign(&chain, out, a->len, facts->now);
    else if (a->signature == TSIG_BADTIME || a->signature == TSIG_BADTRUNC)
        a->len = tsig_sign_error(&chain, out, a->len, t, a->signature, facts->now);
    else
        a->len = tsig_put_error(out, a->len, t, a->signature);
}

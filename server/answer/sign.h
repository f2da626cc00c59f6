/* Signatures of queries and their answers (RFC 8945): which key, verified or not, and what that
 * does to the answer. */
#pragma once

#include "server/answer/answer.h"

/* Verifies the query, which has a TSIG record: sets `signature`, `signer` and `chain` of the
 * answer. */
void sign_judge(struct answer *answer, const struct answer_facts *facts);
/* How many bytes the answer has to leave for its signature. */
size_t sign_room(const struct answer *answer);
/* Signs the finished answer at `out`, or says why it is not signed. */
void sign_write(struct answer *answer, const struct answer_facts *facts, uint8_t *out);

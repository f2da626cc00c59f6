/* Class CHAOS: which program this is, and which server, for those who debug (RFC 4892).
 *
 * version.bind and version.server give the version, hostname.bind and id.server the identity, as
 * one TXT record. All else is refused, and so is what the operator has switched off. */
#pragma once

#include "server/answer/answer.h"

/* Answers a question of class CHAOS; sets the rcode. Is the answer authoritative? */
bool chaos_answer(struct answer *answer, struct reply *reply, const struct answer_setting *setting);

/* The keeper's own UDP queries: SOA (RFC 1034 section 4.3.5) and NOTIFY (RFC 1996).
 *
 * Each try has a fresh socket with a port of the kernel's choosing, connected, and a random id; an
 * answer counts only from that peer and with that id, question and opcode (RFC 5452), all else is
 * ignored as if it had not come. To a peer with a key (RFC 8945) the query is signed, and an answer
 * whose signature is not good is waited out: a better one may come; if none does, there is no other
 * try. At most ASK_AT_ONCE of a kind are under way, urgent ones go before
 * the others, and only ASK_SUSPECTS may be to servers that did not answer lately. An ask lies in
 * its owner's memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/dns/name.h"
#include "server/keeper/loop.h"
#include "server/keeper/suspect.h"

struct keeper;

enum ask_kind { ASK_SOA, ASK_NOTIFY, ASK_KINDS };
enum { ASK_AT_ONCE = 64, ASK_SUSPECTS = 8 };

struct ask_soa {
    uint32_t serial, refresh, retry, expire;
};

struct ask_reply {
    int status; /* 0, ERR_TIMEOUT, ERR_REFUSED (an ICMP error or an rcode), ERR_FORMAT,
                   ERR_SIGNATURE, ERR_SYSTEM */
    char reason[96];
    struct ask_soa soa; /* after ASK_SOA */
};

struct ask {
    struct keeper *keeper;
    struct loop_watch watch;
    struct loop_timer timer;
    enum ask_kind kind;
    uint8_t name[NAME_MAX_LEN];
    size_t name_len;
    struct sockaddr_storage address;
    socklen_t address_len;
    struct tsig_chain chain; /* of the last try; key NULL: not signed */
    const char *distrust;    /* why an answer to it was not taken; NULL: none came */
    void (*done)(void *ctx, const struct ask_reply *reply);
    void *ctx;
    struct ask *next;
    uint16_t id;
    uint8_t tries;
    bool queued, running, suspect;
};

struct ask_queue {
    struct ask *head, **tail;
};

enum ask_lane { ASK_URGENT, ASK_NORMAL, ASK_SUSPECT, ASK_LANES };

struct asks {
    struct ask_queue queue[ASK_KINDS][ASK_LANES];
    unsigned running[ASK_KINDS], suspects[ASK_KINDS]; /* suspects: of those that run */
    struct suspects silent;
};

void asks_init(struct keeper *k);
/* Prepares an ask. ERR_MEMORY. */
int ask_init(struct ask *ask, struct keeper *k);
void ask_fini(struct ask *ask);
/* Asks; `done` is called once, never from within this call. Not while it is under way. */
void ask_start(struct ask *ask, enum ask_kind kind, bool urgent, const uint8_t *name,
               size_t name_len, const struct config_peer *peer,
               void (*done)(void *ctx, const struct ask_reply *reply), void *ctx);
/* The peer is the same in a new configuration, which takes the place of the one that lent the key.
 */
void ask_rekey(struct ask *ask, const struct config_peer *peer);
/* Forgets what is under way; `done` is not called. */
void ask_cancel(struct ask *ask);
/* Is it an answer to the question? Returns false when it is to be ignored. */
bool ask_read(const uint8_t *m, size_t len, enum ask_kind kind, uint16_t id, const uint8_t *name,
              size_t name_len, struct ask_reply *reply);

/* The frames the processes of one server exchange over their channels (backend/base/channel.h).
 *
 * Payloads are the structs below, sent as they are between processes of one binary family; a frame
 * of another size is refused by its reader. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum message {
    /* supervisor -> serve */
    MSG_GO = 1, /* struct msg_go: become active */
    MSG_DRAIN,  /* stop receiving, finish, answer MSG_DRAINED, end when TCP is done */
    MSG_STOP,   /* end now; to every role */
    MSG_KEEPER, /* fd: a new channel to the keeper; replaces the old one */
    /* serve -> supervisor */
    MSG_READY = 20, /* every zone the keeper knows is mapped; also keeper and endpoint: up */
    MSG_DRAINED,    /* no datagram will be received any more; the listening sockets are closed */
    MSG_TOOK_OVER,  /* struct msg_took_over: the active one died, this one goes on */
    MSG_ADOPT,      /* struct msg_adopt, to a new supervisor (backend/contract/adopt.h) */
    /* supervisor -> keeper */
    MSG_SERVE = 40, /* fd: channel to a new serve process: send it every zone, then MSG_SYNCED */
    MSG_CONFIG,     /* fd: the text of a new, checked configuration */
    /* endpoint -> supervisor -> keeper */
    MSG_ACTION = 60, /* struct msg_action */
    /* the way back */
    MSG_RESULT, /* struct msg_result */
    /* keeper -> serve */
    MSG_ZONES = 80, /* zones that are new, changed or gone: backend/contract/feed.h */
    MSG_SYNCED,     /* every zone has been sent */
    MSG_MARK,       /* struct msg_mark: answer it when all before it is served */
    /* serve -> keeper */
    MSG_NOTIFY = 100, /* struct msg_notify */
    MSG_PASSED,       /* struct msg_mark: all before it is served */
    MSG_POISON,       /* the bytes of a query that killed a process, to be kept */
};

enum { MSG_ACL_MAX = 64, MSG_TEXT_MAX = 512, MSG_NAME_MAX = 255 };

struct msg_go {
    uint32_t replay; /* 1: the ring may hold queries that nobody answered */
};

/* What a serve process whose supervisor ended hands to the next one: first a frame without sockets,
 * with the receive rings as descriptor; then the sockets, a descriptor each. */
#define ADOPT_SOCKET "adopt.sock"
enum { ADOPT_VERSION = 1, ADOPT_SOCKETS = 8 };

struct msg_adopt {
    uint32_t version;
    uint32_t all;   /* sockets there are */
    uint32_t count; /* of them in this frame */
    struct {
        int32_t fd; /* its number in the process that serves, which the rings name */
        uint16_t worker, tcp;
    } socket[ADOPT_SOCKETS];
};

struct msg_took_over {
    int32_t dead_pid;
    uint32_t replayed, quarantined;
};

struct msg_action {
    uint64_t id;     /* chosen by the endpoint; comes back in the result */
    uint32_t action; /* enum action */
    char zone[1024]; /* text form with a final dot; "" for the service */
    char actor[128]; /* who asked, for the audit */
};

struct msg_result {
    uint64_t id;
    int32_t status; /* 0 done, else enum err */
    char text[MSG_TEXT_MAX];
};

/* One element of an address list; family 0 matches nothing. A key stands there by its id, not by a
 * place in a list: the two processes may have read different configurations. */
enum { MSG_ACL_KEY = 0xffff };
struct msg_acl {
    uint16_t family; /* AF_INET, AF_INET6 or MSG_ACL_KEY */
    uint16_t prefix; /* bits */
    unsigned char address[16];
};

struct msg_mark {
    uint32_t number; /* grows */
};

enum {
    ZONE_HAS_IMAGE = 1,
    ZONE_IS_EXPIRED = 2,
    ZONE_IS_SECONDARY = 4,
    ZONE_KEEPS_IMAGE = 8,
    ZONE_LIMITS_QUERIES = 16
};
/* ZONE_KEEPS_IMAGE: the keeper cannot open the image now; what serve has of it stays. */

/* One zone with lists of its own. */
struct msg_zone {
    uint32_t row; /* of the zone in the shared stats */
    uint32_t flags;
    uint8_t name_len;
    uint8_t name[MSG_NAME_MAX]; /* wire form, lower case */
    uint32_t transfer_count, notify_count, query_count;
    struct msg_acl allow_transfer[MSG_ACL_MAX];
    struct msg_acl allow_notify[MSG_ACL_MAX];
    struct msg_acl allow_query[MSG_ACL_MAX]; /* only with ZONE_LIMITS_QUERIES: else anybody may */
};

struct msg_notify {
    uint32_t row;
    uint32_t has_serial, serial;
    uint8_t name_len;
    uint8_t name[MSG_NAME_MAX];
    struct sockaddr_storage source;
};

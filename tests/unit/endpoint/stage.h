/* A stage for the endpoint: shared stats filled with a small server, the endpoint as a child
 * process on loopback TCP and a unix socket, and the test as its supervisor. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/base/channel.h"
#include "backend/contract/message.h"
#include "backend/contract/stats.h"

struct stage {
    struct stats *stats;
    int stats_fd;
    char dir[64]; /* of the state; removed at the end */
    char token_file[128], socket_path[128];
    char token[65];
    int tcp, local; /* listening sockets */
    uint16_t port;
    int supervisor;  /* our end of the channel */
    pid_t pid;       /* of the endpoint */
    unsigned nofile; /* descriptor limit of the child, 0 as it is */
    uid_t operator_uid;
    struct channel_frame frame;
};

/* Everything but the process. */
void stage_set(struct stage *stage);
/* Starts the endpoint and waits for MSG_READY. */
void stage_start(struct stage *stage);
/* MSG_STOP; the exit status, -1 when it did not end within 10 s (it is killed then). */
int stage_stop(struct stage *stage);
/* Ends a process that still runs, frees all. */
void stage_strike(struct stage *stage);

void stage_add_zone(struct stage *stage, const char *name, unsigned state, unsigned role);
void stage_beat(struct stage *stage);

/* A connection; `local` over the unix socket. -1 when refused. */
int stage_connect(struct stage *stage, bool local);
/* Sends a raw request and reads until the other side closes, `ms` pass or the reply is whole.
 * Returns the status, 0 when the connection was closed without one, -1 on time-out. `reply` is
 * NUL-terminated. */
int stage_ask(struct stage *stage, bool local, const char *request, size_t len, char *reply,
              size_t cap, int ms);
/* GET PATH; the status, and the body in `body`. */
int stage_get(struct stage *stage, bool local, const char *path, char *body, size_t cap);
/* POST PATH with the right headers and, over TCP, the token. */
int stage_post(struct stage *stage, bool local, const char *path, char *body, size_t cap);
/* Waits for an action; false when none comes within `ms`. */
bool stage_action(struct stage *stage, struct msg_action *action, int ms);
void stage_result(struct stage *stage, uint64_t id, int status, const char *text);
/* Waits until what a page says contains `text`; false when it does not within `ms`. */
bool stage_until(struct stage *stage, const char *path, const char *text, int ms);
/* CPU time of the endpoint, us. */
uint64_t stage_cpu_us(const struct stage *stage);

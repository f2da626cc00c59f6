/* One server at one instant: plain data that knows neither HTTP nor a screen.
 *
 * A model has sections, each filled by one reply of a server and replaced whole by the next, so a
 * section is always of one instant. Every number is a `struct value` (data, none or stale), every
 * string is "" when it was not told. Readers (backend/source) fill sections; views, the command
 * line and rates only read them. Words for states and roles stay as the server said them: a server
 * that is newer than this program may say one we do not know.
 *
 * The lists below define the members and, with the same names, the tables that a reader uses.
 * One thread; a section owns its rows and strings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buf.h"
#include "backend/contract/counters.h"
#include "backend/contract/states.h"
#include "backend/model/text.h"
#include "backend/model/value.h"

enum {
    MODEL_PROCESSES = 32,
    MODEL_PROBLEMS = 20,
    MODEL_ROWS = 10000,  /* zones, transfers or events in one section */
    MODEL_STRING = 2048, /* bytes of one string; longer ones are cut */
    MODEL_BOOT = 33
};

#define MODEL_SERVER_FIELDS(X)                                                                     \
    X(TEXT, name)                                                                                  \
    X(TEXT, version)                                                                               \
    X(TEXT, state)                                                                                 \
    X(TEXT, config)                                                                                \
    X(VALUE, pid)                                                                                  \
    X(VALUE, uptime)                                                                               \
    X(VALUE, config_loaded)                                                                        \
    X(VALUE, restarts)                                                                             \
    X(VALUE, crashes)                                                                              \
    X(VALUE, workers)                                                                              \
    X(VALUE, cores)                                                                                \
    X(VALUE, memory_limit)

#define MODEL_PROCESS_FIELDS(X)                                                                    \
    X(TEXT, role)                                                                                  \
    X(TEXT, state)                                                                                 \
    X(VALUE, pid)                                                                                  \
    X(VALUE, started)                                                                              \
    X(VALUE, uptime)                                                                               \
    X(VALUE, starts)                                                                               \
    X(VALUE, threads)                                                                              \
    X(VALUE, rss)                                                                                  \
    X(VALUE, pss)                                                                                  \
    X(VALUE, cpu_us)                                                                               \
    X(VALUE, heartbeat_age_ms)                                                                     \
    X(VALUE, private)                                                                              \
    X(VALUE, shared)                                                                               \
    X(VALUE, swap)                                                                                 \
    X(VALUE, peak)

#define MODEL_EXIT_FIELDS(X)                                                                       \
    X(VALUE, at)                                                                                   \
    X(VALUE, status)                                                                               \
    X(VALUE, signal)

#define MODEL_MEMORY_FIELDS(X)                                                                     \
    X(VALUE, rss)                                                                                  \
    X(VALUE, pss)                                                                                  \
    X(VALUE, system_total)                                                                         \
    X(VALUE, system_available)

#define MODEL_FLOW_FIELDS(X)                                                                       \
    X(VALUE, in_running)                                                                           \
    X(VALUE, in_failing)                                                                           \
    X(VALUE, out_running)

#define MODEL_PROBLEM_FIELDS(X)                                                                    \
    X(TEXT, severity)                                                                              \
    X(TEXT, subject)                                                                               \
    X(TEXT, text)                                                                                  \
    X(TEXT, remedy)                                                                                \
    X(VALUE, event)                                                                                \
    X(VALUE, since)

#define MODEL_ZONE_FIELDS(X)                                                                       \
    X(TEXT, name)                                                                                  \
    X(TEXT, role)                                                                                  \
    X(TEXT, state)                                                                                 \
    X(TEXT, error)                                                                                 \
    X(TEXT, reason)                                                                                \
    X(VALUE, severity)                                                                             \
    X(VALUE, serial)                                                                               \
    X(VALUE, records)                                                                              \
    X(VALUE, bytes)                                                                                \
    X(VALUE, load_us)                                                                              \
    X(VALUE, loaded)                                                                               \
    X(VALUE, since)                                                                                \
    X(VALUE, progress)                                                                             \
    X(VALUE, checked)                                                                              \
    X(VALUE, refresh)                                                                              \
    X(VALUE, expire)                                                                               \
    X(VALUE, notify_targets)                                                                       \
    X(VALUE, notify_pending)

#define MODEL_TRANSFER_FIELDS(X)                                                                   \
    X(TEXT, zone)                                                                                  \
    X(TEXT, direction)                                                                             \
    X(TEXT, peer)                                                                                  \
    X(TEXT, kind)                                                                                  \
    X(TEXT, state)                                                                                 \
    X(TEXT, reason)                                                                                \
    X(VALUE, serial_from)                                                                          \
    X(VALUE, serial_to)                                                                            \
    X(VALUE, bytes)                                                                                \
    X(VALUE, records)                                                                              \
    X(VALUE, messages)                                                                             \
    X(VALUE, started)                                                                              \
    X(VALUE, ended)                                                                                \
    X(VALUE, duration_us)                                                                          \
    X(VALUE, attempts)                                                                             \
    X(VALUE, failures)                                                                             \
    X(VALUE, next)                                                                                 \
    X(VALUE, ok)

#define MODEL_EVENT_FIELDS(X)                                                                      \
    X(TEXT, severity)                                                                              \
    X(TEXT, title)                                                                                 \
    X(TEXT, remedy)                                                                                \
    X(TEXT, subject)                                                                               \
    X(TEXT, text)                                                                                  \
    X(TEXT, process)                                                                               \
    X(VALUE, id)                                                                                   \
    X(VALUE, number)                                                                               \
    X(VALUE, error)                                                                                \
    X(VALUE, pid)                                                                                  \
    X(VALUE, first)                                                                                \
    X(VALUE, last)                                                                                 \
    X(VALUE, count)

#define MODEL_MEMBER_TEXT(name)  const char *name;
#define MODEL_MEMBER_VALUE(name) struct value name;
#define MODEL_MEMBER(kind, name) MODEL_MEMBER_##kind(name)

struct model_server {
    MODEL_SERVER_FIELDS(MODEL_MEMBER)
};

struct model_exit {
    MODEL_EXIT_FIELDS(MODEL_MEMBER)
};

struct model_process {
    MODEL_PROCESS_FIELDS(MODEL_MEMBER)
    struct model_exit last_exit;
};

struct model_memory {
    MODEL_MEMORY_FIELDS(MODEL_MEMBER)
};

/* Transfers now, by direction. */
struct model_flow {
    MODEL_FLOW_FIELDS(MODEL_MEMBER)
};

struct model_problem {
    MODEL_PROBLEM_FIELDS(MODEL_MEMBER)
};

struct model_zone {
    MODEL_ZONE_FIELDS(MODEL_MEMBER)
};

struct model_transfer {
    MODEL_TRANSFER_FIELDS(MODEL_MEMBER)
};

struct model_event {
    MODEL_EVENT_FIELDS(MODEL_MEMBER)
};

/* Of what instant a section is. */
struct model_stamp {
    bool present;          /* a reply was ever read into the section */
    bool stale;            /* the server does not answer now */
    char boot[MODEL_BOOT]; /* life of the server: another one means counters began again at 0 */
    int64_t time_ms;       /* the server's wall clock */
    int64_t started;       /* of the server, epoch s */
    int64_t taken;         /* our monotonic clock, ns, set by the reader */
};

struct model_status {
    struct model_stamp stamp;
    struct model_server server;
    struct model_process processes[MODEL_PROCESSES];
    unsigned process_count;
    struct value zones_total, zones_settled;
    struct value zones_by_state[ZONE_STATE_COUNT];
    struct model_memory memory;
    struct value cpu_us, tcp_connections;
    struct value counters[COUNTER_COUNT];
    struct model_flow transfers;
    struct model_problem problems[MODEL_PROBLEMS];
    unsigned problem_count;
    struct value problems_total;
    struct text text;
};

/* A window of the server's list: rows `offset`.. of `matched`, of `total` zones. */
struct model_zones {
    struct model_stamp stamp;
    struct value total, matched, offset;
    struct model_zone *rows;
    unsigned count;
    struct text text;
};

struct model_transfers {
    struct model_stamp stamp;
    struct model_transfer *rows;
    unsigned count;
    struct text text;
};

struct model_events {
    struct model_stamp stamp;
    struct model_event *rows;
    unsigned count;
    struct text text;
};

/* One zone and its transfers. */
struct model_zone_detail {
    struct model_stamp stamp;
    bool missing; /* the server has no such zone */
    struct model_zone zone;
    struct model_transfer *rows;
    unsigned count;
    struct text text;
};

struct model_usage {
    struct model_stamp stamp;
    struct model_process processes[MODEL_PROCESSES];
    unsigned process_count;
    struct value image_zones, image_bytes, system_total, system_available;
    struct text text;
};

struct model {
    struct model_status status;
    struct model_zones zones;
    struct model_transfers transfers;
    struct model_events events;
    struct model_zone_detail detail;
    struct model_usage usage;
};

enum model_kind { MODEL_TEXT, MODEL_VALUE };

/* A member of one of the structs above, for readers. */
struct model_field {
    const char *name;
    enum model_kind kind;
    size_t offset;
};

/* Tables that end with a name of NULL. */
extern const struct model_field model_server_fields[], model_process_fields[], model_exit_fields[],
    model_memory_fields[], model_flow_fields[], model_problem_fields[], model_zone_fields[],
    model_transfer_fields[], model_event_fields[];

/* All strings of a struct "" and all values none, as its table says. */
void model_blank(const struct model_field *fields, void *at);
/* An empty model: nothing present, every string "". */
void model_init(struct model *m);
void model_fini(struct model *m);
/* The same for single sections, which a reader fills before it puts them into a model. */
void model_status_init(struct model_status *s);
void model_status_fini(struct model_status *s);
void model_zones_fini(struct model_zones *s);
void model_transfers_fini(struct model_transfers *s);
void model_events_fini(struct model_events *s);
void model_detail_init(struct model_zone_detail *s);
void model_detail_fini(struct model_zone_detail *s);
void model_usage_fini(struct model_usage *s);
/* Every value that is data becomes stale: the server does not answer. */
void model_mark_stale(struct model *m);
/* The state in the contract's words; ZONE_STATE_COUNT, TRANSFER_STATE_COUNT, ROLE_COUNT for a word
 * that is not in the contract. */
enum zone_state model_zone_state(const char *word);
enum transfer_state model_transfer_state(const char *word);
/* 0 fine, 1 watch, 2 bad: as the server says, else by the state's word. */
unsigned model_zone_severity(const struct model_zone *z);
/* "title: text", without saying anything twice. */
void model_event_text(const struct model_event *e, struct buf *to);
/* How bad an event or a transfer is, likewise. */
unsigned model_event_severity(const struct model_event *e);
unsigned model_transfer_severity(const struct model_transfer *t);

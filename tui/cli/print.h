/* Replies as text for people, on stdout. What came from outside is escaped when it is not printable
 * ASCII. */
#pragma once

#include "backend/act/act.h"
#include "backend/source/http.h"
#include "backend/source/reply.h"

struct print {
    int64_t now; /* epoch, s */
    bool titled; /* the titles of a list were printed */
    bool bad_reply;
    unsigned width; /* of the terminal that lists are cut to; 0 whole lines */
};

struct print print_begin(void);
/* The exit status: 1 when stdout could not be written or the reply was malformed. */
int print_end(const struct print *p);
void print_status(struct print *p, const struct http_reply *reply);
void print_zones(struct print *p, const struct http_reply *reply);
void print_zone(struct print *p, const struct http_reply *reply);
void print_transfers(struct print *p, const struct http_reply *reply);
void print_events(struct print *p, const struct http_reply *reply);
void print_memory(struct print *p, const struct http_reply *reply);
/* JSON as it came, and a line feed. Returns the exit status. */
int print_raw(const char *data, size_t len);
void print_refusal(const char *doing, const struct reply_outcome *o);
/* {"error", "remedy"} on stdout. */
void print_json_error(const char *error, const char *remedy);
/* Done goes to stdout, the rest to stderr. */
void print_outcome(const char *verb, const char *zone, const struct act_result *result);

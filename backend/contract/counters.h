/* What a worker counts. One table gives the enum, the JSON name, the metric and the help text.
 *
 * Names are append-only: a reader may meet a server that is older or newer than itself. A cell has
 * one writer (a worker thread of one serve process) and is never used for a decision. */
#pragma once

/* id, JSON name, metric family, metric label ("" for none), help */
#define COUNTER_LIST(X)                                                                            \
    X(COUNTER_UDP4_QUERIES, "udp4_queries", "queries", "transport=\"udp4\"", "queries received")   \
    X(COUNTER_UDP6_QUERIES, "udp6_queries", "queries", "transport=\"udp6\"", "queries received")   \
    X(COUNTER_TCP4_QUERIES, "tcp4_queries", "queries", "transport=\"tcp4\"", "queries received")   \
    X(COUNTER_TCP6_QUERIES, "tcp6_queries", "queries", "transport=\"tcp6\"", "queries received")   \
    X(COUNTER_NOERROR, "noerror", "answers", "rcode=\"NOERROR\"", "answers by response code")      \
    X(COUNTER_FORMERR, "formerr", "answers", "rcode=\"FORMERR\"", "answers by response code")      \
    X(COUNTER_SERVFAIL, "servfail", "answers", "rcode=\"SERVFAIL\"", "answers by response code")   \
    X(COUNTER_NXDOMAIN, "nxdomain", "answers", "rcode=\"NXDOMAIN\"", "answers by response code")   \
    X(COUNTER_NOTIMP, "notimp", "answers", "rcode=\"NOTIMP\"", "answers by response code")         \
    X(COUNTER_REFUSED, "refused", "answers", "rcode=\"REFUSED\"", "answers by response code")      \
    X(COUNTER_NOTAUTH, "notauth", "answers", "rcode=\"NOTAUTH\"", "answers by response code")      \
    X(COUNTER_BADVERS, "badvers", "answers", "rcode=\"BADVERS\"", "answers by response code")      \
    X(COUNTER_OTHER_RCODE, "other_rcode", "answers", "rcode=\"other\"",                            \
      "answers by response code")                                                                  \
    X(COUNTER_REFERRAL, "referrals", "referrals", "", "answers that refer to a child zone")        \
    X(COUNTER_NODATA, "nodata", "nodata", "", "answers for a name that lacks the type")            \
    X(COUNTER_TRUNCATED, "truncated", "truncated", "", "answers cut to fit, TC set")               \
    X(COUNTER_EDNS, "edns", "edns_queries", "", "queries with EDNS")                               \
    X(COUNTER_DO, "dnssec_ok", "dnssec_ok_queries", "", "queries with the DO bit")                 \
    X(COUNTER_DROPPED, "dropped", "dropped", "", "packets dropped without an answer")              \
    X(COUNTER_REPLAYED, "replayed", "replayed", "",                                                \
      "queries answered by the successor of a dead process")                                       \
    X(COUNTER_QUARANTINED, "quarantined", "quarantined", "",                                       \
      "queries not answered as their like killed a process")                                       \
    X(COUNTER_RATE_DROPPED, "rate_dropped", "rate_limited", "result=\"dropped\"",                  \
      "answers over the rate limit")                                                               \
    X(COUNTER_RATE_SLIPPED, "rate_slipped", "rate_limited", "result=\"slipped\"",                  \
      "answers over the rate limit")                                                               \
    X(COUNTER_SEND_ERRORS, "send_errors", "send_errors", "", "answers the system refused to send") \
    X(COUNTER_RECEIVE_BYTES, "receive_bytes", "receive_bytes", "", "bytes of queries received")    \
    X(COUNTER_SEND_BYTES, "send_bytes", "send_bytes", "", "bytes of answers sent")                 \
    X(COUNTER_TCP_ACCEPTED, "tcp_accepted", "tcp_connections", "result=\"accepted\"",              \
      "TCP connections")                                                                           \
    X(COUNTER_TCP_REFUSED, "tcp_refused", "tcp_connections", "result=\"over_limit\"",              \
      "TCP connections")                                                                           \
    X(COUNTER_TCP_TIMEOUT, "tcp_timeout", "tcp_connections", "result=\"timeout\"",                 \
      "TCP connections")                                                                           \
    X(COUNTER_TCP_CLOSED, "tcp_closed", "tcp_connections", "result=\"closed\"", "TCP connections") \
    X(COUNTER_TCP_EVICTED, "tcp_evicted", "tcp_connections", "result=\"evicted\"",                 \
      "TCP connections")                                                                           \
    X(COUNTER_NOTIFY_IN, "notify_in", "notify_in", "result=\"accepted\"",                          \
      "NOTIFY messages received")                                                                  \
    X(COUNTER_NOTIFY_REFUSED, "notify_refused", "notify_in", "result=\"refused\"",                 \
      "NOTIFY messages received")                                                                  \
    X(COUNTER_AXFR_OUT, "axfr_out", "transfers_out", "result=\"done\"", "outbound zone transfers") \
    X(COUNTER_AXFR_FAILED, "axfr_failed", "transfers_out", "result=\"aborted\"",                   \
      "outbound zone transfers")                                                                   \
    X(COUNTER_AXFR_REFUSED, "axfr_refused", "transfers_out", "result=\"refused\"",                 \
      "outbound zone transfers")                                                                   \
    X(COUNTER_TSIG_GOOD, "tsig_good", "tsig_queries", "result=\"good\"", "signed queries")         \
    X(COUNTER_TSIG_BAD, "tsig_bad", "tsig_queries", "result=\"bad\"", "signed queries")

enum counter {
#define X(id, name, family, label, help) id,
    COUNTER_LIST(X)
#undef X
        COUNTER_COUNT
};

struct counter_info {
    const char *name, *family, *label, *help;
};

/* COUNTER_COUNT rows, in the order of the enum. */
extern const struct counter_info counter_info[COUNTER_COUNT];

/* Error numbers: one list gives the enum, the short name and the text.
 *
 * Functions return 0 or one of these negative values. What happened where (a file, a line, an
 * address) is told beside the number by whoever knows it. */
#pragma once

#define ERR_LIST(X)                                                                                \
    X(ERR_SYSTEM, "system", "the system refused; see errno")                                       \
    X(ERR_MEMORY, "memory", "out of memory")                                                       \
    X(ERR_FORMAT, "format", "malformed data")                                                      \
    X(ERR_SPACE, "space", "no room left")                                                          \
    X(ERR_LIMIT, "limit", "a limit was reached")                                                   \
    X(ERR_MISSING, "missing", "not found")                                                         \
    X(ERR_EXISTS, "exists", "exists already")                                                      \
    X(ERR_TIMEOUT, "timeout", "timed out")                                                         \
    X(ERR_CLOSED, "closed", "the other side closed the connection")                                \
    X(ERR_REFUSED, "refused", "refused")                                                           \
    X(ERR_CHECKSUM, "checksum", "damaged: the checksum does not match")                            \
    X(ERR_VERSION, "version", "written by another version")                                        \
    X(ERR_CONFIG, "config", "bad configuration")                                                   \
    X(ERR_ZONE, "zone", "the zone cannot be served")                                               \
    X(ERR_USAGE, "usage", "bad usage")                                                             \
    X(ERR_SIGNATURE, "signature", "a signature was not accepted")

enum err {
    ERR_OK = 0,
    ERR_BASE_ = -1000,
#define X(id, name, text) id,
    ERR_LIST(X)
#undef X
        ERR_END_
};

/* The text of an error for a person; "ok" for 0, "unknown error" for what is not in the list. */
const char *err_text(int err);
/* Its short, stable name for machines. */
const char *err_name(int err);

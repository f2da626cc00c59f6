#include "server/keeper/libldns.h"

#include <pthread.h>

#include "backend/base/dl.h"
#include "backend/base/err.h"

struct libldns libldns;

static struct {
    pthread_once_t once;
    int err;
    char reason[DL_REASON];
} loaded = {.once = PTHREAD_ONCE_INIT};

static void load(void)
{
    static const struct dl_function functions[] = {
#define X(name) {"ldns_" #name, offsetof(struct libldns, name)},
        LIBLDNS_FUNCTIONS(X)
#undef X
    };
    loaded.err = dl_load(ZD_LDNS_SONAME, functions, sizeof functions / sizeof *functions, &libldns,
                         loaded.reason);
}

int libldns_load(const char **reason)
{
    pthread_once(&loaded.once, load);
    *reason = loaded.reason;
    return loaded.err;
}

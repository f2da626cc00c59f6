#include "backend/base/err.h"

#include <stddef.h>

struct row {
    int err;
    const char *name, *text;
};

static const struct row rows[] = {{ERR_OK, "ok", "ok"},
#define X(id, name, text) {id, name, text},
                                  ERR_LIST(X)
#undef X
};

static const struct row *find(int err)
{
    static const struct row unknown = {0, "unknown", "unknown error"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].err == err)
            return &rows[i];
    }
    return &unknown;
}

const char *err_text(int err)
{
    return find(err)->text;
}

const char *err_name(int err)
{
    return find(err)->name;
}

#include "backend/base/dl.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/err.h"

static_assert(sizeof(void *) == sizeof(void (*)(void)), "POSIX: dlsym returns functions too");

static const char *find_lacking(void *library, const struct dl_function *functions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!dlsym(library, functions[i].name))
            return functions[i].name;
    }
    return NULL;
}

int dl_load(const char *library, const struct dl_function *functions, size_t count, void *table,
            char reason[DL_REASON])
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(reason, DL_REASON, "%s cannot be loaded; install it (%s)", library, dlerror());
        return ERR_MISSING;
    }
    const char *lacking = find_lacking(handle, functions, count);
    if (lacking) {
        snprintf(reason, DL_REASON,
                 "%s has no function %s; install the version this program was built with", library,
                 lacking);
        dlclose(handle);
        return ERR_MISSING;
    }
    for (size_t i = 0; i < count; i++) {
        void *function = dlsym(handle, functions[i].name);
        memcpy((char *)table + functions[i].at, &function, sizeof function);
    }
    return ERR_OK;
}

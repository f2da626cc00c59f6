#include "server/endpoint/mhd.h"

#include "backend/base/err.h"

struct mhd mhd;

int mhd_load(char reason[DL_REASON])
{
    static const struct dl_function functions[] = {
#define X(name) {"MHD_" #name, offsetof(struct mhd, name)},
        MHD_FUNCTIONS(X)
#undef X
    };
    return dl_load(ZD_MHD_SONAME, functions, sizeof functions / sizeof *functions, &mhd, reason);
}

#include "backend/contract/adopt.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "backend/contract/message.h"

int adopt_path_open(struct adopt_path *path, const char *state_dir)
{
    char *to = path->address.sun_path;
    const size_t size = sizeof path->address.sun_path;
    *path = (struct adopt_path){.address.sun_family = AF_UNIX, .folder = -1};
    if (snprintf(to, size, "%s/%s", state_dir, ADOPT_SOCKET) < (int)size)
        return ERR_OK;
    path->folder = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (path->folder < 0)
        return ERR_SYSTEM;
    snprintf(to, size, "/proc/self/fd/%d/%s", path->folder, ADOPT_SOCKET);
    return ERR_OK;
}

void adopt_path_close(struct adopt_path *path)
{
    if (path->folder >= 0)
        close(path->folder);
    path->folder = -1;
}

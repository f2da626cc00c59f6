#include "server/supervisor/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/err.h"

static const char default_user[] = "zonedeck";

int identity_resolve(const char *user, struct identity *id, struct buf *problem)
{
    *id = (struct identity){.uid = geteuid(), .gid = getegid()};
    if (id->uid != 0)
        return ERR_OK;
    const char *name = user ? user : default_user;
    errno = 0;
    const struct passwd *pw = getpwnam(name);
    if (!pw) {
        buf_printf(problem,
                   "server.user: there is no user \"%s\"; make it with: useradd --system "
                   "--no-create-home --shell /usr/sbin/nologin %s; or set server.user",
                   name, name);
        return ERR_CONFIG;
    }
    snprintf(id->name, sizeof id->name, "%s", name);
    id->uid = pw->pw_uid;
    id->gid = pw->pw_gid;
    id->change = pw->pw_uid != 0;
    id->group_count = IDENTITY_GROUPS;
    if (getgrouplist(name, id->gid, id->groups, &id->group_count) < 0) {
        id->groups[0] = id->gid;
        id->group_count = 1;
    }
    return ERR_OK;
}

int identity_drop(const struct identity *id)
{
    if (!id->change)
        return ERR_OK;
    if (setgroups((size_t)id->group_count, id->groups) < 0 ||
        setresgid(id->gid, id->gid, id->gid) < 0 || setresuid(id->uid, id->uid, id->uid) < 0)
        return ERR_SYSTEM;
    if (setuid(0) == 0 || seteuid(0) == 0 || getuid() != id->uid || getegid() != id->gid) {
        errno = EPERM;
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

int identity_assume(const struct identity *id)
{
    if (!id->change)
        return ERR_OK;
    if (setgroups((size_t)id->group_count, id->groups) == 0 && setegid(id->gid) == 0 &&
        seteuid(id->uid) == 0)
        return ERR_OK;
    identity_resume(id);
    return ERR_SYSTEM;
}

void identity_resume(const struct identity *id)
{
    if (!id->change)
        return;
    int kept = errno;
    /* Going on as someone else than we believe to be would be worse than ending. */
    if (seteuid(0) < 0 || setegid(0) < 0 || setgroups(0, NULL) < 0)
        abort();
    errno = kept;
}

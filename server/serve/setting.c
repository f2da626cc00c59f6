#include "server/serve/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/base/rnd.h"

enum { SECRETS_FILE_MAX = 4096 };

static void set_text(struct answer_text *to, const char *text)
{
    size_t len = strlen(text);
    to->len = (uint8_t)(len < sizeof to->bytes ? len : sizeof to->bytes);
    memcpy(to->bytes, text, to->len);
}

static int read_secrets(struct cookie_secrets *secrets, const char *path)
{
    char text[SECRETS_FILE_MAX + 1];
    /* Not blocking: a FIFO in its place must not hold up the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return ERR_SYSTEM;
    ssize_t len = read(fd, text, sizeof text);
    int error = errno;
    close(fd);
    errno = error;
    if (len < 0)
        return ERR_SYSTEM;
    int err = len > SECRETS_FILE_MAX ? ERR_FORMAT : cookie_secrets_read(secrets, text, (size_t)len);
    explicit_bzero(text, sizeof text);
    return err;
}

static void set_secrets(struct cookie_secrets *secrets, const char *path)
{
    int err = read_secrets(secrets, path);
    if (err == ERR_OK)
        return;
    log_line(LOG_WARNING,
             "%s: %s; DNS cookies are made with a secret that ends with this process; the file "
             "needs 1 to %d lines of 32 hexadecimal digits",
             path, err == ERR_SYSTEM ? strerror(errno) : err_text(err), COOKIE_SECRETS);
    uint8_t random[COOKIE_SECRET];
    rnd_fill(random, sizeof random);
    *secrets = (struct cookie_secrets){.count = 1, .key = {hash_key_from(random)}};
}

/* One aligned word, written by the keeper: no need of the row's other fields. */
static int64_t expire_at(const void *stats, uint32_t row)
{
    const struct stats *s = stats;
    return row < STATS_ZONES ? *(const volatile int64_t *)&s->zones[row].expire_at : 0;
}

void setting_read(struct answer_setting *setting, const struct config *config,
                  const struct stats *stats)
{
    *setting = (struct answer_setting){.keys = config->tsig,
                                       .require_cookie = config->require_cookie,
                                       .expire_at = expire_at,
                                       .expire_arg = stats};
    set_text(&setting->version, config->version);
    set_text(&setting->identity, config->identity);
    set_text(&setting->nsid, config->nsid);
    set_secrets(&setting->cookies, config->cookie_secret_file);
}

#include "server/supervisor/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/contract/actions.h"
#include "server/config/text.h"
#include "server/supervisor/actions.h"
#include "server/supervisor/children.h"
#include "server/supervisor/restart.h"

/* The whole is read to tell all that is wrong with it. */
static struct config *parse_whole(const char *path, int fd, struct buf *errors)
{
    struct config *config;
    if (text_parse(fd, path, true, &config, errors) == ERR_OK)
        config_drop_zones(config);
    malloc_trim(0);
    return config;
}

static struct config *parse_service(const char *path, int fd, struct buf *errors)
{
    struct config *config;
    struct buf some = {0};
    text_parse(fd, path, false, &config, &some);
    buf_fini(&some);
    return config ? config : parse_whole(path, fd, errors);
}

int reload_read(const char *path, bool whole, int *fd, struct config **config, struct buf *errors)
{
    int err = text_read(path, fd, errors);
    *config = err ? NULL : (whole ? parse_whole : parse_service)(path, *fd, errors);
    if (!err && !*config) {
        close(*fd);
        *fd = -1;
    }
    return err || *config ? err : ERR_CONFIG;
}

bool reload_check_zones(const struct supervisor *sup, struct buf *errors)
{
    struct config *config = parse_whole(sup->config_path, sup->config_fd, errors);
    config_free(config);
    return config != NULL;
}

static void tell_bind(void *arg, bool tcp, int error, const char *subject, const char *text)
{
    struct supervisor *sup = arg;
    stats_event(sup->stats, STATS_SUPERVISOR, tcp ? EVENT_TCP_BIND : EVENT_UDP_BIND, error, subject,
                "%s: %s", subject, text);
}

struct listeners_report reload_report(struct supervisor *sup)
{
    return (struct listeners_report){tell_bind, sup};
}

/* What a configuration may not change while the server runs. "" nothing. */
static void refuse_changes(const struct supervisor *sup, const struct config *next, char *why,
                           size_t size)
{
    const struct config *now = sup->config;
    const char *user_now = now->user ? now->user : "", *user_next = next->user ? next->user : "";
    *why = '\0';
    if (strcmp(now->state, next->state))
        snprintf(why, size, "server.state cannot change while the server runs: stop and start it");
    else if (*sup->identity.name && strcmp(user_now, user_next))
        snprintf(why, size, "server.user cannot change while the server runs: stop and start it");
}

struct bind_check {
    struct supervisor *sup;
    bool refused; /* an address that is new could not be bound */
    char text[MSG_TEXT_MAX];
};

static bool is_configured(const struct config *config, const char *text)
{
    for (size_t i = 0; i < config->listen_count; i++) {
        if (!strcmp(config->listen[i].text, text))
            return true;
    }
    return false;
}

static void check_bind(void *arg, bool tcp, int error, const char *subject, const char *text)
{
    struct bind_check *check = arg;
    tell_bind(check->sup, tcp, error, subject, text);
    /* An address that was in use before is tried again and does not stop anything else. */
    if (!is_configured(check->sup->config, subject) && !check->refused) {
        check->refused = true;
        snprintf(check->text, sizeof check->text, "%s: %s", subject, text);
    }
}

static struct listeners *open_dns(struct supervisor *sup, const struct config *next, char *why,
                                  size_t size)
{
    struct bind_check check = {.sup = sup};
    const struct listeners_report report = {check_bind, &check};
    struct listeners *set = listeners_open_dns(next, sup->dns, &report);
    if (set && !check.refused && set->count > 0)
        return set;
    snprintf(why, size, "%s",
             !set            ? "out of memory"
             : check.refused ? check.text
                             : "no address of server.listen could be bound");
    listeners_close(set, sup->dns);
    return NULL;
}

static void finish(struct supervisor *sup)
{
    struct reload *r = &sup->reload;
    if (!r->busy || r->wait_keeper || r->wait_restart)
        return;
    if (r->status == ERR_OK)
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_CONFIG_DONE, 0, "", "%s", r->text);
    struct reload done = *r;
    *r = (struct reload){.again = done.again};
    actions_reply(sup, &done.request, done.status, "%s", done.text);
    struct child *endpoint = &sup->child[STATS_ENDPOINT];
    if (done.endpoint_restart)
        children_stop(sup, endpoint, 5 * CLK_SECOND);
}

static void add_text(struct reload *r, const char *text)
{
    size_t len = strlen(r->text);
    snprintf(r->text + len, sizeof r->text - len, "%s%s", len ? "; " : "", text);
}

static void tell_keeper(struct supervisor *sup, uint64_t generation)
{
    struct child *keeper = children_find(sup, ROLE_KEEPER);
    struct msg_action message = {.id = RELOAD_ID(generation), .action = ACTION_SERVICE_RELOAD};
    if (keeper && children_send(sup, keeper, MSG_CONFIG, &message, sizeof message, &sup->config_fd,
                                1) == ERR_OK)
        sup->reload.wait_keeper = true;
    else
        add_text(&sup->reload, "the keeper is being restarted and will read it");
}

static void change_endpoint(struct supervisor *sup, const char *old_token)
{
    const struct listeners_report report = {tell_bind, sup};
    struct listeners *http =
        listeners_open_endpoint(sup->config, sup->http, &sup->identity, &report);
    if (!http)
        return;
    bool same = listeners_same(http, sup->http);
    listeners_close(sup->http, http);
    sup->http = http;
    bool same_token = !strcmp(old_token, sup->config->token_file);
    if (!same_token) {
        struct buf problem = {0};
        if (statedir_token(sup->config->token_file, &sup->identity, &problem) != ERR_OK)
            stats_event(sup->stats, STATS_SUPERVISOR, EVENT_STATE_FILE, errno,
                        sup->config->token_file, "%s", problem.data ? problem.data : "");
        buf_fini(&problem);
    }
    sup->reload.endpoint_restart = !same || !same_token;
}

/* Does a serve process read the same from both? What it tells and asks for it reads at its start.
 */
static bool same_service(const struct config *a, const struct config *b)
{
    return !strcmp(a->version, b->version) && !strcmp(a->identity, b->identity) &&
           !strcmp(a->nsid, b->nsid) && !strcmp(a->cookie_secret_file, b->cookie_secret_file) &&
           a->require_cookie == b->require_cookie && !memcmp(&a->tcp, &b->tcp, sizeof a->tcp) &&
           config_same_keys(a, b);
}

static void change_service(struct supervisor *sup, const struct config *old)
{
    struct buf problem = {0};
    if (strcmp(old->cookie_secret_file, sup->config->cookie_secret_file) &&
        statedir_cookie_secret(sup->config->cookie_secret_file, &sup->identity, &problem) != ERR_OK)
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_STATE_FILE, errno,
                    sup->config->cookie_secret_file, "%s", problem.data ? problem.data : "");
    buf_fini(&problem);
}

void reload_check_secrets(struct supervisor *sup)
{
    if (config_is_exposed(sup->config, sup->config_path))
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_SECRETS, 0, sup->config_path, "%s",
                    sup->config_path);
}

/* From here on the new configuration is the running one. Takes all of it. */
static void commit(struct supervisor *sup, struct config *next, int fd, struct listeners *dns)
{
    struct config *old = sup->config;
    close(sup->config_fd);
    sup->config = next;
    sup->config_fd = fd;
    sup->zones_good = true;
    uint64_t generation = atomic_fetch_add(&sup->stats->config_generation, 1) + 1;
    atomic_store(&sup->stats->config_at, clk_wall());
    atomic_store(&sup->stats->memory_limit, next->memory_limit);
    change_endpoint(sup, old->token_file);
    change_service(sup, old);
    reload_check_secrets(sup);
    tell_keeper(sup, generation);
    if (listeners_same(dns, sup->dns)) {
        listeners_close(dns, sup->dns);
        dns = sup->dns;
    }
    if (dns == sup->dns && same_service(old, sup->config)) {
        config_free(old);
        return;
    }
    if (restart_begin(sup, NULL, true, dns) == ERR_OK) {
        sup->reload.wait_restart = true;
    } else {
        if (dns != sup->dns)
            listeners_close(dns, sup->dns);
        sup->reload.status = ERR_MISSING;
        add_text(&sup->reload, "no process serves, so the service stays as it was; reload again");
    }
    config_free(old);
}

/* Prepares everything that can fail; "" in `why` when nothing did. */
static void prepare(struct supervisor *sup, char *why, size_t size)
{
    struct buf errors = {0};
    int fd;
    struct config *next;
    struct listeners *dns = NULL;
    if (reload_read(sup->config_path, true, &fd, &next, &errors)) {
        log_lines(LOG_ERROR, errors.data);
        size_t lines = 0;
        for (const char *p = errors.data; p && *p; p++)
            lines += *p == '\n';
        size_t first = errors.data ? strcspn(errors.data, "\n") : 0;
        snprintf(why, size, "%.*s", (int)first, errors.data ? errors.data : "");
        if (lines > 1) {
            size_t len = strlen(why);
            snprintf(why + len, size - len, " (and %zu more)", lines - 1);
        }
        goto out;
    }
    refuse_changes(sup, next, why, size);
    if (*why)
        goto out;
    dns = open_dns(sup, next, why, size);
    if (!dns)
        goto out;
    commit(sup, next, fd, dns);
    next = NULL;
    fd = -1;
out:
    config_free(next);
    if (fd >= 0)
        close(fd);
    buf_fini(&errors);
}

void reload_begin(struct supervisor *sup, const struct request *request)
{
    struct reload *r = &sup->reload;
    if (sup->stop.phase != STOP_NONE)
        return;
    if (r->busy || sup->restart.phase != RESTART_IDLE) {
        if (request->from_endpoint)
            actions_reply(sup, request, ERR_EXISTS, "a reload or restart is running");
        else
            r->again = true;
        return;
    }
    *r = (struct reload){.busy = true, .request = *request};
    char why[MSG_TEXT_MAX] = "";
    prepare(sup, why, sizeof why);
    if (*why) {
        r->status = ERR_CONFIG;
        snprintf(r->text, sizeof r->text, "%s", why);
        stats_event(sup->stats, STATS_SUPERVISOR, EVENT_CONFIG, 0, sup->config_path, "%s", why);
    }
    finish(sup);
}

void reload_keeper_done(struct supervisor *sup, const struct msg_result *result)
{
    struct reload *r = &sup->reload;
    if (!r->wait_keeper)
        return;
    r->wait_keeper = false;
    if (r->status == ERR_OK)
        r->status = result->status;
    add_text(r, result->text);
    finish(sup);
}

void reload_keeper_gone(struct supervisor *sup)
{
    struct reload *r = &sup->reload;
    if (!r->wait_keeper)
        return;
    r->wait_keeper = false;
    r->status = ERR_CLOSED;
    add_text(r, "the keeper ended meanwhile; its successor reads the new configuration");
    finish(sup);
}

void reload_restarted(struct supervisor *sup, int status, const char *text)
{
    struct reload *r = &sup->reload;
    r->wait_restart = false;
    if (status != ERR_OK)
        r->status = status;
    add_text(r, text);
    finish(sup);
}

void reload_step(struct supervisor *sup)
{
    static const struct request by_signal = {0};
    if (!sup->reload.again || sup->reload.busy || sup->restart.phase != RESTART_IDLE)
        return;
    sup->reload.again = false;
    reload_begin(sup, &by_signal);
}

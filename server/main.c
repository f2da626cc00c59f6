/* zonedeckd: reads the command line and runs one role.
 *
 * What an operator starts is the supervisor; it starts the same program again for the other roles
 * (server/supervisor/inherit.h). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/base/title.h"
#include "server/config/text.h"
#include "server/endpoint/endpoint.h"
#include "server/keeper/keeper.h"
#include "server/serve/ring.h"
#include "server/serve/serve.h"
#include "server/supervisor/identity.h"
#include "server/supervisor/inherit.h"
#include "server/supervisor/supervisor.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: zonedeckd -c FILE         run in the foreground, log to stderr\n"
    "       zonedeckd -t -c FILE      check a configuration and its zones\n"
    "       zonedeckd -t ZONE FILE    check one zone file\n"
    "       zonedeckd -h | --help     show this\n"
    "       zonedeckd -V | --version  show the version\n"
    "exit status: 0 stopped or fine, 1 failed or not servable, 2 bad configuration or usage\n";

struct role_context {
    const struct inherit *in;
    struct start start;
};

static int run_serve(struct role_context *context)
{
    const struct inherit *in = context->in;
    struct serve_start serve = {.common = context->start, .ring = in->ring, .workers = in->workers};
    serve.sockets = calloc(in->socket_count ? in->socket_count : 1, sizeof *serve.sockets);
    if (!serve.sockets)
        return EXIT_FAILED;
    for (; serve.socket_count < in->socket_count; serve.socket_count++) {
        const struct inherit_socket *s = &in->sockets[serve.socket_count];
        serve.sockets[serve.socket_count] = (struct serve_socket){s->fd, s->worker, s->tcp};
    }
    int status = serve_main(&serve);
    free(serve.sockets);
    return status;
}

static int run_keeper(struct role_context *context)
{
    return keeper_main(&context->start);
}

static int run_endpoint(struct role_context *context)
{
    const struct inherit *in = context->in;
    int *listeners = calloc(in->socket_count ? in->socket_count : 1, sizeof *listeners);
    if (!listeners)
        return EXIT_FAILED;
    for (size_t i = 0; i < in->socket_count; i++)
        listeners[i] = in->sockets[i].fd;
    struct endpoint_start endpoint = {.stats = context->start.stats,
                                      .slot = in->slot,
                                      .supervisor = in->channel,
                                      .listeners = listeners,
                                      .listener_count = (unsigned)in->socket_count,
                                      .token_file = in->token_file,
                                      .operator_uid = in->operator_uid};
    int status = endpoint_main(&endpoint);
    free(listeners);
    return status;
}

static const struct {
    const char *title;
    int (*run)(struct role_context *context);
} roles[ROLE_COUNT] = {
    [ROLE_SERVE] = {"serve (standby)", run_serve},
    [ROLE_KEEPER] = {"keeper", run_keeper},
    [ROLE_ENDPOINT] = {"endpoint", run_endpoint},
};

/* NULL and the exit status. */
static struct config *read_config(const struct inherit *in, int *status)
{
    struct buf errors = {0};
    struct config *config;
    int err = text_parse(in->config, in->config_path, in->role == ROLE_KEEPER, &config, &errors);
    *status = err == ERR_CONFIG ? START_BAD_CONFIG : EXIT_FAILED;
    log_lines(LOG_ERROR, errors.data);
    buf_fini(&errors);
    return config;
}

/* What is meant for the supervisor and sent to every zonedeckd must not end the others. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
}

static int run_role(int argc, char **argv)
{
    struct inherit in;
    if (inherit_read(argc, argv, &in) != ERR_OK || inherit_cloexec(&in, true) != ERR_OK) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    ignore_signals();
    log_init(role_name(in.role), LOG_INFO);
    title_set("%s", roles[in.role].title);
    struct role_context context = {
        .in = &in,
        .start = {.slot = in.slot, .supervisor = in.channel, .config_path = in.config_path}};
    int status = EXIT_FAILED;
    /* Whom strangers reach over HTTP has no use of a configuration, which may have secrets. */
    bool reads = in.role != ROLE_ENDPOINT;
    context.start.stats = in.slot < STATS_PROCESSES ? stats_map(in.stats) : NULL;
    if (!context.start.stats) {
        log_line(LOG_ERROR, "the shared memory is not that of this version");
    } else {
        context.start.config = reads ? read_config(&in, &status) : NULL;
        close(in.config);
        if (context.start.config || !reads)
            status = roles[in.role].run(&context);
        config_free(context.start.config);
    }
    stats_unmap(context.start.stats);
    inherit_fini(&in);
    return status;
}

/* What a start would refuse beside the text itself. */
static int check_start(const struct config *config)
{
    struct identity identity;
    struct buf problem = {0};
    struct stat st;
    int status = EXIT_DONE;
    if (identity_resolve(config->user, &identity, &problem) != ERR_OK) {
        status = EXIT_USAGE;
    } else if (stat(config->state, &st) == 0 && !S_ISDIR(st.st_mode)) {
        status = EXIT_FAILED;
        buf_printf(&problem, "%s: not a directory; set server.state to one", config->state);
    }
    if (problem.data)
        fprintf(stderr, "%s\n", problem.data);
    buf_fini(&problem);
    return status;
}

static int check_zones(const struct config *config, const char *path)
{
    unsigned bad = keeper_check_config(config);
    if (bad)
        printf("%s: %u of %zu zones cannot be served\n", path, bad, (size_t)config->zone_count);
    else
        printf("%s: all of %zu zones can be served\n", path, (size_t)config->zone_count);
    return bad ? EXIT_FAILED : EXIT_DONE;
}

static int check_config(const char *path)
{
    struct buf errors = {0};
    struct config *config = NULL;
    int fd;
    if (text_read(path, &fd, &errors) == ERR_OK) {
        text_parse(fd, path, true, &config, &errors);
        close(fd);
    }
    if (errors.data)
        fputs(errors.data, stderr);
    int status = EXIT_USAGE;
    if (config && config_is_exposed(config, path))
        fprintf(stderr, "%s: it has secrets, and everybody may read it; chmod o-r it\n", path);
    if (config) {
        int start = check_start(config), zones = check_zones(config, path);
        status = start > zones ? start : zones;
    }
    config_free(config);
    buf_fini(&errors);
    return status;
}

static int run_supervisor(const char *path)
{
    int ring = rings_create();
    if (ring < 0) {
        fprintf(stderr, "zonedeckd: cannot make the receive rings: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return supervisor_run(&(struct supervisor_start){.config_path = path, .ring = ring});
}

static int refuse(const char *why)
{
    fprintf(stderr, "zonedeckd: %s\n%s", why, usage);
    return EXIT_USAGE;
}

static int run_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
    const char *config = NULL;
    bool check = false;
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, "+:c:thV", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(usage, stdout);
            return EXIT_DONE;
        } else if (o == 'V') {
            puts("zonedeckd " ZONEDECK_VERSION);
            return EXIT_DONE;
        } else if (o == 't') {
            check = true;
        } else if (o == 'c') {
            config = optarg;
        } else {
            return refuse(o == ':' ? "-c needs a file" : "unknown option");
        }
    }
    int left = argc - optind;
    if (check && !config && left == 2)
        return keeper_check_zone(argv[optind], argv[optind + 1]) ? EXIT_FAILED : EXIT_DONE;
    if (!config || left > 0)
        return refuse(left > 0 && config ? "too many arguments" : "-c FILE is missing");
    return check ? check_config(config) : run_supervisor(config);
}

int main(int argc, char **argv)
{
    title_init(argc, argv);
    if (argc > 1 && !strcmp(argv[1], "--role"))
        return run_role(argc - 1, argv + 1);
    return run_command(argc, argv);
}

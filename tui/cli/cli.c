#include "tui/cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/act/act.h"
#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "tui/cli/print.h"

enum kind { READ, READ_ONE, ACT_ZONE, ACT_SERVICE, ACT_EITHER, LATER };

static const struct verb {
    const char *name;
    enum kind kind;
    const char *path, *list; /* of a reading verb */
    void (*print)(struct print *p, const struct http_reply *reply);
    const char *usage, *help;
} verbs[] = {
    {"status", READ, "/v1/status", NULL, print_status, "", "who, serving or not, problems, load"},
    {"zones", READ, "/v1/zones", "zones", print_zones, "", "every zone, worst first"},
    {"zone", READ_ONE, "/v1/zones/", NULL, print_zone, "NAME", "one zone and its transfers"},
    {"transfers", READ, "/v1/transfers", "transfers", print_transfers, "",
     "zone transfers in and out"},
    {"events", READ, "/v1/events", "events", print_events, "", "numbered events, newest first"},
    {"memory", READ, "/v1/memory", NULL, print_memory, "", "memory of every process"},
    {"history", LATER, NULL, NULL, NULL, "", "how it went over time"},
    {"reload", ACT_EITHER, NULL, NULL, NULL, "[ZONE...]",
     "read the configuration, or zones, again"},
    {"retransfer", ACT_ZONE, NULL, NULL, NULL, "ZONE...",
     "transfer whole zones from their primaries"},
    {"refresh", ACT_ZONE, NULL, NULL, NULL, "ZONE...", "ask the primaries for newer versions now"},
    {"notify", ACT_ZONE, NULL, NULL, NULL, "ZONE...", "send NOTIFY to the zones' secondaries"},
    {"restart", ACT_SERVICE, NULL, NULL, NULL, "", "replace the serving process; no query is lost"},
    {"stop", ACT_SERVICE, NULL, NULL, NULL, "", "answer what was received, then stop"},
};

static void usage(FILE *to)
{
    fputs("usage: zonedeck [-s URL]... [--token-file FILE]                    the console\n"
          "       zonedeck [-s URL] [--token-file FILE] VERB [ARG...] [--json]  one shot\n\n",
          to);
    for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (verbs[i].kind == LATER)
            continue;
        fprintf(to, "  %-10s %-10s %s\n", verbs[i].name, verbs[i].usage, verbs[i].help);
    }
    fputs("\n  -s, --server URL     unix:PATH, http://HOST:PORT or https://HOST:PORT; default "
          "" HTTP_LOCAL "\n"
          "      --token-file F   file with the bearer token of the server, for actions over TCP\n"
          "      --json           print the server's reply, or what came of each action, as JSON\n"
          "  -h, --help           this text\n"
          "  -V, --version        the version\n\n"
          "exit status: 0 done, 1 failed or not known, 2 wrong usage\n",
          to);
}

static int add_server(struct cli *cli, const char *url)
{
    if (cli->server_count == CLI_SERVERS) {
        fprintf(stderr, "zonedeck: at most %d servers\n", CLI_SERVERS);
        return ERR_LIMIT;
    }
    int rc = http_address_parse(&cli->servers[cli->server_count], url);
    if (rc)
        fprintf(stderr, "zonedeck: \"%s\" is no server: write unix:PATH or http://HOST:PORT%s\n",
                url, rc == ERR_LIMIT ? " (it is too long)" : "");
    else
        cli->server_count++;
    return rc;
}

static int read_token(struct cli *cli, const char *path)
{
    for (unsigned i = 0; path && i < cli->server_count; i++) {
        int rc = http_token_read(&cli->servers[i], path);
        if (!rc)
            continue;
        fprintf(stderr, "zonedeck: %s: %s\n", path,
                rc == ERR_SYSTEM ? strerror(errno) : "the first line is not a token");
        return rc;
    }
    return 0;
}

enum { OPTION_TOKEN = 256, OPTION_JSON };

static int parse_options(struct cli *cli, int argc, char **argv, const char **token)
{
    static const struct option options[] = {{"server", required_argument, NULL, 's'},
                                            {"token-file", required_argument, NULL, OPTION_TOKEN},
                                            {"json", no_argument, NULL, OPTION_JSON},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "s:hV", options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return 0;
        } else if (option == 'V') {
            printf("zonedeck " ZONEDECK_VERSION "\n");
            return 0;
        } else if (option == OPTION_JSON) {
            cli->json = true;
        } else if (option == OPTION_TOKEN) {
            *token = optarg;
        } else if (option != 's' || add_server(cli, optarg)) {
            fputs("try: zonedeck --help\n", stderr);
            return 2;
        }
    }
    return -1;
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
    const char *token = NULL;
    memset(cli, 0, sizeof(*cli));
    int rc = parse_options(cli, argc, argv, &token);
    if (rc >= 0)
        return rc;
    if (!cli->server_count && add_server(cli, HTTP_LOCAL))
        return 2;
    if (read_token(cli, token))
        return 2;
    if (optind < argc) {
        cli->verb = argv[optind];
        cli->arguments = argv + optind + 1;
        cli->argument_count = (unsigned)(argc - optind - 1);
    }
    return -1;
}

static const struct verb *find_verb(const char *name)
{
    for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    }
    return NULL;
}

/* Why the command line does not fit the verb; NULL when it does. */
static const char *wrong(const struct cli *cli, const struct verb *verb)
{
    if (cli->server_count > 1)
        return "takes one -s";
    if (verb->kind == READ_ONE && cli->argument_count != 1)
        return "takes one zone";
    if (verb->kind == ACT_ZONE && cli->argument_count == 0)
        return "takes the names of zones";
    if ((verb->kind == READ || verb->kind == ACT_SERVICE) && cli->argument_count)
        return "takes no arguments";
    return NULL;
}

/* The same as `complain` for programs: what the server said, or why it said nothing. */
static int complain_json(const struct cli *cli, const struct http_reply *reply)
{
    struct reply_outcome o;
    char text[800];
    if (reply->status && reply->body.data &&
        !reply_outcome(&o, reply->body.data, reply->body.len) && o.error[0]) {
        print_raw(reply->body.data, reply->body.len);
        return 1;
    }
    if (reply->status)
        snprintf(text, sizeof(text), "%s replied with HTTP status %ld", cli->servers[0].url,
                 reply->status);
    else
        snprintf(text, sizeof(text), "no answer from %s: %s", cli->servers[0].url, reply->error);
    print_json_error(text, "");
    return 1;
}

static int complain(const struct cli *cli, const struct http_reply *reply, const char *doing)
{
    struct reply_outcome o;
    const char *url = cli->servers[0].url;
    if (cli->json)
        return complain_json(cli, reply);
    if (!reply->status)
        fprintf(stderr, "zonedeck: %s: no answer from %s: %s\n", doing, url, reply->error);
    else if (reply->body.data && !reply_outcome(&o, reply->body.data, reply->body.len) &&
             o.error[0])
        print_refusal(doing, &o);
    else
        fprintf(stderr, "zonedeck: %s: %s replied with HTTP status %ld\n", doing, url,
                reply->status);
    return 1;
}

static int show(const struct cli *cli, const struct verb *verb, const char *path)
{
    struct http_reply reply = {0};
    int rc = http_call(&cli->servers[0], false, path, &reply);
    struct print p = print_begin();
    if (rc || reply.status != 200 || !reply.body.data) {
        rc = complain(cli, &reply, verb->name);
    } else if (cli->json) {
        rc = print_raw(reply.body.data, reply.body.len);
    } else {
        verb->print(&p, &reply);
        rc = print_end(&p);
    }
    http_reply_fini(&reply);
    return rc;
}

/* A list that the server gives in pages: all of them. */
static int show_pages(const struct cli *cli, const struct verb *verb)
{
    enum { PAGE = 10000 };
    struct reply_pages pages = {.matched = -1};
    struct http_reply reply = {0};
    struct buf path = {0};
    struct print p = print_begin();
    uint64_t offset = 0;
    int rc = 0;
    do {
        buf_clear(&path);
        buf_printf(&path, "%s?limit=%d&offset=%llu", verb->path, PAGE, (unsigned long long)offset);
        if (http_call(&cli->servers[0], false, path.data, &reply) || reply.status != 200) {
            rc = complain(cli, &reply, verb->name);
            break;
        }
        if (!cli->json)
            verb->print(&p, &reply);
        if (reply_pages_add(&pages, verb->list, reply.body.data, reply.body.len)) {
            rc = complain(cli, &reply, verb->name);
            break;
        }
        if (!cli->json)
            buf_clear(&pages.out);
        offset += pages.added;
    } while (pages.added && (int64_t)offset < pages.matched);
    if (!rc && cli->json)
        rc = reply_pages_end(&pages) ? 1 : print_raw(pages.out.data, pages.out.len);
    else if (!rc)
        rc = print_end(&p);
    buf_fini(&pages.out);
    buf_fini(&path);
    http_reply_fini(&reply);
    return rc;
}

/* Asks for an action, and again for as long as the server takes no more of them this second. */
static int ask(const struct cli *cli, const char *path, struct http_reply *reply)
{
    enum { PAUSE_MS = 150, PATIENCE_MS = 30000 };
    const struct timespec pause = {.tv_nsec = PAUSE_MS * CLK_MS};
    int64_t deadline = clk_mono_ns() + PATIENCE_MS * CLK_MS;
    int rc;
    while (!(rc = http_call(&cli->servers[0], true, path, reply)) && act_is_early(reply) &&
           clk_mono_ns() < deadline)
        nanosleep(&pause, NULL);
    return rc;
}

/* Acts and tells; with --json the telling is one more row in `rows`. */
static int act_on(const struct cli *cli, enum action action, const char *zone, struct buf *rows)
{
    struct http_reply reply = {0};
    struct act_result result;
    struct buf path = {0};
    act_path(action, zone, &path);
    int rc = path.failed ? ERR_MEMORY : ask(cli, path.data, &reply);
    act_result_read(&result, &reply, rc);
    if (cli->json) {
        buf_puts(rows, rows->len ? "," : "[");
        act_result_json(action, zone, &result, rows);
    } else {
        print_outcome(action_info[action].verb, zone, &result);
    }
    buf_fini(&path);
    http_reply_fini(&reply);
    return result.outcome == ACT_DONE ? 0 : 1;
}

static int act_all(const struct cli *cli, const struct verb *verb)
{
    bool service = verb->kind == ACT_SERVICE || !cli->argument_count;
    struct buf rows = {0};
    int rc = 0;
    if (service)
        rc = act_on(cli, action_find(verb->name, false), "", &rows);
    for (unsigned i = 0; i < cli->argument_count; i++)
        rc |= act_on(cli, action_find(verb->name, true), cli->arguments[i], &rows);
    if (cli->json) {
        buf_puts(&rows, "]");
        rc |= rows.failed ? 1 : print_raw(rows.data, rows.len);
    }
    buf_fini(&rows);
    return rc;
}

static int show_zone(const struct cli *cli, const struct verb *verb)
{
    struct buf path = {0};
    buf_puts(&path, verb->path);
    http_zone(&path, cli->arguments[0]);
    int rc = path.failed ? 1 : show(cli, verb, path.data);
    buf_fini(&path);
    return rc;
}

int cli_run(const struct cli *cli)
{
    const struct verb *verb = find_verb(cli->verb);
    const char *why = verb ? wrong(cli, verb) : "is no verb of zonedeck";
    if (why) {
        fprintf(stderr, "zonedeck: \"%s\" %s; try: zonedeck --help\n", cli->verb, why);
        return 2;
    }
    if (verb->kind == LATER) {
        fprintf(stderr, "zonedeck: %s is not kept by this version\n", verb->name);
        return 1;
    }
    if (verb->kind == READ_ONE)
        return show_zone(cli, verb);
    if (verb->kind == READ)
        return verb->print == print_zones ? show_pages(cli, verb) : show(cli, verb, verb->path);
    return act_all(cli, verb);
}

/* The command line: the same model and actions as the console, without a screen.
 *
 *     zonedeck [-s URL]... [--token-file FILE] [VERB [ARGUMENT...]] [--json]
 *
 * Exit status: 0 done, 1 failed or not known, 2 wrong usage. With --json a reading verb prints what
 * the server replied, one JSON object, or {"error", "remedy"}; an action prints one array with
 * {"action", "zone", "result", "text", "remedy"} for each zone, or for the service with a zone of
 * "". Text is for people and may change. The root zone is "." or "@". */
#pragma once

#include "backend/source/http.h"

enum { CLI_SERVERS = 32 };

struct cli {
    struct http_address servers[CLI_SERVERS];
    unsigned server_count;
    bool json;
    const char *verb; /* NULL for the console */
    char **arguments; /* of the verb */
    unsigned argument_count;
};

/* Reads the command line. Returns -1 to go on, or the exit status when -h, -V or an error ended it.
 */
int cli_parse(struct cli *cli, int argc, char **argv);
/* Runs the verb; returns the exit status. */
int cli_run(const struct cli *cli);

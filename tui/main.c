/* zonedeck: the console, or with a verb one shot of it. */
#include <stdio.h>

#include "tui/cli/cli.h"
#include "tui/view/console.h"

int main(int argc, char **argv)
{
    struct cli cli;
    int status = cli_parse(&cli, argc, argv);
    if (status >= 0)
        return status;
    if (!cli.verb && cli.json) {
        fputs("zonedeck: --json needs a verb; try: zonedeck --help\n", stderr);
        return 2;
    }
    if (http_init(cli.servers, cli.server_count)) {
        fputs("zonedeck: out of memory\n", stderr);
        return 1;
    }
    status = cli.verb ? cli_run(&cli) : console_run(cli.servers, cli.server_count);
    http_exit();
    return status;
}

#include "backend/base/title.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
    char *start;
    size_t size;
} area;

/* The strings of argv and environ lie one behind the other; the first gap ends the area. */
static char *area_end(char **strings, char *end)
{
    for (; *strings; strings++) {
        if (*strings == end)
            end = *strings + strlen(*strings) + 1;
    }
    return end;
}

/* A copy of a list of strings; NULL when memory runs out. It lives as long as the process. */
static char **copy_strings(char **strings)
{
    size_t n = 0;
    while (strings[n])
        n++;
    char **copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = strdup(strings[i]);
        if (!copy[i]) {
            while (i > 0)
                free(copy[--i]);
            free(copy);
            copy = NULL;
        }
    }
    return copy;
}

void title_init(int argc, char **argv)
{
    if (argc < 1 || area.start)
        return;
    char *end = area_end(argv, argv[0]);
    end = area_end(environ, end);
    char *start = argv[0], **variables = copy_strings(environ);
    char **arguments = variables ? copy_strings(argv) : NULL;
    if (arguments) {
        environ = variables;
        memcpy(argv, arguments, (size_t)argc * sizeof *argv);
        area.start = start;
        area.size = (size_t)(end - start);
    }
    free(arguments);
    if (!arguments && variables) {
        for (size_t i = 0; variables[i]; i++)
            free(variables[i]);
        free(variables);
    }
    /* A program started by way of /proc/self/exe would be called "exe". */
    prctl(PR_SET_NAME, "zonedeckd");
}

void title_set(const char *format, ...)
{
    if (area.size < 2)
        return;
    char text[256];
    int n = snprintf(text, sizeof text, "zonedeckd: ");
    va_list ap;
    va_start(ap, format);
    vsnprintf(text + n, sizeof text - (size_t)n, format, ap);
    va_end(ap);
    memset(area.start, 0, area.size);
    size_t len = strlen(text);
    memcpy(area.start, text, len < area.size ? len : area.size - 1);
}

#include "server/supervisor/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"

/* One argument may have 128 KiB on Linux. */
enum { SOCKETS_TEXT_MAX = 120000 };

enum kind { NUMBER, TEXT };

static const struct field {
    const char *name;
    enum kind kind;
    size_t offset;
} fields[] = {
    {"slot", NUMBER, offsetof(struct inherit, slot)},
    {"stats", NUMBER, offsetof(struct inherit, stats)},
    {"channel", NUMBER, offsetof(struct inherit, channel)},
    {"config", NUMBER, offsetof(struct inherit, config)},
    {"ring", NUMBER, offsetof(struct inherit, ring)},
    {"workers", NUMBER, offsetof(struct inherit, workers)},
    {"operator", NUMBER, offsetof(struct inherit, operator_uid)},
    {"config-path", TEXT, offsetof(struct inherit, config_path)},
    {"token-file", TEXT, offsetof(struct inherit, token_file)},
};

enum { FIELDS = sizeof fields / sizeof *fields };

_Static_assert(FIELDS + 5 <= INHERIT_ARGS, "room for every argument and the final NULL");

static void write_field(const struct field *f, const struct inherit *in, struct buf *text)
{
    const char *at = (const char *)in + f->offset;
    buf_printf(text, "%s=", f->name);
    if (f->kind == NUMBER)
        buf_printf(text, "%d", *(const int *)at);
    else
        buf_puts(text, *(const char *const *)at ? *(const char *const *)at : "");
    buf_add(text, "", 1);
}

int inherit_write(const struct inherit *in, const char *program, struct inherit_args *args)
{
    *args = (struct inherit_args){0};
    struct buf *text = &args->text;
    buf_add(text, program, strlen(program) + 1);
    buf_add(text, "--role", sizeof "--role");
    buf_add(text, role_name(in->role), strlen(role_name(in->role)) + 1);
    for (size_t i = 0; i < FIELDS; i++)
        write_field(&fields[i], in, text);
    size_t before = text->len;
    buf_puts(text, "sockets=");
    for (size_t i = 0; i < in->socket_count; i++) {
        const struct inherit_socket *s = &in->sockets[i];
        buf_printf(text, "%s%d:%u:%s", i ? "," : "", s->fd, s->worker, s->tcp ? "tcp" : "udp");
    }
    int err = text->failed                            ? ERR_MEMORY
              : text->len - before > SOCKETS_TEXT_MAX ? ERR_LIMIT
                                                      : ERR_OK;
    if (err != ERR_OK) {
        inherit_args_fini(args);
        return err;
    }
    char *p = text->data;
    for (size_t i = 0; i < FIELDS + 4; i++, p += strlen(p) + 1)
        args->argv[i] = p;
    return ERR_OK;
}

void inherit_args_fini(struct inherit_args *args)
{
    buf_fini(&args->text);
}

static bool read_number(const char **text, char end, int *number)
{
    char *after;
    errno = 0;
    long v = strtol(*text, &after, 10);
    if (after == *text || *after != end || errno || v < INT_MIN || v > INT_MAX)
        return false;
    *number = (int)v;
    *text = after + (end != '\0');
    return true;
}

static bool read_field(char *arg, struct inherit *in)
{
    for (size_t i = 0; i < FIELDS; i++) {
        size_t len = strlen(fields[i].name);
        if (strncmp(arg, fields[i].name, len) || arg[len] != '=')
            continue;
        const char *value = arg + len + 1;
        void *at = (char *)in + fields[i].offset;
        if (fields[i].kind == NUMBER)
            return read_number(&value, '\0', at);
        *(const char **)at = value;
        return true;
    }
    return false;
}

static int read_sockets(const char *text, struct inherit *in)
{
    size_t count = *text ? 1 : 0;
    for (const char *p = text; *p; p++)
        count += *p == ',';
    in->sockets = calloc(count ? count : 1, sizeof *in->sockets);
    if (!in->sockets)
        return ERR_MEMORY;
    for (; in->socket_count < count; in->socket_count++) {
        struct inherit_socket *s = &in->sockets[in->socket_count];
        int worker;
        if (!read_number(&text, ':', &s->fd) || !read_number(&text, ':', &worker) || worker < 0)
            return ERR_USAGE;
        s->worker = (unsigned)worker;
        s->tcp = !strncmp(text, "tcp", 3);
        if (!s->tcp && strncmp(text, "udp", 3))
            return ERR_USAGE;
        text += 3;
        if (*text != (in->socket_count + 1 < count ? ',' : '\0'))
            return ERR_USAGE;
        text += *text == ',';
    }
    return ERR_OK;
}

static bool read_role(const char *name, enum role *role)
{
    for (unsigned r = ROLE_SUPERVISOR + 1; r < ROLE_COUNT; r++) {
        if (!strcmp(name, role_name(r))) {
            *role = (enum role)r;
            return true;
        }
    }
    return false;
}

int inherit_read(int argc, char **argv, struct inherit *in)
{
    static const char sockets[] = "sockets=";
    *in = (struct inherit){
        .stats = -1, .channel = -1, .config = -1, .ring = -1, .config_path = "", .token_file = ""};
    if (argc < 2 || strcmp(argv[0], "--role") || !read_role(argv[1], &in->role))
        return ERR_USAGE;
    int err = ERR_OK;
    for (int i = 2; i < argc && err == ERR_OK; i++) {
        if (!strncmp(argv[i], sockets, sizeof sockets - 1) && !in->sockets)
            err = read_sockets(argv[i] + sizeof sockets - 1, in);
        else if (!read_field(argv[i], in))
            err = ERR_USAGE;
    }
    if (err == ERR_OK && (in->stats < 0 || in->channel < 0 || in->config < 0))
        err = ERR_USAGE;
    if (err != ERR_OK)
        inherit_fini(in);
    return err;
}

void inherit_fini(struct inherit *in)
{
    free(in->sockets);
    in->sockets = NULL;
    in->socket_count = 0;
}

static int set_cloexec(int fd, bool on)
{
    return fd >= 0 && fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? ERR_SYSTEM : ERR_OK;
}

int inherit_cloexec(const struct inherit *in, bool on)
{
    const int single[] = {in->stats, in->channel, in->config, in->ring};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        if (set_cloexec(single[i], on) != ERR_OK)
            return ERR_SYSTEM;
    }
    for (size_t i = 0; i < in->socket_count; i++) {
        if (set_cloexec(in->sockets[i].fd, on) != ERR_OK)
            return ERR_SYSTEM;
    }
    return ERR_OK;
}

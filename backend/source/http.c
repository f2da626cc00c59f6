#include "backend/source/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/err.h"

static int parse_unix(struct http_address *a, const char *path)
{
    if (!*path)
        return ERR_USAGE;
    if (strlen(path) >= sizeof(a->socket))
        return ERR_LIMIT;
    strcpy(a->socket, path);
    strcpy(a->base, "http://localhost");
    return 0;
}

static int parse_tcp(struct http_address *a, const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t len = strlen(url);
    while (len && url[len - 1] == '/')
        len--;
    if (host >= url + len || memchr(host, '@', strlen(host)) || strchr(host, '?') ||
        strchr(host, '#'))
        return ERR_USAGE;
    memcpy(a->base, url, len);
    a->base[len] = '\0';
    return strchr(host, ' ') ? ERR_USAGE : 0;
}

int http_address_parse(struct http_address *a, const char *url)
{
    memset(a, 0, sizeof(*a));
    if (strlen(url) >= sizeof(a->url))
        return ERR_LIMIT;
    strcpy(a->url, url);
    a->tls = !strncmp(url, "https://", 8);
    if (!strncmp(url, "unix:", 5))
        return parse_unix(a, url + 5);
    if (a->tls || !strncmp(url, "http://", 7))
        return parse_tcp(a, url);
    return ERR_USAGE;
}

int http_token_read(struct http_address *a, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYSTEM;
    ssize_t n = read(fd, a->token, sizeof(a->token) - 1);
    int error = errno;
    close(fd);
    errno = error;
    if (n < 0)
        return ERR_SYSTEM;
    a->token[n] = '\0';
    a->token[strcspn(a->token, "\r\n")] = '\0';
    for (const char *p = a->token; *p; p++) {
        if (*p < 0x21 || *p > 0x7e)
            a->token[0] = '\0';
    }
    return a->token[0] ? 0 : ERR_FORMAT;
}

int http_init(const struct http_address *addresses, unsigned count)
{
    long flags = CURL_GLOBAL_NOTHING;
    for (unsigned i = 0; i < count; i++) {
        if (addresses[i].tls)
            flags |= CURL_GLOBAL_SSL;
    }
    return curl_global_init(flags) ? ERR_MEMORY : 0;
}

void http_exit(void)
{
    curl_global_cleanup();
}

void http_escape(struct buf *to, const char *name)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char *p = name; *p; p++) {
        if (strchr(plain, *p))
            buf_add(to, p, 1);
        else
            buf_printf(to, "%%%02X", (unsigned char)*p);
    }
}

void http_zone(struct buf *to, const char *name)
{
    if (strcmp(name, ".") != 0)
        http_escape(to, name);
    else
        buf_puts(to, "@");
}

static size_t receive(char *data, size_t size, size_t count, void *ctx)
{
    struct http_reply *reply = ctx;
    size_t len = size * count;
    if (reply->body.len + len > HTTP_REPLY_MAX) {
        reply->too_long = true;
        return 0;
    }
    buf_add(&reply->body, data, len);
    return reply->body.failed ? 0 : len;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);
    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

static int set_headers(CURL *easy, const struct http_address *a, bool post,
                       struct curl_slist **headers)
{
    char bearer[sizeof(a->token) + 32];
    curl_slist_free_all(*headers);
    *headers =
        add_header(NULL, post ? "Content-Type: application/json" : "Accept: application/json");
    if (*headers && a->token[0]) {
        snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", a->token);
        *headers = add_header(*headers, bearer);
    }
    /* Without this line curl would wait for a "100 Continue". */
    if (*headers && post)
        *headers = add_header(*headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
    return *headers ? 0 : ERR_MEMORY;
}

int http_prepare(CURL *easy, const struct http_address *a, bool post, const char *path,
                 struct http_reply *reply, struct curl_slist **headers)
{
    struct buf url = {0};
    buf_clear(&reply->body);
    reply->status = 0;
    reply->sent = reply->too_long = false;
    reply->error[0] = '\0';
    buf_puts(&url, a->base);
    buf_puts(&url, path);
    curl_easy_reset(easy);
    int rc = url.failed ? ERR_MEMORY : set_headers(easy, a, post, headers);
    if (!rc && curl_easy_setopt(easy, CURLOPT_URL, url.data))
        rc = ERR_MEMORY;
    buf_fini(&url);
    if (rc)
        return rc;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "zonedeck/" ZONEDECK_VERSION);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 16384L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     (long)(post ? HTTP_ACTION_DEADLINE_MS : HTTP_DEADLINE_MS));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_DEADLINE_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    if (a->socket[0])
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, a->socket);
    if (post) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "{}");
        /* curl sends a request again when an idle connection turns out to be dead; an action must
         * not be asked for twice. */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    return 0;
}

int http_finish(CURL *easy, CURLcode code, struct http_reply *reply)
{
    curl_off_t sent = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply->status);
    long headers = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &headers);
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    reply->sent = headers > 0 || sent > 0;
    if (code == CURLE_OK && !reply->body.failed)
        return 0;
    long os_error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    if (reply->too_long)
        snprintf(reply->error, sizeof(reply->error), "the reply is longer than %d MiB",
                 HTTP_REPLY_MAX >> 20);
    else if (code == CURLE_COULDNT_CONNECT && os_error)
        snprintf(reply->error, sizeof(reply->error), "%s", strerror((int)os_error));
    else
        snprintf(reply->error, sizeof(reply->error), "%s", curl_easy_strerror(code));
    reply->status = 0;
    if (reply->too_long)
        return ERR_LIMIT;
    if (!reply->sent)
        return ERR_REFUSED;
    return code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_CLOSED;
}

int http_call(const struct http_address *a, bool post, const char *path, struct http_reply *reply)
{
    struct curl_slist *headers = NULL;
    CURL *easy = curl_easy_init();
    int rc = easy ? http_prepare(easy, a, post, path, reply, &headers) : ERR_MEMORY;
    if (!rc)
        rc = http_finish(easy, curl_easy_perform(easy), reply);
    if (easy)
        curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return rc;
}

void http_reply_fini(struct http_reply *reply)
{
    buf_fini(&reply->body);
}

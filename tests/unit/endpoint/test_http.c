/* The endpoint as a process, asked over HTTP. H1 to H18 are the cases of the control plane:
 * malformed, forged, slow and too many requests, and a server that hangs or is gone behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/contract/actions.h"
#include "tests/unit/endpoint/stage.h"

enum { CAP = 8 << 20 };

/* What a status of 100,000 zones may take; sanitizers make all slower. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { STATUS_US = 50000 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
enum { STATUS_US = 50000 };
#else
enum { STATUS_US = 5000 };
#endif
#else
enum { STATUS_US = 5000 };
#endif

static struct stage stage;
static char body[CAP];

static int set_up(void **state)
{
    (void)state;
    stage_set(&stage);
    stage_add_zone(&stage, "example.org.", ZONE_OK, ZONE_PRIMARY);
    stage_add_zone(&stage, "example.net.", ZONE_OK, ZONE_SECONDARY);
    stage_add_zone(&stage, "0/25.2.0.192.in-addr.arpa.", ZONE_OK, ZONE_PRIMARY);
    stage_add_zone(&stage, ".", ZONE_OK, ZONE_PRIMARY);
    stage_start(&stage);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    int status = stage_stop(&stage);
    stage_strike(&stage);
    assert_int_equal(status, 0);
    return 0;
}

static int ask(const char *request)
{
    return stage_ask(&stage, false, request, strlen(request), body, CAP, 5000);
}

/* Every case ends with a good question that is answered. */
static void still_answers(void)
{
    assert_int_equal(stage_get(&stage, false, "/v1/status", body, CAP), 200);
    assert_int_equal(stage_get(&stage, true, "/v1/status", body, CAP), 200);
}

static json_t *get_json(const char *path)
{
    json_error_t error;
    assert_int_equal(stage_get(&stage, true, path, body, CAP), 200);
    json_t *root = json_loads(body, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s: %s at %d in %.2000s", path, error.text, error.position, body);
    assert_int_equal(json_integer_value(json_object_get(root, "schema")), 1);
    assert_string_equal(json_string_value(json_object_get(root, "boot")), stage.stats->boot);
    assert_true(json_is_integer(json_object_get(root, "started")));
    assert_true(json_is_integer(json_object_get(root, "time")));
    assert_true(json_is_integer(json_object_get(root, "time_ms")));
    return root;
}

struct raw {
    const char *what, *request;
    int status;
    const char *says; /* in the reply, NULL anything */
};

static void check_raw(const struct raw *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = ask(cases[i].request);
        if (status != cases[i].status || (cases[i].says && !strstr(body, cases[i].says)))
            fail_msg("%s: status %d, not %d: %.400s", cases[i].what, status, cases[i].status, body);
        assert_null(strstr(body, "Access-Control"));
    }
    still_answers();
}
#define CHECK(cases) check_raw(cases, sizeof cases / sizeof *cases)

static void h1_host(void **state)
{
    static const struct raw cases[] = {
        {"missing", "GET /v1/status HTTP/1.1\r\n\r\n", 400, NULL},
        {"missing in 1.0", "GET /v1/status HTTP/1.0\r\n\r\n", 400, NULL},
        {"empty", "GET /v1/status HTTP/1.1\r\nHost:\r\n\r\n", 421, NULL},
        {"foreign", "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "error"},
        {"rebound", "GET /v1/status HTTP/1.1\r\nHost: evil.example:8053\r\n\r\n", 421, NULL},
        {"prefix", "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 421, NULL},
        {"other loopback", "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n", 421, NULL},
        {"twice", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400,
         NULL},
        {"absolute", "GET http://evil.example/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 400,
         NULL},
        {"address", "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200, NULL},
        {"port", "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:8053\r\n\r\n", 200, NULL},
        {"bad port", "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:x\r\n\r\n", 421, NULL},
        {"name", "GET /v1/status HTTP/1.1\r\nHost: NS1.Example\r\n\r\n", 200, NULL},
        {"short name", "GET /v1/status HTTP/1.1\r\nHost: ns1:80\r\n\r\n", 200, NULL},
    };
    (void)state;
    CHECK(cases);
}

static void h2_other_sites(void **state)
{
#define GET_WITH(header) "GET /v1/status HTTP/1.1\r\nHost: localhost:8053\r\n" header "\r\n\r\n"
    static const struct raw cases[] = {
        {"foreign origin", GET_WITH("Origin: http://evil.example"), 403, "error"},
        {"null origin", GET_WITH("Origin: null"), 403, NULL},
        {"other port", GET_WITH("Origin: http://localhost:3000"), 403, NULL},
        {"https", GET_WITH("Origin: https://localhost:8053"), 403, NULL},
        {"own origin", GET_WITH("Origin: http://localhost:8053"), 200, NULL},
        {"two origins", GET_WITH("Origin: http://localhost:8053\r\nOrigin: http://localhost:8053"),
         403, NULL},
        {"cross-site", GET_WITH("Sec-Fetch-Site: cross-site"), 403, NULL},
        {"same-site", GET_WITH("Sec-Fetch-Site: same-site"), 403, NULL},
        {"same-origin", GET_WITH("Sec-Fetch-Site: same-origin"), 200, NULL},
        {"typed in", GET_WITH("Sec-Fetch-Site: none"), 200, NULL},
    };
    (void)state;
    CHECK(cases);
}

#define LOCAL " HTTP/1.1\r\nHost: localhost\r\n"
#define JSON  "Content-Type: application/json\r\n"

static void h3_methods(void **state)
{
    static const struct raw cases[] = {
        {"GET of an action", "GET /v1/service/restart" LOCAL "\r\n", 405, "Allow: POST\r\n"},
        {"GET of a zone's", "GET /v1/zones/example.org/reload" LOCAL "\r\n", 405,
         "Allow: POST\r\n"},
        {"POST without a type", "POST /v1/status" LOCAL "Content-Length: 0\r\n\r\n", 405, "Allow"},
        {"POST of a page", "POST /v1/status" LOCAL JSON "Content-Length: 0\r\n\r\n", 405,
         "Allow: GET, HEAD\r\n"},
        {"PUT", "PUT /v1/status" LOCAL "Content-Length: 0\r\n\r\n", 405, NULL},
        {"DELETE", "DELETE /v1/zones/example.org" LOCAL "\r\n", 405, NULL},
        {"OPTIONS", "OPTIONS /v1/service/restart" LOCAL "\r\n", 405, NULL},
        {"TRACE", "TRACE /v1/status" LOCAL "\r\n", 405, NULL},
        {"garbage", "GARBAGE /v1/status" LOCAL "\r\n", 405, NULL},
        {"no path", "GET /nothing" LOCAL "\r\n", 404, "/v1/status"},
        {"root", "GET /" LOCAL "\r\n", 404, "/v1/status"},
        {"later", "GET /v1/stream" LOCAL "\r\n", 404, NULL},
        {"no verb", "POST /v1/service/explode" LOCAL JSON "Content-Length: 0\r\n\r\n", 404, NULL},
        {"nosniff", "GET /healthz" LOCAL "\r\n", 200, "X-Content-Type-Options: nosniff\r\n"},
        {"no-store", "GET /healthz" LOCAL "\r\n", 200, "Cache-Control: no-store\r\n"},
    };
    struct msg_action a;
    (void)state;
    CHECK(cases);
    assert_false(stage_action(&stage, &a, 50));
}

static void h4_content_type(void **state)
{
#define POST_AS(type) "POST /v1/service/restart" LOCAL type "Content-Length: 2\r\n\r\n{}"
    static const struct raw cases[] = {
        {"text", POST_AS("Content-Type: text/plain\r\n"), 415, NULL},
        {"form", POST_AS("Content-Type: application/x-www-form-urlencoded\r\n"), 415, NULL},
        {"multipart", POST_AS("Content-Type: multipart/form-data; boundary=x\r\n"), 415, NULL},
        {"none", POST_AS(""), 415, NULL},
        {"jsonp", POST_AS("Content-Type: application/jsonp\r\n"), 415, NULL},
        {"two", POST_AS(JSON JSON), 415, NULL},
    };
    struct msg_action a;
    (void)state;
    CHECK(cases);
    assert_false(stage_action(&stage, &a, 50));
}

static void h5_token(void **state)
{
    char request[1200 + 70000];
    struct msg_action a;
    static const char *const wrong[] = {
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer a\r\n",
        "Authorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        ("Authorization: Bearer "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        "Authorization: Basic YWRtaW46YWRtaW4=\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(request, sizeof request,
                 "POST /v1/service/restart%s" LOCAL JSON "%sContent-Length: 0\r\n\r\n",
                 i ? "" : "?token=aaaaaaaa", wrong[i]);
        assert_int_equal(ask(request), 401);
        assert_non_null(strstr(body, "WWW-Authenticate: Bearer\r\n"));
        assert_null(strstr(body, "aaaaaaaa"));
    }
    int n = snprintf(request, sizeof request,
                     "POST /v1/service/restart" LOCAL JSON
                     "Content-Length: 0\r\nAuthorization: Bearer ");
    memset(request + n, 'a', 70000);
    memcpy(request + n + 70000, "\r\n\r\n", 5);
    int status = ask(request);
    assert_true(status == 431 || status == 413 || status == 400 || status == 0);
    assert_false(stage_action(&stage, &a, 50));
    still_answers();
}

/* A new token counts from the next request on; the old one does not. */
static void h5_token_rotates(void **state)
{
    (void)state;
    FILE *f = fopen(stage.token_file, "w");
    fprintf(f, "%064d\n", 7);
    fclose(f);
    assert_int_equal(stage_post(&stage, false, "/v1/zones/nowhere/reload", body, CAP), 401);
    snprintf(stage.token, sizeof stage.token, "%064d", 7);
    assert_int_equal(stage_post(&stage, false, "/v1/zones/nowhere/reload", body, CAP), 404);
    unlink(stage.token_file);
    assert_int_equal(stage_post(&stage, false, "/v1/zones/nowhere/reload", body, CAP), 401);
}

static void h6_paths(void **state)
{
    static const struct raw cases[] = {
        {"%00", "POST /v1/service/restart%00.json" LOCAL JSON "Content-Length: 0\r\n\r\n", 400,
         NULL},
        {"%00 in a GET", "GET /v1/status%00" LOCAL "\r\n", 400, NULL},
        {"%00 in an argument", "GET /v1/zones?search=a%00b" LOCAL "\r\n", 400, NULL},
        {"broken escape", "GET /v1/status%zz" LOCAL "\r\n", 400, NULL},
        {"cut escape", "GET /v1/status%2" LOCAL "\r\n", 400, NULL},
        {"//", "GET //v1/status" LOCAL "\r\n", 400, NULL},
        {"inner //", "GET /v1//status" LOCAL "\r\n", 400, NULL},
        {"/../", "GET /x/../v1/status" LOCAL "\r\n", 400, NULL},
        {"escaped ..", "GET /x/%2e%2e/v1/status" LOCAL "\r\n", 400, NULL},
        {"control", "GET /v1/%01" LOCAL "\r\n", 400, NULL},
        {"no slash", "GET v1/status" LOCAL "\r\n", 400, NULL},
        {"star", "GET *" LOCAL "\r\n", 400, NULL},
        {"escaped letter", "GET /v1/%73tatus" LOCAL "\r\n", 200, NULL},
    };
    (void)state;
    CHECK(cases);
    static const char nul[] = "GET /v1/sta\0tus HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int status = stage_ask(&stage, false, nul, sizeof nul - 1, body, CAP, 12000);
    assert_int_equal(status, 400);
    still_answers();
}

static void h7_framing(void **state)
{
#define POST_FRAMED(headers) "POST /v1/service/restart" LOCAL JSON headers "\r\n"
    static const struct raw cases[] = {
        {"CL and TE",
         POST_FRAMED("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", 400, NULL},
        {"two CLs", POST_FRAMED("Content-Length: 2\r\nContent-Length: 0\r\n") "{}", 400, NULL},
        {"two equal CLs", POST_FRAMED("Content-Length: 2\r\nContent-Length: 2\r\n") "{}", 400,
         NULL},
        {"CL -1", POST_FRAMED("Content-Length: -1\r\n"), 400, NULL},
        {"CL +1", POST_FRAMED("Content-Length: +1\r\n") "x", 400, NULL},
        {"CL of 20 digits", POST_FRAMED("Content-Length: 99999999999999999999\r\n"), 413, NULL},
        {"CL in hex", POST_FRAMED("Content-Length: 0x2\r\n") "{}", 400, NULL},
        {"GET with a body", "GET /v1/status" LOCAL "Content-Length: 2\r\n\r\n{}", 400, NULL},
        {"HTTP/9.9", "GET /v1/status HTTP/9.9\r\nHost: localhost\r\n\r\n", 505, NULL},
    };
    (void)state;
    CHECK(cases);
}

/* What follows a request whose length is in doubt is never taken for another one. */
static void h7_smuggling(void **state)
{
    static const char *const requests[] = {
        POST_FRAMED(
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\nGET /v1/status" LOCAL
                                                                   "\r\n",
        POST_FRAMED("Content-Length: 50\r\nContent-Length: 0\r\n") "GET /v1/status" LOCAL "\r\n",
        "POST /v1/status" LOCAL JSON
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/status" LOCAL "\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        int fd = stage_connect(&stage, false);
        size_t n = 0;
        ssize_t got;
        assert_true(send(fd, requests[i], strlen(requests[i]), 0) > 0);
        struct pollfd p = {fd, POLLIN, 0};
        while (poll(&p, 1, 5000) == 1 && (got = recv(fd, body + n, CAP - 1 - n, 0)) > 0)
            n += (size_t)got;
        body[n] = '\0';
        close(fd);
        char *first = strstr(body, "HTTP/1.1 ");
        assert_true(!first || !strstr(first + 1, "HTTP/1.1 "));
    }
    still_answers();
}

static void h8_slow_request(void **state)
{
    static const char request[] = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    (void)state;
    int fd = stage_connect(&stage, false);
    int64_t begin = clk_mono_ns();
    bool open = send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0;
    while (open && clk_mono_ns() - begin < 20 * CLK_SECOND) {
        struct pollfd p = {fd, POLLIN | POLLRDHUP, 0};
        /* A byte every half second keeps the library's own time-out away. */
        if (poll(&p, 1, 500) == 1)
            open = false;
        else
            send(fd, "x", 1, MSG_NOSIGNAL);
    }
    int64_t took = (clk_mono_ns() - begin) / CLK_MS;
    close(fd);
    assert_false(open);
    assert_in_range(took, 9000, 12500);
    still_answers();
}

static int open_files(pid_t pid)
{
    char path[64];
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        struct stat st;
        n += lstat(path, &st) == 0;
    }
    return n;
}

/* Many that say nothing take the places, and give them back. */
static void h9_idle(void **state)
{
    enum { MANY = 300 };
    int fds[MANY];
    (void)state;
    assert_int_equal(stage_get(&stage, true, "/v1/events", body, CAP), 200);
    int before = open_files(stage.pid);
    for (int i = 0; i < MANY; i++)
        fds[i] = stage_connect(&stage, false);
    assert_int_equal(stage_get(&stage, true, "/v1/status", body, CAP), 200);
    uint64_t cpu = stage_cpu_us(&stage);
    poll(NULL, 0, 1000);
    assert_in_range(stage_cpu_us(&stage) - cpu, 0, 300000);
    for (int i = 0; i < MANY; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    int64_t until = clk_mono_ns() + 15 * CLK_SECOND;
    while (open_files(stage.pid) > before + 2 && clk_mono_ns() < until)
        poll(NULL, 0, 20);
    assert_in_range(open_files(stage.pid), 1, before + 2);
    still_answers();
}

/* With hardly a descriptor left it neither spins nor dies, and recovers. */
static void h10_no_descriptors(void **state)
{
    enum { MANY = 40 };
    int fds[MANY];
    (void)state;
    assert_int_equal(stage_stop(&stage), 0);
    stage.nofile = 40;
    stage_start(&stage);
    for (int i = 0; i < MANY; i++) {
        fds[i] = stage_connect(&stage, i & 1);
        if (fds[i] >= 0)
            send(fds[i], "G", 1, MSG_NOSIGNAL);
    }
    uint64_t cpu = stage_cpu_us(&stage);
    poll(NULL, 0, 2000);
    assert_in_range(stage_cpu_us(&stage) - cpu, 0, 200000);
    for (int i = 0; i < MANY; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    stage_beat(&stage);
    assert_true(stage_until(&stage, "/healthz", "\"healthy\":true", 15000));
    still_answers();
    stage.nofile = 0;
}

static void h11_large_body(void **state)
{
    static const struct raw cases[] = {
        {"announced", POST_FRAMED("Content-Length: 1073741824\r\n") "{}", 413, NULL},
        {"just too large", POST_FRAMED("Content-Length: 65537\r\n"), 413, NULL},
        {"chunked", POST_FRAMED("Transfer-Encoding: chunked\r\n") "2\r\n{}\r\n0\r\n\r\n", 411,
         NULL},
    };
    (void)state;
    CHECK(cases);
}

static void h12_bodies(void **state)
{
    enum { DEEP = 60000 };
    static char request[DEEP + 1000];
    static const char *const wrong[] = {"{", "[]", "{}{}", "{\"a\":1}", "null", "{} x"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(request, sizeof request,
                 "POST /v1/service/restart" LOCAL JSON
                 "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
                 stage.token, strlen(wrong[i]), wrong[i]);
        assert_int_equal(ask(request), 400);
    }
    int n = snprintf(request, sizeof request,
                     "POST /v1/service/restart" LOCAL JSON
                     "Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n",
                     stage.token, DEEP);
    memset(request + n, '{', DEEP);
    request[n + DEEP] = '\0';
    assert_int_equal(ask(request), 400);
    struct msg_action a;
    assert_false(stage_action(&stage, &a, 50));
    still_answers();
}

/* A child that asks for an action and ends with the status / 10. */
static pid_t ask_beside(bool local, const char *path)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        /* Else the endpoint would not see that the supervisor went. */
        close(stage.supervisor);
        _exit(stage_post(&stage, local, path, body, CAP) / 10);
    }
    return pid;
}

static int status_of(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void action_is_done(void **state)
{
    struct msg_action a;
    (void)state;
    pid_t pid = ask_beside(true, "/v1/zones/Example.ORG/reload");
    assert_true(stage_action(&stage, &a, 5000));
    assert_int_equal(a.action, ACTION_ZONE_RELOAD);
    assert_string_equal(a.zone, "example.org.");
    char actor[64];
    snprintf(actor, sizeof actor, "uid %d pid %d over unix", (int)getuid(), (int)pid);
    assert_string_equal(a.actor, actor);
    stage_result(&stage, a.id + 1000, 0, "somebody else's");
    stage_result(&stage, a.id, 0, "loaded");
    assert_int_equal(status_of(pid), 20);
    pid = ask_beside(false, "/v1/service/reload");
    assert_true(stage_action(&stage, &a, 5000));
    assert_int_equal(a.action, ACTION_SERVICE_RELOAD);
    assert_string_equal(a.actor, "token over 127.0.0.1");
    stage_result(&stage, a.id, ERR_CONFIG, "zonedeck.yaml:3:1: unknown key");
    assert_int_equal(status_of(pid), 42);
    still_answers();
}

static void action_names(void **state)
{
    static const struct {
        const char *path, *zone;
        int status;
    } cases[] = {
        {"/v1/zones/example.org./notify", "example.org.", 200},
        {"/v1/zones/0%2F25.2.0.192.in-addr.arpa/reload", "0/25.2.0.192.in-addr.arpa.", 200},
        {"/v1/zones/0/25.2.0.192.in-addr.arpa./reload", "0/25.2.0.192.in-addr.arpa.", 200},
        {"/v1/zones/@/reload", ".", 200},
        {"/v1/zones/./reload", ".", 200},
        {"/v1/zones/example.net/retransfer", "example.net.", 200},
        {"/v1/zones/example.org/retransfer", NULL, 409},
        {"/v1/zones/example.com/reload", NULL, 404},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg_action a;
        pid_t pid = ask_beside(true, cases[i].path);
        if (cases[i].zone) {
            assert_true(stage_action(&stage, &a, 5000));
            assert_string_equal(a.zone, cases[i].zone);
            stage_result(&stage, a.id, 0, "");
        }
        assert_int_equal(status_of(pid), cases[i].status / 10);
    }
}

static void h13_many_restarts(void **state)
{
    enum { MANY = 40 };
    struct msg_action a, second;
    int limited = 0, running = 0;
    (void)state;
    pid_t first = ask_beside(true, "/v1/service/restart");
    assert_true(stage_action(&stage, &a, 5000));
    for (int i = 0; i < MANY; i++) {
        int status = stage_post(&stage, i & 1, "/v1/service/restart", body, CAP);
        limited += status == 429;
        running += status == 409;
    }
    assert_int_equal(limited + running, MANY);
    assert_true(limited > 0);
    assert_false(stage_action(&stage, &second, 50));
    stage_result(&stage, a.id, 0, "restarted");
    assert_int_equal(status_of(first), 20);
    still_answers();
}

/* What is asked of zones does not keep anybody from restarting the service. */
static void h13_zones_apart(void **state)
{
    enum { MANY = 30 };
    struct msg_action a;
    int limited = 0;
    (void)state;
    for (int i = 0; i < MANY; i++)
        limited += stage_post(&stage, true, "/v1/zones/nix.example./reload", body, CAP) == 429;
    assert_true(limited > 0);
    assert_non_null(strstr(body, "on zones"));
    pid_t pid = ask_beside(true, "/v1/service/restart");
    assert_true(stage_action(&stage, &a, 5000));
    stage_result(&stage, a.id, 0, "restarted");
    assert_int_equal(status_of(pid), 20);
}

static void h14_restart_twice(void **state)
{
    struct msg_action a;
    (void)state;
    pid_t first = ask_beside(true, "/v1/service/restart");
    assert_true(stage_action(&stage, &a, 5000));
    assert_int_equal(stage_post(&stage, true, "/v1/service/restart", body, CAP), 409);
    assert_non_null(strstr(body, "\"result\":\"failed\""));
    assert_non_null(strstr(body, "\"error\":\"exists\""));
    stage_result(&stage, a.id, ERR_EXISTS, "a reload is running");
    assert_int_equal(status_of(first), 40);
}

static void h15_dead_and_hung(void **state)
{
    (void)state;
    stage.stats->worker[0][1].heartbeat_at = clk_mono_ns() - 20 * CLK_SECOND;
    int64_t begin = clk_mono_ns();
    assert_int_equal(stage_get(&stage, true, "/v1/status", body, CAP), 200);
    assert_in_range((clk_mono_ns() - begin) / CLK_MS, 0, 100);
    assert_non_null(strstr(body, "\"state\":\"not-serving\""));
    assert_non_null(strstr(body, "\"stale\":true"));
    assert_non_null(strstr(body, "\"event\":8102"));
    assert_int_equal(stage_get(&stage, true, "/readyz", body, CAP), 503);
    assert_int_equal(stage_get(&stage, true, "/healthz", body, CAP), 200);
    /* Dead: its last words stay. */
    stage.stats->process[STATS_KEEPER].state = PROCESS_DEAD;
    stage.stats->process[STATS_KEEPER].exit_at = clk_wall();
    stage.stats->process[STATS_KEEPER].exit_signal = 11;
    stage_beat(&stage);
    json_t *root = get_json("/v1/status");
    const json_t *problem = json_array_get(json_object_get(root, "problems"), 0);
    assert_string_equal(json_string_value(json_object_get(problem, "subject")), "keeper");
    assert_int_equal(json_integer_value(json_object_get(problem, "event")), 8101);
    json_decref(root);
    assert_int_equal(stage_get(&stage, true, "/readyz", body, CAP), 200);
}

static void h16_many_zones(void **state)
{
    enum { MANY = 100000 };
    char name[64];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "z%06d.example.", (i * 7919) % MANY);
        stage_add_zone(&stage, name, i % 10000 == 5 ? ZONE_FAILED : ZONE_OK, ZONE_PRIMARY);
    }
    stage_beat(&stage);
    json_t *root = get_json("/v1/zones?limit=10");
    json_t *zones = json_object_get(root, "zones");
    assert_int_equal(json_integer_value(json_object_get(root, "total")), MANY + 4);
    assert_int_equal(json_array_size(zones), 10);
    for (size_t i = 0; i < 10; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(zones, i), "state")),
                            "failed");
    json_decref(root);
    root = get_json("/v1/zones?sort=name&offset=50000&limit=10000");
    zones = json_object_get(root, "zones");
    assert_int_equal(json_array_size(zones), 10000);
    for (size_t i = 1; i < 10000; i++)
        assert_true(strcmp(json_string_value(json_object_get(json_array_get(zones, i - 1), "name")),
                           json_string_value(json_object_get(json_array_get(zones, i), "name"))) <
                    0);
    json_decref(root);
    root = get_json("/v1/zones?search=Z00123&state=ok");
    assert_int_equal(json_integer_value(json_object_get(root, "matched")), 10);
    json_decref(root);
    int64_t best = INT64_MAX;
    /* Other work on the machine must not count: it is tried again, some seconds long. */
    for (int i = 0; i < 12 && best / 1000 > STATUS_US; i++) {
        /* What was found out for the one before is no longer used. */
        poll(NULL, 0, 1050);
        stage_beat(&stage);
        int64_t begin = clk_mono_ns();
        assert_int_equal(stage_get(&stage, true, "/v1/status", body, CAP), 200);
        int64_t took = clk_mono_ns() - begin;
        best = took < best ? took : best;
    }
    print_message("status with %d zones: %" PRId64 " us\n", MANY, best / 1000);
    assert_in_range(best / 1000, 0, STATUS_US);
    root = get_json("/v1/status");
    assert_int_equal(json_integer_value(json_object_get(root, "problems_total")), 10);
    json_decref(root);
}

/* Who may connect may read; only some may act. Needs root to become somebody else. */
static void h17_other_user(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    chmod(stage.dir, 0755);
    chmod(stage.socket_path, 0777);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (setuid(65534))
            _exit(1);
        int read = stage_get(&stage, true, "/v1/status", body, CAP);
        int act = stage_post(&stage, true, "/v1/service/restart", body, CAP);
        _exit(read == 200 && act == 403 ? 0 : 1);
    }
    assert_int_equal(status_of(pid), 0);
    struct msg_action a;
    assert_false(stage_action(&stage, &a, 50));
    still_answers();
}

/* Killed and started again on the same sockets: clients that connected meanwhile are answered, and
 * what happened before is still known. */
static void h18_killed(void **state)
{
    (void)state;
    stats_event(stage.stats, STATS_KEEPER, EVENT_FILE_PARSE, 0, "example.org.", "line 7");
    assert_true(stage_until(&stage, "/v1/events", "line 7", 5000));
    kill(stage.pid, SIGKILL);
    waitpid(stage.pid, NULL, 0);
    close(stage.supervisor);
    int fd = stage_connect(&stage, false);
    assert_true(fd >= 0);
    static const char request[] = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_true(send(fd, request, sizeof request - 1, 0) > 0);
    stage_start(&stage);
    struct pollfd p = {fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 5000), 1);
    ssize_t n = recv(fd, body, CAP - 1, 0);
    assert_true(n > 0);
    body[n] = '\0';
    close(fd);
    char *once = strstr(body, "line 7");
    assert_non_null(once);
    assert_null(strstr(once + 1, "line 7"));
    still_answers();
}

static void supervisor_gone(void **state)
{
    struct msg_action a;
    (void)state;
    pid_t pid = ask_beside(true, "/v1/service/reload");
    assert_true(stage_action(&stage, &a, 5000));
    close(stage.supervisor);
    assert_int_equal(status_of(pid), 50);
    assert_int_equal(stage_get(&stage, true, "/v1/status", body, CAP), 200);
    assert_non_null(strstr(body, "\"subject\":\"supervisor\""));
    assert_int_equal(stage_get(&stage, true, "/healthz", body, CAP), 503);
    assert_int_equal(stage_post(&stage, true, "/v1/service/restart", body, CAP), 503);
    assert_non_null(strstr(body, "the supervisor is gone"));
    kill(stage.pid, SIGTERM);
    int status;
    assert_int_equal(waitpid(stage.pid, &status, 0), stage.pid);
    assert_true(WIFEXITED(status));
    stage_start(&stage);
}

static void pages_are_json(void **state)
{
    static const char *const paths[] = {
        "/v1/status",
        "/v1/zones",
        "/v1/zones?sort=name",
        "/v1/zones/example.org",
        "/v1/zones/example.org.",
        "/v1/zones/%2e",
        "/v1/zones/@",
        "/v1/transfers",
        "/v1/events",
        "/v1/memory",
        "/healthz",
        "/readyz",
        "/v1/events?severity=error&limit=0",
        "/v1/zones?limit=0",
        "/v1/zones?offset=99999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        stage_beat(&stage);
        json_decref(get_json(paths[i]));
    }
    static const char *const wrong[] = {
        "/v1/zones?limit=x",    "/v1/zones?offset=-1",     "/v1/zones?sort=size",
        "/v1/zones?state=fine", "/v1/events?severity=bad", "/v1/events?before=1x",
        "/v1/transfers?limit=",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(stage_get(&stage, true, wrong[i], body, CAP), 400);
    assert_int_equal(stage_get(&stage, true, "/v1/zones/nowhere.example", body, CAP), 404);
}

static void status_fields(void **state)
{
    (void)state;
    stage.stats->worker[0][0].counter[COUNTER_UDP4_QUERIES] = 40;
    stage.stats->worker[0][1].counter[COUNTER_UDP4_QUERIES] = 2;
    stage_beat(&stage);
    json_t *root = get_json("/v1/status"), *server = json_object_get(root, "server");
    assert_string_equal(json_string_value(json_object_get(server, "state")), "serving");
    assert_string_equal(json_string_value(json_object_get(server, "name")), "ns1.example");
    assert_int_equal(json_integer_value(json_object_get(server, "pid")), getpid());
    json_t *processes = json_object_get(root, "processes");
    assert_int_equal(json_array_size(processes), 4);
    json_t *first = json_array_get(processes, 0);
    assert_string_equal(json_string_value(json_object_get(first, "role")), "supervisor");
    assert_true(json_integer_value(json_object_get(first, "rss")) > 100000);
    assert_true(json_integer_value(json_object_get(first, "pss")) > 100000);
    json_t *counters = json_object_get(root, "counters");
    assert_int_equal(json_integer_value(json_object_get(counters, "udp4_queries")), 42);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "zones"), "total")),
                     4);
    assert_int_equal(json_integer_value(json_object_get(root, "problems_total")), 0);
    json_decref(root);
}

static void problems_in_order(void **state)
{
    (void)state;
    stage_add_zone(&stage, "stale.example.", ZONE_STALE, ZONE_SECONDARY);
    stage_add_zone(&stage, "broken.example.", ZONE_FAILED, ZONE_PRIMARY);
    stage_add_zone(&stage, "expired.example.", ZONE_EXPIRED, ZONE_SECONDARY);
    stats_event(stage.stats, STATS_SUPERVISOR, EVENT_CONFIG, 0, "",
                "zonedeck.yaml:9:3: unknown key");
    assert_true(stage_until(&stage, "/v1/status", "unknown key", 5000));
    poll(NULL, 0, 1100);
    stage_beat(&stage);
    json_t *root = get_json("/v1/status"), *problems = json_object_get(root, "problems");
    static const int numbers[] = {506, 6527, 1502, 6523};
    assert_int_equal(json_array_size(problems), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(problems, i), "event")),
                         numbers[i]);
    json_decref(root);
    stats_event(stage.stats, STATS_SUPERVISOR, EVENT_CONFIG_DONE, 0, "", "generation 2");
    assert_true(stage_until(&stage, "/v1/status", "\"problems_total\":3", 5000));
}

static struct stats_zone_row *row_of(const char *name)
{
    struct stats_zone copy;
    char text[1024];
    for (uint32_t i = 0; i < stage.stats->zone_rows; i++) {
        stats_read_zone(stage.stats, i, &copy);
        stats_zone_name(stage.stats, &copy, text);
        if (!strcmp(text, name))
            return &stage.stats->zones[i];
    }
    fail_msg("no row of %s", name);
    return NULL;
}

/* The problem of a subject has this number, and these words in its text and remedy. */
static void problem_is(const char *subject, unsigned number, const char *text, const char *remedy)
{
    json_t *root = get_json("/v1/status"), *problem;
    size_t i;
    bool found = false;
    json_array_foreach(json_object_get(root, "problems"), i, problem)
    {
        if (strcmp(json_string_value(json_object_get(problem, "subject")), subject) ||
            json_integer_value(json_object_get(problem, "event")) != number)
            continue;
        found = true;
        assert_non_null(strstr(json_string_value(json_object_get(problem, "text")), text));
        assert_non_null(strstr(json_string_value(json_object_get(problem, "remedy")), remedy));
    }
    assert_true(found);
    json_decref(root);
}

/* What is wrong is called by its event, and says whether the zone is served. */
static void problems_are_named_rightly(void **state)
{
    (void)state;
    stage_add_zone(&stage, "older.example.", ZONE_STALE, ZONE_SECONDARY);
    stage_add_zone(&stage, "never.example.", ZONE_FAILED, ZONE_SECONDARY);
    stage_add_zone(&stage, "expired.example.", ZONE_EXPIRED, ZONE_SECONDARY);
    row_of("older.example.")->event = EVENT_XFR_OLDER;
    row_of("never.example.")->event = EVENT_XFR_UNREACHABLE;
    row_of("expired.example.")->event = EVENT_XFR_UNREACHABLE;
    row_of("example.org.")->event = row_of("example.org.")->serial_event = EVENT_SERIAL_SAME;
    row_of("example.org.")->has_reason = 1;
    snprintf(stage.stats->zone_reasons[row_of("example.org.") - stage.stats->zones], STATS_TEXT,
             "the content changed");
    row_of(".")->unwritten = ENOSPC;
    stage_beat(&stage);
    problem_is("older.example.", 6526, "is served", "Raise the serial");
    problem_is("never.example.", 6523, "the zone is not served", "once it was transferred");
    problem_is("expired.example.", 6527, "the zone is not served", "Make a primary reachable");
    problem_is("example.org.", 8302, "the content changed", "Raise the serial");
    problem_is(".", 3151, "No space left on device", "Free space");
}

static void memory_over_its_limit_is_a_problem(void **state)
{
    (void)state;
    stage.stats->memory_limit = UINT64_C(1) << 40;
    stage_beat(&stage);
    json_t *root = get_json("/v1/status");
    assert_int_equal(json_integer_value(json_object_get(root, "problems_total")), 0);
    json_decref(root);
    stage.stats->memory_limit = 1 << 20;
    problem_is("", 5051, "policy.memory-limit is 1 MiB", "zonedeck restart");
}

/* After a result the next status knows all that came with it. */
static void an_action_makes_the_status_fresh(void **state)
{
    struct msg_action a;
    (void)state;
    for (int i = 0; i < 3; i++) {
        stage_beat(&stage);
        json_t *root = get_json("/v1/status");
        assert_int_equal(json_integer_value(json_object_get(root, "problems_total")),
                         i ? 1 + i : 0);
        json_decref(root);
        pid_t pid = ask_beside(true, "/v1/service/reload");
        assert_true(stage_action(&stage, &a, 5000));
        char name[32];
        snprintf(name, sizeof name, "failed%d.example.", i);
        stage_add_zone(&stage, name, ZONE_FAILED, ZONE_PRIMARY);
        stats_event(stage.stats, STATS_SUPERVISOR, EVENT_CONFIG, 0, "", "unknown key %d", i);
        stage_result(&stage, a.id, ERR_CONFIG, "unknown key");
        assert_int_equal(status_of(pid), 42);
        stage_beat(&stage);
        root = get_json("/v1/status");
        assert_int_equal(json_integer_value(json_object_get(root, "problems_total")), 2 + i);
        json_decref(root);
    }
}

static void the_dead_are_dead(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    stage.stats->process[STATS_KEEPER].pid = pid;
    close(stage.supervisor);
    assert_true(stage_until(&stage, "/v1/status", "the supervisor is gone", 5000));
    assert_true(
        stage_until(&stage, "/v1/status", "{\"role\":\"supervisor\",\"state\":\"dead\"", 100));
    assert_true(stage_until(&stage, "/v1/status", "{\"role\":\"keeper\",\"state\":\"dead\"", 100));
    assert_true(stage_until(&stage, "/v1/status", "{\"role\":\"serve\",\"state\":\"active\"", 100));
    problem_is("supervisor", 8101, "the supervisor is gone", "Start the server again");
    problem_is("keeper", 8101, "is gone, and no supervisor", "Start the server again");
    kill(stage.pid, SIGTERM);
    assert_int_equal(waitpid(stage.pid, NULL, 0), stage.pid);
    stage_start(&stage);
}

static void an_unclean_end_is_told(void **state)
{
    (void)state;
    stats_event(stage.stats, STATS_SUPERVISOR, EVENT_STARTED, 0, "", "version 1");
    assert_true(stage_until(&stage, "/v1/events", "\"number\":2,", 5000));
    assert_int_equal(stage_stop(&stage), 0);
    snprintf(stage.stats->boot, sizeof stage.stats->boot, "%032d", 1);
    memset(stage.stats->events, 0, sizeof stage.stats->events);
    stage_start(&stage);
    assert_true(stage_until(&stage, "/v1/events", "its last sign of life was at 20", 5000));
    assert_int_equal(stage_get(&stage, true, "/v1/events", body, CAP), 200);
    assert_non_null(strstr(body, "\"number\":8111,"));
}

static void events_are_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        stats_event(stage.stats, STATS_KEEPER, EVENT_FILE_PARSE, ERR_FORMAT, "a.example.", "same");
    stats_event(stage.stats, STATS_KEEPER, EVENT_ZONE_WRITTEN, 0, "a.example.", "last");
    assert_true(stage_until(&stage, "/v1/events", "\"text\":\"last\"", 5000));
    json_t *root = get_json("/v1/events?subject=a.example.&severity=error");
    json_t *events = json_object_get(root, "events");
    assert_int_equal(json_array_size(events), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(events, 0), "count")), 3);
    json_decref(root);
    /* Another life of the server. */
    assert_int_equal(stage_stop(&stage), 0);
    snprintf(stage.stats->boot, sizeof stage.stats->boot, "%032d", 1);
    memset(stage.stats->events, 0, sizeof stage.stats->events);
    stage_start(&stage);
    root = get_json("/v1/events?subject=a.example.");
    assert_int_equal(json_array_size(json_object_get(root, "events")), 2);
    json_decref(root);
}

static void metrics_are_there(void **state)
{
    (void)state;
    assert_int_equal(stage_get(&stage, true, "/metrics", body, CAP), 200);
    assert_non_null(strstr(body, "zonedeck_queries_total{transport=\"udp4\"} "));
    assert_non_null(strstr(body, "zonedeck_zones{state=\"ok\"} 4\n"));
    size_t len = strlen(body);
    assert_string_equal(body + len - 6, "# EOF\n");
}

/* One connection, many questions: nothing is left behind. */
static void keeps_alive(void **state)
{
    static const char request[] = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    (void)state;
    int fd = stage_connect(&stage, true);
    for (int i = 0; i < 50; i++) {
        size_t n = 0;
        assert_true(send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0);
        do {
            struct pollfd p = {fd, POLLIN, 0};
            assert_int_equal(poll(&p, 1, 5000), 1);
            ssize_t got = recv(fd, body + n, CAP - 1 - n, 0);
            assert_true(got > 0);
            n += (size_t)got;
            body[n] = '\0';
        } while (!strstr(body, "}\n"));
        assert_memory_equal(body, "HTTP/1.1 200", 12);
    }
    close(fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        CASE(pages_are_json),
        CASE(status_fields),
        CASE(problems_in_order),
        CASE(problems_are_named_rightly),
        CASE(memory_over_its_limit_is_a_problem),
        CASE(an_action_makes_the_status_fresh),
        CASE(the_dead_are_dead),
        CASE(an_unclean_end_is_told),
        CASE(events_are_kept),
        CASE(metrics_are_there),
        CASE(keeps_alive),
        CASE(action_is_done),
        CASE(action_names),
        CASE(h1_host),
        CASE(h2_other_sites),
        CASE(h3_methods),
        CASE(h4_content_type),
        CASE(h5_token),
        CASE(h5_token_rotates),
        CASE(h6_paths),
        CASE(h7_framing),
        CASE(h7_smuggling),
        CASE(h8_slow_request),
        CASE(h9_idle),
        CASE(h10_no_descriptors),
        CASE(h11_large_body),
        CASE(h12_bodies),
        CASE(h13_many_restarts),
        CASE(h14_restart_twice),
        CASE(h13_zones_apart),
        CASE(h15_dead_and_hung),
        CASE(h16_many_zones),
        CASE(h17_other_user),
        CASE(h18_killed),
        CASE(supervisor_gone),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

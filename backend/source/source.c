#include "backend/source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/clk.h"
#include "backend/base/err.h"
#include "backend/source/reply.h"

enum list { LIST_STATUS, LIST_ZONES, LIST_TRANSFERS, LIST_EVENTS, LIST_DETAIL, LIST_COUNT };

struct request {
    CURL *easy;
    struct curl_slist *headers;
    struct http_reply reply;
    bool running;
};

struct source {
    struct http_address address;
    CURLM *multi;
    struct request get, post;
    struct pollfd fds[SOURCE_FDS];
    unsigned fd_count;
    int64_t now;     /* of the running step, for curl's timer */
    int64_t curl_at; /* when curl wants a call; INT64_MAX none */
    int64_t interval, next_round;
    bool paused;
    enum list current;
    unsigned todo; /* bits of the lists of this round still to read */
    struct source_want want;
    struct model model;
    struct rates rates;
    struct link link;
    enum post_state post_state;
    int post_result;
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct source *s = ctx;
    (void)easy;
    (void)socket_ctx;
    unsigned i = 0;
    while (i < s->fd_count && s->fds[i].fd != fd)
        i++;
    if (what == CURL_POLL_REMOVE) {
        if (i < s->fd_count)
            s->fds[i] = s->fds[--s->fd_count];
        return 0;
    }
    if (i == SOURCE_FDS)
        return -1;
    if (i == s->fd_count)
        s->fd_count++;
    s->fds[i].fd = fd;
    s->fds[i].events =
        (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct source *s = ctx;
    (void)multi;
    s->curl_at = timeout_ms < 0 ? INT64_MAX : s->now + timeout_ms * CLK_MS;
    return 0;
}

struct source *source_new(const struct http_address *address, int64_t interval_ns, int64_t now)
{
    struct source *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->address = *address;
    s->interval = interval_ns;
    s->now = s->next_round = now;
    s->curl_at = INT64_MAX;
    s->link.since = now;
    model_init(&s->model);
    s->multi = curl_multi_init();
    s->get.easy = curl_easy_init();
    s->post.easy = curl_easy_init();
    if (!s->multi || !s->get.easy || !s->post.easy) {
        source_free(s);
        return NULL;
    }
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, 2L);
    return s;
}

static void free_request(struct source *s, struct request *r)
{
    if (r->running)
        curl_multi_remove_handle(s->multi, r->easy);
    if (r->easy)
        curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    http_reply_fini(&r->reply);
}

void source_free(struct source *s)
{
    if (!s)
        return;
    free_request(s, &s->get);
    free_request(s, &s->post);
    if (s->multi)
        curl_multi_cleanup(s->multi);
    model_fini(&s->model);
    free(s);
}

const struct http_address *source_address(const struct source *s)
{
    return &s->address;
}

void source_want(struct source *s, const struct source_want *want)
{
    if (!memcmp(&s->want, want, sizeof(*want)))
        return;
    s->want = *want;
    if (s->link.state == LINK_UP && !s->paused)
        s->next_round = 0;
}

void source_set_interval(struct source *s, int64_t interval_ns)
{
    s->interval = interval_ns;
    if (s->link.state == LINK_UP)
        s->next_round = 0;
}

void source_pause(struct source *s, bool paused)
{
    s->paused = paused;
    s->next_round = paused ? INT64_MAX : 0;
}

void source_sample(struct source *s)
{
    s->next_round = 0;
}

static void zones_path(const struct source *s, struct buf *path)
{
    const struct source_want *w = &s->want;
    buf_printf(path, "/v1/zones?sort=%s&offset=%u&limit=%u",
               w->zone_sort[0] ? w->zone_sort : "worst", w->zone_offset,
               w->zone_limit ? w->zone_limit : SOURCE_WINDOW);
    if (w->zone_search[0]) {
        buf_puts(path, "&search=");
        http_escape(path, w->zone_search);
    }
}

static void list_path(const struct source *s, enum list list, struct buf *path)
{
    if (list == LIST_STATUS) {
        buf_puts(path, "/v1/status");
    } else if (list == LIST_ZONES) {
        zones_path(s, path);
    } else if (list == LIST_TRANSFERS) {
        buf_puts(path, "/v1/transfers");
    } else if (list == LIST_EVENTS) {
        buf_printf(path, "/v1/events?limit=%u", s->want.event_limit ? s->want.event_limit : 200);
    } else {
        buf_puts(path, "/v1/zones/");
        http_zone(path, s->want.zone);
    }
}

static int start(struct source *s, struct request *r, bool post, const char *path)
{
    int rc = http_prepare(r->easy, &s->address, post, path, &r->reply, &r->headers);
    if (!rc && curl_multi_add_handle(s->multi, r->easy))
        rc = ERR_MEMORY;
    r->running = !rc;
    if (rc)
        snprintf(r->reply.error, sizeof(r->reply.error), "%s", err_text(rc));
    return rc;
}

static void set_link(struct source *s, enum link_state state)
{
    if (s->link.state == state)
        return;
    s->link.state = state;
    s->link.since = s->now;
}

static void lose(struct source *s, const char *why)
{
    enum { LONGEST = 5 };
    set_link(s, LINK_LOST);
    s->link.failures++;
    snprintf(s->link.error, sizeof(s->link.error), "%s", why);
    int64_t wait = s->link.failures < LONGEST ? s->link.failures : LONGEST;
    s->link.retry_at = s->now + wait * CLK_SECOND;
    s->next_round = s->link.retry_at;
    s->todo = 0;
    model_mark_stale(&s->model);
    rates_mark_stale(&s->rates);
}

static unsigned wanted(const struct source *s)
{
    const struct source_want *w = &s->want;
    return (w->zones ? 1U << LIST_ZONES : 0) | (w->transfers ? 1U << LIST_TRANSFERS : 0) |
           (w->events ? 1U << LIST_EVENTS : 0) | (w->detail && w->zone[0] ? 1U << LIST_DETAIL : 0);
}

/* Asks for the next list of the round; false when there is none left. */
static bool ask_next(struct source *s)
{
    struct buf path = {0};
    for (unsigned i = 0; i < LIST_COUNT; i++) {
        if (!(s->todo & 1U << i))
            continue;
        s->todo &= ~(1U << i);
        s->current = (enum list)i;
        list_path(s, s->current, &path);
        if (path.failed || start(s, &s->get, false, path.data))
            lose(s, "out of memory");
        buf_fini(&path);
        return true;
    }
    return false;
}

static void begin_round(struct source *s)
{
    s->next_round = s->paused ? INT64_MAX : s->now + s->interval;
    s->todo = wanted(s) | 1U << LIST_STATUS;
    ask_next(s);
}

static void note_boot(struct source *s, const char *before)
{
    const char *boot = s->model.status.stamp.boot;
    if (before[0] && boot[0] && strcmp(before, boot))
        s->link.restarted_at = s->model.status.stamp.started;
}

static int take_status(struct source *s, const struct buf *body)
{
    char before[MODEL_BOOT];
    memcpy(before, s->model.status.stamp.boot, sizeof(before));
    int rc = reply_status(&s->model.status, body->data, body->len, s->now);
    if (rc)
        return rc;
    note_boot(s, before);
    rates_update(&s->rates, &s->model.status);
    s->link.was_serving = !strcmp(s->model.status.server.state, "serving");
    s->link.failures = 0;
    s->link.rounds++;
    set_link(s, LINK_UP);
    return 0;
}

static int take_detail(struct source *s, const struct http_reply *reply)
{
    struct model_zone_detail *d = &s->model.detail;
    if (reply->status != 404)
        return reply_detail(d, reply->body.data, reply->body.len, s->now);
    model_detail_fini(d);
    d->stamp.present = d->missing = true;
    d->zone.name = text_copy(&d->text, s->want.zone, sizeof(s->want.zone));
    return 0;
}

static int take_list(struct source *s, const struct http_reply *reply)
{
    const struct buf *b = &reply->body;
    switch (s->current) {
    case LIST_STATUS:
        return take_status(s, b);
    case LIST_ZONES:
        return reply_zones(&s->model.zones, b->data, b->len, s->now);
    case LIST_TRANSFERS:
        return reply_transfers(&s->model.transfers, b->data, b->len, s->now);
    case LIST_EVENTS:
        return reply_events(&s->model.events, b->data, b->len, s->now);
    default:
        return take_detail(s, reply);
    }
}

static void get_ended(struct source *s, CURLcode code)
{
    struct http_reply *reply = &s->get.reply;
    char why[160];
    if (http_finish(s->get.easy, code, reply)) {
        lose(s, reply->error);
        return;
    }
    bool good = reply->status == 200 || (reply->status == 404 && s->current == LIST_DETAIL);
    int rc = good && reply->body.data ? take_list(s, reply) : ERR_FORMAT;
    if (!rc)
        return;
    if (!good)
        snprintf(why, sizeof(why), "HTTP status %ld", reply->status);
    else
        snprintf(why, sizeof(why), "the reply is not what a zonedeck server sends");
    /* One list that fails does not make the server dead: its section just gets no younger. */
    if (s->current == LIST_STATUS)
        lose(s, why);
}

static bool collect(struct source *s)
{
    bool changed = false;
    int left;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(s->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURL *easy = msg->easy_handle;
        CURLcode code = msg->data.result;
        curl_multi_remove_handle(s->multi, easy);
        if (easy == s->post.easy) {
            s->post.running = false;
            s->post_result = http_finish(easy, code, &s->post.reply);
            s->post_state = POST_ENDED;
            changed = true;
            s->next_round = s->paused ? INT64_MAX : 0;
        } else {
            s->get.running = false;
            get_ended(s, code);
            changed |= s->link.state == LINK_LOST || !ask_next(s);
        }
    }
    return changed;
}

static int events_of(short revents)
{
    return (revents & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) |
           (revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
           (revents & (POLLERR | POLLNVAL) ? CURL_CSELECT_ERR : 0);
}

bool source_step(struct source *s, const struct pollfd *fds, unsigned count, int64_t now)
{
    int running;
    s->now = now;
    for (unsigned i = 0; i < count; i++) {
        if (fds[i].revents)
            curl_multi_socket_action(s->multi, fds[i].fd, events_of(fds[i].revents), &running);
    }
    bool changed = collect(s);
    if (!s->get.running && !s->todo && now >= s->next_round)
        begin_round(s);
    /* Bounded: a server that answers at once must not keep the console from its keyboard. */
    for (unsigned turn = 0; turn < 8 && s->curl_at <= now; turn++) {
        s->curl_at = INT64_MAX;
        curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        changed |= collect(s);
    }
    return changed;
}

unsigned source_fds(const struct source *s, struct pollfd fds[SOURCE_FDS])
{
    memcpy(fds, s->fds, s->fd_count * sizeof(*fds));
    return s->fd_count;
}

int64_t source_deadline(const struct source *s)
{
    int64_t at = s->curl_at;
    if (!s->get.running && s->next_round < at)
        at = s->next_round;
    return at;
}

const struct model *source_model(const struct source *s)
{
    return &s->model;
}

const struct rates *source_rates(const struct source *s)
{
    return &s->rates;
}

const struct link *source_link(const struct source *s)
{
    return &s->link;
}

int source_post(struct source *s, const char *path)
{
    if (s->post.running)
        return ERR_EXISTS;
    int rc = start(s, &s->post, true, path);
    s->post_state = rc ? POST_ENDED : POST_RUNNING;
    s->post_result = rc ? ERR_REFUSED : 0;
    return 0;
}

enum post_state source_post_state(const struct source *s, const struct http_reply **reply,
                                  int *result)
{
    *reply = &s->post.reply;
    *result = s->post_result;
    return s->post_state;
}

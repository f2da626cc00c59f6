/* A secondary whose primary signs: what is taken, and every way in which an answer is not: the zone
 * stays as it was, and the reason is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/dns/tsig.h"
#include "tests/unit/keeper/harness.h"
#include "tests/unit/keeper/primary.h"

#define A "\1a\4test"
#define KEYS(secret)                                                                               \
    "keys: [{name: k, algorithm: hmac-sha256, secret: " secret                                     \
    "}, {name: l, algorithm: hmac-sha1, secret: AAAA}]\n"

enum signing {
    SIGNS_ALL,
    SIGNS_NOTHING,     /* answers as if there were no TSIG */
    SIGNS_NO_TRANSFER, /* over UDP alone */
    SIGNS_NOT_LAST,    /* all messages of a transfer but the last */
    SIGNS_WRONG,       /* a bit of the MAC of the third message is wrong */
    SIGNS_LATE,        /* an hour ago */
    SIGNS_WITH_OTHER,  /* with another secret */
    TELLS_BADKEY,      /* an error and no more */
    FORGES_FIRST       /* an answer that is not signed, and then the right one */
};

struct signer {
    _Atomic uint32_t serial, signing, asked, transferred, notified;
    uint16_t port;
    char address[32];
    pid_t pid;
};

enum { MESSAGES = 6, SECRET = 3, ROOM = 2048 };

static struct tsig_key make_key(const char *secret)
{
    struct tsig_key key;
    tsig_key_init(&key, (const uint8_t *)"\1k", 3, TSIG_SHA256, (const uint8_t *)secret, SECRET);
    return key;
}

static size_t sign(struct signer *s, struct tsig_chain *chain, uint8_t *m, size_t len,
                   const struct tsig *asked)
{
    if (s->signing == SIGNS_NOTHING)
        return len;
    if (s->signing == TELLS_BADKEY) {
        m[3] = RCODE_NOTAUTH;
        wire_put16(m + 6, 0);
        return tsig_put_error(m, primary_question_end(m, len), asked, TSIG_BADKEY);
    }
    uint64_t now = (uint64_t)clk_wall() - (s->signing == SIGNS_LATE ? 3600 : 0);
    return tsig_sign(chain, m, len, now);
}

/* A chain that goes on from the query, or none: the query is not signed as it should be. */
static bool take_query(struct signer *s, const struct tsig_key *key, struct tsig_chain *chain,
                       struct tsig *asked, const uint8_t *m, size_t len)
{
    (void)s;
    tsig_chain_init(chain, key);
    return tsig_find(asked, m, len) == TSIG_GOOD &&
           tsig_verify(chain, asked, m, (uint64_t)clk_wall()) == TSIG_GOOD;
}

static size_t begin_answer(uint8_t *m, const uint8_t *query, size_t end, unsigned answers)
{
    memcpy(m, query, end);
    wire_put16(m + 2, FLAG_QR | FLAG_AA | (query[2] & 0x78) << 8);
    wire_put16(m + 6, answers);
    wire_put32(m + 8, 0);
    return end;
}

static size_t put_soa(const struct signer *s, uint8_t *to)
{
    struct primary timers = {.refresh = 2, .retry = 2, .expire = 600};
    return primary_soa(&timers, to, s->serial);
}

static void answer_udp(struct signer *s, const struct tsig_key *key, int fd)
{
    uint8_t q[ROOM], m[ROOM];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    struct tsig_chain chain;
    struct tsig asked;
    ssize_t n = recvfrom(fd, q, sizeof q, 0, (struct sockaddr *)&from, &from_len);
    if (n < 12 || !take_query(s, key, &chain, &asked, q, (size_t)n))
        return;
    bool notify = (q[2] >> 3 & 15) == OPCODE_NOTIFY;
    (*(notify ? &s->notified : &s->asked))++;
    size_t len = begin_answer(m, q, primary_question_end(q, (size_t)n), !notify);
    len += notify ? 0 : put_soa(s, m + len);
    if (s->signing == FORGES_FIRST)
        sendto(fd, m, len, 0, (struct sockaddr *)&from, from_len);
    /* The other secret is one the chain of the query does not know of. */
    struct tsig_key other = make_key("xyz");
    if (s->signing == SIGNS_WITH_OTHER)
        chain.key = &other;
    len = sign(s, &chain, m, len, &asked);
    sendto(fd, m, len, 0, (struct sockaddr *)&from, from_len);
}

static void answer_tcp(struct signer *s, const struct tsig_key *key, int listener)
{
    uint8_t q[ROOM], m[ROOM];
    struct tsig_chain chain;
    struct tsig asked;
    int fd = accept(listener, NULL, NULL);
    ssize_t n = recv(fd, q, sizeof q, 0);
    s->transferred++;
    if (n > 14 && take_query(s, key, &chain, &asked, q + 2, (size_t)n - 2)) {
        for (int i = 0; i < MESSAGES; i++) {
            bool edge = i == 0 || i == MESSAGES - 1;
            size_t len = begin_answer(m + 2, q + 2, primary_question_end(q + 2, (size_t)n - 2),
                                      edge ? 1 : 2);
            if (edge) {
                len += put_soa(s, m + 2 + len);
            } else {
                uint8_t *p = m + 2 + len;
                memcpy(p, "\xc0\x0c\0\2\0\1\0\0\0\74\0\5\2n0\xc0\x0c", 17);
                memcpy(p + 17, "\2n0\xc0\x0c\0\1\0\1\0\0\0\74\0\4\300\0\2\1", 19);
                p[17 + 18] = (uint8_t)i;
                len += 36;
            }
            if (s->signing != SIGNS_NO_TRANSFER &&
                !(s->signing == SIGNS_NOT_LAST && i == MESSAGES - 1))
                len = sign(s, &chain, m + 2, len, &asked);
            m[2 + len - 7] ^= s->signing == SIGNS_WRONG && i == 2;
            wire_put16(m, (unsigned)len);
            send(fd, m, len + 2, MSG_NOSIGNAL);
        }
    }
    close(fd);
}

static struct signer *signer_start(void)
{
    struct signer *s =
        mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int udp, tcp;
    assert_true(s != MAP_FAILED);
    s->port = primary_bind(&udp, &tcp);
    snprintf(s->address, sizeof s->address, "127.0.0.1@%u", s->port);
    s->serial = 5;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct tsig_key key = make_key("abc");
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            struct pollfd fds[2] = {{udp, POLLIN, 0}, {tcp, POLLIN, 0}};
            poll(fds, 2, -1);
            if (fds[0].revents)
                answer_udp(s, &key, udp);
            if (fds[1].revents)
                answer_tcp(s, &key, tcp);
        }
    }
    assert_true(pid > 0);
    s->pid = pid;
    close(udp);
    close(tcp);
    return s;
}

static void signer_stop(struct signer *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    munmap(s, sizeof *s);
}

/* YWJj is abc. */
static void zones_of(struct harness *h, const struct signer *s, const char *key, const char *keys)
{
    snprintf(h->zones, sizeof h->zones,
             "  - {name: a.test., primaries: [{address: %s, key: %s}]}\n%s", s->address, key, keys);
}

static struct harness *begin(const struct signer *s)
{
    struct harness *h = harness_new();
    zones_of(h, s, "k", KEYS("YWJj"));
    harness_start(h, h->zones);
    harness_ready(h);
    harness_serve(h);
    return h;
}

static void end(struct harness *h, struct signer *s)
{
    harness_stop(h);
    harness_free(h);
    signer_stop(s);
}

static void follows_a_primary_that_signs(void **state)
{
    (void)state;
    struct signer *s = signer_start();
    struct harness *h = begin(s);
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    s->signing = FORGES_FIRST;
    s->serial = 6;
    HARNESS_UNTIL(h, harness_served(h, A) == 6);
    assert_int_equal(harness_events(h, EVENT_TSIG, NULL), 0);
    end(h, s);
}

/* S7: nothing of an answer that is not signed well is taken, and the reason names it. */
static void takes_nothing_else(void **state)
{
    (void)state;
    static const struct {
        enum signing signing;
        const char *reason;
        bool transferred;
    } cases[] = {
        {SIGNS_NOTHING, "sent an answer that is not signed", false},
        {SIGNS_LATE, "BADTIME", false},
        {SIGNS_WITH_OTHER, "BADSIG", false},
        {TELLS_BADKEY, "refused our key (BADKEY)", false},
        {SIGNS_NO_TRANSFER, "sent an answer that is not signed", true},
        {SIGNS_NOT_LAST, "did not sign the last message", true},
        {SIGNS_WRONG, "BADSIG", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct signer *s = signer_start();
        struct harness *h = begin(s);
        char text[MSG_TEXT_MAX];
        HARNESS_UNTIL(h, harness_served(h, A) == 5);
        HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
        uint32_t transferred = s->transferred;
        s->signing = cases[i].signing;
        s->serial = 6;
        uint64_t id = harness_act(h, ACTION_ZONE_REFRESH, "a.test.");
        assert_int_equal(harness_result(h, id, text), ERR_SIGNATURE);
        if (!strstr(text, cases[i].reason))
            fail_msg("%s, not %s", text, cases[i].reason);
        assert_true(harness_event(h, EVENT_TSIG, cases[i].reason));
        assert_int_equal(s->transferred > transferred, cases[i].transferred);
        assert_int_equal(harness_served(h, A), 5);
        assert_int_equal(harness_state(h, "a.test."), ZONE_STALE);
        s->signing = SIGNS_ALL;
        HARNESS_UNTIL(h, harness_served(h, A) == 6);
        end(h, s);
    }
}

/* S9: another secret or key in a new configuration counts at once, and the same one goes on, also
 * for a question that is under way. */
static void keys_change(void **state)
{
    (void)state;
    struct signer *s = signer_start();
    struct harness *h = begin(s);
    char text[MSG_TEXT_MAX];
    HARNESS_UNTIL(h, harness_served(h, A) == 5);
    zones_of(h, s, "k", KEYS("YWJk"));
    harness_result(h, harness_reload(h, h->zones), text);
    HARNESS_UNTIL(h, harness_event(h, EVENT_XFR_UNREACHABLE, s->address)); /* it is silent then */
    zones_of(h, s, "k", KEYS("YWJj"));
    harness_result(h, harness_reload(h, h->zones), text);
    HARNESS_UNTIL(h, harness_state(h, "a.test.") == ZONE_OK);
    s->serial = 6;
    kill(s->pid, SIGSTOP);
    uint64_t id = harness_act(h, ACTION_ZONE_REFRESH, "a.test.");
    for (int i = 0; i < 3; i++)
        harness_reload(h, h->zones);
    kill(s->pid, SIGCONT);
    (void)id;
    HARNESS_UNTIL(h, harness_served(h, A) == 6);
    end(h, s);
}

static void notify_is_signed(void **state)
{
    (void)state;
    struct signer *s = signer_start();
    struct harness *h = harness_new();
    char text[MSG_TEXT_MAX];
    harness_zone(h, "a.zone", 7, 3);
    snprintf(h->zones, sizeof h->zones,
             "  - {name: a.test., file: a.zone, notify: [{address: %s, key: k}]}\n%s", s->address,
             KEYS("YWJj"));
    harness_start(h, h->zones);
    harness_ready(h);
    HARNESS_UNTIL(h, s->notified == 1);
    assert_int_equal(harness_result(h, harness_act(h, ACTION_ZONE_NOTIFY, "a.test."), text), 0);
    s->signing = SIGNS_NOTHING;
    assert_int_not_equal(harness_result(h, harness_act(h, ACTION_ZONE_NOTIFY, "a.test."), text), 0);
    assert_non_null(strstr(text, "not signed"));
    assert_true(harness_event(h, EVENT_TSIG, "not signed"));
    end(h, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_primary_that_signs),
        cmocka_unit_test(takes_nothing_else),
        cmocka_unit_test(keys_change),
        cmocka_unit_test(notify_is_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

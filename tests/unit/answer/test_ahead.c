/* What an image has written ahead, the batch in steps, and the zone tried first: all are shorter
 * ways to the same answer, so each is compared with the long way, byte for byte. */
#include "tests/unit/answer/asked.h"

enum { PARTS = 400, BATCH = 64, QUESTIONS = 40000 };

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

static void begin_random(void)
{
    const char *text = getenv("ZONEDECK_SEED");
    random_state = text ? strtoull(text, NULL, 10) : (uint64_t)getpid() * 2654435761u;
    printf("seed %llu (repeat with ZONEDECK_SEED)\n", (unsigned long long)random_state);
}

/* A name server of delegation `i`: in it, deep in it, in its neighbour, itself, elsewhere. */
static void put_server(struct buf *text, unsigned i, unsigned k)
{
    unsigned kind = random_below(8), of = kind == 2 ? random_below(PARTS) : i;
    buf_printf(text, "d%u.example. %u IN NS ", i, 300 + i);
    if (kind < 3) {
        static const char *const forms[] = {"ns", "a.b.ns", "NS"};
        buf_printf(text, "%s%u.d%u.Example.\n", forms[kind], k, of);
    } else if (kind < 6) {
        static const char *const forms[] = {"HOST%.example.", "ns%.other.test.",
                                            "ns.missing%.example."};
        const char *number = strchr(forms[kind - 3], '%');
        buf_printf(text, "%.*s%u%s\n", (int)(number - forms[kind - 3]), forms[kind - 3], k,
                   number + 1);
    } else if (kind == 6) {
        buf_printf(text, "d%u.example.\n", i);
    } else {
        buf_puts(text, ".\n");
    }
}

static char *make_zone(void)
{
    struct buf text = {0};
    buf_puts(&text,
             "example. 3600 IN SOA ns.example. Host.example. 1 3600 600 604800 300\n"
             "example. 3600 IN NS ns.example.\nns.example. 60 IN A 192.0.2.1\n"
             "*.wild.example. 60 IN A 192.0.2.2\nalias.example. 60 IN CNAME www.d1.example.\n"
             "alias2.example. 60 IN CNAME nothing.example.\n"
             "tree.example. 60 IN DNAME d3.example.\n");
    for (unsigned i = 0; i < 4; i++)
        buf_printf(&text, "host%u.example. 60 IN A 192.0.2.%u\n", i, i);
    for (unsigned i = 0; i < PARTS; i++) {
        for (unsigned k = random_below(i % 50 ? 4 : 60) + 1; k; k--)
            put_server(&text, i, k);
        for (unsigned k = 0; k < 4; k++) {
            if (random_below(3))
                buf_printf(&text, "ns%u.d%u.example. 60 IN A 192.0.2.%u\n", k, i, k);
            if (!random_below(3))
                buf_printf(&text, "NS%u.d%u.example. 60 IN AAAA 2001:db8::%u\n", k, i, k);
            if (!random_below(9))
                buf_printf(&text, "ns%u.d%u.example. 60 IN A 192.0.2.9\n", k, i);
        }
        if (i % 7 == 0)
            buf_printf(&text, "d%u.example. 60 IN DS 1 8 2 %064u\n", i, i);
    }
    return text.data;
}

/* The same image, in which nothing is written ahead. */
static struct image *without_ahead(const struct image *image, unsigned *composed)
{
    uint64_t size = image->header->size;
    uint8_t *copy = malloc(size);
    memcpy(copy, image->base, size);
    struct image changed = {{copy}};
    *composed = 0;
    for (const struct image_node *n = node_next(&changed, NULL); n; n = node_next(&changed, n)) {
        *composed += (n->flags & NODE_COMPOSED) != 0;
        ((struct image_node *)(uintptr_t)n)->flags &= (uint8_t)~NODE_COMPOSED;
    }
    int fd = memfd_create("zone", 0);
    assert_int_equal(write(fd, copy, size), (ssize_t)size);
    free(copy);
    struct image *result = NULL;
    assert_int_equal(image_open(fd, 0, size, zone_text_key, false, &result), ERR_OK);
    close(fd);
    return result;
}

static void make_question(char *name, size_t cap, uint16_t *type, struct asked_how *how)
{
    static const char *const forms[] = {
        "d%u.example.",          "www.d%u.EXAMPLE.", "a.b.c.D%u.example.", "ns1.d%u.example.",
        "ns.ns1.d%u.example.",   "x%u.example.",     "a.x%u.example.",     "example.",
        "alias.example.",        "alias2.example.",  "a%u.tree.example.",  "a.b%u.wild.example.",
        "b.a.b.ns2.d%u.example."};
    static const uint16_t types[] = {TYPE_A,   TYPE_AAAA, TYPE_NS, TYPE_DS,
                                     TYPE_SOA, TYPE_TXT,  TYPE_ANY};
    static const uint16_t sizes[] = {512, 600, 1232, 4096};
    unsigned form = random_below(sizeof forms / sizeof *forms);
    if (strstr(forms[form], "%u")) {
        const char *number = strstr(forms[form], "%u");
        snprintf(name, cap, "%.*s%u%s", (int)(number - forms[form]), forms[form],
                 random_below(PARTS), number + 2);
    } else {
        snprintf(name, cap, "%s", forms[form]);
    }
    *type = types[random_below(sizeof types / sizeof *types)];
    *how = (struct asked_how){.edns = random_below(2),
                              .dnssec_ok = !random_below(4),
                              .tcp = !random_below(4),
                              .udp_size = sizes[random_below(4)]};
}

static void what_is_written_ahead_is_the_answer(void **state)
{
    (void)state;
    begin_random();
    char *text = make_zone();
    struct asked *ahead = asked_new(), *plain = asked_new();
    struct zone *zone = asked_put_text(ahead, "example.", text);
    unsigned composed, answered = 0;
    assert_int_equal(image_verify(zone->image), ERR_OK);
    asked_put(plain, "example.", without_ahead(zone->image, &composed));
    assert_in_range(composed, PARTS - PARTS / 50, PARTS + 1);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        char name[80];
        uint16_t type;
        struct asked_how how;
        make_question(name, sizeof name, &type, &how);
        const struct answer *a = asked_name(ahead, name, type, &how);
        asked_name(plain, name, type, &how);
        assert_int_equal(a->len, plain->answer.len);
        assert_memory_equal(ahead->out, plain->out, a->len);
        assert_int_equal(a->truncated, plain->answer.truncated);
        assert_int_equal(a->referral, plain->answer.referral);
        answered += a->referral && !a->truncated;
    }
    assert_true(answered > QUESTIONS / 10);
    asked_free(ahead);
    asked_free(plain);
    free(text);
}

/* Each of two zones, one in the other, and a name in none of them, in turn. */
static void a_batch_is_answered_as_each_alone(void **state)
{
    (void)state;
    begin_random();
    char *text = make_zone();
    struct asked *a = asked_new();
    asked_put_text(a, "example.", text);
    asked_put_text(a, "d5.example.",
                   "d5.example. 60 IN SOA d5.example. d5.example. 1 1 1 1 1\n"
                   "d5.example. 60 IN NS ns.d5.example.\n"
                   "ns.d5.example. 60 IN A 192.0.2.1\n");
    static struct answer answers[BATCH];
    static struct answer_facts facts[BATCH];
    static struct {
        uint8_t query[512], alone[DNS_MESSAGE_MAX];
        size_t query_len, alone_len;
    } item[BATCH];
    uint8_t *out = malloc(DNS_MESSAGE_MAX);
    for (unsigned turn = 0; turn < QUESTIONS / BATCH; turn++) {
        for (unsigned i = 0; i < BATCH; i++) {
            char name[80];
            uint16_t type;
            struct asked_how how;
            make_question(name, sizeof name, &type, &how);
            if (!random_below(5))
                snprintf(name, sizeof name, random_below(2) ? "x.d5.example." : "other.test.");
            a->scratch.near = NULL;
            const struct answer *alone = asked_name(a, name, type, &how);
            assert_true(a->query_len <= sizeof item[i].query);
            memcpy(item[i].query, a->query, a->query_len);
            memcpy(item[i].alone, a->out, alone->len);
            item[i].query_len = a->query_len;
            item[i].alone_len = alone->len;
            facts[i] = a->facts;
        }
        for (unsigned i = 0; i < BATCH; i++)
            answer_begin(&answers[i], &a->scratch, a->zones, &a->key, item[i].query,
                         item[i].query_len, &facts[i]);
        for (unsigned i = 0; i < BATCH; i++)
            answer_fetch(&answers[i]);
        for (unsigned i = 0; i < BATCH; i++) {
            answer_end(&answers[i], &a->scratch, a->zones, &a->key, &facts[i], out,
                       facts[i].tcp ? DNS_MESSAGE_MAX : ANSWER_UDP_SIZE);
            assert_int_equal(answers[i].len, item[i].alone_len);
            assert_memory_equal(out, item[i].alone, answers[i].len);
        }
    }
    free(out);
    asked_free(a);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_ahead_is_the_answer),
        cmocka_unit_test(a_batch_is_answered_as_each_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

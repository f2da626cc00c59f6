#include "server/answer/chaos.h"

#include "server/dns/wire.h"

static const struct {
    const char *name;
    uint8_t len;
    size_t text; /* of struct answer_setting */
} names[] = {
    {"\7version\4bind", 14, offsetof(struct answer_setting, version)},
    {"\7version\6server", 16, offsetof(struct answer_setting, version)},
    {"\10hostname\4bind", 15, offsetof(struct answer_setting, identity)},
    {"\2id\6server", 11, offsetof(struct answer_setting, identity)},
};

static const struct answer_text *find(const struct name *name, const struct answer_setting *setting)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (name_equal(name->wire, name->len, (const uint8_t *)names[i].name, names[i].len))
            return (const void *)((const char *)setting + names[i].text);
    }
    return NULL;
}

/* One TXT record of one string, owned by the question's name. */
static bool put_text(struct reply *reply, const struct answer_text *text)
{
    uint8_t *p = reply->bytes + reply->at;
    size_t size = 2 + DNS_RR_FIXED + 1u + text->len;
    if (reply->at + size > reply->limit)
        return false;
    wire_put16(p, 0xc000 | DNS_HEADER);
    wire_put16(p + 2, TYPE_TXT);
    wire_put16(p + 4, CLASS_CH);
    wire_put32(p + 6, 0);
    wire_put16(p + 10, 1u + text->len);
    p[12] = text->len;
    memcpy(p + 13, text->bytes, text->len);
    reply->at += size;
    reply->count[SECTION_ANSWER]++;
    return true;
}

bool chaos_answer(struct answer *a, struct reply *reply, const struct answer_setting *setting)
{
    const struct query *q = &a->query;
    const struct answer_text *text = NULL;
    if (setting && q->opcode == OPCODE_QUERY && (q->qtype == TYPE_TXT || q->qtype == TYPE_ANY))
        text = find(&q->qname, setting);
    if (!text || !text->len) {
        a->rcode = RCODE_REFUSED;
        return false;
    }
    a->truncated = !put_text(reply, text);
    return true;
}

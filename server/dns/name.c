#include "server/dns/name.h"

size_t name_read(struct name *name, const uint8_t *wire, size_t room)
{
    size_t at = 0;
    unsigned count = 0;
    if (room > NAME_MAX_LEN)
        room = NAME_MAX_LEN;
    for (;;) {
        if (at >= room)
            return 0;
        uint8_t len = wire[at];
        name->label[count] = (uint8_t)at;
        at++;
        if (!len)
            break;
        if (len > LABEL_MAX_LEN || count == NAME_MAX_LABELS)
            return 0;
        count++;
        at += len;
    }
    name->wire = wire;
    name->len = (uint8_t)at;
    name->count = (uint8_t)count;
    return at;
}

size_t name_length(const uint8_t *wire, size_t room)
{
    struct name name;
    return name_read(&name, wire, room);
}

enum { COPY = 16 };

size_t name_unpack(const uint8_t *message, size_t len, size_t at, uint8_t out[NAME_MAX_LEN],
                   size_t *out_len)
{
    size_t used = 0, n = 0, limit = at;
    for (size_t p = at;;) {
        if (p >= len)
            return 0;
        uint8_t c = message[p];
        if (c <= LABEL_MAX_LEN) {
            if (n + c + 1 > NAME_MAX_LEN || p + 1 + c > len)
                return 0;
            if (c < COPY && p + COPY <= len && n + COPY <= NAME_MAX_LEN)
                memcpy(out + n, message + p, COPY); /* of a known size, it is no call */
            else
                memcpy(out + n, message + p, (size_t)c + 1);
            n += (size_t)c + 1;
            p += (size_t)c + 1;
            if (!c) {
                *out_len = n;
                return used ? used : p - at;
            }
            continue;
        }
        if (c < 0xc0 || p + 2 > len)
            return 0;
        size_t target = (size_t)(c & 0x3f) << 8 | message[p + 1];
        /* Each jump must go before the last one: so there are no loops. */
        if (target >= limit)
            return 0;
        if (!used)
            used = p + 2 - at;
        limit = p = target;
    }
}

size_t name_skip(const uint8_t *message, size_t len, size_t at)
{
    for (size_t start = at; at < len && at - start < NAME_MAX_LEN;) {
        uint8_t c = message[at];
        if (c >= 0xc0)
            return at + 2 <= len ? at + 2 : 0;
        if (c > LABEL_MAX_LEN)
            return 0;
        at += (size_t)c + 1;
        if (!c)
            return at <= len ? at : 0;
    }
    return 0;
}

void name_lower(uint8_t *wire, size_t len)
{
    for (size_t i = 0; i < len; i++)
        wire[i] = name_fold(wire[i]);
}

bool name_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    /* Length bytes are below 64 and so are not changed by folding. */
    return a_len == b_len && name_same_label(a, b, a_len);
}

bool name_is_within(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len)
{
    while (len > zone_len) {
        size_t skip = (size_t)*name + 1;
        name += skip;
        len -= skip;
    }
    return name_equal(name, len, zone, zone_len);
}

int name_compare_labels(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    for (size_t i = 0; i < len; i++) {
        int d = name_fold(a[i]) - name_fold(b[i]);
        if (d)
            return d;
    }
    return (a_len > b_len) - (a_len < b_len);
}

void name_hash_below(const struct name *name, const struct hash_key *key, unsigned from,
                     uint64_t known, uint64_t hash[NAME_MAX_LABELS + 1])
{
    hash[from] = known;
    for (unsigned i = from; i-- > 0;) {
        const uint8_t *label = name->wire + name->label[i];
        known = hash_label(key, known, label + 1, *label);
        hash[i] = known;
    }
}

void name_hash(const struct name *name, const struct hash_key *key,
               uint64_t hash[NAME_MAX_LABELS + 1])
{
    name_hash_below(name, key, name->count, hash_root(key), hash);
}

#include "server/keeper/rdatacheck.h"

#include "server/dns/name.h"
#include "server/dns/wire.h"

/* What follows in the data: a digit is so many bytes, n a name, s a string, S one or more strings
 * up to the end, l bytes behind their length, L the same but not none, r the rest, R the same and
 * perhaps none, b a bitmap of types (RFC 4034 section 4.1.2), a address prefixes (RFC 3123), v
 * service parameters (RFC 9460), o the places of LOC (RFC 1876). */
static const struct {
    uint16_t type;
    const char *parts;
} layouts[] = {
    {11, "5R"},   {13, "ss"},    {16, "S"},   {19, "s"},    {20, "S"},   {25, "4R"},
    {29, "o"},    {35, "4sssn"}, {37, "5R"},  {42, "a"},    {43, "4r"},  {44, "2r"},
    {46, "99nr"}, {47, "nb"},    {48, "4r"},  {50, "4lLb"}, {51, "4l"},  {52, "3r"},
    {53, "3r"},   {58, "nn"},    {59, "4r"},  {60, "4r"},   {61, "r"},   {62, "6b"},
    {63, "6r"},   {64, "2nv"},   {65, "2nv"}, {99, "S"},    {104, "28"}, {105, "24"},
    {106, "28"},  {107, "2n"},   {108, "6"},  {109, "8"},   {256, "4r"}, {257, "1LR"},
};

struct part {
    const uint8_t *at;
    size_t len; /* what is left */
};

static bool skip(struct part *p, size_t n)
{
    if (n > p->len)
        return false;
    p->at += n;
    p->len -= n;
    return true;
}

static bool take_counted(struct part *p, size_t least)
{
    return p->len && *p->at >= least && skip(p, *p->at + 1u);
}

static bool take_strings(struct part *p)
{
    do {
        if (!take_counted(p, 0))
            return false;
    } while (p->len);
    return true;
}

static bool take_bitmap(struct part *p)
{
    int last = -1;
    while (p->len) {
        if (p->len < 3 || p->at[0] <= last || !p->at[1] || p->at[1] > 32)
            return false;
        last = p->at[0];
        if (!skip(p, p->at[1] + 2u))
            return false;
    }
    return true;
}

static bool take_prefixes(struct part *p)
{
    while (p->len) {
        if (p->len < 4)
            return false;
        unsigned family = wire_get16(p->at), prefix = p->at[2], bytes = p->at[3] & 0x7f;
        if ((family == 1 && (prefix > 32 || bytes > 4)) ||
            (family == 2 && (prefix > 128 || bytes > 16)) || !skip(p, bytes + 4u))
            return false;
    }
    return true;
}

/* Is `key` one of the parameters at `p`? */
static bool has_param(struct part p, unsigned key)
{
    while (p.len >= 4) {
        if (wire_get16(p.at) == key)
            return true;
        if (!skip(&p, wire_get16(p.at + 2) + 4u))
            return false;
    }
    return false;
}

/* Key 0 lists others that must be there (RFC 9460 section 8). */
static bool mandatory_fits(struct part all, const uint8_t *list, size_t len)
{
    if (!len || len % 2)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        if (!wire_get16(list + i) || !has_param(all, wire_get16(list + i)))
            return false;
    }
    return true;
}

/* The lengths that values of the keys 2 (no-default-alpn), 3 (port), 4 and 6 (addresses) have. */
static bool param_fits(unsigned key, size_t len)
{
    return key == 2   ? len == 0
           : key == 3 ? len == 2
           : key == 4 ? len && len % 4 == 0
           : key == 6 ? len && len % 16 == 0
                      : true;
}

static bool take_params(struct part *p)
{
    struct part all = *p;
    int last = -1;
    while (p->len) {
        if (p->len < 4)
            return false;
        int key = wire_get16(p->at);
        size_t len = wire_get16(p->at + 2);
        const uint8_t *value = p->at + 4;
        if (key <= last || !skip(p, len + 4) || !param_fits((unsigned)key, len) ||
            (key == 0 && !mandatory_fits(all, value, len)))
            return false;
        last = key;
    }
    return true;
}

static bool is_angle(const uint8_t *at, uint32_t degrees)
{
    uint32_t middle = UINT32_C(1) << 31, v = wire_get32(at);
    return (v > middle ? v - middle : middle - v) <= degrees * 3600000;
}

static bool take_location(struct part *p)
{
    return p->len &&
           (*p->at != 0 || (p->len == 16 && is_angle(p->at + 4, 90) && is_angle(p->at + 8, 180))) &&
           skip(p, p->len);
}

static bool take(struct part *p, char kind)
{
    switch (kind) {
    case 'n': {
        size_t n = name_length(p->at, p->len);
        return n && skip(p, n);
    }
    case 's':
    case 'l':
        return take_counted(p, 0);
    case 'L':
        return take_counted(p, 1);
    case 'S':
        return take_strings(p);
    case 'r':
    case 'R':
        return (p->len || kind == 'R') && skip(p, p->len);
    case 'b':
        return take_bitmap(p);
    case 'a':
        return take_prefixes(p);
    case 'v':
        return take_params(p);
    case 'o':
        return take_location(p);
    default:
        return skip(p, (size_t)(kind - '0'));
    }
}

bool rdatacheck(uint16_t type, const uint8_t *data, size_t len)
{
    struct part p = {data, len};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (layouts[i].type != type)
            continue;
        for (const char *kind = layouts[i].parts; *kind; kind++) {
            if (!take(&p, *kind))
                return false;
        }
        return p.len == 0;
    }
    return true;
}

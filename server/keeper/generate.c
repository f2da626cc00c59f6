#include "server/keeper/generate.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"

enum { WIDTH_MAX = 255 };

/* A number at *text, which moves behind it. */
static bool take_number(const char **text, uint32_t *number)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    unsigned long long n = strtoull(*text, &end, 10);
    *text = end;
    *number = (uint32_t)n;
    return n <= UINT32_MAX;
}

int generate_parse_range(const char *text, struct generate_range *range)
{
    range->step = 1;
    if (!take_number(&text, &range->first) || *text++ != '-' || !take_number(&text, &range->last))
        return ERR_FORMAT;
    if (*text == '/' && (text++, !take_number(&text, &range->step)))
        return ERR_FORMAT;
    return *text || !range->step || range->first > range->last ? ERR_FORMAT : ERR_OK;
}

uint64_t generate_rounds(const struct generate_range *range)
{
    return (uint64_t)(range->last - range->first) / range->step + 1;
}

struct format {
    int64_t offset;
    uint32_t width;
    char base;
};

/* OFFSET[,WIDTH[,BASE]]} at *text, which moves behind it. */
static int read_format(const char **text, struct format *f)
{
    uint32_t offset;
    const char *p = *text;
    bool minus = *p == '-';
    p += minus || *p == '+';
    if (!take_number(&p, &offset))
        return ERR_FORMAT;
    f->offset = minus ? -(int64_t)offset : offset;
    if (*p == ',' && (p++, !take_number(&p, &f->width) || f->width > WIDTH_MAX))
        return ERR_FORMAT;
    if (*p == ',' && (p++, !*p || !strchr("doxXnN", f->base = *p++)))
        return ERR_FORMAT;
    if (*p++ != '}')
        return ERR_FORMAT;
    *text = p;
    return ERR_OK;
}

/* The width counts dots as well, and may end with one, as BIND has it. */
static void put_nibbles(struct buf *out, uint64_t n, uint32_t width, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
        buf_add(out, digits + (n & 15), 1);
        n >>= 4;
        width -= width > 0;
        if (n || width) {
            buf_add(out, ".", 1);
            width -= width > 0;
        }
    } while (n || width);
}

static void put_number(struct buf *out, uint64_t n, const struct format *f)
{
    unsigned long long value = n;
    int width = (int)f->width;
    if (f->base == 'n' || f->base == 'N')
        put_nibbles(out, n, f->width, f->base == 'N');
    else if (f->base == 'x')
        buf_printf(out, "%0*llx", width, value);
    else if (f->base == 'X')
        buf_printf(out, "%0*llX", width, value);
    else if (f->base == 'o')
        buf_printf(out, "%0*llo", width, value);
    else
        buf_printf(out, "%0*llu", width, value);
}

/* What a $ at *text[-1] stands for. */
static int put_dollar(const char **text, uint32_t number, struct buf *out, const char **reason)
{
    struct format f = {.base = 'd'};
    if (**text == '$') {
        ++*text;
        buf_add(out, "$", 1);
        return ERR_OK;
    }
    if (**text == '{' && (++*text, read_format(text, &f))) {
        *reason = "not ${OFFSET,WIDTH,BASE} with a width of at most 255 and a base of d, o, x, X, "
                  "n or N";
        return ERR_FORMAT;
    }
    if (number + f.offset < 0) {
        *reason = "the offset leads below 0";
        return ERR_FORMAT;
    }
    put_number(out, (uint64_t)(number + f.offset), &f);
    return ERR_OK;
}

int generate_expand(const char *word, uint32_t number, struct buf *out, const char **reason)
{
    while (*word) {
        char c = *word++;
        if (c == '$') {
            int err = put_dollar(&word, number, out, reason);
            if (err)
                return err;
        } else if (c == '\\' && *word == '$') {
            buf_add(out, word++, 1);
        } else {
            buf_add(out, &c, 1);
            if (c == '\\' && *word)
                buf_add(out, word++, 1);
        }
    }
    return out->failed ? ERR_MEMORY : ERR_OK;
}

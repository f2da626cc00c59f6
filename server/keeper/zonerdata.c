#include "server/keeper/zonerdata.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"
#include "server/dns/name_text.h"
#include "server/dns/wire.h"
#include "server/keeper/libldns.h"
#include "server/keeper/rdatacheck.h"
#include "server/keeper/zonetext.h"

static int __attribute__((format(printf, 3, 4)))
fail(struct zonerdata *r, size_t word, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(r->reason, sizeof r->reason, format, ap);
    va_end(ap);
    r->word = word;
    return ERR_FORMAT;
}

static int put(struct zonerdata *r, size_t word, const void *data, size_t len)
{
    if (len > sizeof r->data - r->len)
        return fail(r, word, "the record's data are longer than 65535 bytes");
    if (len)
        memcpy(r->data + r->len, data, len);
    r->len += len;
    return ERR_OK;
}

static int put_number(struct zonerdata *r, size_t word, uint64_t value, unsigned bytes)
{
    uint8_t out[8];
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return put(r, word, out, bytes);
}

static int ends_absolute(const char *text)
{
    size_t n = strlen(text), escapes = 0;
    if (!n || text[n - 1] != '.')
        return 0;
    while (escapes + 1 < n && text[n - 2 - escapes] == '\\')
        escapes++;
    return escapes % 2 == 0;
}

int zonerdata_name(const char *text, const uint8_t *origin, size_t origin_len, uint8_t wire[255],
                   size_t *len)
{
    if (!strcmp(text, "@")) {
        memcpy(wire, origin, origin_len);
        *len = origin_len;
        return ERR_OK;
    }
    int err = name_from_text(text, wire, len);
    if (err || ends_absolute(text))
        return err;
    if (*len - 1 + origin_len > NAME_WIRE_MAX)
        return ERR_LIMIT;
    memcpy(wire + *len - 1, origin, origin_len);
    *len += origin_len - 1;
    return ERR_OK;
}

static int read_name(struct zonerdata *r, size_t word, const char *text)
{
    uint8_t wire[NAME_WIRE_MAX];
    size_t len;
    int err = zonerdata_name(text, r->origin, r->origin_len, wire, &len);
    if (err)
        return fail(r, word, "bad name '%.60s': %s", text, name_text_reason(err));
    return put(r, word, wire, len);
}

static int read_number(struct zonerdata *r, size_t word, const char *text, unsigned bytes)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        return fail(r, word, "'%.40s' is not a number", text);
    if (errno || v >> (8 * bytes))
        return fail(r, word, "%.40s is too large; the field has %u bits", text, bytes * 8);
    return put_number(r, word, v, bytes);
}

/* SOA times may have units (as TTLs) and use all 32 bits. */
static int read_period(struct zonerdata *r, size_t word, const char *text)
{
    uint32_t ttl;
    if (text[strspn(text, "0123456789")] == '\0')
        return read_number(r, word, text, 4);
    if (zonetext_parse_ttl(text, &ttl))
        return fail(r, word, "'%.40s' is not a time", text);
    return put_number(r, word, ttl, 4);
}

static int hex_value(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* \# LENGTH HEX... (RFC 3597 section 5). */
static int read_generic(struct zonerdata *r, const struct lines *l, size_t first)
{
    if (first + 1 >= l->count)
        return fail(r, first, "\\# needs a length");
    char *end;
    const char *text = lines_word(l, first + 1);
    unsigned long len = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || len > ZONERDATA_MAX)
        return fail(r, first + 1, "'%.40s' is not a length of 0 to 65535", text);
    int high = -1;
    for (size_t i = first + 2; i < l->count; i++) {
        for (const char *p = lines_word(l, i); *p; p++) {
            int v = hex_value(*p);
            if (v < 0)
                return fail(r, i, "'%.40s' is not hexadecimal", lines_word(l, i));
            if (high < 0) {
                high = v;
                continue;
            }
            uint8_t byte = (uint8_t)(high << 4 | v);
            if (put(r, i, &byte, 1))
                return ERR_FORMAT;
            high = -1;
        }
    }
    if (high >= 0 || r->len != len)
        return fail(r, first + 1, "the length says %lu bytes, the data have %zu%s", len, r->len,
                    high >= 0 ? " and a half" : "");
    return ERR_OK;
}

/* Kinds of field that take all the words that are left; B64 and HEX join without a blank. */
static bool takes_rest(ldns_rdf_type kind)
{
    switch (kind) {
    case LDNS_RDF_TYPE_B64:
    case LDNS_RDF_TYPE_HEX:
    case LDNS_RDF_TYPE_NSEC:
    case LDNS_RDF_TYPE_LOC:
    case LDNS_RDF_TYPE_WKS:
    case LDNS_RDF_TYPE_IPSECKEY:
    case LDNS_RDF_TYPE_AMTRELAY:
    case LDNS_RDF_TYPE_SVCPARAMS:
        return true;
    default:
        return false;
    }
}

static char *join(const struct lines *l, size_t from, size_t to, const char *between)
{
    struct buf b = {0};
    for (size_t i = from; i < to; i++) {
        if (i > from)
            buf_puts(&b, between);
        buf_puts(&b, lines_word(l, i));
    }
    buf_puts(&b, "");
    if (b.failed || !b.data) {
        buf_fini(&b);
        return from == to ? strdup("") : NULL;
    }
    return buf_take(&b);
}

static int read_ldns(struct zonerdata *r, size_t word, ldns_rdf_type kind, const char *text)
{
    ldns_rdf *rdf = libldns.rdf_new_frm_str(kind, text);
    if (!rdf) {
        return fail(r, word, "bad value '%.60s'%s", text,
                    kind == LDNS_RDF_TYPE_A      ? ", not an IPv4 address"
                    : kind == LDNS_RDF_TYPE_AAAA ? ", not an IPv6 address"
                    : kind == LDNS_RDF_TYPE_STR  ? ", not a string of at most 255 bytes"
                                                 : "");
    }
    int err = put(r, word, libldns.rdf_data(rdf), libldns.rdf_size(rdf));
    libldns.rdf_deep_free(rdf);
    return err;
}

static int read_field(struct zonerdata *r, const struct lines *l, size_t word, ldns_rdf_type kind)
{
    const char *text = lines_word(l, word);
    switch (kind) {
    case LDNS_RDF_TYPE_DNAME:
        return read_name(r, word, text);
    case LDNS_RDF_TYPE_INT8:
        return read_number(r, word, text, 1);
    case LDNS_RDF_TYPE_INT16:
        return read_number(r, word, text, 2);
    case LDNS_RDF_TYPE_INT32:
        return read_number(r, word, text, 4);
    case LDNS_RDF_TYPE_PERIOD:
        return read_period(r, word, text);
    case LDNS_RDF_TYPE_UNKNOWN:
    case LDNS_RDF_TYPE_NONE:
        return fail(r, word, "data of this type need the form \\# LENGTH HEX");
    default:
        return read_ldns(r, word, kind, text);
    }
}

/* What libldns takes and cuts off or wraps round: half a byte, a port above 65535. */
static int slipped(struct zonerdata *r, size_t word, ldns_rdf_type kind, const char *text)
{
    const char *port = strstr(text, "port=");
    if (kind == LDNS_RDF_TYPE_HEX && strlen(text) % 2)
        return fail(r, word, "an odd number of hexadecimal digits");
    if (kind == LDNS_RDF_TYPE_SVCPARAMS && port && (port == text || port[-1] == ' ') &&
        strtoul(port + (port[5] == '"' ? 6 : 5), NULL, 10) > 65535)
        return fail(r, word, "a port is at most 65535");
    return ERR_OK;
}

/* Reads words [word, to) as one field. */
static int read_joined(struct zonerdata *r, const struct lines *l, size_t word, size_t to,
                       ldns_rdf_type kind)
{
    bool dense = kind == LDNS_RDF_TYPE_B64 || kind == LDNS_RDF_TYPE_HEX;
    char *text = join(l, word, to, dense ? "" : " ");
    if (!text)
        return ERR_MEMORY;
    int err = slipped(r, word, kind, text);
    if (!err)
        err = read_ldns(r, word, kind, text);
    free(text);
    return err;
}

/* The fields of a type: as libldns knows them, or `kinds`. */
struct fields {
    const ldns_rr_descriptor *desc;
    const ldns_rdf_type *kinds;
    size_t min, max;
};

/* Every zone has a SOA record, and most small zones nothing else that needs libldns. */
static struct fields fields_of(uint16_t type)
{
    static const ldns_rdf_type soa[] = {
        LDNS_RDF_TYPE_DNAME,  LDNS_RDF_TYPE_DNAME,  LDNS_RDF_TYPE_INT32, LDNS_RDF_TYPE_PERIOD,
        LDNS_RDF_TYPE_PERIOD, LDNS_RDF_TYPE_PERIOD, LDNS_RDF_TYPE_PERIOD};
    if (type == TYPE_SOA)
        return (struct fields){.kinds = soa, .min = 7, .max = 7};
    const ldns_rr_descriptor *desc = libldns.rr_descript(type);
    return (struct fields){.desc = desc,
                           .min = libldns.rr_descriptor_minimum(desc),
                           .max = libldns.rr_descriptor_maximum(desc)};
}

static int read_fields(struct zonerdata *r, const struct lines *l, size_t first,
                       const struct fields *f)
{
    size_t word = first, field = 0;
    for (; word < l->count && field < f->max; field++) {
        ldns_rdf_type kind =
            f->kinds ? f->kinds[field] : libldns.rr_descriptor_field_type(f->desc, field);
        size_t to = word + 1;
        if (takes_rest(kind) && field + 1 == f->max)
            to = l->count;
        else if (kind == LDNS_RDF_TYPE_HIP)
            to = word + 3 < l->count ? word + 3 : l->count;
        int err = to > word + 1 || takes_rest(kind) ? read_joined(r, l, word, to, kind)
                                                    : read_field(r, l, word, kind);
        if (err)
            return err;
        word = to;
    }
    if (field < f->min)
        return fail(r, l->count - 1, "data are missing: %zu of %zu fields", field, f->min);
    if (word < l->count)
        return fail(r, word, "unexpected '%.40s' behind the record's data", lines_word(l, word));
    return ERR_OK;
}

int zonerdata_read(struct zonerdata *r, const struct lines *l, size_t first, uint16_t type)
{
    bool generic =
        first < l->count && !l->words[first].quoted && !strcmp(lines_word(l, first), "\\#");
    r->len = 0;
    struct fields fields = generic ? (struct fields){0} : fields_of(type);
    int err = generic ? read_generic(r, l, first) : read_fields(r, l, first, &fields);
    if (!err && !rdatacheck(type, r->data, r->len))
        return fail(r, first < l->count ? first : l->count - 1, "the data do not fit the type");
    return err;
}

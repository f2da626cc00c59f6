#include "server/dns/type.h"

#include <stdio.h>

#include "server/dns/name.h"
#include "server/dns/wire.h"

static const struct type_info types[] = {
    [TYPE_A] = {TYPE_A, "A", "4", 0},
    [TYPE_NS] = {TYPE_NS, "NS", "n", 1},
    [3] = {3, "MD", "n", 0},
    [4] = {4, "MF", "n", 0},
    [TYPE_CNAME] = {TYPE_CNAME, "CNAME", "n", 0},
    [TYPE_SOA] = {TYPE_SOA, "SOA", "nnx4", 0},
    [7] = {7, "MB", "n", 1},
    [8] = {8, "MG", "n", 0},
    [9] = {9, "MR", "n", 0},
    [10] = {10, "NULL", NULL, 0},
    [11] = {11, "WKS", NULL, 0},
    [TYPE_PTR] = {TYPE_PTR, "PTR", "n", 0},
    [13] = {13, "HINFO", NULL, 0},
    [14] = {14, "MINFO", "nn", 0},
    [TYPE_MX] = {TYPE_MX, "MX", "2n", 1},
    [TYPE_TXT] = {TYPE_TXT, "TXT", NULL, 0},
    [17] = {17, "RP", "NN", 0},
    [18] = {18, "AFSDB", "2N", 1},
    [21] = {21, "RT", "2N", 1},
    [26] = {26, "PX", "2NN", 0},
    [TYPE_AAAA] = {TYPE_AAAA, "AAAA", "x", 0},
    [29] = {29, "LOC", NULL, 0},
    [TYPE_SRV] = {TYPE_SRV, "SRV", "6N", 1},
    [35] = {35, "NAPTR", NULL, TARGET_NAPTR},
    [36] = {36, "KX", "2N", 1},
    [37] = {37, "CERT", NULL, 0},
    [TYPE_DNAME] = {TYPE_DNAME, "DNAME", "N", 0},
    [TYPE_OPT] = {TYPE_OPT, "OPT", NULL, 0},
    [TYPE_DS] = {TYPE_DS, "DS", NULL, 0},
    [44] = {44, "SSHFP", NULL, 0},
    [TYPE_RRSIG] = {TYPE_RRSIG, "RRSIG", NULL, 0},
    [TYPE_NSEC] = {TYPE_NSEC, "NSEC", NULL, 0},
    [TYPE_DNSKEY] = {TYPE_DNSKEY, "DNSKEY", NULL, 0},
    [TYPE_NSEC3] = {TYPE_NSEC3, "NSEC3", NULL, 0},
    [TYPE_NSEC3PARAM] = {TYPE_NSEC3PARAM, "NSEC3PARAM", NULL, 0},
    [52] = {52, "TLSA", NULL, 0},
    [53] = {53, "SMIMEA", NULL, 0},
    [59] = {59, "CDS", NULL, 0},
    [60] = {60, "CDNSKEY", NULL, 0},
    [61] = {61, "OPENPGPKEY", NULL, 0},
    [62] = {62, "CSYNC", NULL, 0},
    [63] = {63, "ZONEMD", NULL, 0},
    [64] = {64, "SVCB", NULL, TARGET_SVCB},
    [65] = {65, "HTTPS", NULL, TARGET_SVCB},
    [99] = {99, "SPF", NULL, 0},
    [TYPE_TSIG] = {TYPE_TSIG, "TSIG", NULL, 0},
    [TYPE_IXFR] = {TYPE_IXFR, "IXFR", NULL, 0},
    [TYPE_AXFR] = {TYPE_AXFR, "AXFR", NULL, 0},
    [TYPE_ANY] = {TYPE_ANY, "ANY", NULL, 0},
    [256] = {256, "URI", NULL, 0},
    [257] = {257, "CAA", NULL, 0},
};

const struct type_info *type_find(uint16_t type)
{
    static const struct type_info unknown = {0, NULL, NULL, 0};
    return type < sizeof types / sizeof *types && types[type].name ? &types[type] : &unknown;
}

void type_text(uint16_t type, char *out, size_t cap)
{
    const struct type_info *info = type_find(type);
    if (info->name)
        snprintf(out, cap, "%s", info->name);
    else
        snprintf(out, cap, "TYPE%u", type);
}

bool type_is_meta(uint16_t type)
{
    return type == TYPE_OPT || (type >= 128 && type <= 255) || type == 0;
}

size_t type_step(char step, const uint8_t *rdata, size_t room)
{
    if (step == 'n' || step == 'N')
        return name_length(rdata, room);
    size_t count = step == 'x' ? 16 : (size_t)(step - '0');
    return count <= room ? count : 0;
}

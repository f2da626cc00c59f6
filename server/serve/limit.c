#include "server/serve/limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define IS_V4 (UINT64_C(1) << 63)

static uint64_t first_bits(uint64_t bits, unsigned of, unsigned count)
{
    return count >= of ? bits : count ? bits & ~UINT64_C(0) << (of - count) : 0;
}

uint64_t limit_prefix(const struct sockaddr_storage *source, unsigned bits4, unsigned bits6)
{
    uint32_t four;
    if (source->ss_family == AF_INET) {
        four = ((const struct sockaddr_in *)(const void *)source)->sin_addr.s_addr;
    } else if (source->ss_family == AF_INET6) {
        const uint8_t *six = ((const struct sockaddr_in6 *)(const void *)source)->sin6_addr.s6_addr;
        if (!IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)six)) {
            uint64_t high = 0;
            for (unsigned i = 0; i < 8; i++)
                high = high << 8 | six[i];
            /* The last bit is given up for the family. */
            return first_bits(high, 64, bits6 < 63 ? bits6 : 63) >> 1;
        }
        memcpy(&four, six + 12, sizeof four);
    } else {
        return 0;
    }
    return IS_V4 | first_bits(ntohl(four), 32, bits4);
}

uint64_t limit_client(const struct sockaddr_storage *source)
{
    return limit_prefix(source, 32, 56);
}

/* What answers any datagram, and port 0, which is none (RFC 6335 section 6). */
static bool answers_anything(unsigned port)
{
    static const uint8_t ports[] = {0, 7, 13, 17, 19, 37};
    return port <= 37 && memchr(ports, (int)port, sizeof ports);
}

bool limit_may_answer(const struct sockaddr_storage *source)
{
    if (source->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)source;
        uint32_t address = ntohl(in->sin_addr.s_addr);
        /* 0/8 is nobody (RFC 1122 section 3.2.1.3), 224/3 many or reserved. */
        return !answers_anything(ntohs(in->sin_port)) && address >> 24 && address >> 29 != 7;
    }
    const struct sockaddr_in6 *in = (const void *)source;
    return source->ss_family == AF_INET6 && !answers_anything(ntohs(in->sin6_port)) &&
           !IN6_IS_ADDR_MULTICAST(&in->sin6_addr) && !IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) &&
           !IN6_IS_ADDR_UNSPECIFIED(&in->sin6_addr);
}

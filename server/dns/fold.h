/* Bytes of names without regard to upper and lower case (RFC 4343), up to eight at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "name_load_few overlaps bytes");

/* Eight bytes with A-Z made a-z, all others as they are. */
static inline uint64_t name_fold8(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low = x & (ones * 0x7f);
    uint64_t from_a = low + ones * (0x80 - 'A'), after_z = low + ones * (0x7f - 'Z');
    return x | ((from_a & ~after_z & ~x & (ones * 0x80)) >> 2);
}

static inline uint8_t name_fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Up to seven bytes, the first one lowest; nothing outside of them is read. */
static inline uint64_t name_load_few(const uint8_t *p, size_t n)
{
    uint32_t low, high;
    if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return low | (uint64_t)high << (8 * (n - 4));
    }
    return n ? p[0] | (uint64_t)p[n / 2] << (8 * (n / 2)) | (uint64_t)p[n - 1] << (8 * (n - 1)) : 0;
}

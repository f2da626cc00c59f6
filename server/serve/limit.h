/* Who counts as one client, and whom a datagram is never answered to.
 *
 * Strangers write the source address of a datagram, so an address is only a place to send to:
 * services that answer everything (RFC 862 echo, RFC 864 chargen) and port 0 would make a loop or
 * an error of our answer. Pure; any thread may call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The first bits of an address, as a number that differs between the families; an IPv4-mapped
 * address counts as IPv4. 0 for another family. At most 32 and 63 bits count. */
uint64_t limit_prefix(const struct sockaddr_storage *source, unsigned bits4, unsigned bits6);
/* One client of TCP: an address, or the /56 that one customer has with IPv6 (RFC 6177). */
uint64_t limit_client(const struct sockaddr_storage *source);
/* May a datagram from there be answered? */
bool limit_may_answer(const struct sockaddr_storage *source);

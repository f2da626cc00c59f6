#include "server/serve/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

void serve_peer_text(const struct sockaddr_storage *source, char *to, size_t cap)
{
    char address[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    if (source->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)source;
        inet_ntop(AF_INET, &in->sin_addr, address, sizeof address);
        port = ntohs(in->sin_port);
    } else if (source->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)source;
        inet_ntop(AF_INET6, &in->sin6_addr, address, sizeof address);
        port = ntohs(in->sin6_port);
    }
    snprintf(to, cap, "%s@%u", address, port);
}

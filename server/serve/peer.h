/* Addresses for people. */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

/* Writes ADDRESS@PORT; 64 bytes are enough. */
void serve_peer_text(const struct sockaddr_storage *source, char *to, size_t cap);

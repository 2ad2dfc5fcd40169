/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is at the other end: a client's address in the few bytes it needs (a sockaddr_storage
 * is 128, and an idle connection is to be small), and as text. Pure; worker only.
 */
#ifndef WEIR_PROTO_PEER_H
#define WEIR_PROTO_PEER_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/bytes.h"

struct peer {
    union {
        struct sockaddr any; /* a unix socket: only the family */
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
};

#define PEER_TEXT_BYTES INET6_ADDRSTRLEN

void peer_pack(struct peer *to, const struct sockaddr_storage *from);
void peer_unpack(struct sockaddr_storage *to, const struct peer *from);

/*
 * The address without its port, "unix:" for a unix socket; an IPv4 address mapped into IPv6
 * as IPv4. The span points into `to`.
 */
struct span peer_text(const struct peer *p, char to[PEER_TEXT_BYTES]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Client addresses; see peer.h. IPv4 is formatted by hand because it is done for every
 * request of the hot path. Worker only.
 */
#include "proto/peer.h"

#include <arpa/inet.h>

void peer_pack(struct peer *to, const struct sockaddr_storage *from)
{
    memset(to, 0, sizeof *to);
    if (from->ss_family == AF_INET)
        memcpy(&to->address.in, from, sizeof to->address.in);
    else if (from->ss_family == AF_INET6)
        memcpy(&to->address.in6, from, sizeof to->address.in6);
    else
        to->address.any.sa_family = from->ss_family;
}

void peer_unpack(struct sockaddr_storage *to, const struct peer *from)
{
    memset(to, 0, sizeof *to);
    memcpy(to, &from->address, sizeof from->address);
}

static struct span ipv4_text(const unsigned char b[4], char to[PEER_TEXT_BYTES])
{
    char *p = to;

    for (int i = 0; i < 4; i++) {
        unsigned n = b[i];
        if (i > 0)
            *p++ = '.';
        if (n >= 100)
            *p++ = (char)('0' + n / 100);
        if (n >= 10)
            *p++ = (char)('0' + n / 10 % 10);
        *p++ = (char)('0' + n % 10);
    }
    return span_of(to, (size_t)(p - to));
}

struct span peer_text(const struct peer *p, char to[PEER_TEXT_BYTES])
{
    unsigned char b[4];

    if (p->address.any.sa_family == AF_INET) {
        memcpy(b, &p->address.in.sin_addr, sizeof b);
        return ipv4_text(b, to);
    }
    if (p->address.any.sa_family != AF_INET6)
        return SPAN("unix:");
    const struct in6_addr *a = &p->address.in6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(a)) {
        memcpy(b, a->s6_addr + 12, sizeof b);
        return ipv4_text(b, to);
    }
    return inet_ntop(AF_INET6, a, to, PEER_TEXT_BYTES) ? span_str(to) : SPAN("-");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accepting: the worker's side of the shared listening sockets. They are in the loop with
 * EPOLLEXCLUSIVE. A worker that holds more than its share of connections, judged from its
 * siblings' counts on the board (leaving out those that are stopped, blocked or retiring),
 * stands back and returns when it is at its share again, when an accept queue is not being
 * emptied, or when it would be the last to stand; never do all stand back. At its limit of
 * connections, when no sibling has room, an idle one makes room for the next; when none is
 * idle, and when descriptors or memory run out, accepting pauses for a short while; it never
 * spins. Worker only.
 */
#ifndef WEIR_NET_LISTENER_H
#define WEIR_NET_LISTENER_H

#include <sys/socket.h>

#include "board/board.h"
#include "net/loop.h"

struct address_table; /* net/address_table.h */

/* One accepted connection, handed to whoever speaks the protocol, which owns fd from then on. */
struct accepted {
    int fd; /* non-blocking, close-on-exec, TCP_NODELAY on TCP */
    struct sockaddr_storage peer;
    socklen_t peer_bytes;
    unsigned listen_index;
    struct mono when;
    uint64_t queue_wait_ns; /* how long it lay in the accept queue, 0 when not sampled */
};

struct listener_settings {
    const int
        *fd; /* listening, non-blocking; the array is borrowed, leaving closes the descriptors */
    size_t count;
    unsigned connections_max; /* above it one has to make room for the next */
    unsigned connections_per_address;
    struct address_table *addresses;
    unsigned worker_number;
    struct board *board;
    void (*accepted)(void *arg, const struct accepted *a);
    /* Gives up `count` descriptors that can be spared; how many were. May be NULL. */
    unsigned (*shed)(void *arg, unsigned count);
    /* Closes `count` connections that have nothing under way; how many were. May be NULL. */
    unsigned (*make_room)(void *arg, unsigned count);
    void *arg;
};

struct listener;

struct listener *listener_new(struct loop *loop,
                              const struct listener_settings *s); /* NULL with errno */
/*
 * Leaves the accept set for good and closes the worker's listening descriptors (retiring). Before
 * that it takes what is in the queues, up to a batch each, for this worker may have been the
 * only one woken for it. Safe to call twice.
 */
void listener_leave(struct listener *l);
/* The same without accepting; nothing that was accepted is closed. */
void listener_free(struct listener **l);

/* A connection that came through this listener was closed: counts it out and lets accepting go on.
 */
void listener_closed(struct listener *l, const struct sockaddr_storage *peer);
unsigned listener_connections(const struct listener *l);

#endif

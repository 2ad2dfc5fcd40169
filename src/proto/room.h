/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room for new connections: which of a worker's connections can be closed for the sake of others
 * (RFC 9112, 9.5: an idle connection may be closed at any time), kept in lists in order of
 * their age. Worker only.
 */
#ifndef WEIR_PROTO_ROOM_H
#define WEIR_PROTO_ROOM_H

#include <stdbool.h>

#include "base/list.h"

struct conn;
struct conns;

/* What a connection has to lose, the least first: the order in which they make room. */
enum conn_room {
    ROOM_SILENT,    /* never sent a byte */
    ROOM_KEPT,      /* idle between two requests */
    ROOM_ANSWERED,  /* answered, drops what its client still sends */
    ROOM_SLOW_HEAD, /* its request's head is not whole yet */
    ROOM_NONE,      /* has a request, or is new */
    ROOM_COUNT
};

struct room {
    struct list open[ROOM_COUNT]; /* struct conn.link; within one the oldest first */
    unsigned leaves;              /* so many more answers carry Connection: close, */
    unsigned full_at;             /* as long as so many are open */
};

void room_init(struct room *room);
/* c is in this list now, as the youngest. */
void room_enter(struct conn *c, enum conn_room list);
/* Any connection that is open; NULL: there is none. */
struct conn *room_any(const struct room *room);

/*
 * Whether this answer shall end its connection, because others wait for room and no idle
 * connection could be closed. At most so many as wait, about. open: how many connections there are.
 */
bool room_asks_to_leave(struct room *room, unsigned open);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What conn.c and http1.c share: the record of a connection, what all of a worker's
 * connections share, and the verbs that change a connection's state. Others use conn.h.
 *
 * A closed connection's record stays readable (state CONN_CLOSED) until the end of the turn:
 * after any verb that may close it, look at its state. Worker only.
 */
#ifndef WEIR_PROTO_CONN_RECORD_H
#define WEIR_PROTO_CONN_RECORD_H

#include "proto/conn.h"
#include "proto/exchange.h"
#include "proto/flight.h"
#include "proto/note.h"
#include "proto/peer.h"
#include "proto/room.h"
#include "proto/share.h"
#include "proto/top.h"

enum conn_state {
#define CONN_STATE(name, word, interest, timer, gauge, room, help) CONN_##name,
#include "proto/conn_states.def"
#undef CONN_STATE
    CONN_STATE_COUNT
};

enum conn_timer {
#define CONN_TIMER(name, ns, help) CONN_TIMER_##name,
#include "proto/conn_timers.def"
#undef CONN_TIMER
    CONN_TIMER_COUNT
};

struct conn {
    uint32_t magic;
    uint8_t state; /* enum conn_state; conn_set_state alone writes it */
    bool reused;   /* has answered a request before */
    struct loop_io io;
    struct loop_timer timer;
    struct loop_task again;
    struct list link;       /* in conns.room or conns.dead */
    struct list sending;    /* in share.queue, or in none */
    struct mono room_since; /* in its list of conns.room, while that is not ROOM_NONE */
    struct conns *all;
    struct exchange *exchange; /* NULL between requests */
    struct peer peer;
    struct {
        uint32_t bytes;  /* in this window */
        uint8_t windows; /* that are over */
        uint8_t quiet;   /* the last ones of these, in which next to nothing came */
        uint8_t quiet_max;
    } linger;
    uint64_t
        queue_wait_ns; /* in the accept queue; 0 when not sampled, and after the first request */
    /* proto/pace: since when, and the bytes the client had moved then; 0: no window is open. */
    struct mono rate_since;
    uint64_t rate_bytes;
};

struct conns {
    struct conns_settings s;
    struct board_slot *slot;
    struct loop_timers timers[CONN_TIMER_COUNT];
    struct room room; /* all that are open */
    struct list dead;
    struct loop_task reap; /* frees the dead, and tells when the last is gone */
    unsigned count;
    bool retiring;
    bool finishing; /* conns_finish is at work */
    bool told_empty;
    struct share share;
    struct top *top; /* NULL: there is no board */
    struct flights flights;
    uint64_t recent_due_ns; /* when the board's ring of recent requests takes the next one */
    struct exchange_pool pool;
    struct notes notes;
    uint64_t date_second;
    char date[64]; /* the Server and Date lines of this second */
    size_t date_bytes;
    struct buf head; /* the response head being put together */
    /*
     * The request head parsed last, and whose it is: a request is parsed, planned and mostly
     * answered in one go, and who comes back later parses its head again from its buffer.
     */
    const struct exchange *parsed;
    struct http_request request;
};

/* The one place that changes a state: sets epoll interest, (re)arms the timeout, keeps the gauges.
 */
void conn_set_state(struct conn *c, enum conn_state state);
/* (Re)arms the timeout of the state it is in, because there was progress. */
void conn_touch(struct conn *c);
/* Closes the socket; what the kernel has taken still goes out. */
void conn_close(struct conn *c);
/* Closes it so that the client sees an error (RST), and what the kernel still holds is dropped. */
void conn_reset(struct conn *c);
/*
 * Shuts it for sending, then reads and drops until the client closes, so that the response is not
 * lost to a reset (RFC 9112, 9.6): for as long as the client sends on at a fair rate, 30 s at
 * most. unread: it is known to have more to send, so a short pause is no sign that it is done.
 */
#define CONN_LINGER_WINDOW_NS (2 * NS_PER_S)
void conn_linger(struct conn *c, bool unread);
/* Goes on with http1_resume in the next turn. */
void conn_again(struct conn *c);
/* Waits in this state (WAIT, WAIT_BODY; HELD) until conn_wake (share_queue), then goes on with
 * http1_resume. */
void conn_wait(struct conn *c, enum conn_state state);
/* What it waits for is there: arg is the connection. Only makes a note of it and puts the rest
 * off, so it may be called from anywhere on the loop; more than once is once. */
void conn_wake(void *arg);

/* A line about a client's doing, at level info; at most some a second. */
void conn_note(struct conn *c, const char *what, const char *why);

struct span conns_date(struct conns *all);

#endif

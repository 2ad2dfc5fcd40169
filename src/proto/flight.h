/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests in flight: those that did not end in the turn of the loop in which they began. What
 * is answered in one go is never in here and costs nothing. Every 100 ms, while there is any,
 * those that have lasted longer than REQUEST_SHOWN_NS are shown on the board: the oldest that
 * has no row gets the next one that is free, and keeps it to its end. A turn of this looks at
 * a bounded number of requests, the next one goes on where it stopped. Who has a row can be
 * ended or throttled by an operator. Worker only.
 */
#ifndef WEIR_PROTO_FLIGHT_H
#define WEIR_PROTO_FLIGHT_H

#include "base/list.h"
#include "net/loop.h"
#include "proto/throttle.h"
#include "weir/board.h"

struct conn;
struct conns;
struct exchange;

/* A request's part; in its exchange, all zero while it is not in flight. */
struct flight {
    struct conn *conn; /* not NULL: it is in flight */
    struct list link;  /* in flights.young or flights.waiting; in none with a row */
    uint64_t serial;
    uint8_t phase; /* enum board_phase; STALLED is found out when it is shown */
    uint8_t row;   /* from 1; 0: none */
    bool old;      /* counted in flights.old */
    bool named;    /* its row has the whole first line */
    bool aborted;  /* by an operator */
    struct mono phase_since, progress;
    uint64_t moved; /* tells whether the client took or gave bytes since the last look */
    struct throttle throttle;
};

/* A worker's part. */
struct flights {
    struct list young;   /* in the order in which they came here */
    struct list waiting; /* for a row, the oldest first */
    struct exchange *row[BOARD_REQUESTS_PER_SLOT];
    struct board_request *board; /* the rows; NULL: there is no board, nothing is in flight */
    uint64_t old;                /* waiting or with a row */
    uint64_t serial;             /* of the one that came last */
    struct loop_timers ticks;
    struct loop_timer tick;
};

void flights_init(struct conns *all);
void flights_end(struct conns *all); /* all have left */

/* The connection waits with its exchange: it is in flight, in this phase. */
void flight_wait(struct conn *c, enum board_phase phase);
/* Its request is over; it is in flight. */
void flight_leave(struct exchange *e);

#endif

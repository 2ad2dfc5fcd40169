/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Client connections of one worker: their life from accept to close, their states (one table,
 * proto/conn_states.def: name, epoll interest, timeout), their buffers (an idle connection
 * holds none) and their timers. What is said on them is proto/http1. Worker only.
 *
 * A connection is movable by design: between requests, and while a file is being sent, its
 * state is a small record without pointers into the worker.
 */
#ifndef WEIR_PROTO_CONN_H
#define WEIR_PROTO_CONN_H

#include "conf/conf.h"
#include "net/listener.h"
#include "net/loop.h"
#include "proto/access_log.h"
#include "serve/serve.h"

struct conns; /* all connections of a worker, and what they share */

struct conns_settings {
    struct loop *loop;
    const struct conf *conf;
    struct serve_ctx *serve;
    struct access_log *log;
    struct board *board;
    unsigned worker_number;
    /* Told when a connection is closed, and when the last one is gone while retiring. */
    void (*closed)(void *arg, const struct sockaddr_storage *peer);
    void (*empty)(void *arg);
    void *arg;
};

struct conns *conns_new(const struct conns_settings *s); /* NULL on ENOMEM */
/* Closes every connection at once. */
void conns_free(struct conns **c);

/* Takes over an accepted connection and reads at once. On ENOMEM it is closed (and reported as
 * closed). */
void conns_accept(struct conns *c, const struct accepted *a);

/*
 * Closes up to `count` connections that have nothing under way, for others: first those that never
 * sent a byte, then idle ones, then those that are answered or have not completed a head; of
 * each kind those that have waited longest. How many were. When there are too few the next
 * answers end their connections.
 */
unsigned conns_make_room(struct conns *c, unsigned count);

/*
 * From now on every answer carries Connection: close; idle kept connections stay until their
 * next request is answered, their client leaves, or conns_finish.
 */
void conns_retire(struct conns *c);
/*
 * While retiring, every now and then: ends what made no progress for patience_ns, which is a
 * response of which the client took no byte, and any other connection so long after `begun`. How
 * many were cut off in the middle of a response.
 */
unsigned conns_finish_stalled(struct conns *c, struct mono begun, uint64_t patience_ns);
/* The drain is over: answers what can be answered at once and closes the rest; how many were cut
 * off in the middle of a response. */
unsigned conns_finish(struct conns *c);

/*
 * What an operator wants of a request that the board shows, by its serial number: its connection is
 * reset; its response gets at most so many bytes a second (0: as many as it takes). False when
 * it is over. From the loop only.
 */
bool conns_abort(struct conns *c, uint64_t serial);
bool conns_throttle(struct conns *c, uint64_t serial, uint64_t bytes_per_s);

/* For each second. */
void conns_tick(struct conns *c);

unsigned conns_count(const struct conns *c);

#endif

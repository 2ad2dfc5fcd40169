/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the sending of one turn of the loop is shared. Responses under way whose sockets are
 * ready stand in a queue, which is run once a turn after all events were looked at: each in its
 * turn sends at most its share of what is sent in a turn, the rest of the queue goes on in
 * the next. So a turn is short whatever is downloaded, and a request that has just come waits
 * for some megabytes at most, not for a window of every download. A short response is sent at
 * once, a long one too unless others that began in the same turn have used it up. Where only long
 * ones are asked for turns are longer, which costs less and keeps nobody waiting. Worker only.
 */
#ifndef WEIR_PROTO_SHARE_H
#define WEIR_PROTO_SHARE_H

#include <stdint.h>

#include "net/loop.h"
#include "net/sendq.h"

struct conn;
struct conns;

enum {
    SHARE_TURN_BYTES = 1024 * 1024, /* sent in one turn */
    SHARE_MOST_BYTES = 1024 * 1024, /* by one connection of it */
    SHARE_LEAST_BYTES = 512 * 1024, /* by each that has its turn: smaller slices cost more */
    SHARE_SHORT_BYTES = 128 * 1024, /* what is no longer than this need not wait its turn */
    /* The same three where nobody has asked for anything short for SHARE_ALONE_NS. */
    SHARE_ALONE_TURN_BYTES = 16 * 1024 * 1024,
    SHARE_ALONE_MOST_BYTES = 2 * SENDQ_WINDOW_BYTES,
    SHARE_ALONE_LEAST_BYTES = SENDQ_WINDOW_BYTES,
};

#define SHARE_ALONE_NS NS_PER_S

struct share {
    struct list queue; /* struct conn, by their sending */
    unsigned queued;
    struct loop_task run;
    struct mono turn; /* the one that `sent_bytes` and the three behind it are of */
    uint64_t sent_bytes;
    uint32_t turn_bytes, most_bytes, least_bytes;
    struct mono short_sent; /* when a short response ended last */
    uint32_t each_bytes;    /* while the queue is run: of each in it; else 0 */
    uint32_t window_bytes;  /* what the connection under way may still send in this turn */
};

void share_init(struct conns *all);
void share_end(struct conns *all);

/* Its socket or its body is ready: it gets its turn. Short remainders go first. */
void share_queue(struct conn *c);
void share_leave(struct conn *c);

/* It has had its share of this turn: it stands at the end of the queue of the next. */
void share_next_turn(struct conn *c);
/* This turn's bytes are sent, and what c begins to send now is long. */
bool share_is_spent(const struct conn *c);

/* The loop begins with a connection, from the queue or not: sets window_bytes. */
void share_begin(struct conns *all);
/* A short response is over: those that come want turns to be short. */
static inline void share_note_short(struct share *s, struct mono now)
{
    s->short_sent = now;
}

void share_spend(struct conns *all, uint64_t bytes);

#endif

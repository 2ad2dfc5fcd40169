/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a worker's connections. Retiring: every answer from now on carries Connection:
 * close; a connection that waits between requests stays, so that a request its client is
 * just sending finds a server; and a request that waits for an offload thread is answered. A
 * response goes on for as long as its client takes bytes of it. Finishing: the time is over, of one
 * that stands still or of all; what can be answered without waiting is, the rest is cut. Worker
 * only.
 */
#include <errno.h>
#include <sys/socket.h>

#include "proto/conn_record.h"
#include "proto/http1.h"
#include "proto/pace.h"

enum { DRAIN_READS = 16 };

void conns_retire(struct conns *all)
{
    all->retiring = true;
    if (all->count == 0)
        loop_defer(all->s.loop, &all->reap);
}

/* An answered connection: what its client has sent since is taken in, or closing would reset it. */
static void drop_input(struct conn *c)
{
    char dropped[16 * 1024];

    for (int i = 0; i < DRAIN_READS; i++)
        if (recv(c->io.fd, dropped, sizeof dropped, 0) <= 0)
            return;
}

/* True when a response was cut. */
static bool finish_one(struct conn *c)
{
    char first;
    bool readable = recv(c->io.fd, &first, 1, MSG_PEEK) > 0;

    switch ((enum conn_state)c->state) {
    case CONN_FRESH:
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_BODY:
        if (readable)
            http1_input(c);
        break;
    case CONN_READY:
    case CONN_TURN:
    case CONN_SEND:
    case CONN_HELD:
        http1_resume(c);
        break;
    case CONN_WAIT: /* nobody can say how long it would take */
    case CONN_WAIT_BODY:
    case CONN_NEW:
    case CONN_LINGER:
    case CONN_CLOSED:
    case CONN_STATE_COUNT:
        break;
    }
    if (c->state == CONN_CLOSED)
        return false;
    bool cut = c->exchange && c->exchange->phase >= EXCHANGE_PLAN;
    if (cut) {
        conn_reset(c);
    } else {
        drop_input(c);
        conn_close(c);
    }
    return cut;
}

/* Since when nothing has moved on a connection. */
static struct mono still_since(struct conn *c, struct mono begun)
{
    struct exchange *e = c->exchange;

    if (!e || e->phase != EXCHANGE_ANSWER)
        return begun;
    uint64_t taken = pace_taken(c);
    if (e->drain_since.ns < e->begun.ns || taken != e->drain_taken)
        e->drain_since = loop_now(c->all->s.loop);
    e->drain_taken = taken;
    return e->drain_since;
}

static unsigned finish_stalled_of(struct conns *all, const struct list *open, struct mono begun,
                                  uint64_t patience_ns)
{
    struct list *next;
    unsigned cut = 0;

    for (struct list *l = open->next; l != open; l = next) {
        struct conn *c = list_entry(l, struct conn, link);
        next = l->next; /* what is closed leaves the list */
        if (mono_since(loop_now(all->s.loop), still_since(c, begun)) >= patience_ns)
            cut += finish_one(c);
    }
    return cut;
}

unsigned conns_finish_stalled(struct conns *all, struct mono begun, uint64_t patience_ns)
{
    unsigned cut = 0;

    for (unsigned i = 0; i < ROOM_COUNT; i++)
        cut += finish_stalled_of(all, &all->room.open[i], begun, patience_ns);
    return cut;
}

unsigned conns_finish(struct conns *all)
{
    unsigned cut = 0;
    struct conn *c;

    conns_retire(all);
    all->finishing = true;
    slot_wait(all->slot, WAIT_DRAIN, loop_now(all->s.loop));
    while ((c = room_any(&all->room)) != NULL)
        cut += finish_one(c);
    return cut;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a worker's connections. Retiring: every answer from now on carries Connection:
 * close; a connection that waits between requests stays, so that a request its client is
 * just sending finds a server; and a request that waits for an offload thread is answered.
 * Finishing: the time is over; what can be answered without waiting is, the rest is cut. Worker
 * only.
 */
#include <errno.h>
#include <sys/socket.h>

#include "proto/conn_record.h"
#include "proto/http1.h"

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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a worker leaves: it goes out of the listening sockets, answers what it has, and stops its
 * loop when the last connection is closed. For a change it is patient: a response goes on while its
 * client takes bytes, and only what makes no progress for some time is ended. At a stop everything
 * ends after that time. Worker only.
 */
#ifndef WEIR_PROC_WORKER_LEAVE_H
#define WEIR_PROC_WORKER_LEAVE_H

#include "net/listener.h"
#include "net/loop.h"
#include "proto/conn.h"

struct worker_leave {
    struct loop *loop;
    struct conns *conns;
    struct listener *listener;
    void (*left)(void *arg); /* told when the listening sockets have been left */
    void *arg;
    bool draining;
    /* Private. */
    bool patient;
    uint64_t patience_ns;
    struct mono begun;
    struct loop_timers timers;
    struct loop_timer timer;
};

/* The first five are set. */
void worker_leave_init(struct worker_leave *l);
/* Again: with another time or patience. */
void worker_leave(struct worker_leave *l, uint64_t within_ns, bool patient);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop of a worker: one epoll instance, level-triggered, one thread. Each turn:
 * epoll_wait, the clock once, the ready callbacks, then the deferred tasks (the one safe
 * point at which things are freed), then due timers. Of the callbacks those of listening sockets
 * (EPOLLEXCLUSIVE) come first, those of descriptors that are only writable last. The loop reports
 * its turns on the slot. Nothing called from it may wait. This is the only file that calls
 * epoll_ctl. Worker only.
 */
#ifndef WEIR_NET_LOOP_H
#define WEIR_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/list.h"
#include "board/slot.h"

struct loop;

/* One descriptor in the loop; embed it. ready gets the EPOLL* bits. */
struct loop_io {
    int fd;
    uint32_t interest; /* what is registered; 0: not in the epoll set */
    void (*ready)(struct loop_io *io, uint32_t events);
};

/* Something to do once, after the current batch of events; embed it, zeroed. */
struct loop_task {
    struct list link;
    void (*run)(struct loop_task *task);
    bool queued;
};

/*
 * Timeouts of one length: a list in order of their deadlines, because each is armed for the
 * same duration from a clock that does not go back. Arming and disarming are O(1).
 */
struct loop_timers {
    struct list armed;
    struct list link; /* in the loop */
    uint64_t after_ns;
    void (*due)(struct loop_timers *kind, struct list *item);
};

struct loop_timer { /* embed; list_init(&t.link) before use */
    struct list link;
    struct mono deadline;
};

struct loop *loop_new(struct board_slot *slot); /* NULL with errno set; slot must outlive it */
void loop_free(struct loop **loop);

/* Sets what is waited for; 0 takes io out of the set (its descriptor stays open). EPOLLEXCLUSIVE in
 * interest is allowed for listening sockets. False with errno (ENOMEM, ENOSPC). No system
 * call when nothing changes. What this batch still holds for io is delivered only as far as the
 * new interest covers it, and not at all once it is 0: io may then be freed. */
bool loop_watch(struct loop *loop, struct loop_io *io, uint32_t interest);
/*
 * Takes io out without a system call: only for a descriptor of which no other process and no
 * duplicate exists and that is closed before the loop waits again, for that takes it out of
 * the kernel's set. Events of this batch that are still to come for it are dropped.
 */
void loop_forget(struct loop *loop, struct loop_io *io);

void loop_defer(struct loop *loop, struct loop_task *task);
/* Runs the task in the next turn, without waiting in epoll_wait: for work that yields to others. */
void loop_again(struct loop *loop, struct loop_task *task);
/* Takes back a task that has not run; harmless when it is not queued. */
void loop_cancel(struct loop_task *task);

void loop_add_timers(struct loop *loop, struct loop_timers *kind);
/* (Re)arms t for kind->after_ns from the turn's time. after_ns 0 disarms. */
void loop_arm(struct loop *loop, struct loop_timers *kind, struct loop_timer *t);
void loop_disarm(struct loop_timer *t);

/* The time at which this turn began; no clock is read. loop_wall is refreshed at most once a turn.
 */
struct mono loop_now(const struct loop *loop);
struct wall loop_wall(struct loop *loop);

/*
 * Asks the kernel to run the calling thread soon after it wakes, for little at a time: turns are
 * short, and whoever else is on this CPU (offload threads, applications) would keep it for some
 * milliseconds. Its share of the CPU stays what it was. A slice of its own for a thread is known
 * from Linux 6.12 on (sched(7), sched_setattr(2)); older kernels and those who refuse change
 * nothing. Called once, by the thread that runs the loop.
 */
void loop_ask_for_short_slices(void);

/* Turns until loop_stop. False with errno when epoll_wait itself fails. */
bool loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
struct board_slot *loop_slot(const struct loop *loop);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a worker leaves; see worker_leave.h. One timer: to the end, or to the next look at who made
 * no progress. Worker only.
 */
#include "proc/worker_leave.h"

#include <stdio.h>

#include "base/log.h"
#include "board/slot.h"

static void tell(const struct worker_leave *l, uint64_t within_ns)
{
    unsigned long long whole = within_ns / NS_PER_S, rest = within_ns % NS_PER_S / NS_PER_MS;
    unsigned open = conns_count(l->conns);
    char time[48];

    if (rest)
        snprintf(time, sizeof time, "%llu.%03llu s", whole, rest);
    else
        snprintf(time, sizeof time, "%llu s", whole);
    log_info(l->patient ? "retiring with %u connections; what stands still for %s is ended"
                        : "retiring with %u connections, for at most %s",
             open, time);
}

/* How often those who made no progress are looked for. */
static uint64_t look_every_ns(uint64_t patience_ns)
{
    uint64_t every = patience_ns / 8;

    if (every > NS_PER_S)
        return NS_PER_S;
    return every > NS_PER_MS ? every : NS_PER_MS;
}

static void look(struct worker_leave *l)
{
    unsigned cut = conns_finish_stalled(l->conns, l->begun, l->patience_ns);

    if (cut > 0)
        log_warn("%u connections were cut off in the middle of a response of which their clients "
                 "took nothing for %llu s; see [server] drain_timeout",
                 cut, (unsigned long long)(l->patience_ns / NS_PER_S));
    if (conns_count(l->conns) == 0)
        loop_stop(l->loop);
    else
        loop_arm(l->loop, &l->timers, &l->timer);
}

static void finish(struct worker_leave *l)
{
    unsigned open = conns_count(l->conns);
    unsigned cut = conns_finish(l->conns);

    if (cut > 0)
        log_warn("the time to drain is over: %u of %u connections were cut off in the middle of "
                 "a response; see [server] drain_timeout",
                 cut, open);
    loop_stop(l->loop);
}

static void due(struct loop_timers *kind, struct list *item)
{
    struct worker_leave *l = list_entry(kind, struct worker_leave, timers);

    (void)item;
    slot_wait(loop_slot(l->loop), WAIT_DRAIN, loop_now(l->loop));
    if (l->patient)
        look(l);
    else
        finish(l);
}

void worker_leave_init(struct worker_leave *l)
{
    list_init(&l->timer.link);
    l->timers.due = due;
    loop_add_timers(l->loop, &l->timers);
}

void worker_leave(struct worker_leave *l, uint64_t within_ns, bool patient)
{
    l->patient = patient && within_ns > 0;
    l->patience_ns = within_ns;
    if (!l->draining) {
        l->draining = true;
        l->begun = loop_now(l->loop);
        slot_wait(loop_slot(l->loop), WAIT_DRAIN, loop_now(l->loop));
        tell(l, within_ns);
        listener_leave(l->listener);
        l->left(l->arg);
        conns_retire(l->conns);
    }
    if (conns_count(l->conns) == 0) {
        loop_stop(l->loop);
        return;
    }
    /* 0 would disarm: the next turn is soon enough. */
    l->timers.after_ns = l->patient ? look_every_ns(within_ns) : within_ns > 0 ? within_ns : 1;
    loop_arm(l->loop, &l->timers, &l->timer);
}

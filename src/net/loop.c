/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop; see loop.h. Events come in batches of up to 256, and are delivered in an order
 * that keeps short work from waiting behind long: first what accepts, then what may read,
 * then what only wants to send. A callback may take any
 * other descriptor out of the set, or free what it belongs to: taking it out also empties the
 * entry that the running batch may still hold for it, so that no callback is made on memory
 * that is gone. Timers are lists in order of deadline; the earliest of their first members is
 * how long epoll_wait may sleep. The clock is read twice a turn: when epoll_wait returns and
 * before it is called again. Worker only, one thread.
 */
#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/must.h"

enum { LOOP_BATCH = 256 };

#define LOOP_SLICE_NS (200 * UINT64_C(1000))

struct loop {
    int epoll_fd;
    bool stopped;
    bool wall_read; /* this turn */
    struct board_slot *slot;
    struct mono now;
    struct wall wall;
    struct list deferred; /* tasks for the end of this turn's batch */
    struct list next;     /* tasks for the next turn */
    struct list kinds;    /* struct loop_timers */
    int batch_at;         /* the event under way; those behind it are still to come */
    int batch_count;
    struct epoll_event batch[LOOP_BATCH];
    struct epoll_event sorted[LOOP_BATCH]; /* scratch of order_batch */
};

struct loop *loop_new(struct board_slot *slot)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (!loop)
        return NULL;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        free(loop);
        return NULL;
    }
    loop->slot = slot;
    loop->now = mono_now();
    list_init(&loop->deferred);
    list_init(&loop->next);
    list_init(&loop->kinds);
    return loop;
}

void loop_free(struct loop **loop)
{
    if (!*loop)
        return;
    close_fd(&(*loop)->epoll_fd);
    free(*loop);
    *loop = NULL;
}

/* Empties what the rest of the running batch holds for io: at most one entry. */
static void drop_pending(struct loop *loop, const struct loop_io *io)
{
    for (int i = loop->batch_at; i < loop->batch_count; i++)
        if (loop->batch[i].data.ptr == io) {
            loop->batch[i].data.ptr = NULL;
            return;
        }
}

static bool control(struct loop *loop, int op, struct loop_io *io, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data.ptr = io};

    return epoll_ctl(loop->epoll_fd, op, io->fd, &event) == 0;
}

bool loop_watch(struct loop *loop, struct loop_io *io, uint32_t interest)
{
    uint32_t old = io->interest;

    if (interest == old)
        return true;
    if (old != 0 && interest != 0 && !((old | interest) & EPOLLEXCLUSIVE)) {
        if (!control(loop, EPOLL_CTL_MOD, io, interest))
            return false;
        io->interest = interest;
        return true;
    }
    /* EPOLLEXCLUSIVE cannot be modified (epoll_ctl(2), EINVAL): out and in again. */
    if (old != 0) {
        io->interest = 0;
        drop_pending(loop, io);
        if (!control(loop, EPOLL_CTL_DEL, io, 0))
            return false;
    }
    if (interest != 0 && !control(loop, EPOLL_CTL_ADD, io, interest))
        return false;
    io->interest = interest;
    return true;
}

void loop_forget(struct loop *loop, struct loop_io *io)
{
    io->interest = 0;
    drop_pending(loop, io);
}

void loop_cancel(struct loop_task *task)
{
    if (!task->queued)
        return;
    list_remove(&task->link);
    task->queued = false;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    loop_cancel(task);
    task->queued = true;
    list_push_back(&loop->deferred, &task->link);
}

void loop_again(struct loop *loop, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    list_push_back(&loop->next, &task->link);
}

/* Moves all of `from` behind what `to` holds. */
static void move_all(struct list *from, struct list *to)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    list_init(from);
}

/* Runs what is queued now; what these queue in turn waits for the next call. */
static void run_deferred(struct loop *loop)
{
    struct list now;
    struct list *item;

    list_init(&now);
    move_all(&loop->deferred, &now);
    while ((item = list_pop_front(&now)) != NULL) {
        struct loop_task *task = list_entry(item, struct loop_task, link);
        task->queued = false;
        task->run(task);
    }
}

void loop_add_timers(struct loop *loop, struct loop_timers *kind)
{
    list_init(&kind->armed);
    list_push_back(&loop->kinds, &kind->link);
}

void loop_disarm(struct loop_timer *t)
{
    list_remove(&t->link);
}

static struct mono deadline_of(const struct list *item)
{
    const struct loop_timer *t = (const struct loop_timer *)(const void *)item;

    return t->deadline;
}

void loop_arm(struct loop *loop, struct loop_timers *kind, struct loop_timer *t)
{
    _Static_assert(offsetof(struct loop_timer, link) == 0,
                   "deadline_of takes a link for its timer");
    struct list *behind;

    list_remove(&t->link);
    if (kind->after_ns == 0)
        return;
    t->deadline.ns =
        loop->now.ns > UINT64_MAX - kind->after_ns ? UINT64_MAX : loop->now.ns + kind->after_ns;
    /* The last place, unless after_ns was made shorter since others were armed. */
    for (behind = kind->armed.prev; behind != &kind->armed; behind = behind->prev)
        if (deadline_of(behind).ns <= t->deadline.ns)
            break;
    list_push_front(behind, &t->link);
}

static void run_due(struct loop *loop)
{
    bool marked = false;

    for (struct list *k = loop->kinds.next; k != &loop->kinds; k = k->next) {
        struct loop_timers *kind = list_entry(k, struct loop_timers, link);
        /* Ends: whatever is armed meanwhile lies after now. */
        while (!list_empty(&kind->armed) && deadline_of(kind->armed.next).ns <= loop->now.ns) {
            if (!marked)
                slot_wait(loop->slot, WAIT_TIMER, loop->now);
            marked = true;
            kind->due(kind, list_pop_front(&kind->armed));
        }
    }
}

/* How long epoll_wait may sleep from `now` on, in milliseconds rounded up; -1: for ever. */
static int sleep_ms(const struct loop *loop, struct mono now)
{
    uint64_t earliest = UINT64_MAX;

    if (!list_empty(&loop->deferred) || !list_empty(&loop->next))
        return 0;
    for (struct list *k = loop->kinds.next; k != &loop->kinds; k = k->next) {
        const struct loop_timers *kind = list_entry(k, struct loop_timers, link);
        if (!list_empty(&kind->armed) && deadline_of(kind->armed.next).ns < earliest)
            earliest = deadline_of(kind->armed.next).ns;
    }
    if (earliest == UINT64_MAX)
        return -1;
    if (earliest <= now.ns)
        return 0;
    uint64_t ms = (earliest - now.ns - 1) / NS_PER_MS + 1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

struct mono loop_now(const struct loop *loop)
{
    return loop->now;
}

struct wall loop_wall(struct loop *loop)
{
    if (!loop->wall_read)
        loop->wall = wall_now();
    loop->wall_read = true;
    return loop->wall;
}

struct board_slot *loop_slot(const struct loop *loop)
{
    return loop->slot;
}

enum { RANK_ACCEPT, RANK_INPUT, RANK_OUTPUT, RANK_COUNT };

static unsigned rank_of(const struct epoll_event *event)
{
    const struct loop_io *io = event->data.ptr;

    if (io->interest & EPOLLEXCLUSIVE) /* listening sockets alone */
        return RANK_ACCEPT;
    return event->events == EPOLLOUT ? RANK_OUTPUT : RANK_INPUT;
}

/* Puts the batch into the order of its ranks; within one the kernel's order stays. */
static void order_batch(struct loop *loop)
{
    size_t n = loop->batch_count > 0 ? (size_t)loop->batch_count : 0;
    size_t count[RANK_COUNT] = {0};
    size_t at[RANK_COUNT];

    for (size_t i = 0; i < n; i++)
        count[rank_of(&loop->batch[i])]++;
    for (int rank = 0; rank < RANK_COUNT; rank++)
        if (count[rank] == n)
            return;
    at[RANK_ACCEPT] = 0;
    at[RANK_INPUT] = count[RANK_ACCEPT];
    at[RANK_OUTPUT] = count[RANK_ACCEPT] + count[RANK_INPUT];
    for (size_t i = 0; i < n; i++)
        loop->sorted[at[rank_of(&loop->batch[i])]++] = loop->batch[i];
    memcpy(loop->batch, loop->sorted, n * sizeof *loop->batch);
}

static void deliver(struct loop *loop)
{
    order_batch(loop);
    for (loop->batch_at = 0; loop->batch_at < loop->batch_count;) {
        struct epoll_event event = loop->batch[loop->batch_at++];
        struct loop_io *io = event.data.ptr;
        if (!io)
            continue;
        uint32_t events = event.events & (io->interest | EPOLLERR | EPOLLHUP);
        if (events != 0)
            io->ready(io, events);
    }
    loop->batch_count = 0;
}

static void turn_begin(struct loop *loop)
{
    loop->now = mono_now();
    loop->wall_read = false;
    slot_turn_begin(loop->slot, loop->now);
}

/* Waits for the next batch. False with errno when epoll_wait itself fails. */
static bool wait_batch(struct loop *loop)
{
    struct mono now = mono_now();

    slot_turn_end(loop->slot, now); /* counts the turn and shows WAIT_POLL */
    int count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, sleep_ms(loop, now));
    int error = errno;
    turn_begin(loop);
    loop->batch_count = count < 0 ? 0 : count;
    errno = error;
    return count >= 0 || error == EINTR;
}

void loop_ask_for_short_slices(void)
{
    /* The first version of struct sched_attr, which glibc does not have everywhere. */
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attr = {.size = sizeof attr, .policy = SCHED_OTHER, .runtime_ns = LOOP_SLICE_NS};

    errno = 0;
    attr.nice = getpriority(PRIO_PROCESS, 0); /* what an operator set stays */
    if (errno == 0)
        (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

bool loop_run(struct loop *loop)
{
    loop->stopped = false;
    turn_begin(loop);
    while (!loop->stopped) {
        if (!wait_batch(loop))
            return false;
        move_all(&loop->next, &loop->deferred);
        deliver(loop);
        run_deferred(loop);
        run_due(loop);
        run_deferred(loop); /* what timers closed is freed before the loop sleeps */
    }
    return true;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

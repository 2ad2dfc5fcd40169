/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accepting; see listener.h. A worker is in the accept set while no reason keeps it out; the
 * reasons are bits, each set and cleared by who knows it, and one function carries the result to
 * the loop. Up to 16 connections are taken at a time, so that those that are served go on.
 *
 * A wake-up that the kernel gave to this worker alone (EPOLLEXCLUSIVE) must not be thrown
 * away: balance is judged after what was ready has been accepted, and on leaving for good the
 * queues are looked at once more when the worker is out of the set already.
 *
 * queue_wait_ns is tcpi_last_data_recv of a fresh connection, which the kernel counts from the
 * end of the handshake or the latest data (milliseconds); one in eight is asked. Worker only.
 */
#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/must.h"
#include "net/address_table.h"
#include "net/balance.h"

enum {
    ACCEPT_BATCH = 16,
    SHED_COUNT = 16,
    SAMPLE_EVERY = 8,
};
#define PAUSE_MIN_NS   (100 * NS_PER_MS)
#define PAUSE_MAX_NS   NS_PER_S
#define RECHECK_MIN_NS NS_PER_MS
#define RECHECK_MAX_NS (50 * NS_PER_MS)
#define FULL_NS        (50 * NS_PER_MS)
#define TELL_EVERY_NS  (60 * NS_PER_S)
#define ACCEPT_EVENTS  (EPOLLIN | EPOLLEXCLUSIVE)

/* Why a worker is out of the accept set. */
enum {
    OUT_FULL = 1,        /* it has as many connections as it may, and none makes room */
    OUT_PAUSED = 2,      /* descriptors or memory ran out; a timer or a close ends it */
    OUT_STANDS_BACK = 4, /* it holds more than its share */
    OUT_LEFT = 8         /* for good */
};

struct listen_socket {
    struct loop_io io;
    struct listener *listener;
    unsigned index;
    bool tcp;
};

struct listener {
    struct loop *loop;
    struct board_slot *slot;
    struct listener_settings s;
    struct listen_socket *socket;  /* s.count of them */
    struct balance_worker *worker; /* one for each slot of the board */
    unsigned connections;
    unsigned out; /* OUT_* bits */
    unsigned until_sample;
    bool shed_in_vain;                 /* since the last connection accepted */
    bool full_in_vain;                 /* none made room since then */
    struct mono pause_told, room_told; /* 0: not yet */
    struct loop_task judge;
    struct loop_timers pauses, fulls, rechecks;
    struct loop_timer pause, full, recheck;
};

static void pause_accepting(struct listener *l);

/* Enters or leaves the accept set, as the reasons say. */
static void apply(struct listener *l)
{
    uint32_t interest = l->out == 0 ? ACCEPT_EVENTS : 0;

    for (size_t i = 0; i < l->s.count; i++)
        if (!loop_watch(l->loop, &l->socket[i].io, interest)) {
            log_warn("cannot watch a listening socket: %s; accepting pauses", strerror(errno));
            pause_accepting(l);
            return;
        }
    slot_gauge(l->slot, COUNTER_accepting, l->out == 0);
}

static void set_out(struct listener *l, unsigned reason, bool on)
{
    unsigned out = on ? l->out | reason : l->out & ~reason;

    if (out == l->out)
        return;
    l->out = out;
    apply(l);
}

/* At most once a minute: whatever runs out does so over and over. */
static bool is_told_again(struct listener *l, struct mono *told)
{
    struct mono now = loop_now(l->loop);

    if (told->ns != 0 && mono_since(now, *told) < TELL_EVERY_NS)
        return false;
    *told = now;
    return true;
}

static void tell_pause(struct listener *l, const char *what, const char *advice)
{
    if (!is_told_again(l, &l->pause_told))
        return;
    board_event(l->s.board, EVENT_LIMIT, l->s.worker_number,
                "accepting pauses with %u connections: %s", l->connections, what);
    log_warn("accepting pauses with %u connections: %s; %s", l->connections, what, advice);
}

static void tell_room(struct listener *l)
{
    if (!is_told_again(l, &l->room_told))
        return;
    board_event(l->s.board, EVENT_LIMIT, l->s.worker_number,
                "%u connections are the limit: idle ones are closed for new ones",
                l->s.connections_max);
    log_warn("%u connections are the limit of this worker: those that are idle longest are closed "
             "for new ones; see [limits] connections and the limit of open files",
             l->s.connections_max);
}

/* Out for a while: 100 ms, twice as long each time up to a second, until one is accepted. */
static void pause_accepting(struct listener *l)
{
    slot_count(l->slot, COUNTER_accept_pauses, 1);
    loop_arm(l->loop, &l->pauses, &l->pause);
    l->pauses.after_ns *= 2;
    if (l->pauses.after_ns > PAUSE_MAX_NS)
        l->pauses.after_ns = PAUSE_MAX_NS;
    set_out(l, OUT_PAUSED, true);
}

static void end_pause(struct listener *l)
{
    loop_disarm(&l->pause);
    l->shed_in_vain = false;
    set_out(l, OUT_PAUSED, false);
}

static void pause_over(struct loop_timers *kind, struct list *item)
{
    (void)item;
    end_pause(list_entry(kind, struct listener, pauses));
}

/* Whether connections wait in a queue, as the master last saw it. */
static bool queue_waits(const struct board *b)
{
    for (unsigned i = 0; i < b->listener_count; i++)
        if (atomic_load_explicit(&b->listener[i].used, memory_order_relaxed) != 0 &&
            atomic_load_explicit(&b->listener[i].queue_depth, memory_order_relaxed) > 0)
            return true;
    return false;
}

/* --- as many connections as it may have --- */

static void leave_full(struct listener *l)
{
    loop_arm(l->loop, &l->fulls, &l->full);
    set_out(l, OUT_FULL, true);
}

static void end_full(struct listener *l)
{
    loop_disarm(&l->full);
    set_out(l, OUT_FULL, false);
}

/* Whether a sibling takes what this one cannot. */
static bool siblings_have_room(const struct listener *l)
{
    const struct board *b = l->s.board;

    for (unsigned i = 0; i < b->slot_count; i++) {
        struct balance_worker w = balance_look(&b->slot[i], loop_now(l->loop));
        if (i != l->s.worker_number - 1 && w.live && w.accepting &&
            w.connections < l->s.connections_max)
            return true;
    }
    return false;
}

/* Comes back to see whether one has become idle. A queue that is there waits for siblings in vain.
 */
static void full_due(struct loop_timers *kind, struct list *item)
{
    struct listener *l = list_entry(kind, struct listener, fulls);

    (void)item;
    if (l->connections >= l->s.connections_max && siblings_have_room(l) && !queue_waits(l->s.board))
        loop_arm(l->loop, kind, &l->full);
    else
        end_full(l);
}

/*
 * Room for one more, who is there already; if need be somebody idle leaves for it. Else it is
 * out for a while: until a connection ends or, at the latest, 50 ms have passed.
 */
static bool has_room(struct listener *l)
{
    if (l->connections < l->s.connections_max)
        return true;
    if (l->s.make_room && l->s.make_room(l->s.arg, 1) > 0) {
        tell_room(l);
        return true;
    }
    if (!l->full_in_vain) {
        slot_count(l->slot, COUNTER_accept_pauses, 1);
        tell_pause(l, "the limit of connections is reached and none of them is idle",
                   "it goes on when one of them ends; see [limits] connections");
    }
    l->full_in_vain = true;
    leave_full(l);
    return false;
}

/* What a failed accept means: true to go on with the next connection, false to stop for now. */
static bool accept_failed(struct listener *l, int error)
{
    switch (error) {
    case EAGAIN:
        return false;
    case EINTR:
    case ECONNABORTED: /* the client is gone again */
    case EPERM:        /* a firewall's rule */
    case EPROTO:       /* errors of the new connection that accept(2) passes on */
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ETIMEDOUT:
        return true;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        if (!l->shed_in_vain && l->s.shed && l->s.shed(l->s.arg, SHED_COUNT) > 0) {
            l->shed_in_vain = true;
            return true;
        }
        tell_pause(l, strerror(error),
                   error == EMFILE ? "raise the limit of open files (LimitNOFILE=, ulimit -n) or "
                                     "lower [limits] connections"
                                   : "the machine is short of memory or of files (fs.file-max)");
        break;
    default:
        tell_pause(l, strerror(error), "accept failed in a way it should not; it is tried again");
        break;
    }
    pause_accepting(l);
    return false;
}

static uint64_t queue_wait(struct listener *l, const struct listen_socket *from, int fd)
{
    struct tcp_info info;
    socklen_t bytes = sizeof info;

    if (!from->tcp || l->until_sample-- > 0)
        return 0;
    l->until_sample = SAMPLE_EVERY - 1;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
        return 0;
    uint64_t wait_ns = info.tcpi_last_data_recv * NS_PER_MS;
    slot_hist(l->slot, HIST_ACCEPT_WAIT, wait_ns);
    return wait_ns;
}

static bool counts_addresses(const struct listener *l)
{
    return l->s.addresses && l->s.connections_per_address > 0;
}

/* Takes one connection off the queue; false when there is none or it should be left alone. */
static bool accept_one(struct listener *l, struct listen_socket *from)
{
    struct accepted a = {.listen_index = from->index, .when = loop_now(l->loop)};

    a.peer_bytes = sizeof a.peer;
    a.fd = accept4(from->io.fd, (struct sockaddr *)&a.peer, &a.peer_bytes,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (a.fd < 0)
        return accept_failed(l, errno);
    l->shed_in_vain = l->full_in_vain = false;
    l->pauses.after_ns = PAUSE_MIN_NS;
    slot_count(l->slot, COUNTER_accepts, 1);
    if (counts_addresses(l) && !address_table_enter(l->s.addresses, l->s.worker_number - 1, &a.peer,
                                                    l->s.connections_per_address)) {
        slot_count(l->slot, COUNTER_accepts_refused, 1);
        close_fd(&a.fd);
        return true;
    }
    a.queue_wait_ns = queue_wait(l, from, a.fd);
    slot_gauge(l->slot, COUNTER_connections, ++l->connections);
    if (l->connections >= l->s.connections_max && siblings_have_room(l))
        leave_full(l);
    l->s.accepted(l->s.arg, &a);
    return true;
}

static void accept_ready(struct loop_io *io, uint32_t events)
{
    struct listen_socket *from = list_entry(io, struct listen_socket, io);
    struct listener *l = from->listener;

    (void)events;
    slot_wait(l->slot, WAIT_ACCEPT, loop_now(l->loop));
    for (int i = 0; i < ACCEPT_BATCH && l->out == 0; i++) {
        /* That the first one is there the kernel says; nobody leaves for those behind it in vain.
         */
        if (l->connections >= l->s.connections_max && i > 0)
            break;
        if (!has_room(l) || !accept_one(l, from))
            break;
    }
    if (l->out == 0)
        loop_defer(l->loop, &l->judge);
}

static bool should_stand_back(struct listener *l)
{
    const struct board *b = l->s.board;
    unsigned used = atomic_load_explicit(&b->header->slots_used, memory_order_relaxed);
    unsigned count = used >= l->s.worker_number && used <= b->slot_count ? used : b->slot_count;

    for (unsigned i = 0; i < count; i++)
        l->worker[i] = balance_look(&b->slot[i], loop_now(l->loop));
    l->worker[l->s.worker_number - 1].connections = l->connections;
    return balance_stand_back(l->worker, count, l->s.worker_number - 1,
                              (l->out & OUT_STANDS_BACK) != 0);
}

static void judge(struct loop_task *task)
{
    struct listener *l = list_entry(task, struct listener, judge);

    if (l->out != 0 || !should_stand_back(l))
        return;
    slot_count(l->slot, COUNTER_accept_stand_backs, 1);
    set_out(l, OUT_STANDS_BACK, true);
    l->rechecks.after_ns = RECHECK_MIN_NS;
    loop_arm(l->loop, &l->rechecks, &l->recheck);
}

/*
 * Looks again after 1 ms, then each time after twice as long: what the others took beyond their
 * share before this worker was back is then no more than what they took until the last look.
 */
static void recheck_due(struct loop_timers *kind, struct list *item)
{
    struct listener *l = list_entry(kind, struct listener, rechecks);

    (void)item;
    if (queue_waits(l->s.board) || !should_stand_back(l)) {
        set_out(l, OUT_STANDS_BACK, false);
        return;
    }
    kind->after_ns *= 2;
    if (kind->after_ns > RECHECK_MAX_NS)
        kind->after_ns = RECHECK_MAX_NS;
    loop_arm(l->loop, kind, &l->recheck);
}

/* The option is inherited by what is accepted (Linux copies it with the socket). */
static void prepare_socket(struct listen_socket *socket)
{
    int domain = AF_UNSPEC;
    const int on = 1;
    socklen_t bytes = sizeof domain;

    if (getsockopt(socket->io.fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) != 0)
        return;
    socket->tcp = domain == AF_INET || domain == AF_INET6;
    if (socket->tcp && setsockopt(socket->io.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        log_warn("cannot set TCP_NODELAY on a listening socket: %s; small answers may be late",
                 strerror(errno));
}

static void listener_setup(struct listener *l, struct loop *loop, const struct listener_settings *s)
{
    l->loop = loop;
    l->slot = loop_slot(loop);
    l->s = *s;
    l->judge.run = judge;
    l->pauses = (struct loop_timers){.after_ns = PAUSE_MIN_NS, .due = pause_over};
    l->rechecks = (struct loop_timers){.after_ns = RECHECK_MIN_NS, .due = recheck_due};
    l->fulls = (struct loop_timers){.after_ns = FULL_NS, .due = full_due};
    list_init(&l->pause.link);
    list_init(&l->full.link);
    list_init(&l->recheck.link);
    loop_add_timers(loop, &l->pauses);
    loop_add_timers(loop, &l->fulls);
    loop_add_timers(loop, &l->rechecks);
    for (size_t i = 0; i < s->count; i++) {
        l->socket[i] = (struct listen_socket){
            .io = {.fd = s->fd[i], .ready = accept_ready}, .listener = l, .index = (unsigned)i};
        prepare_socket(&l->socket[i]);
    }
}

struct listener *listener_new(struct loop *loop, const struct listener_settings *s)
{
    struct listener *l = calloc(1, sizeof *l);
    must(s->worker_number >= 1 && s->worker_number <= s->board->slot_count);

    if (!l)
        return NULL;
    l->socket = calloc(s->count ? s->count : 1, sizeof *l->socket);
    l->worker = calloc(s->board->slot_count, sizeof *l->worker);
    if (!l->socket || !l->worker) {
        free(l->socket);
        free(l->worker);
        free(l);
        errno = ENOMEM;
        return NULL;
    }
    listener_setup(l, loop, s);
    apply(l);
    return l;
}

/* Out of the accept set for good, with the timers that would bring it back. */
static void leave_set(struct listener *l)
{
    set_out(l, OUT_LEFT, true);
    slot_gauge(l->slot, COUNTER_accepting, 0);
    loop_cancel(&l->judge);
    loop_disarm(&l->pause);
    loop_disarm(&l->full);
    loop_disarm(&l->recheck);
}

void listener_leave(struct listener *l)
{
    if (l->out & OUT_LEFT)
        return;
    leave_set(l);
    for (size_t i = 0; i < l->s.count; i++) {
        /* What woke this worker woke no other: it is still ours to take. */
        for (int n = 0; n < ACCEPT_BATCH && !(l->out & OUT_PAUSED); n++)
            if (l->connections >= l->s.connections_max || !accept_one(l, &l->socket[i]))
                break;
        close_fd(&l->socket[i].io.fd);
    }
    loop_disarm(&l->pause);
    loop_disarm(&l->full);
}

void listener_free(struct listener **listener)
{
    struct listener *l = *listener;

    if (!l)
        return;
    leave_set(l);
    for (size_t i = 0; i < l->s.count; i++)
        close_fd(&l->socket[i].io.fd);
    list_remove(&l->pauses.link);
    list_remove(&l->fulls.link);
    list_remove(&l->rechecks.link);
    free(l->socket);
    free(l->worker);
    free(l);
    *listener = NULL;
}

void listener_closed(struct listener *l, const struct sockaddr_storage *peer)
{
    must(l->connections > 0);
    slot_gauge(l->slot, COUNTER_connections, --l->connections);
    if (counts_addresses(l))
        address_table_leave(l->s.addresses, l->s.worker_number - 1, peer);
    if (l->connections < l->s.connections_max && (l->out & OUT_FULL))
        end_full(l);
    if (l->out & OUT_PAUSED) /* its descriptor is free: no more attempts than there are closes */
        end_pause(l);
}

unsigned listener_connections(const struct listener *l)
{
    return l->connections;
}

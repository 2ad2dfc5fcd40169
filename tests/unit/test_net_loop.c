/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop over socket pairs: what is delivered, what is not once it was taken out in the
 * same batch, the order of tasks and timers. Nothing here measures time; timers are
 * short and the loop itself waits for them.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop.h"

static struct board_slot slot;

/* A watched end of a socket pair with a byte waiting in it. */
struct peer {
    struct loop_io io;
    int other;
    struct loop *loop;
    int calls;
    uint32_t events;
    struct peer *victim; /* taken out, or freed, by this one's callback */
    enum { TAKE_OUT, FORGET_AND_FREE, NARROW } how;
};

static void peer_ready(struct loop_io *io, uint32_t events)
{
    struct peer *p = list_entry(io, struct peer, io);

    p->calls++;
    p->events = events;
    loop_watch(p->loop, io, 0);
    struct peer *v = p->victim;
    if (!v)
        return;
    if (p->how == TAKE_OUT) {
        loop_watch(p->loop, &v->io, 0);
    } else if (p->how == NARROW) {
        loop_watch(p->loop, &v->io, EPOLLRDHUP);
    } else {
        loop_forget(p->loop, &v->io);
        close(v->io.fd);
        close(v->other);
        free(v);
    }
    p->victim = NULL;
}

static struct peer *peer_new(struct loop *loop, bool byte_waits)
{
    struct peer *p = calloc(1, sizeof *p);
    int fd[2];

    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    p->io = (struct loop_io){.fd = fd[0], .ready = peer_ready};
    p->other = fd[1];
    p->loop = loop;
    if (byte_waits)
        ck_assert_int_eq(write(p->other, "x", 1), 1);
    return p;
}

static void peer_free(struct peer *p)
{
    loop_watch(p->loop, &p->io, 0);
    close(p->io.fd);
    close(p->other);
    free(p);
}

/* Ends the loop from a task of the given turn. */
struct stopper {
    struct loop_task task;
    struct loop *loop;
    int turns_left;
};

static void stopper_run(struct loop_task *task)
{
    struct stopper *s = list_entry(task, struct stopper, task);

    if (s->turns_left-- == 0)
        loop_stop(s->loop);
    else
        loop_again(s->loop, task);
}

/* Runs the loop for some turns without sleeping. */
static void run_turns(struct loop *loop, int turns)
{
    struct stopper s = {.task = {.run = stopper_run}, .loop = loop, .turns_left = turns - 1};

    loop_again(loop, &s.task);
    ck_assert(loop_run(loop));
}

START_TEST(delivers_what_is_watched)
{
    struct loop *loop = loop_new(&slot);
    struct peer *a = peer_new(loop, true), *b = peer_new(loop, false);

    ck_assert(loop_watch(loop, &a->io, EPOLLIN));
    ck_assert(loop_watch(loop, &b->io, EPOLLIN));
    run_turns(loop, 2);
    ck_assert_int_eq(a->calls, 1);
    ck_assert_uint_eq(a->events, EPOLLIN);
    ck_assert_int_eq(b->calls, 0);
    /* Level-triggered: the byte is still there for who watches again, and another interest. */
    ck_assert(loop_watch(loop, &a->io, EPOLLOUT));
    ck_assert(loop_watch(loop, &a->io, EPOLLIN | EPOLLOUT));
    run_turns(loop, 1);
    ck_assert_int_eq(a->calls, 2);
    ck_assert_uint_eq(a->events, EPOLLIN | EPOLLOUT);
    peer_free(a);
    peer_free(b);
    loop_free(&loop);
    ck_assert_ptr_null(loop);
}
END_TEST

/* Whichever of the two comes first takes the other out; it must not be called. */
START_TEST(removal_inside_a_batch)
{
    for (int how = TAKE_OUT; how <= NARROW; how++) {
        struct loop *loop = loop_new(&slot);
        struct peer *a = peer_new(loop, true), *b = peer_new(loop, true);
        a->victim = b;
        b->victim = a;
        a->how = b->how = how;
        ck_assert(loop_watch(loop, &a->io, EPOLLIN));
        ck_assert(loop_watch(loop, &b->io, EPOLLIN));
        if (how == FORGET_AND_FREE) {
            /* epoll gives them in the order of readiness: a first, and b is gone then. */
            b->victim = NULL;
            run_turns(loop, 3);
            ck_assert_int_eq(a->calls, 1);
            peer_free(a);
        } else {
            run_turns(loop, 3);
            ck_assert_int_eq(a->calls + b->calls, 1);
            peer_free(a);
            peer_free(b);
        }
        loop_free(&loop);
    }
}
END_TEST

START_TEST(many_in_one_batch_free_each_other)
{
    enum { PAIRS = 150 }; /* 300 descriptors: more than one batch */
    struct loop *loop = loop_new(&slot);
    struct peer *first[PAIRS];

    for (int i = 0; i < PAIRS; i++) {
        first[i] = peer_new(loop, true);
        ck_assert(loop_watch(loop, &first[i]->io, EPOLLIN));
    }
    for (int i = 0; i < PAIRS; i++) {
        first[i]->victim = peer_new(loop, true);
        first[i]->how = FORGET_AND_FREE;
        ck_assert(loop_watch(loop, &first[i]->victim->io, EPOLLIN));
    }
    run_turns(loop, 4);
    for (int i = 0; i < PAIRS; i++) {
        ck_assert_int_eq(first[i]->calls, 1);
        peer_free(first[i]);
    }
    loop_free(&loop);
}
END_TEST

static char order[16];

/* Writes down its own letter. */
struct lettered {
    struct loop_io io;
    struct loop *loop;
    char letter;
};

static void lettered_ready(struct loop_io *io, uint32_t events)
{
    struct lettered *l = list_entry(io, struct lettered, io);

    (void)events;
    ck_assert_uint_lt(strlen(order), sizeof order - 1);
    order[strlen(order)] = l->letter;
    loop_watch(l->loop, io, 0);
}

/*
 * In a batch accepting comes before input, and input before output, whatever the order in which
 * they became ready; an error counts as input, for it ends something.
 */
START_TEST(short_work_first)
{
    static const struct {
        const char *become_ready, *called;
    } cases[] = {{"oiA", "Aio"},   {"opia", "apio"}, {"oOiI", "iIoO"},
                 {"OoAa", "AaOo"}, {"oO", "oO"},     {"iI", "iI"},
                 {"oxi", "xio"},   {"i", "i"},       {"pPoOiIaAx", "aApPiIxoO"}};

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct loop *loop = loop_new(&slot);
        struct lettered l[16];
        int pair[16][2];
        size_t n = strlen(cases[k].become_ready);

        memset(order, 0, sizeof order);
        for (size_t i = 0; i < n; i++) {
            char letter = cases[k].become_ready[i];
            uint32_t interest = EPOLLOUT;
            ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair[i]), 0);
            if (letter == 'a' || letter == 'A')
                interest = EPOLLIN | EPOLLEXCLUSIVE;
            else if (letter == 'i' || letter == 'I')
                interest = EPOLLIN;
            else if (letter == 'p' || letter == 'P')
                interest = EPOLLIN | EPOLLOUT;
            ck_assert_int_eq(write(pair[i][1], "x", 1), 1);
            if (letter == 'x') /* wants to write, but the other end is gone */
                close(pair[i][1]);
            l[i] = (struct lettered){{.fd = pair[i][0], .ready = lettered_ready}, loop, letter};
            ck_assert(loop_watch(loop, &l[i].io, interest));
        }
        run_turns(loop, 1);
        ck_assert_str_eq(order, cases[k].called);
        for (size_t i = 0; i < n; i++) {
            close(pair[i][0]);
            if (cases[k].become_ready[i] != 'x')
                close(pair[i][1]);
        }
        loop_free(&loop);
    }
}
END_TEST

START_TEST(exclusive_interest_changes)
{
    struct loop *loop = loop_new(&slot);
    struct peer *a = peer_new(loop, true);

    ck_assert(loop_watch(loop, &a->io, EPOLLIN | EPOLLEXCLUSIVE));
    ck_assert(loop_watch(loop, &a->io, EPOLLOUT | EPOLLEXCLUSIVE));
    ck_assert(loop_watch(loop, &a->io, EPOLLIN));
    ck_assert(loop_watch(loop, &a->io, EPOLLIN | EPOLLEXCLUSIVE));
    run_turns(loop, 1);
    ck_assert_int_eq(a->calls, 1);
    ck_assert_uint_eq(a->events, EPOLLIN);
    /* What the kernel refuses comes back as it is, and nothing is registered. */
    ck_assert(!loop_watch(loop, &a->io, EPOLLPRI | EPOLLEXCLUSIVE));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_uint_eq(a->io.interest, 0);
    peer_free(a);
    loop_free(&loop);
}
END_TEST

START_TEST(unchanged_interest_makes_no_call)
{
    struct loop *loop = loop_new(&slot);
    struct peer *a = peer_new(loop, false);

    ck_assert(loop_watch(loop, &a->io, EPOLLIN));
    /* A system call on a closed descriptor would fail. */
    close(a->io.fd);
    ck_assert(loop_watch(loop, &a->io, EPOLLIN));
    loop_forget(loop, &a->io);
    ck_assert(loop_watch(loop, &a->io, 0));
    close(a->other);
    free(a);
    loop_free(&loop);
}
END_TEST

/* A letter into the record for each thing that runs. */
static char record[64];
static size_t recorded;

struct noter {
    struct loop_task task;
    struct loop_timer timer;
    struct loop *loop;
    struct noter *defer, *again, *cancel;
    char letter;
};

static void note(char letter)
{
    ck_assert_uint_lt(recorded, sizeof record - 1);
    record[recorded++] = letter;
    record[recorded] = '\0';
}

static void noter_run(struct loop_task *task)
{
    struct noter *n = list_entry(task, struct noter, task);

    note(n->letter);
    if (n->defer)
        loop_defer(n->loop, &n->defer->task);
    if (n->again)
        loop_again(n->loop, &n->again->task);
    if (n->cancel)
        loop_cancel(&n->cancel->task);
    n->defer = n->again = n->cancel = NULL;
}

static struct noter noter(struct loop *loop, char letter)
{
    return (struct noter){.task = {.run = noter_run}, .loop = loop, .letter = letter};
}

START_TEST(tasks_in_order)
{
    struct loop *loop = loop_new(&slot);
    struct noter a = noter(loop, 'a'), b = noter(loop, 'b'), c = noter(loop, 'c'),
                 d = noter(loop, 'd');

    recorded = 0;
    a.defer = &d;  /* queued by a task: later, not at once */
    b.again = &b;  /* itself, next turn */
    b.cancel = &c; /* already queued, never runs */
    loop_defer(loop, &a.task);
    loop_defer(loop, &b.task);
    loop_defer(loop, &b.task); /* twice is once */
    loop_defer(loop, &c.task);
    run_turns(loop, 3);
    ck_assert_str_eq(record, "abdb");
    ck_assert(!c.task.queued && !b.task.queued);
    loop_cancel(&c.task);
    loop_free(&loop);
}
END_TEST

struct timer_kind {
    struct loop_timers timers;
    struct loop *loop;
    struct noter *rearm; /* armed again when the first is due */
    struct noter *disarm;
    char stop_at;
};

static void kind_due(struct loop_timers *timers, struct list *item)
{
    struct timer_kind *k = list_entry(timers, struct timer_kind, timers);
    struct noter *n = list_entry(item, struct noter, timer.link);

    note(n->letter);
    if (k->disarm)
        loop_disarm(&k->disarm->timer);
    if (k->rearm)
        loop_arm(k->loop, timers, &k->rearm->timer);
    k->rearm = k->disarm = NULL;
    if (n->letter == k->stop_at)
        loop_stop(k->loop);
}

START_TEST(timers_in_order)
{
    struct loop *loop = loop_new(&slot);
    struct timer_kind slow = {.timers = {.after_ns = 20 * NS_PER_MS, .due = kind_due}};
    struct timer_kind fast = {.timers = {.after_ns = NS_PER_MS, .due = kind_due}};
    struct noter n[6];

    for (int i = 0; i < 6; i++) {
        n[i] = noter(loop, (char)('a' + i));
        list_init(&n[i].timer.link);
    }
    recorded = 0;
    slow.loop = fast.loop = loop;
    loop_add_timers(loop, &slow.timers);
    loop_add_timers(loop, &fast.timers);
    loop_arm(loop, &slow.timers, &n[0].timer);
    loop_arm(loop, &slow.timers, &n[1].timer);
    loop_arm(loop, &slow.timers, &n[0].timer); /* again: behind n[1] */
    loop_arm(loop, &fast.timers, &n[2].timer);
    loop_arm(loop, &fast.timers, &n[3].timer);
    loop_arm(loop, &fast.timers, &n[4].timer);
    fast.disarm = &n[3];
    fast.rearm = &n[2];
    slow.stop_at = 'a';
    ck_assert(loop_run(loop));
    ck_assert_str_eq(record, "cecba");
    loop_free(&loop);
}
END_TEST

START_TEST(timers_made_shorter_keep_order)
{
    struct loop *loop = loop_new(&slot);
    struct timer_kind kind = {.timers = {.after_ns = 10 * NS_PER_MS, .due = kind_due}};
    struct noter a = noter(loop, 'a'), b = noter(loop, 'b'), never = noter(loop, 'n');

    recorded = 0;
    kind.loop = loop;
    kind.stop_at = 'a';
    list_init(&a.timer.link);
    list_init(&b.timer.link);
    list_init(&never.timer.link);
    loop_add_timers(loop, &kind.timers);
    loop_arm(loop, &kind.timers, &a.timer);
    kind.timers.after_ns = UINT64_MAX;
    loop_arm(loop, &kind.timers, &never.timer);
    kind.timers.after_ns = NS_PER_MS;
    loop_arm(loop, &kind.timers, &b.timer);
    ck_assert(loop_run(loop));
    ck_assert_str_eq(record, "ba");
    kind.timers.after_ns = 0; /* disarms */
    loop_arm(loop, &kind.timers, &never.timer);
    ck_assert(list_empty(&kind.timers.armed));
    loop_free(&loop);
}
END_TEST

/* A timer that frees by a deferred task: the task runs before the loop sleeps for ever. */
static void due_defers(struct loop_timers *timers, struct list *item)
{
    struct noter *n = list_entry(item, struct noter, timer.link);
    static struct stopper stop;

    (void)timers;
    stop = (struct stopper){.task = {.run = stopper_run}, .loop = n->loop};
    loop_defer(n->loop, &stop.task);
}

START_TEST(tasks_of_timers_run_before_sleep)
{
    struct loop *loop = loop_new(&slot);
    struct loop_timers kind = {.after_ns = 1, .due = due_defers};
    struct noter n = noter(loop, 'x');

    list_init(&n.timer.link);
    loop_add_timers(loop, &kind);
    loop_arm(loop, &kind, &n.timer);
    ck_assert(loop_run(loop)); /* would hang, and Check's time limit would say so */
    ck_assert(loop_wall(loop).ns == loop_wall(loop).ns);
    loop_free(&loop);
}
END_TEST

START_TEST(slot_tells_turns)
{
    struct loop *loop = loop_new(&slot);

    memset(&slot, 0, sizeof slot);
    run_turns(loop, 5);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_loop_turns), 5);
    ck_assert_uint_eq(slot.hist[HIST_LOOP_TURN].count, 5);
    ck_assert_uint_ne(slot.heartbeat_ns, 0);
    loop_free(&loop);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net loop");
    TCase *t = tcase_create("loop");

    tcase_add_test(t, delivers_what_is_watched);
    tcase_add_test(t, removal_inside_a_batch);
    tcase_add_test(t, many_in_one_batch_free_each_other);
    tcase_add_test(t, short_work_first);
    tcase_add_test(t, exclusive_interest_changes);
    tcase_add_test(t, unchanged_interest_makes_no_call);
    tcase_add_test(t, tasks_in_order);
    tcase_add_test(t, timers_in_order);
    tcase_add_test(t, timers_made_shorter_keep_order);
    tcase_add_test(t, tasks_of_timers_run_before_sleep);
    tcase_add_test(t, slot_tells_turns);
    suite_add_tcase(s, t);
    return unit_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the board begin with: a board with something in every part of it, and the
 * reader's view of it.
 */
#ifndef WEIR_TESTS_TEST_BOARD_H
#define WEIR_TESTS_TEST_BOARD_H

#include "tests/unit/unit.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/board.h"
#include "board/finished.h"
#include "board/slot.h"
#include "weir/snapshot.h"

#define SLOTS     4
#define LISTENERS 3

static const struct board_create usual = {SLOTS, LISTENERS, "prod-files", "0.1.0"};

static inline struct board_view *view_of(const struct board *b, char why[256])
{
    int fd = board_open_read_only(b);

    ck_assert_int_ge(fd, 0);
    why[0] = '\0';
    struct board_view *view = board_view_open(fd, why, 256);
    close_fd(&fd);
    return view;
}

static inline void make(struct board *b)
{
    ck_assert_msg(board_create(b, &usual), "errno %d", errno);
}

static inline struct board_view *must_view(const struct board *b)
{
    char why[256];
    struct board_view *view = view_of(b, why);

    ck_assert_msg(view != NULL, "%s", why);
    return view;
}

/* Worker 2's request in flight and file, and a finished request in both rings. */
static inline void populate_requests(struct board *b)
{
    struct board_request *r = &b->request[BOARD_REQUESTS_PER_SLOT + 3];
    struct board_file *f = &b->file[BOARD_FILES_PER_SLOT];
    const struct board_finished_request done = {.when_wall_ns = wall_now().ns,
                                                .total_ns = 2 * NS_PER_S,
                                                .open_ns = NS_PER_S,
                                                .bytes = 77,
                                                .status = 200,
                                                .cold = true,
                                                .method = SPAN("GET"),
                                                .target = SPAN("/slow\x1b"),
                                                .peer = SPAN("10.0.0.9:1")};

    r->phase = PHASE_SEND;
    r->status = 206;
    r->began_ns = r->phase_since_ns = r->progress_ns = mono_now().ns - NS_PER_S;
    r->sent_bytes = 5;
    r->content_bytes = 500;
    board_text_set(&r->request, SPAN("GET /big\x1b[2J HTTP/1.1"));
    board_text_set(&r->peer, SPAN("10.0.0.7:52110"));
    r->serial = 1842;
    b->slot[1].requests_in_flight = 1;
    f->since_ns = mono_now().ns - NS_PER_S;
    f->requests = 9;
    f->time[3] = 9;
    board_text_set(&f->path, SPAN("/big\x1b"));
    f->serial = 4;
    board_finished_slow(b, 1, &done);
    board_finished_recent(b, 1, &done);
}

/* A board with something in every part of it. */
static inline void populate(struct board *b)
{
    struct board_slot *s = &b->slot[1];

    s->state = SLOT_RUNNING;
    s->pid = 4242;
    s->epoch = 3;
    b->listener[2].used = 1;
    b->listener[2].queue_depth = 7;
    b->listener[2].queue_limit = 511;
    b->listener[2].drops = 9;
    board_text_set(&b->listener[2].address, SPAN("[::]:8080"));
    slot_wait(s, WAIT_OPEN, (struct mono){mono_now().ns - 5 * NS_PER_S});
    slot_serving(s, SPAN("/srv/a\x1b[2Jb"));
    slot_request(s, SPAN("GET /a HTTP/1.1"), SPAN("10.0.0.7:52110"));
    slot_count(s, COUNTER_requests, 40);
    slot_count(s, COUNTER_requests, 2);
    slot_gauge(s, COUNTER_connections, 5);
    slot_hist(s, HIST_REQUEST_TIME, 3 * NS_PER_MS);
    struct board_mount *m = &b->mount[BOARD_MOUNTS_PER_SLOT + 1];
    m->device = 52;
    m->state = MOUNT_SICK;
    m->running = 3;
    m->queued = 40;
    m->oldest_ns = mono_now().ns - 12 * NS_PER_S;
    m->sick_since_ns = mono_now().ns - 2 * NS_PER_S;
    m->counter[MOUNT_COLD] = 7;
    board_text_set(&m->name, SPAN("/srv/nfs"));
    board_text_set(&m->type, SPAN("nfs4"));
    m->used = 1;
    struct board_thread *t = &b->thread[BOARD_THREADS_PER_SLOT + 4];
    t->tid = 4250;
    t->wait = WAIT_READ;
    t->mount = 1;
    t->since_ns = mono_now().ns - 12 * NS_PER_S;
    board_text_set(&t->path, SPAN("/srv/nfs/b\x1b[2Jig"));
    t->used = 1;
    struct board_stall *stall = &b->stall[3];
    stall->worker = 2;
    stall->on_loop = 1;
    stall->wait = WAIT_OPEN;
    stall->began_ns = mono_now().ns - 5 * NS_PER_S;
    stall->began_wall_ns = wall_now().ns - 5 * NS_PER_S;
    stall->lasted_ns = 5 * NS_PER_S;
    stall->waiting = 4;
    board_text_set(&stall->path, SPAN("/srv/a\nb"));
    board_text_set(&stall->kernel, SPAN("waiting for disk (D) in openat"));
    stall->used = 9;
    populate_requests(b);
    b->header->offload_threads = 64;
    b->header->faults = 2;
    b->header->workers_wanted = 2;
    b->header->blocked_after_ns = 100 * NS_PER_MS;
    b->header->reload_state = RELOAD_FAILED;
    board_text_set(&b->header->reload_error, SPAN("weir.ini:3: no"));
    board_event(b, EVENT_SPAWN, 2, "worker %d, pid %d", 2, 4242);
}

#endif

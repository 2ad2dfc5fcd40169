/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rig for the protocol's tests: a real loop with real connections, clients at the other end
 * of socket pairs in the same loop, and a small site in place of serve/. Everything runs in
 * one thread; what is waited for is a condition, looked at in every turn of the loop.
 */
#ifndef WEIR_TESTS_PROTO_RIG_H
#define WEIR_TESTS_PROTO_RIG_H

#include "tests/unit/unit.h"

#include "board/board.h"
#include "board/slot.h"
#include "proto/conn.h"

#define RIG_BIG_BYTES (8u * 1024 * 1024)
#define RIG_CLIENTS   80
#define RIG_WORKER    7

struct rig_client {
    struct rig *rig;
    struct loop_io io;
    struct buf got;
    bool eof, broken;
    bool paused; /* reads nothing */
};

struct rig {
    struct conf conf;
    bool with_board;    /* set before rig_start: there is a board, and `slot` is its seventh */
    struct board board; /* of eight slots */
    struct board_slot *slot;
    struct loop *loop;
    struct access_log *log;
    int log_fd[2]; /* its queue: read from, and sent to */
    struct buf logged;
    struct conns *conns;
    struct rig_client client[RIG_CLIENTS];
    unsigned client_count;
    unsigned closed_count, empty_count;
    struct loop_task look;
    bool (*until)(void *);
    void *until_arg;
    struct mono deadline;
};

/* Set rig->conf's limits before rig_start when the ordinary ones do not fit. */
void rig_init(struct rig *rig);
void rig_start(struct rig *rig);
/* Ends all, and checks that every body source was stopped. */
void rig_end(struct rig *rig);

struct rig_client *rig_connect(struct rig *rig);
struct rig_client *rig_connect_over(struct rig *rig, bool tcp);
void rig_send(struct rig_client *c, const char *p, size_t n);
void rig_close(struct rig_client *c);
/* Turns of the loop until it is true; fails the test when it does not become so. */
void rig_until(struct rig *rig, bool (*until)(void *), void *arg);
void rig_turns(struct rig *rig, int turns);
void rig_until_eof(struct rig_client *c);
void rig_until_got(struct rig_client *c, size_t bytes);
void rig_until_idle(struct rig *rig); /* every connection waits for a request */

/* How the site wakes who waits for it. */
struct rig_wakeup {
    void (*wake)(void *arg);
    void *arg;
};

unsigned rig_waiting(void); /* plans and bodies that wait */
unsigned rig_cancels(void); /* plans given up while they waited */
/* What all these wait for has come: wakes each so many times. How the last of them is woken. */
struct rig_wakeup rig_wake(unsigned times);

/*
 * What the client got, without the lines that change: each "Server: weir, Date: ..." pair and
 * each X-Request-Id of 32 hex digits, whose shape is checked. NUL-terminated; caller frees.
 */
char *rig_plain(const struct rig_client *c);
/* All of the access log so far; caller frees. */
char *rig_log(struct rig *rig);

#endif

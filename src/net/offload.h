/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The offload pool of a worker: threads that make the calls which may wait for storage, so
 * that the event loop never does. Jobs are queued per mount, each mount with its own share
 * of the threads, so that one dead or slow mount cannot hold up the others. Threads start when
 * more is queued than is idle and end when idle for long; how many there may be can change
 * at any time without dropping a job. Results come back to the loop through one eventfd.
 *
 * Progress is what is judged. A mount of which nothing came back for the deadline, though asked, or
 * of whose calls of one kind nearly all are late, is sick: submitting for it fails at once, until a
 * probe (a thread of its own) says that it answers again. Before that a job which does not get on
 * while others do is late alone: who waits for it is told, and for a while nobody may ask the same
 * of the same path again. A job gets on with each offload_job_moved. Threads whose job is late no
 * longer count against the limit nor the mount's share (bounded: OFFLOAD_STUCK_MAX), so that
 * everybody else keeps theirs; they never keep the process from ending. A mount that has no thread
 * at all gets its first one even beyond the limit.
 *
 * [fault] rules are applied here, in the thread, before the job's own call (conf_fault).
 *
 * Every function is for the loop's thread; only job->run runs elsewhere. What threads and mounts
 * do is on the board (board_thread, board_mount rows of this worker). Threads block all signals
 * and are named "weir-offload". Worker only.
 */
#ifndef WEIR_NET_OFFLOAD_H
#define WEIR_NET_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "board/board.h"
#include "conf/conf.h"
#include "net/loop.h"

/* With this many late jobs in all, a mount that has some gets no more threads. */
#define OFFLOAD_STUCK_MAX 128

struct offload;
struct offload_mount;

struct offload_settings {
    struct loop *loop;
    struct board *board;    /* NULL: nothing is reported (tests) */
    unsigned worker_number; /* from 1 */
    unsigned threads_max;
    const struct conf *conf; /* [offload] and [fault] */
};

struct offload *offload_new(const struct offload_settings *s); /* NULL with errno */
/*
 * Drops what is queued (done is called with cancelled set), leaves running threads behind: a job
 * that is in its run gets no done, and its memory must stay for as long as the process does.
 * What sleeps for a [fault] rule is woken and dropped too. Not from a callback of the loop.
 */
void offload_free(struct offload **pool);

/* How many threads there may be from now on; surplus ones end after their job. */
void offload_resize(struct offload *pool, unsigned threads_max);

/*
 * The mount with this device number, made at first sight. name (mount point) and type are for the
 * board and are copied; "" when they are not known yet, a later call fills them in. NULL on
 * ENOMEM. Lives as long as the pool.
 */
struct offload_mount *offload_mount(struct offload *pool, uint64_t device, const char *name,
                                    const char *type);
/* Another mount has the device number now. Without memory it keeps its names. */
void offload_mount_rename(struct offload_mount *m, const char *name, const char *type);
/* 0 when jobs are accepted, else how long to wait before asking again (Retry-After), in seconds. */
unsigned offload_mount_refuses(const struct offload_mount *m);
/* True when an operator fenced it: not even what is in memory is given out. */
bool offload_mount_is_fenced(const struct offload_mount *m);
/* An operator's word: refuse everything for it but WAIT_CLOSE, or be healthy again. */
void offload_mount_fence(struct offload_mount *m, bool fenced);
/* Adds to the mount's row on the board. */
void offload_mount_count(struct offload_mount *m, enum board_mount_counter which, uint64_t n);
/* Whether any worker that runs has counted this of the same mount. */
bool offload_mount_counted(const struct offload_mount *m, enum board_mount_counter which);
/*
 * A call about the mount ended with this errno, 0 for none: counted when it is the file system's
 * failure, not an answer about a name or a shortage of this process. m may be NULL.
 */
void offload_mount_failed(struct offload_mount *m, int error);
const char *offload_mount_name(const struct offload_mount *m);

/*
 * One call to be made away from the loop; embed it. path is shown while it runs and is what
 * [fault] rules are matched against: not NULL, and it must stay until done.
 */
struct offload_job {
    struct offload_mount *mount;
    enum board_wait
        op; /* what it does: WAIT_OPEN, WAIT_READ, WAIT_READDIR, WAIT_STAT, WAIT_CLOSE, ... */
    const char *path;
    uint64_t bytes; /* how much it means to read, for a fault's rate; 0: nothing */
    void (*run)(struct offload_job *job);  /* on a thread; touches nothing that the loop owns */
    void (*done)(struct offload_job *job); /* on the loop, once; may free the job */
    /* NULL, or called on the loop, at most once, when the job has not got on for the deadline or
     * its mount became sick while it runs: it is given up, whoever waits for it should be answered
     * 503, and nobody should begin to wait for it. done still follows. */
    void (*late)(struct offload_job *job);

    int fault_error; /* not 0: run was not called, and the job failed with this errno: a [fault]
                        rule's, or ETIMEDOUT with refused, or ECANCELED with cancelled */
    bool refused;    /* its mount became sick or was fenced while it was queued: 503 */
    bool cancelled;  /* it was cancelled while it ran, or the pool ended: done must only clean up */
    struct mono queued, started, finished;

    struct list link; /* the pool's own from here on */
    struct offload_job *next_late;
    const struct conf_fault *fault;
    int state;
    _Atomic(uint64_t) moved_ns; /* when it last got on */
};

enum offload_submit {
    OFFLOAD_QUEUED, /* done will be called, later */
    OFFLOAD_SICK,   /* the mount is sick or fenced, or this call of this path was given up a moment
                       ago: 503 with offload_mount_refuses' Retry-After, if it has one */
    OFFLOAD_FULL    /* [offload] queue is full, or no thread could be started: 503 */
};

/* Sets all but the first members (up to late). */
enum offload_submit offload_submit(struct offload *pool, struct offload_job *job);

/* From within run, on its thread: another of the job's calls came back. */
void offload_job_moved(struct offload_job *job);

/*
 * Nobody wants the result any more. True: it had not started; it will never run and done is not
 * called. False: it runs; done is called with cancelled set.
 */
bool offload_cancel(struct offload *pool, struct offload_job *job);

/* True when some [fault] rule is about this operation on this path: it must not be done on the
 * loop. */
bool offload_is_faulted(const struct offload *pool, enum board_wait op, const char *path);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the offload pool (offload*.c) share; nobody else includes it.
 *
 * One mutex guards all that the loop and the threads both touch; it is never held over a job's
 * run, a callback, a sleep or a system call that could wait. A job is in one list at a time:
 * its mount's queue, running or late list, then the pool's results; only the loop takes it from
 * there, so that on the loop's thread a job cannot go away between two calls.
 *
 * The pool's memory is counted: the loop holds it, and so does every thread, because a
 * thread in a dead mount may outlive offload_free. Such a thread touches nothing but the lock and
 * the count. Worker only.
 */
#ifndef WEIR_NET_OFFLOAD_POOL_H
#define WEIR_NET_OFFLOAD_POOL_H

#include <pthread.h>

#include "net/offload.h"

/* A sick mount is tried in two ways: by what made it sick, and by something else. */
enum probe_kind { PROBE_SAME, PROBE_OTHER, PROBE_KIND_COUNT };

enum job_state {
    JOB_FREE,    /* not the pool's */
    JOB_QUEUED,  /* in its mount's queue */
    JOB_RUNNING, /* in its mount's running list */
    JOB_LATE,    /* in its mount's late list: it was given up */
    JOB_FINISHED /* among the results, or done is being called */
};

struct offload_thread {
    struct offload *pool;
    struct list link; /* in the pool's idle list, the latest first */
    pthread_cond_t wake;
    bool woken;               /* taken out of the idle list, for work */
    struct offload_job *only; /* a probe: the one job of this thread */
    int row_index;            /* on the board; -1: none */
};

struct offload_mount {
    struct offload *pool;
    struct list link; /* in the pool's mounts; only the loop touches it */
    struct list turn; /* in the pool's turns */
    uint64_t device;
    char *name, *type;
    char number[24];         /* of the device, as people write it: its name until it is known */
    struct board_mount *row; /* NULL: none */
    unsigned row_index;

    struct list queue, running, late; /* jobs, the oldest first */
    unsigned queued_count, running_count, late_count;
    struct mono progress; /* when a job was last taken or finished */

    /* Threads store these without the lock. */
    _Atomic(uint64_t) back_ns;             /* when anything last came back */
    _Atomic(uint64_t) back_of[WAIT_COUNT]; /* ... of this kind of call */
    _Atomic(uint64_t) slowest_ns[2];       /* call that came back in time: lately, and before */

    /* The loop's alone. */
    enum board_mount_state state;
    struct mono ok_since, sick_since, probe_at, slowest_turn;
    bool sick_by_kind;       /* calls like probe_op do not come back, whatever others do */
    enum board_wait doubted; /* nearly all calls of this kind are late; WAIT_COUNT: of none */
    struct mono doubted_since;
    unsigned relapses; /* sick again while jobs of the last time still hang */
    bool full;         /* its full queue was told */
    struct {
        unsigned out;      /* not back yet */
        struct mono since; /* the latest of them */
    } probe[PROBE_KIND_COUNT];
    char *probe_path; /* of the job that made it sick */
    enum board_wait probe_op;
    const struct conf_fault *probe_fault; /* that job's */
    char *good_path[2];                   /* what came back well lately: a read, something else */
    struct mono good_at[2];
};

struct offload {
    pthread_mutex_t lock;
    pthread_cond_t ending; /* where [fault] rules sleep */
    pthread_cond_t gone;   /* a thread ended */
    bool ended;            /* offload_free was called */
    unsigned refs;         /* the loop and every thread */
    unsigned in_run;       /* threads in a job's own run */
    unsigned limit, share;
    unsigned threads;               /* but for probes; those with late jobs included */
    unsigned idle_count;            /* in the idle list */
    unsigned coming;                /* woken or started, and not yet looking for a job */
    unsigned queued, running, late; /* jobs; running are those in time */
    struct list idle;               /* threads */
    struct list turns;              /* mounts, the next to be served first */
    struct list results;            /* jobs */
    bool told;                      /* the eventfd was written for these results */
    bool row_used[BOARD_THREADS_PER_SLOT];
    int event_fd;

    /* Constant. */
    struct loop *loop;
    struct board *board;
    struct board_slot *slot;
    unsigned worker_number;
    const struct conf *conf;
    uint64_t idle_ns;
    pthread_attr_t attr;

    /* The loop's alone. */
    struct loop_io io;
    struct loop_timers ticks;
    struct loop_timer tick;
    struct mono tick_due;
    struct mono awake; /* since when the loop has kept time: nobody's wait is judged from before */
    struct list mounts;
    unsigned mount_count;
    unsigned outstanding; /* jobs whose done is to come */
    unsigned sick_count;
    struct mono start_again;             /* after a thread could not be started */
    bool start_told;                     /* none can be started, and the log has it */
    bool refusing;                       /* ... and there is none */
    struct board_pace pace[EVENT_COUNT]; /* of the events it tells */
};

/* --- offload.c --- */

/* Calls done for all results. */
void offload_drain(struct offload *pool);
/* Fails all that is queued for m; lock held. */
void offload_refuse_queued(struct offload_mount *m);
/* A job left its list for the results. True: the loop must be woken. Lock held. */
bool offload_finished(struct offload *pool, struct offload_job *job);
void offload_tick_on(struct offload *pool);

/* --- offload_threads.c --- */

/* Wakes or starts threads as the queues need; lock held, the loop only. */
void offload_kick(struct offload *pool);
/* True when some thread will come by, sooner or later. Lock held. */
bool offload_has_threads(const struct offload *pool);
/* When none could be started and there is none: tries again now and then, though nobody asks. Lock
 * held, the loop only. */
void offload_start_again(struct offload *pool);
/* A thread for this job alone. False with errno. Lock held, the loop only. */
bool offload_start_only(struct offload *pool, struct offload_job *job);
/* Lets surplus idle threads see that they are. Lock held. */
void offload_wake_surplus(struct offload *pool);
/* Gives up one hold; true when it was the last. Lock held. */
bool offload_unref(struct offload *pool);
void offload_destroy(struct offload *pool);

/* --- offload_mounts.c --- */

/* Looks at every mount's deadline and probes. */
void offload_mounts_check(struct offload *pool);
/* A job of m came back: if m is sick, it is probed at once. */
void offload_mount_answered(struct offload_mount *m, const struct offload_job *job);
void offload_mount_free(struct offload_mount *m);
/* job, or what a probe asked when job is NULL, got no answer for so long; kind: by its kind. */
void offload_mount_turn_sick(struct offload_mount *m, const struct offload_job *job,
                             uint64_t age_ns, bool kind);
/* From now on it is tried by what job asked for. */
void offload_mount_keep_probe(struct offload_mount *m, const struct offload_job *job);
/* Tries something other than what job (NULL: as kept) asked for, unless that is under way already.
 */
void offload_mount_try_other(struct offload_mount *m, const struct offload_job *job);

/* --- offload_judge.c --- */

/* A call of m that began at since_ns came back at now_ns. Any thread, lock not needed. */
void offload_mount_moved(struct offload_mount *m, enum board_wait op, uint64_t since_ns,
                         uint64_t now_ns);
/* Compares what m is asked with what came back. */
void offload_judge(struct offload_mount *m);
/* True while the same call of the same path hangs and may not be tried again yet. Lock held. */
bool offload_is_given_up(const struct offload_mount *m, const struct offload_job *job);

/* --- offload_probe.c --- */

/* False: there is nothing to try, or it could not be started: errno, 0 in the first case. Lock not
 * held. */
bool offload_probe(struct offload_mount *m, enum probe_kind kind);
/* What another call than the one that hangs may be about; NULL: nothing is known. */
const char *offload_probe_other(const struct offload_mount *m, enum board_wait *op);
/* Its result: took_ns from start to end, op the kind of call it was. In offload_mounts.c. */
void offload_mount_probed(struct offload_mount *m, enum board_wait op, uint64_t took_ns);

/* --- offload_fault.c --- */

const struct conf_fault *offload_fault_find(const struct offload *pool, enum board_wait op,
                                            const char *path);
/*
 * Does what the job's rule says, on the thread. True: its run must be called now, and in_run
 * counts it; false: fault_error is set. Lock not held.
 */
bool offload_fault_apply(struct offload *pool, struct offload_job *job);

/* --- offload_board.c --- */

/* What the other workers saw of m, by their rows: of the latest that came back, and the slowest. */
void offload_mount_elsewhere(const struct offload_mount *m, uint64_t *back_ns,
                             uint64_t *slowest_ns);
/* Gauges, and m's row unless it is NULL; lock held. */
void offload_publish(struct offload *pool, struct offload_mount *m);
void offload_mount_row(struct offload_mount *m); /* gives it a row, or its name to the row */
void offload_mount_state_row(struct offload_mount *m);
int offload_row_take(struct offload *pool); /* lock held */
void offload_row_begin(struct offload_thread *t);
void offload_row_job(struct offload_thread *t, const struct offload_job *job);
void offload_row_idle(struct offload_thread *t);
void offload_row_end(struct offload_thread *t); /* lock held */
void offload_rows_clear(struct offload *pool);  /* the pool ends */
void offload_event(struct offload *pool, enum board_event_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif

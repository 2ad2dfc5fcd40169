/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the offload pool share: jobs that wait at a gate until the test lets them
 * go on, so that every state can be looked at while it lasts, and a loop that runs until what is
 * waited for is so. Nothing here measures time. Each test runs in a process of its own, so
 * all of it is static.
 */
#ifndef WEIR_TESTS_NET_OFFLOAD_H
#define WEIR_TESTS_NET_OFFLOAD_H

#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "net/offload.h"

#define NEVER_NS (3600 * NS_PER_S)
enum { JOBS = 16, WORKER = 2 };

static struct board_header header;
static struct board_slot slot;
static struct board_event events[64];
static struct board_thread threads[WORKER * BOARD_THREADS_PER_SLOT];
static struct board_mount mounts[WORKER * BOARD_MOUNTS_PER_SLOT];
static struct board board = {
    .header = &header, .event = events, .event_count = 64, .thread = threads, .mount = mounts};

static struct conf conf;
static struct conf_fault faults[3];
static struct loop *loop;
static struct offload *pool;
static struct offload_mount *disk, *other;

/* --- jobs at a gate --- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int started, inside, inside_most; /* under gate */

struct work {
    struct offload_job job;
    bool waits; /* at the gate */
    bool go;    /* this one may pass */
    int runs, dones, lates;
    int order; /* in which done was called, from 1 */
};

static struct work work[JOBS];
static int done_count;

static inline void work_run(struct offload_job *job)
{
    struct work *w = list_entry(job, struct work, job);

    pthread_mutex_lock(&gate);
    w->runs++;
    started++;
    if (++inside > inside_most)
        inside_most = inside;
    pthread_cond_broadcast(&gate_moved);
    while (w->waits && !w->go && !gate_open)
        pthread_cond_wait(&gate_moved, &gate);
    inside--;
    pthread_mutex_unlock(&gate);
}

static inline void work_done(struct offload_job *job)
{
    struct work *w = list_entry(job, struct work, job);

    w->dones++;
    w->order = ++done_count;
}

static inline void work_late(struct offload_job *job)
{
    list_entry(job, struct work, job)->lates++;
}

static inline enum offload_submit submit(int i, struct offload_mount *m, bool waits)
{
    work[i] = (struct work){.job = {.mount = m,
                                    .op = WAIT_READ,
                                    .path = "/tmp/file",
                                    .run = work_run,
                                    .done = work_done,
                                    .late = work_late},
                            .waits = waits};
    return offload_submit(pool, &work[i].job);
}

static inline void submit_some(int from, int to, struct offload_mount *m, bool waits)
{
    for (int i = from; i < to; i++)
        ck_assert_int_eq(submit(i, m, waits), OFFLOAD_QUEUED);
}

static inline void let(int i)
{
    pthread_mutex_lock(&gate);
    work[i].go = true;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate);
}

static inline void let_all(void)
{
    pthread_mutex_lock(&gate);
    gate_open = true;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate);
}

/* Waits until n jobs in all have begun their run. */
static inline void wait_started(int n)
{
    pthread_mutex_lock(&gate);
    while (started < n)
        pthread_cond_wait(&gate_moved, &gate);
    pthread_mutex_unlock(&gate);
}

static inline int started_so_far(void)
{
    pthread_mutex_lock(&gate);
    int n = started;
    pthread_mutex_unlock(&gate);
    return n;
}

/* --- running the loop until something is so --- */

struct wait {
    struct loop_timers kind;
    struct loop_timer timer;
    bool (*is_so)(uint64_t arg);
    uint64_t arg;
};

static inline void look(struct loop_timers *kind, struct list *item)
{
    struct wait *w = list_entry(kind, struct wait, kind);

    (void)item;
    if (w->is_so(w->arg))
        loop_stop(loop);
    else
        loop_arm(loop, &w->kind, &w->timer);
}

static inline void until(bool (*is_so)(uint64_t arg), uint64_t arg)
{
    struct wait w = {.kind = {.after_ns = NS_PER_MS, .due = look}, .is_so = is_so, .arg = arg};

    list_init(&w.timer.link);
    loop_add_timers(loop, &w.kind);
    loop_arm(loop, &w.kind, &w.timer);
    ck_assert(loop_run(loop));
    list_remove(&w.kind.link);
}

static inline bool dones_are(uint64_t n)
{
    return (uint64_t)done_count == n;
}

static inline bool threads_are(uint64_t n)
{
    return slot_value(&slot, COUNTER_offload_threads) == n;
}

static inline bool busy_are(uint64_t n)
{
    return slot_value(&slot, COUNTER_offload_busy) == n;
}

static inline bool refused_for(uint64_t refused)
{
    return (offload_mount_refuses(disk) != 0) == (refused != 0);
}

static inline bool is_later(uint64_t when_ns)
{
    return mono_now().ns >= when_ns;
}

static inline bool is_ours(const char *task)
{
    char path[64], name[32] = "";

    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", task);
    FILE *f = fopen(path, "re");
    if (!f)
        return false; /* it ended meanwhile */
    bool ours = fgets(name, sizeof name, f) && strcmp(name, "weir-offload\n") == 0;
    fclose(f);
    return ours;
}

/* The pool's threads, as the kernel counts them: sanitizers have some of their own. */
static inline int tasks(void)
{
    DIR *dir = opendir("/proc/self/task");
    const struct dirent *d;
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    while ((d = readdir(dir)) != NULL)
        n += d->d_name[0] != '.' && is_ours(d->d_name);
    closedir(dir);
    return n;
}

static inline void wait_tasks(int n)
{
    while (tasks() != n)
        sched_yield();
}

static inline int rows_used(void)
{
    int n = 0;

    for (int i = 0; i < BOARD_THREADS_PER_SLOT; i++)
        n += atomic_load(&threads[BOARD_THREADS_PER_SLOT + i].used) != 0;
    return n;
}

static inline bool rows_are(uint64_t n)
{
    return (uint64_t)rows_used() == n;
}

static inline int count_events(enum board_event_kind kind)
{
    int n = 0;

    for (int i = 0; i < 64; i++)
        n += atomic_load(&events[i].seq) != 0 && atomic_load(&events[i].kind) == (uint16_t)kind;
    return n;
}

static inline const struct board_mount *disk_row(void)
{
    return &mounts[BOARD_MOUNTS_PER_SLOT];
}

/* --- the pool --- */

static inline void begin(unsigned limit, unsigned share_percent)
{
    log_set_level(LOG_LEVEL_ERROR);
    conf.offload.deadline_ns = conf.offload.deadline_ns ? conf.offload.deadline_ns : NEVER_NS;
    conf.offload.probe_ns = conf.offload.probe_ns ? conf.offload.probe_ns : NEVER_NS;
    conf.offload.idle_ns = conf.offload.idle_ns ? conf.offload.idle_ns : NEVER_NS;
    conf.offload.queue = conf.offload.queue ? conf.offload.queue : 100;
    conf.offload.mount_share = share_percent;
    conf.faults = faults;
    atomic_store(&header.event_next, 1);
    loop = loop_new(&slot);
    pool = offload_new(&(struct offload_settings){.loop = loop,
                                                  .board = &board,
                                                  .worker_number = WORKER,
                                                  .threads_max = limit,
                                                  .conf = &conf});
    ck_assert_ptr_nonnull(pool);
    disk = offload_mount(pool, 1, "/tmp", "ext4");
    other = offload_mount(pool, 2, "/", "xfs");
    ck_assert(disk && other && disk != other);
}

/* Lets all go, and sees that not a thread is left. */
static inline void end(void)
{
    let_all();
    offload_free(&pool);
    ck_assert_ptr_null(pool);
    loop_free(&loop);
    wait_tasks(0);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The offload pool with jobs that wait at a gate until the test lets them go on, so that every
 * state can be looked at while it lasts. The loop runs until what is waited for is so; nothing is
 * asserted about how long anything took, but that a delay is at least as long as asked for.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
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

static void work_run(struct offload_job *job)
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

static void work_done(struct offload_job *job)
{
    struct work *w = list_entry(job, struct work, job);

    w->dones++;
    w->order = ++done_count;
}

static void work_late(struct offload_job *job)
{
    list_entry(job, struct work, job)->lates++;
}

static enum offload_submit submit(int i, struct offload_mount *m, bool waits)
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

static void submit_some(int from, int to, struct offload_mount *m, bool waits)
{
    for (int i = from; i < to; i++)
        ck_assert_int_eq(submit(i, m, waits), OFFLOAD_QUEUED);
}

static void let(int i)
{
    pthread_mutex_lock(&gate);
    work[i].go = true;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate);
}

static void let_all(void)
{
    pthread_mutex_lock(&gate);
    gate_open = true;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate);
}

/* Waits until n jobs in all have begun their run. */
static void wait_started(int n)
{
    pthread_mutex_lock(&gate);
    while (started < n)
        pthread_cond_wait(&gate_moved, &gate);
    pthread_mutex_unlock(&gate);
}

static int started_so_far(void)
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

static void look(struct loop_timers *kind, struct list *item)
{
    struct wait *w = list_entry(kind, struct wait, kind);

    (void)item;
    if (w->is_so(w->arg))
        loop_stop(loop);
    else
        loop_arm(loop, &w->kind, &w->timer);
}

static void until(bool (*is_so)(uint64_t arg), uint64_t arg)
{
    struct wait w = {.kind = {.after_ns = NS_PER_MS, .due = look}, .is_so = is_so, .arg = arg};

    list_init(&w.timer.link);
    loop_add_timers(loop, &w.kind);
    loop_arm(loop, &w.kind, &w.timer);
    ck_assert(loop_run(loop));
    list_remove(&w.kind.link);
}

static bool dones_are(uint64_t n)
{
    return (uint64_t)done_count == n;
}

static bool threads_are(uint64_t n)
{
    return slot_value(&slot, COUNTER_offload_threads) == n;
}

static bool busy_are(uint64_t n)
{
    return slot_value(&slot, COUNTER_offload_busy) == n;
}

static bool refused_for(uint64_t refused)
{
    return (offload_mount_refuses(disk) != 0) == (refused != 0);
}

static bool is_later(uint64_t when_ns)
{
    return mono_now().ns >= when_ns;
}

static bool is_ours(const char *task)
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
static int tasks(void)
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

static void wait_tasks(int n)
{
    while (tasks() != n)
        sched_yield();
}

static int rows_used(void)
{
    int n = 0;

    for (int i = 0; i < BOARD_THREADS_PER_SLOT; i++)
        n += atomic_load(&threads[BOARD_THREADS_PER_SLOT + i].used) != 0;
    return n;
}

static bool rows_are(uint64_t n)
{
    return (uint64_t)rows_used() == n;
}

static int count_events(enum board_event_kind kind)
{
    int n = 0;

    for (int i = 0; i < 64; i++)
        n += atomic_load(&events[i].seq) != 0 && atomic_load(&events[i].kind) == (uint16_t)kind;
    return n;
}

static const struct board_mount *disk_row(void)
{
    return &mounts[BOARD_MOUNTS_PER_SLOT];
}

/* --- the pool --- */

static void begin(unsigned limit, unsigned share_percent)
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
static void end(void)
{
    let_all();
    offload_free(&pool);
    ck_assert_ptr_null(pool);
    loop_free(&loop);
    wait_tasks(0);
}

/* --- threads --- */

START_TEST(grows_on_demand_and_ends_when_idle)
{
    conf.offload.idle_ns = 5 * NS_PER_MS;
    begin(8, 100);
    ck_assert_int_eq(tasks(), 0);
    submit_some(0, 3, disk, true);
    wait_started(3);
    ck_assert(threads_are(3));
    ck_assert(busy_are(3));
    ck_assert_int_eq(rows_used(), 3);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_threads_max), 8);
    let_all();
    until(dones_are, 3);
    until(threads_are, 0);
    wait_tasks(0);
    ck_assert_int_eq(rows_used(), 0);
    submit_some(3, 4, disk, false);
    until(dones_are, 4);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_jobs), 4);
    ck_assert_uint_eq(atomic_load(&slot.hist[HIST_OFFLOAD_WAIT].count), 4);
    ck_assert_uint_eq(atomic_load(&slot.hist[HIST_OFFLOAD_RUN].count), 4);
    end();
}
END_TEST

START_TEST(one_after_the_other_needs_one_thread)
{
    begin(8, 100);
    for (int i = 0; i < JOBS; i++) {
        submit_some(i, i + 1, disk, false);
        until(dones_are, (uint64_t)i + 1);
        ck_assert(threads_are(1));
    }
    end();
}
END_TEST

static char thread_name[32];
static bool thread_blocks_all;

static void look_at_thread(struct offload_job *job)
{
    sigset_t mask;

    (void)job;
    prctl(PR_GET_NAME, thread_name, 0, 0, 0);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    thread_blocks_all = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT) &&
                        sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGPIPE);
}

START_TEST(threads_are_named_and_block_signals)
{
    struct offload_job job = {
        .op = WAIT_STAT, .path = "/tmp", .run = look_at_thread, .done = work_done};
    struct work w = {.job = job};
    sigset_t mask;

    begin(1, 100);
    w.job.mount = disk;
    ck_assert_int_eq(offload_submit(pool, &w.job), OFFLOAD_QUEUED);
    until(dones_are, 1);
    ck_assert_str_eq(thread_name, "weir-offload");
    ck_assert(thread_blocks_all);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    ck_assert(!sigismember(&mask, SIGTERM)); /* the loop's own mask is as before */
    end();
}
END_TEST

START_TEST(board_shows_what_a_thread_does)
{
    const struct board_thread *row = &threads[BOARD_THREADS_PER_SLOT];
    char text[BOARD_TEXT_BYTES + 1];
    size_t n;

    begin(1, 100);
    ck_assert(board_text_get(&disk_row()->name, text, &n));
    ck_assert_str_eq(text, "/tmp");
    submit_some(0, 3, disk, true);
    wait_started(1);
    ck_assert_uint_eq(atomic_load(&row->used), 1);
    ck_assert_uint_ne(atomic_load(&row->tid), 0);
    ck_assert_uint_eq(atomic_load(&row->wait), WAIT_READ);
    ck_assert_uint_eq(atomic_load(&row->mount), 0);
    ck_assert(board_text_get(&row->path, text, &n));
    ck_assert_str_eq(text, "/tmp/file");
    ck_assert_uint_eq(atomic_load(&disk_row()->running), 1);
    ck_assert_uint_eq(atomic_load(&disk_row()->queued), 2);
    ck_assert_uint_eq(atomic_load(&disk_row()->oldest_ns), atomic_load(&row->since_ns));
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_queued), 2);
    offload_mount_count(disk, MOUNT_COLD, 3);
    ck_assert_uint_eq(atomic_load(&disk_row()->counter[MOUNT_COLD]), 3);
    let_all();
    until(dones_are, 3);
    until(busy_are, 0);
    while (atomic_load(&row->wait) != WAIT_POLL)
        sched_yield();
    ck_assert_uint_eq(atomic_load(&row->since_ns), 0);
    ck_assert_uint_eq(atomic_load(&disk_row()->oldest_ns), 0);
    end();
    ck_assert_int_eq(rows_used(), 0);
    ck_assert_uint_eq(atomic_load(&disk_row()->used), 0);
}
END_TEST

START_TEST(resizes_without_dropping_a_job)
{
    begin(2, 100);
    submit_some(0, 10, disk, true);
    wait_started(2);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_queued), 8);
    offload_resize(pool, 5);
    wait_started(5);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_queued), 5);
    ck_assert_int_eq(inside_most, 5);
    offload_resize(pool, 1);
    for (int i = 0; i < 4; i++) {
        let(i);
        until(dones_are, (uint64_t)i + 1);
    }
    until(threads_are, 1); /* those that came back ended, and took nothing more */
    ck_assert_int_eq(started_so_far(), 5);
    let_all();
    until(dones_are, 10);
    ck_assert_int_eq(inside_most, 5);
    for (int i = 0; i < 10; i++)
        ck_assert(work[i].runs == 1 && work[i].dones == 1 && !work[i].job.cancelled);
    offload_resize(pool, 0); /* there is always one */
    submit_some(10, 11, disk, false);
    until(dones_are, 11);
    end();
}
END_TEST

START_TEST(idle_threads_end_by_resize)
{
    begin(6, 100);
    submit_some(0, 6, disk, true);
    wait_started(6);
    let_all();
    until(dones_are, 6);
    ck_assert(threads_are(6));
    offload_resize(pool, 2);
    until(threads_are, 2);
    wait_tasks(2);
    end();
}
END_TEST

START_TEST(a_mount_has_its_share)
{
    begin(4, 50);
    submit_some(0, 8, disk, true);
    wait_started(2);
    submit_some(8, 10, other, false); /* the other half is free */
    until(dones_are, 2);
    ck_assert(work[8].dones == 1 && work[9].dones == 1);
    ck_assert_int_eq(started_so_far(), 4);
    ck_assert_uint_eq(atomic_load(&disk_row()->running), 2);
    end();
}
END_TEST

START_TEST(a_mount_always_gets_its_first_thread)
{
    begin(2, 100);
    submit_some(0, 4, disk, true);
    wait_started(2);
    submit_some(4, 8, other, false);
    until(dones_are, 4);
    for (int i = 4; i < 8; i++)
        ck_assert_int_eq(work[i].dones, 1);
    until(threads_are, 2); /* and it ends again */
    ck_assert_int_eq(started_so_far(), 6);
    end();
}
END_TEST

START_TEST(queues_are_bounded)
{
    conf.offload.queue = 2;
    begin(1, 100);
    submit_some(0, 1, disk, true);
    wait_started(1);
    submit_some(1, 3, disk, true);
    ck_assert_int_eq(submit(3, disk, true), OFFLOAD_FULL);
    ck_assert_int_eq(submit(4, disk, true), OFFLOAD_FULL);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_refused), 2);
    ck_assert_int_eq(count_events(EVENT_OFFLOAD), 1); /* told once */
    submit_some(5, 6, other, false);                  /* a queue of its own */
    let_all();
    until(dones_are, 4);
    ck_assert_int_eq(work[3].runs + work[4].runs, 0);
    submit_some(3, 4, disk, false);
    until(dones_are, 5);
    end();
}
END_TEST

/* With no right to make threads, as under a limit on tasks. */
START_TEST(no_thread_can_be_started)
{
    struct rlimit before, none;
    bool root = geteuid() == 0;

    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    none = before;
    none.rlim_cur = 0;
    begin(4, 100);
    submit_some(0, 1, disk, true);
    wait_started(1);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    if (root) /* who may do everything is not limited */
        ck_assert_int_eq(setresuid(65534, 65534, 0), 0);
    submit_some(1, 3, disk, false); /* they wait for the one there is */
    ck_assert(threads_are(1));
    let(0);
    until(dones_are, 3);
    end();
    begin(4, 100);
    ck_assert_int_eq(submit(5, disk, false), OFFLOAD_FULL);
    ck_assert_int_eq(work[5].runs, 0);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_queued), 0);
    /* And later there may be. */
    if (root)
        ck_assert_int_eq(setresuid(0, 0, 0), 0);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* a leak checker wants to look at us */
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0);
    submit_some(5, 6, disk, false);
    until(dones_are, 4);
    end();
}
END_TEST

/* --- jobs --- */

START_TEST(cancels)
{
    begin(1, 100);
    submit_some(0, 3, disk, true);
    wait_started(1);
    ck_assert(!offload_cancel(pool, &work[0].job)); /* runs */
    ck_assert(offload_cancel(pool, &work[1].job));  /* queued */
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_queued), 1);
    let(0);
    wait_started(2); /* 2 runs: 0 is over, but its done was not called yet */
    ck_assert_int_eq(work[0].dones, 0);
    let_all();
    while (!busy_are(0))
        sched_yield();
    ck_assert(!offload_cancel(pool, &work[2].job)); /* over */
    until(dones_are, 2);
    ck_assert(work[0].job.cancelled && work[0].dones == 1);
    ck_assert(work[1].runs == 0 && work[1].dones == 0);
    ck_assert(work[2].job.cancelled && work[2].dones == 1);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_cancelled), 3);
    end();
}
END_TEST

START_TEST(results_come_in_order_of_completion)
{
    static const int order[] = {2, 0, 3, 1};

    begin(4, 100);
    submit_some(0, 4, disk, true);
    wait_started(4);
    for (int i = 0; i < 4; i++) {
        let(order[i]);
        while (!busy_are(3 - (uint64_t)i))
            sched_yield();
    }
    ck_assert_int_eq(done_count, 0); /* only the loop calls done */
    until(dones_are, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(work[order[i]].order, i + 1);
    end();
}
END_TEST

static void again_done(struct offload_job *job)
{
    struct work *w = list_entry(job, struct work, job);

    work_done(job);
    if (w->dones < 50)
        ck_assert_int_eq(offload_submit(pool, job), OFFLOAD_QUEUED);
}

START_TEST(done_may_submit_again)
{
    begin(2, 100);
    submit_some(0, 1, disk, false);
    work[0].job.done = again_done;
    until(dones_are, 50);
    ck_assert_int_eq(work[0].runs, 50);
    end();
}
END_TEST

START_TEST(freed_with_jobs_under_way)
{
    begin(1, 100);
    submit_some(0, 3, disk, true);
    wait_started(1);
    offload_free(&pool);
    ck_assert_int_eq(work[0].dones, 0); /* left behind */
    for (int i = 1; i < 3; i++) {
        ck_assert(work[i].dones == 1 && work[i].job.cancelled && work[i].runs == 0);
        ck_assert_int_eq(work[i].job.fault_error, ECANCELED);
    }
    let_all();
    wait_tasks(0);
    ck_assert_int_eq(work[0].dones, 0);
    loop_free(&loop);
}
END_TEST

/* --- mounts --- */

START_TEST(a_late_job_makes_its_mount_sick)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    begin(2, 50);
    submit_some(0, 3, disk, true);
    wait_started(1);
    until(refused_for, 1);
    until(dones_are, 2); /* what was queued failed at once */
    ck_assert(work[1].runs == 0 && work[1].job.refused && work[1].job.fault_error == ETIMEDOUT);
    ck_assert(work[2].runs == 0 && work[2].job.refused && !work[2].job.cancelled);
    ck_assert(work[0].lates == 1 && work[0].dones == 0 && work[1].lates == 0);
    ck_assert_int_eq(submit(3, disk, false), OFFLOAD_SICK);
    ck_assert_uint_eq(offload_mount_refuses(disk), 3600);
    ck_assert_uint_eq(offload_mount_refuses(other), 0);
    ck_assert_uint_eq(atomic_load(&disk_row()->state), MOUNT_SICK);
    ck_assert_uint_ne(atomic_load(&disk_row()->sick_since_ns), 0);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_stuck), 1);
    ck_assert_int_eq(count_events(EVENT_SICK), 1);
    /* The limit is the other's now. */
    submit_some(4, 5, other, false);
    until(dones_are, 3);
    /* The late job comes back: a probe is made at once, and finds it well. */
    let(0);
    until(refused_for, 0);
    ck_assert_int_eq(work[0].dones, 1);
    ck_assert_uint_eq(atomic_load(&disk_row()->state), MOUNT_OK);
    ck_assert_uint_eq(atomic_load(&disk_row()->sick_since_ns), 0);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_stuck), 0);
    ck_assert_int_eq(count_events(EVENT_HEALED), 1);
    submit_some(5, 6, disk, false);
    until(dones_are, 5);
    end();
}
END_TEST

START_TEST(a_probe_heals_while_jobs_hang)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    conf.offload.probe_ns = NS_PER_MS;
    begin(1, 100);
    for (int i = 0; i < 4; i++) { /* each hangs on a thread, and none counts */
        submit_some(i, i + 1, disk, true);
        wait_started(i + 1);
        until(refused_for, 1);
        until(refused_for, 0);
        ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_stuck), (uint64_t)i + 1);
    }
    ck_assert_int_eq(count_events(EVENT_SICK), 4);
    ck_assert_int_eq(count_events(EVENT_HEALED), 4);
    conf.offload.deadline_ns = NEVER_NS;
    submit_some(4, 6, disk, false);
    until(dones_are, 2);
    let_all();
    until(dones_are, 6);
    until(threads_are, 1);
    end();
}
END_TEST

START_TEST(one_probe_at_a_time_and_faults_hold_it_too)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    conf.offload.probe_ns = NS_PER_MS;
    conf.fault_count = 1;
    faults[0] =
        (struct conf_fault){.prefix = (char *)(size_t) "/tmp/", .operations = 1U << WAIT_READ};
    faults[0].hang = true;
    begin(4, 100);
    submit_some(0, 1, disk, false);
    until(refused_for, 1);
    until(rows_are, 2); /* the job's thread and the probe's */
    until(is_later, mono_now().ns + 300 * NS_PER_MS);
    ck_assert_int_eq(rows_used(), 2);
    ck_assert_int_eq(tasks(), 2);
    ck_assert(refused_for(1));
    end();
    ck_assert(work[0].runs == 0 && work[0].dones == 1 && work[0].job.cancelled);
    ck_assert_int_eq(work[0].job.fault_error, ECANCELED);
}
END_TEST

START_TEST(fences)
{
    char text[BOARD_TEXT_BYTES + 1];
    size_t n;

    begin(1, 100);
    submit_some(0, 3, disk, true);
    wait_started(1);
    offload_mount_fence(disk, true);
    ck_assert_int_eq(done_count, 2);
    ck_assert(work[1].job.refused && work[2].job.refused);
    ck_assert_int_eq(submit(3, disk, false), OFFLOAD_SICK);
    ck_assert_uint_eq(atomic_load(&disk_row()->state), MOUNT_FENCED);
    offload_mount_fence(disk, true);
    ck_assert_int_eq(count_events(EVENT_FENCED), 1);
    let(0); /* comes back, and does not heal it */
    until(dones_are, 3);
    ck_assert(!work[0].job.refused && work[0].job.fault_error == 0);
    ck_assert(refused_for(1));
    offload_mount_fence(disk, false);
    offload_mount_fence(disk, false);
    ck_assert_int_eq(count_events(EVENT_HEALED), 1);
    submit_some(3, 4, disk, false);
    until(dones_are, 4);
    /* One that nobody has used yet. */
    struct offload_mount *later = offload_mount(pool, 77, "", "");
    offload_mount_fence(later, true);
    ck_assert_ptr_eq(offload_mount(pool, 77, "/later", "nfs"), later);
    ck_assert_str_eq(offload_mount_name(later), "/later");
    ck_assert(board_text_get(&mounts[BOARD_MOUNTS_PER_SLOT + 2].name, text, &n));
    ck_assert_str_eq(text, "/later");
    ck_assert_int_eq(submit(4, later, false), OFFLOAD_SICK);
    end();
}
END_TEST

START_TEST(an_operator_clears_a_sick_mount)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    begin(1, 100);
    submit_some(0, 1, disk, true);
    until(refused_for, 1);
    offload_mount_fence(disk, false);
    until(is_later, mono_now().ns + 250 * NS_PER_MS);
    ck_assert(refused_for(0)); /* the job that hangs was judged already */
    submit_some(1, 2, disk, false);
    until(dones_are, 1);
    end();
}
END_TEST

START_TEST(more_mounts_than_rows)
{
    begin(2, 100);
    for (uint64_t device = 10; device < 40; device++) {
        struct offload_mount *m = offload_mount(pool, device, "/many", "nfs");
        offload_mount_count(m, MOUNT_HOT, 1);
        submit_some(0, 1, m, false);
        until(dones_are, device - 9);
    }
    end();
}
END_TEST

/* --- faults --- */

START_TEST(finds_fault_rules)
{
    static const struct {
        enum board_wait op;
        const char *path;
        bool faulted;
    } row[] = {{WAIT_READ, "/srv/slow/a", true},   {WAIT_READ, "/srv/slow", true},
               {WAIT_READ, "/srv/slo", false},     {WAIT_OPEN, "/srv/slow/a", false},
               {WAIT_OPEN, "/srv/slow/b/c", true}, {WAIT_READ, "", false},
               {WAIT_COUNT, "/srv/slow/a", false}};

    faults[0] = (struct conf_fault){.prefix = (char *)(size_t) "/srv/slow",
                                    .operations = 1U << WAIT_READ | 1U << WAIT_STAT};
    faults[1] = (struct conf_fault){.prefix = (char *)(size_t) "/srv/slow/b",
                                    .operations = 1U << WAIT_OPEN};
    begin(1, 100);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        ck_assert(!offload_is_faulted(pool, row[i].op, row[i].path));
    conf.fault_count = 2;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        ck_assert_msg(offload_is_faulted(pool, row[i].op, row[i].path) == row[i].faulted, "row %zu",
                      i);
    ck_assert(!offload_is_faulted(NULL, WAIT_READ, "/srv/slow"));
    end();
}
END_TEST

START_TEST(obeys_fault_rules)
{
    static const struct {
        struct conf_fault fault;
        int error, runs;
        uint64_t least_ns;
    } row[] = {
        {{.delay_ns = 10 * NS_PER_MS}, 0, 1, 10 * NS_PER_MS},
        {{.rate_bytes = 100000}, 0, 1, 10 * NS_PER_MS}, /* 1000 bytes */
        {{.error = EIO}, EIO, 0, 0},
        {{.error = ENOENT, .delay_ns = 5 * NS_PER_MS}, ENOENT, 0, 5 * NS_PER_MS},
    };

    begin(1, 100);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        /* The longest prefix wins, wherever it stands. */
        faults[i % 2] = row[i].fault;
        faults[i % 2].prefix = (char *)(size_t) "/tmp/fi";
        faults[1 - i % 2] = (struct conf_fault){.prefix = (char *)(size_t) "/tmp", .error = EMFILE};
        for (int k = 0; k < 2; k++)
            faults[k].operations = 1U << WAIT_READ;
        conf.fault_count = 2;
        work[0] = (struct work){.job = {.mount = disk,
                                        .op = WAIT_READ,
                                        .path = "/tmp/file",
                                        .bytes = 1000,
                                        .run = work_run,
                                        .done = work_done}};
        ck_assert_int_eq(offload_submit(pool, &work[0].job), OFFLOAD_QUEUED);
        until(dones_are, i + 1);
        ck_assert_int_eq(work[0].job.fault_error, row[i].error);
        ck_assert_int_eq(work[0].runs, row[i].runs);
        ck_assert_uint_ge(mono_since(work[0].job.finished, work[0].job.started), row[i].least_ns);
    }
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_faulted), 4);
    conf.fault_count = 0;
    end();
}
END_TEST

START_TEST(faults_end_with_the_pool)
{
    conf.fault_count = 2;
    faults[0] = (struct conf_fault){
        .prefix = (char *)(size_t) "/tmp/", .operations = 1U << WAIT_READ, .hang = true};
    faults[1] = (struct conf_fault){.prefix = (char *)(size_t) "/tmp/file",
                                    .operations = 1U << WAIT_READ,
                                    .delay_ns = NEVER_NS};
    begin(4, 100);
    submit_some(0, 2, disk, false);
    work[2] = work[3] = (struct work){
        .job = {
            .mount = disk, .op = WAIT_READ, .path = "/tmp/x", .run = work_run, .done = work_done}};
    ck_assert_int_eq(offload_submit(pool, &work[2].job), OFFLOAD_QUEUED);
    ck_assert_int_eq(offload_submit(pool, &work[3].job), OFFLOAD_QUEUED);
    while (!busy_are(4))
        sched_yield();
    end();
    for (int i = 0; i < 4; i++) {
        ck_assert(work[i].runs == 0 && work[i].dones == 1 && work[i].job.cancelled);
        ck_assert_int_eq(work[i].job.fault_error, ECANCELED);
    }
}
END_TEST

/* --- all at once --- */

enum { CROWD = 64, ROUNDS = 40 };

START_TEST(a_crowd)
{
    static struct work crowd[CROWD];
    unsigned long queued = 0, cancelled = 0, runs = 0;

    conf.offload.idle_ns = NS_PER_MS;
    begin(3, 60);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned long now = 0;
        for (int i = 0; i < CROWD; i++) {
            crowd[i].job = (struct offload_job){.mount = i % 3 ? disk : other,
                                                .op = WAIT_STAT,
                                                .path = "/tmp/x",
                                                .run = work_run,
                                                .done = work_done};
            ck_assert_int_eq(offload_submit(pool, &crowd[i].job), OFFLOAD_QUEUED);
            queued++;
            now++;
            if (i % 5 == 4 && offload_cancel(pool, &crowd[i].job))
                cancelled++;
            if (i % 16 == 15)
                offload_resize(pool, (unsigned)(1 + (round + i) % 7));
        }
        until(dones_are, queued - cancelled);
    }
    for (int i = 0; i < CROWD; i++)
        runs += (unsigned long)crowd[i].runs;
    ck_assert_uint_eq(runs, queued - cancelled);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_queued), 0);
    ck_assert(busy_are(0));
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net offload");
    TCase *t = tcase_create("threads");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, grows_on_demand_and_ends_when_idle);
    tcase_add_test(t, one_after_the_other_needs_one_thread);
    tcase_add_test(t, threads_are_named_and_block_signals);
    tcase_add_test(t, board_shows_what_a_thread_does);
    tcase_add_test(t, resizes_without_dropping_a_job);
    tcase_add_test(t, idle_threads_end_by_resize);
    tcase_add_test(t, a_mount_has_its_share);
    tcase_add_test(t, a_mount_always_gets_its_first_thread);
    tcase_add_test(t, queues_are_bounded);
    tcase_add_test(t, no_thread_can_be_started);
    tcase_add_test(t, a_crowd);
    suite_add_tcase(s, t);

    t = tcase_create("jobs");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, cancels);
    tcase_add_test(t, results_come_in_order_of_completion);
    tcase_add_test(t, done_may_submit_again);
    tcase_add_test(t, freed_with_jobs_under_way);
    suite_add_tcase(s, t);

    t = tcase_create("mounts and faults");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_late_job_makes_its_mount_sick);
    tcase_add_test(t, a_probe_heals_while_jobs_hang);
    tcase_add_test(t, one_probe_at_a_time_and_faults_hold_it_too);
    tcase_add_test(t, fences);
    tcase_add_test(t, an_operator_clears_a_sick_mount);
    tcase_add_test(t, more_mounts_than_rows);
    tcase_add_test(t, finds_fault_rules);
    tcase_add_test(t, obeys_fault_rules);
    tcase_add_test(t, faults_end_with_the_pool);
    suite_add_tcase(s, t);
    return unit_run(s);
}

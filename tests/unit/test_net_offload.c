/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The offload pool's threads and jobs: growth on demand, limits, shares and queues, cancelling,
 * the order of results, freeing the pool under way.
 */
#include "tests/unit/test_net_offload.h"

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
static int thread_nice;

static void look_at_thread(struct offload_job *job)
{
    sigset_t mask;

    (void)job;
    prctl(PR_GET_NAME, thread_name, 0, 0, 0);
    thread_nice = getpriority(PRIO_PROCESS, 0);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    thread_blocks_all = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT) &&
                        sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGPIPE);
}

START_TEST(threads_are_named_block_signals_and_yield)
{
    struct offload_job job = {
        .op = WAIT_STAT, .path = "/tmp", .run = look_at_thread, .done = work_done};
    struct work w = {.job = job};
    sigset_t mask;
    int own = getpriority(PRIO_PROCESS, 0);

    conf.offload.nice = 7;
    begin(1, 100);
    w.job.mount = disk;
    ck_assert_int_eq(offload_submit(pool, &w.job), OFFLOAD_QUEUED);
    until(dones_are, 1);
    ck_assert_str_eq(thread_name, "weir-offload");
    ck_assert(thread_blocks_all);
    ck_assert_int_eq(thread_nice, own + 7 < 19 ? own + 7 : 19);
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), own);
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

static bool refusing_is(uint64_t n)
{
    return slot_value(&slot, COUNTER_offload_refusing) == n;
}

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
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_refusing), 1);
    ck_assert_int_eq(submit(5, disk, false), OFFLOAD_FULL);
    ck_assert_int_eq(count_events(EVENT_LIMIT), 1);
    /* And later there may be. */
    if (root)
        ck_assert_int_eq(setresuid(0, 0, 0), 0);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* a leak checker wants to look at us */
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0);
    until(refusing_is, 0); /* though nobody asks */
    submit_some(5, 6, disk, false);
    until(dones_are, 4);
    ck_assert(threads_are(1));
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
    tcase_add_test(t, threads_are_named_block_signals_and_yield);
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
    return unit_run(s);
}

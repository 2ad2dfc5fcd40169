/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The offload pool's mounts and [fault] rules: deadlines, probes, fences. Of times only this is
 * asserted: that a delay is at least as long as asked for.
 */
#include "tests/unit/test_net_offload.h"

/* A pool whose disk has nothing but what jobs ask for: no mount point that a probe could try. */
static void begin_bare(unsigned limit, unsigned share_percent)
{
    begin(limit, share_percent);
    offload_mount_rename(disk, "bare", "ext4");
}

static enum offload_submit submit_call(int i, enum board_wait op, const char *path, bool waits)
{
    work[i] = (struct work){.job = {.mount = disk,
                                    .op = op,
                                    .path = path,
                                    .run = work_run,
                                    .done = work_done,
                                    .late = work_late},
                            .waits = waits};
    return offload_submit(pool, &work[i].job);
}

/* Answers calls of this kind about /tmp, one after the other, for so long. */
static void answer_for(uint64_t ns, int i, enum board_wait op)
{
    for (uint64_t end = mono_now().ns + ns; mono_now().ns < end;) {
        uint64_t n = (uint64_t)done_count + 1;
        ck_assert_int_eq(submit_call(i, op, "/tmp", false), OFFLOAD_QUEUED);
        until(dones_are, n);
        until(is_later, mono_now().ns + 5 * NS_PER_MS);
    }
}

static bool is_late(uint64_t i)
{
    return work[i].lates == 1;
}

static bool sick_events_are(uint64_t n)
{
    return (uint64_t)count_events(EVENT_SICK) == n;
}

/* --- mounts --- */

START_TEST(a_late_job_makes_its_mount_sick)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    begin_bare(2, 50);
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

/* The loop does not run for longer than the deadline, as when the process is stopped. */
START_TEST(standing_still_makes_no_mount_sick)
{
    conf.offload.deadline_ns = NS_PER_S;
    begin_bare(1, 100);
    submit_some(0, 2, disk, true);
    wait_started(1);
    for (uint64_t end = mono_now().ns + 1700 * NS_PER_MS; mono_now().ns < end;)
        poll(NULL, 0, 10);
    until(is_later, mono_now().ns + 20 * NS_PER_MS); /* the tick that is late */
    ck_assert(refused_for(0));
    ck_assert_int_eq(count_events(EVENT_SICK), 0);
    ck_assert(work[0].lates == 0 && done_count == 0);
    until(refused_for, 1); /* and one that hangs is found all the same */
    ck_assert_int_eq(work[0].lates, 1);
    let_all();
    until(dones_are, 2);
    end();
}
END_TEST

START_TEST(a_probe_heals_while_jobs_hang)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    conf.offload.probe_ns = NS_PER_MS;
    begin_bare(1, 100);
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

/* One that does not come back may be lost: a few more are made, ever more rarely, and no end of
 * them. */
START_TEST(probes_are_few_and_faults_hold_them_too)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    conf.offload.probe_ns = NS_PER_MS;
    conf.fault_count = 1;
    faults[0] =
        (struct conf_fault){.prefix = (char *)(size_t) "/tmp/", .operations = 1U << WAIT_READ};
    faults[0].hang = true;
    begin_bare(4, 100);
    submit_some(0, 1, disk, false);
    until(refused_for, 1);
    until(rows_are, 4); /* the job's thread and the probes' */
    until(is_later, mono_now().ns + 500 * NS_PER_MS);
    ck_assert_int_eq(rows_used(), 4);
    ck_assert_int_eq(tasks(), 4);
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
    ck_assert_int_eq(count_events(EVENT_FENCED), 0); /* the master tells it */
    let(0);                                          /* comes back, and does not heal it */
    until(dones_are, 3);
    ck_assert(!work[0].job.refused && work[0].job.fault_error == 0);
    ck_assert(refused_for(1));
    offload_mount_fence(disk, false);
    offload_mount_fence(disk, false);
    ck_assert_int_eq(count_events(EVENT_HEALED), 0);
    submit_some(3, 4, disk, false);
    until(dones_are, 4);
    /* One that nobody has used yet. */
    struct offload_mount *later = offload_mount(pool, 77, "", "");
    offload_mount_fence(later, true);
    ck_assert_str_eq(offload_mount_name(later), "0:77");
    ck_assert_ptr_eq(offload_mount(pool, 77, "/later", "nfs"), later);
    ck_assert_str_eq(offload_mount_name(later), "/later");
    ck_assert(board_text_get(&mounts[BOARD_MOUNTS_PER_SLOT + 2].name, text, &n));
    ck_assert_str_eq(text, "/later");
    ck_assert_int_eq(submit(4, later, false), OFFLOAD_SICK);
    end();
}
END_TEST

/* What is open on a mount that is to be taken out must be closed, though the mount is fenced. */
START_TEST(closes_pass_a_fence)
{
    begin(1, 100);
    submit_some(0, 1, disk, true);
    wait_started(1);
    for (int i = 1; i < 4; i++)
        work[i] = (struct work){.job = {.mount = disk,
                                        .op = i == 2 ? WAIT_READ : WAIT_CLOSE,
                                        .path = "/tmp/file",
                                        .run = work_run,
                                        .done = work_done}};
    ck_assert_int_eq(offload_submit(pool, &work[1].job), OFFLOAD_QUEUED);
    ck_assert_int_eq(offload_submit(pool, &work[2].job), OFFLOAD_QUEUED);
    offload_mount_fence(disk, true);
    ck_assert_int_eq(done_count, 1);
    ck_assert(work[2].job.refused && !work[1].job.refused);
    ck_assert_int_eq(offload_submit(pool, &work[3].job), OFFLOAD_QUEUED);
    let(0);
    until(dones_are, 4);
    ck_assert(work[1].runs == 1 && work[2].runs == 0 && work[3].runs == 1);
    offload_mount_fence(disk, false);
    end();
}
END_TEST

START_TEST(an_operator_clears_a_sick_mount)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    begin_bare(1, 100);
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

/* What hung before does not keep what is asked now from being judged. */
START_TEST(cleared_and_still_hanging_is_sick_again)
{
    conf.offload.deadline_ns = 20 * NS_PER_MS;
    begin_bare(4, 100);
    submit_some(0, 1, disk, true);
    wait_started(1);
    until(refused_for, 1);
    for (int i = 1; i < 4; i++) {
        offload_mount_fence(disk, i % 2 == 0); /* cleared, or fenced and then cleared */
        offload_mount_fence(disk, false);
        ck_assert(refused_for(0));
        submit_some(i, i + 1, disk, true); /* of the very same file, at once */
        wait_started(i + 1);
        until(is_late, (uint64_t)i);
        ck_assert(refused_for(1));
        ck_assert_int_eq(count_events(EVENT_SICK), i + 1);
    }
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_stuck), 4);
    end();
}
END_TEST

/* Though nobody asks for anything. */
START_TEST(cleared_and_still_hanging_is_found_by_a_probe)
{
    conf.offload.deadline_ns = 50 * NS_PER_MS;
    conf.fault_count = 1;
    faults[0] = (struct conf_fault){
        .prefix = (char *)(size_t) "/tmp", .operations = 1U << WAIT_READ, .hang = true};
    begin(4, 100);
    submit_some(0, 1, disk, false);
    until(refused_for, 1);
    offload_mount_fence(disk, false);
    ck_assert(refused_for(0));
    until(sick_events_are, 2);
    ck_assert(refused_for(1));
    end();
}
END_TEST

/* --- progress --- */

START_TEST(one_that_hangs_is_late_alone)
{
    conf.offload.deadline_ns = 50 * NS_PER_MS;
    begin(4, 100);
    ck_assert_int_eq(submit_call(0, WAIT_READ, "/tmp/bad", true), OFFLOAD_QUEUED);
    wait_started(1);
    answer_for(150 * NS_PER_MS, 1, WAIT_READ);
    until(is_late, 0);
    answer_for(300 * NS_PER_MS, 1, WAIT_READ);
    ck_assert(refused_for(0));
    ck_assert_int_eq(count_events(EVENT_SICK), 0);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_stuck), 1);
    ck_assert_uint_eq(atomic_load(&disk_row()->running), 1);
    /* It alone is refused, until it may be tried again; another call of it is not the same. */
    ck_assert_int_eq(submit_call(2, WAIT_READ, "/tmp/bad", false), OFFLOAD_SICK);
    ck_assert_int_eq(submit_call(2, WAIT_OPEN, "/tmp/bad", false), OFFLOAD_QUEUED);
    until(dones_are, (uint64_t)done_count + 1);
    let(0);
    until(dones_are, (uint64_t)done_count + 1);
    ck_assert_int_eq(submit_call(2, WAIT_READ, "/tmp/bad", false), OFFLOAD_QUEUED);
    until(dones_are, (uint64_t)done_count + 1);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_stuck), 0);
    end();
}
END_TEST

/* A call can be lost: the next one is free, then they become rarer. */
START_TEST(what_hangs_is_tried_again_and_ever_less)
{
    conf.offload.deadline_ns = 100 * NS_PER_MS;
    conf.offload.probe_ns = 50 * NS_PER_MS;
    begin(8, 100);
    int tries = 0;
    for (uint64_t end_ns = mono_now().ns + 1500 * NS_PER_MS; mono_now().ns < end_ns;) {
        bool free = tries < 8 && (tries == 0 || work[tries - 1].lates > 0);
        if (free && submit_call(tries, WAIT_READ, "/tmp/bad", true) == OFFLOAD_QUEUED)
            wait_started(++tries);
        until(is_later, mono_now().ns + 10 * NS_PER_MS);
    }
    ck_assert_int_ge(tries, 2);
    ck_assert_int_le(tries, 6); /* after 0, 100, 200, 400, 800 ms at the soonest */
    ck_assert_int_eq(count_events(EVENT_SICK), 0);
    end();
}
END_TEST

/* Nothing else is asked for: something else is tried, and answers. */
START_TEST(one_that_hangs_on_an_idle_mount_is_late_alone)
{
    conf.offload.deadline_ns = 400 * NS_PER_MS;
    begin(4, 100);
    ck_assert_int_eq(submit_call(0, WAIT_READ, "/tmp/bad", true), OFFLOAD_QUEUED);
    wait_started(1);
    until(is_late, 0);
    ck_assert(refused_for(0));
    until(is_later, mono_now().ns + 500 * NS_PER_MS); /* and nobody asks: it stays so */
    ck_assert(refused_for(0));
    ck_assert_int_eq(count_events(EVENT_SICK), 0);
    ck_assert(rows_are(1));
    end();
}
END_TEST

static void moving_run(struct offload_job *job)
{
    struct work *w = list_entry(job, struct work, job);

    w->runs++;
    for (uint64_t end_ns = mono_now().ns + 600 * NS_PER_MS; mono_now().ns < end_ns;) {
        poll(NULL, 0, 5);
        offload_job_moved(job);
    }
}

/* As a listing of many names, or a window in pieces. */
START_TEST(a_long_job_that_gets_on_is_not_late)
{
    conf.offload.deadline_ns = 150 * NS_PER_MS;
    begin_bare(1, 100);
    submit_some(1, 2, other, false); /* keeps the other mount out of it */
    until(dones_are, 1);
    work[0] = (struct work){.job = {.mount = disk,
                                    .op = WAIT_READDIR,
                                    .path = "/tmp",
                                    .run = moving_run,
                                    .done = work_done,
                                    .late = work_late}};
    ck_assert_int_eq(offload_submit(pool, &work[0].job), OFFLOAD_QUEUED);
    until(dones_are, 2);
    ck_assert_int_eq(work[0].lates, 0);
    ck_assert_int_eq(count_events(EVENT_SICK), 0);
    end();
}
END_TEST

/* A disk that gives each of ten its turn: the last waits for far longer than the deadline. */
START_TEST(a_saturated_mount_gives_all_what_they_asked)
{
    conf.offload.deadline_ns = 400 * NS_PER_MS;
    begin_bare(16, 100);
    submit_some(0, 12, disk, true);
    wait_started(12);
    for (int i = 0; i < 12; i++) {
        until(is_later, mono_now().ns + 100 * NS_PER_MS);
        let(i);
        until(dones_are, (uint64_t)i + 1);
    }
    for (int i = 0; i < 12; i++)
        ck_assert(work[i].lates == 0 && !work[i].job.refused);
    ck_assert_int_eq(count_events(EVENT_SICK), 0);
    end();
}
END_TEST

/* Names can be asked for, data cannot be read. */
START_TEST(a_kind_of_calls_that_never_comes_back_makes_sick)
{
    static const char *const path[] = {"/tmp/a", "/tmp/b", "/tmp/c", "/tmp/d"};

    conf.offload.deadline_ns = 100 * NS_PER_MS;
    conf.offload.probe_ns = 20 * NS_PER_MS;
    conf.fault_count = 1;
    faults[0] = (struct conf_fault){
        .prefix = (char *)(size_t) "/tmp/", .operations = 1U << WAIT_READ, .hang = true};
    begin(8, 100);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(submit_call(i, WAIT_READ, path[i], false), OFFLOAD_QUEUED);
    for (uint64_t end_ns = mono_now().ns + 20 * NS_PER_S;
         refused_for(0) && mono_now().ns < end_ns;) {
        if (submit_call(5, WAIT_STAT, "/tmp", false) == OFFLOAD_QUEUED)
            until(dones_are, (uint64_t)done_count + 1);
        until(is_later, mono_now().ns + 5 * NS_PER_MS);
    }
    ck_assert(refused_for(1));
    ck_assert_int_eq(count_events(EVENT_SICK), 1);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(work[i].lates, 1);
    until(is_later, mono_now().ns + 200 * NS_PER_MS); /* that names are well does not heal it */
    ck_assert(refused_for(1));
    conf.fault_count = 0; /* the next probe reads */
    until(refused_for, 0);
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

int main(void)
{
    Suite *s = suite_create("net offload mounts");
    TCase *t = tcase_create("mounts and faults");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_late_job_makes_its_mount_sick);
    tcase_add_test(t, standing_still_makes_no_mount_sick);
    tcase_add_test(t, a_probe_heals_while_jobs_hang);
    tcase_add_test(t, probes_are_few_and_faults_hold_them_too);
    tcase_add_test(t, fences);
    tcase_add_test(t, closes_pass_a_fence);
    tcase_add_test(t, an_operator_clears_a_sick_mount);
    tcase_add_test(t, cleared_and_still_hanging_is_sick_again);
    tcase_add_test(t, cleared_and_still_hanging_is_found_by_a_probe);
    tcase_add_test(t, one_that_hangs_is_late_alone);
    tcase_add_test(t, what_hangs_is_tried_again_and_ever_less);
    tcase_add_test(t, one_that_hangs_on_an_idle_mount_is_late_alone);
    tcase_add_test(t, a_long_job_that_gets_on_is_not_late);
    tcase_add_test(t, a_saturated_mount_gives_all_what_they_asked);
    tcase_add_test(t, a_kind_of_calls_that_never_comes_back_makes_sick);
    tcase_add_test(t, more_mounts_than_rows);
    tcase_add_test(t, finds_fault_rules);
    tcase_add_test(t, obeys_fault_rules);
    tcase_add_test(t, faults_end_with_the_pool);
    suite_add_tcase(s, t);
    return unit_run(s);
}

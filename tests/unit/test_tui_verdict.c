/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the model makes of snapshots: rates, history, and the verdict with all of its rules.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/fixture.h"
#include "tui/batch/batch.h"
#include "tui/ui/text.h"

static struct model *new_model(void)
{
    struct model *m = calloc(1, sizeof *m);

    ck_assert(m && model_init(m, NS_PER_S));
    return m;
}

static void push(struct model *m, unsigned workers, uint64_t at_ms, uint32_t epoch,
                 uint64_t requests)
{
    struct snap s = fixture_snap(workers, FIXTURE_START_NS + at_ms * NS_PER_MS);

    for (unsigned i = 0; i < workers; i++) {
        s.worker[i].epoch = epoch;
        s.worker[i].counter[COUNTER_requests] = requests;
    }
    ck_assert(model_take(m, &s));
    snap_free(&s);
}

START_TEST(rates_by_epoch_and_true_time)
{
    struct model *m = new_model();

    push(m, 1, 0, 1, 5000);
    ck_assert(m->memory[0].rate[RATE_REQUESTS] < 0); /* one sample is no rate, nor a spike */
    ck_assert(m->total[RATE_REQUESTS] < 0);
    push(m, 1, 400, 1, 5100);
    ck_assert(m->memory[0].rate[RATE_REQUESTS] < 0);
    push(m, 1, 1000, 1, 5200);
    ck_assert_double_eq_tol(m->memory[0].rate[RATE_REQUESTS], 200, 0.01);
    ck_assert_double_eq_tol(m->total[RATE_REQUESTS], 200, 0.01);
    push(m, 1, 3000, 1, 5800); /* two seconds without a sample: no spike */
    ck_assert_double_eq_tol(m->memory[0].rate[RATE_REQUESTS], 300, 0.01);
    push(m, 1, 3500, 2, 7); /* another process in the slot */
    ck_assert(m->memory[0].rate[RATE_REQUESTS] < 0);
    push(m, 1, 4500, 2, 107);
    ck_assert_double_eq_tol(m->memory[0].rate[RATE_REQUESTS], 100, 0.01);
    push(m, 1, 5500, 2, 50); /* a counter that goes back counts for nothing */
    ck_assert_double_eq_tol(m->memory[0].rate[RATE_REQUESTS], 0, 0.01);
    model_no_data(m, FIXTURE_START_NS + 6 * NS_PER_S, 0, "gone");
    ck_assert(m->memory[0].rate[RATE_REQUESTS] < 0);
    ck_assert_int_eq(m->link, LINK_GONE);
    model_free(m);
    free(m);
}
END_TEST

START_TEST(history_keeps_spikes_and_gaps)
{
    struct model *m = new_model();
    double value[4];

    for (unsigned i = 0; i <= 30; i++) {
        struct snap s = fixture_snap(1, FIXTURE_START_NS + i * 100 * NS_PER_MS);
        s.listener[1].queue_depth = i == 13 ? 65 : 0;
        ck_assert(model_take(m, &s));
        snap_free(&s);
    }
    ck_assert_uint_eq(m->history.count, 3);
    ck_assert_uint_eq(history_at(&m->history, 1)->queue, 65);
    ck_assert_uint_eq(model_queue_peak(m), 65);
    push(m, 1, 13000, 1, 0); /* ten seconds asleep */
    ck_assert(history_at(&m->history, 0)->gap);
    ck_assert_uint_eq(m->history.count, 13);
    struct history h = {0};
    history_add(&h, &(struct history_record){.queue = 7});
    history_add_gap(&h, 3);
    history_add(&h, &(struct history_record){.queue = 2});
    ck_assert_uint_eq(history_queue_peak(&h, 60), 7);
    model_free(m);
    free(m);
    (void)value;
}
END_TEST

START_TEST(verdicts)
{
    static const struct {
        enum fixture which;
        enum verdict_level level;
        enum verdict_rule rule;
        const char *line;
    } cases[] = {
        {FIX_HEALTHY, VERDICT_OK, RULE_OK, "ok: queue 0, lag p99 7.9ms, 8/8 workers"},
        {FIX_TWO_BLOCKED, VERDICT_BAD, RULE_STUCK,
         "2 of 8 workers blocked: w3 open 14.2s /mnt/media/2019/big.iso, w6 read 3.2s "
         "/mnt/media/tv/s01.mkv.  + adds workers"},
        {FIX_ALL_BLOCKED, VERDICT_BAD, RULE_ALL_STUCK,
         "ALL 8 workers blocked, nothing is served: stat 15.0s /mnt/media/index.html.  + adds "
         "workers"},
        {FIX_STOPPED, VERDICT_BAD, RULE_STUCK,
         "1 of 8 workers stopped: w2 stopped 5.0s.  kill -CONT resumes"},
        {FIX_EMPTY, VERDICT_BAD, RULE_CHANGE, "no worker is running, nothing is served"},
        {FIX_DRAINING, VERDICT_WARN, RULE_CHANGE, "1 worker died and waits to be started again"},
        {FIX_SICK, VERDICT_WARN, RULE_MOUNT,
         "mount /mnt/media (nfs4) is sick for 14.2s: 12 calls held, requests for it get 503; "
         "others are served.  weirctl unfence clears it"},
        {FIX_POOL_FULL, VERDICT_WARN, RULE_OFFLOAD_FULL,
         "offload 64/64 busy, 82 queued, oldest read 8.1s on /mnt/media; cold files wait.  O sets "
         "threads"},
        {FIX_FENCED, VERDICT_OK, RULE_OK,
         "ok: queue 0, lag p99 7.9ms, 8/8 workers; /mnt/old fenced; FAULT rules in force"},
        {FIX_NO_SERVER, VERDICT_NO_SERVER, RULE_NO_DATA,
         "NO SERVER for 12.0s: master 4711 is gone; waiting for a new one"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model *m = fixture_model(cases[i].which);
        struct verdict v;
        char line[4096];
        verdict_of(m, &v);
        verdict_line(&v, 1000, line, sizeof line);
        ck_assert_str_eq(line, cases[i].line);
        ck_assert_int_eq(v.level, cases[i].level);
        ck_assert_int_eq(v.rule, cases[i].rule);
        for (int cells = 24; cells < 200; cells++) {
            verdict_line(&v, cells, line, sizeof line);
            ck_assert_msg(cells < 40 || text_width(line) <= cells, "%d: %s", cells, line);
        }
        model_free(m);
        free(m);
    }
}
END_TEST

/* Rules that need a snapshot of their own. */
static void check_rule(void (*shape)(struct snap *, unsigned), enum verdict_rule rule,
                       const char *line)
{
    struct model *m = new_model();
    struct verdict v;
    char text[4096];

    for (unsigned second = 0; second <= 10; second++) {
        struct snap s = fixture_snap(2, FIXTURE_START_NS + second * NS_PER_S);
        shape(&s, second);
        ck_assert(model_take(m, &s));
        snap_free(&s);
    }
    verdict_of(m, &v);
    verdict_line(&v, 1000, text, sizeof text);
    ck_assert_str_eq(text, line);
    ck_assert_int_eq(v.rule, rule);
    model_free(m);
    free(m);
}

static void shape_full(struct snap *s, unsigned second)
{
    s->listener[1].queue_depth = second > 5 ? 65 : 0;
}

static void shape_drops(struct snap *s, unsigned second)
{
    s->listener[0].drops = second > 5 ? 7 : 0;
}

static void shape_growing(struct snap *s, unsigned second)
{
    s->listener[0].queue_depth = second * 2;
}

static void shape_dying(struct snap *s, unsigned second)
{
    s->worker[1].last_exit = EXIT_SIGNAL;
    s->worker[1].last_exit_detail = 11;
    for (unsigned i = 0; i < 3 && second >= 9; i++)
        s->event[s->event_count++] =
            (struct snap_event){.seq = s->event_next++,
                                .kind = EVENT_EXIT,
                                .worker = 2,
                                .when_ns = FIXTURE_START_NS + (2 + i) * NS_PER_S};
}

static void shape_reload(struct snap *s, unsigned second)
{
    (void)second;
    s->reload_state = RELOAD_FAILED;
    strcpy(s->reload_error, "weir.ini:12: no such key");
}

static void shape_long(struct snap *s, unsigned second)
{
    s->listener[0].queue_depth = second > 6 ? 40 : 0;
}

static void shape_long_shortly(struct snap *s, unsigned second)
{
    s->listener[0].queue_depth = second > 9 ? 40 : 0;
}

static void shape_overdue(struct snap *s, unsigned second)
{
    s->drain_timeout_ns = 5 * NS_PER_S;
    s->worker[1].state = SLOT_RETIRING;
    s->worker[1].state_since_ns = s->taken_ns - second * NS_PER_S;
    s->worker[1].counter[COUNTER_connections] = 3;
}

/* It drains for long, but a client of it goes on reading. */
static void shape_still_sending(struct snap *s, unsigned second)
{
    shape_overdue(s, second);
    s->request_count = 0;
    s->requests_in_flight = 0;
    fixture_request(s, 2, PHASE_SEND, 1000 * second, "GET /iso HTTP/1.1");
}

static void shape_dead(struct snap *s, unsigned second)
{
    (void)second;
    s->worker[1].state = SLOT_DEAD;
}

static void shape_draining(struct snap *s, unsigned second)
{
    shape_overdue(s, second);
    s->drain_timeout_ns = 20 * NS_PER_S;
}

static void shape_connections(struct snap *s, unsigned second)
{
    (void)second;
    s->connections_max = 100;
    s->worker[0].counter[COUNTER_connections] = 90;
    s->worker[1].counter[COUNTER_connections] = 91;
}

static void shape_ran_out(struct snap *s, unsigned second)
{
    struct snap_event e = {.seq = 1,
                           .kind = EVENT_LIMIT,
                           .worker = 2,
                           .when_ns = FIXTURE_START_NS + 7 * NS_PER_S,
                           .text = "accepting pauses with 4 connections: EMFILE"};

    if (second >= 7)
        s->event[s->event_count++] = e;
    s->event_next = 2;
}

static void shape_stale(struct snap *s, unsigned second)
{
    s->heartbeat_ns = second > 6 ? FIXTURE_START_NS + 6 * NS_PER_S : s->taken_ns;
}

/* A mount in this state since second 3; two jobs run in it. */
static struct snap_mount *shape_mount(struct snap *s, unsigned second, const char *name,
                                      enum board_mount_state state)
{
    struct snap_mount *m = fixture_mount(s, name, "nfs4", 0);

    m->running = 2;
    if (second < 3)
        return m;
    m->state = state;
    m->workers_sick = m->workers;
    m->sick_since_ns = state == MOUNT_SICK ? FIXTURE_START_NS + 3 * NS_PER_S : 0;
    return m;
}

static void shape_all_sick(struct snap *s, unsigned second)
{
    shape_mount(s, second, "/a", MOUNT_FENCED);
    shape_mount(s, second, "/b", MOUNT_SICK);
    s->roots_refused = second >= 3;
}

static void shape_all_fenced(struct snap *s, unsigned second)
{
    shape_mount(s, second, "/a", MOUNT_FENCED);
    s->roots_refused = second >= 3;
}

/* All that was asked so far; a location has another one. */
static void shape_known_fenced(struct snap *s, unsigned second)
{
    shape_mount(s, second, "/a", MOUNT_FENCED);
}

static void shape_known_sick(struct snap *s, unsigned second)
{
    shape_mount(s, second, "/a", MOUNT_SICK);
}

/* What the names say, and what is served all the same. */
static void shape_all_sick_but_served(struct snap *s, unsigned second)
{
    shape_known_sick(s, second);
    s->roots_refused = second >= 3;
    s->errors_answers = 10;
    s->errors_failed = 9;
    s->errors_seconds = 10;
}

static void shape_errors(struct snap *s, enum board_errors errors, uint64_t failed,
                         uint64_t answers)
{
    s->errors = errors;
    s->errors_failed = failed;
    s->errors_answers = answers;
    s->errors_seconds = 10;
    s->errors_since_ns = FIXTURE_START_NS + 3 * NS_PER_S;
}

static void shape_some_fail(struct snap *s, unsigned second)
{
    fixture_mount(s, "/a", "ext4", second);
    shape_errors(s, ERRORS_MANY, 12, 100);
}

static void shape_all_fail(struct snap *s, unsigned second)
{
    struct snap_mount *m = fixture_mount(s, "/a", "ext4", second);

    m->failed_ns = s->taken_ns - NS_PER_S;
    m->last_errno = 5;
    m = fixture_mount(s, "/b", "nfs4", second); /* failed earlier */
    m->failed_ns = s->taken_ns - 3 * NS_PER_S;
    m->last_errno = 116;
    shape_errors(s, ERRORS_ALL, 40, 40);
}

/* Not the mount that failed long ago: the one that refuses. */
static void shape_fail_by_fence(struct snap *s, unsigned second)
{
    struct snap_mount *m = shape_mount(s, second, "/a", MOUNT_FENCED);

    m->failed_ns = s->taken_ns - 14 * NS_PER_S;
    m->last_errno = 5;
    shape_errors(s, ERRORS_ALL, 99, 100);
}

static void shape_sick_for_some(struct snap *s, unsigned second)
{
    struct snap_mount *m = shape_mount(s, second, "/a", MOUNT_SICK);

    m->workers_sick = second < 3 ? 0 : 1;
    m->running = 1;
}

static void shape_sick_and_full(struct snap *s, unsigned second)
{
    shape_mount(s, second, "/a", MOUNT_SICK);
    fixture_mount(s, "/", "ext4", second);
    shape_full(s, second);
}

static void shape_sick_and_blocked(struct snap *s, unsigned second)
{
    shape_mount(s, second, "/a", MOUNT_SICK);
    s->worker[0].turn_since_ns = s->worker[0].wait_since_ns = s->worker[0].blocked_since_ns =
        s->taken_ns - NS_PER_S;
    s->worker[0].wait = WAIT_CLOSE;
}

/* w2's threads, five given up in a sick mount aside, are all busy since second `from`. */
static void shape_pool(struct snap *s, unsigned second, unsigned from)
{
    fixture_mount(s, "/", "ext4", second);
    s->worker[1].counter[COUNTER_offload_threads_max] = 8;
    s->worker[1].counter[COUNTER_offload_busy] = second >= from ? 13 : 12;
    s->worker[1].counter[COUNTER_offload_stuck] = 5;
    s->worker[1].counter[COUNTER_offload_queued] = 4;
}

static void shape_pool_full(struct snap *s, unsigned second)
{
    shape_pool(s, second, 7);
}

static void shape_pool_full_shortly(struct snap *s, unsigned second)
{
    shape_pool(s, second, 8);
}

static void shape_no_threads(struct snap *s, unsigned second)
{
    shape_pool(s, second, 0);
    s->worker[0].counter[COUNTER_offload_refusing] = 1;
}

static void shape_no_threads_at_all(struct snap *s, unsigned second)
{
    shape_no_threads(s, second);
    s->worker[1].counter[COUNTER_offload_refusing] = 1;
}

static void shape_pool_idle(struct snap *s, unsigned second)
{
    shape_pool(s, second, 0);
    s->worker[1].counter[COUNTER_offload_queued] = 0; /* busy, but nothing waits */
}

/* Two threads of w1 are held since second 3, in a mount of this state. */
static void shape_held_in(struct snap *s, unsigned second, enum board_mount_state state)
{
    shape_mount(s, second, "/a", state);
    fixture_job(s, 1, WAIT_READ, FIXTURE_START_NS + 4 * NS_PER_S, 0, "/a/g");
    fixture_job(s, 1, WAIT_OPEN, FIXTURE_START_NS + 3 * NS_PER_S, 0, "/a/f");
}

static void shape_held(struct snap *s, unsigned second)
{
    if (second >= 4)
        shape_held_in(s, second, MOUNT_OK);
}

static void shape_no_room(struct snap *s, unsigned second)
{
    if (second < 4)
        return;
    s->listener[0].queue_depth = 3;
    s->worker[0].counter[COUNTER_accepting] = s->worker[1].counter[COUNTER_accepting] = 0;
}

static void shape_room_in_one(struct snap *s, unsigned second)
{
    shape_no_room(s, second);
    s->worker[1].counter[COUNTER_accepting] = 1;
}

static void shape_held_sick(struct snap *s, unsigned second)
{
    if (second >= 4)
        shape_held_in(s, second, MOUNT_SICK);
    s->roots_refused = second >= 4;
}

static void shape_held_shortly(struct snap *s, unsigned second)
{
    shape_mount(s, second, "/a", MOUNT_OK);
    if (second >= 4)
        fixture_job(s, 1, WAIT_OPEN, s->taken_ns - 999 * NS_PER_MS, 0, "/a/f");
}

START_TEST(verdicts_about_offload)
{
    check_rule(shape_all_sick, RULE_MOUNT,
               "every request gets 503: ALL 2 mounts: mount /b (nfs4) is sick for 7.0s, 2 calls "
               "held; nothing is served.  weirctl unfence clears it");
    check_rule(
        shape_all_fenced, RULE_MOUNT,
        "every request gets 503: mount /a (nfs4) is fenced, 2 calls held; nothing is served. "
        " weirctl unfence clears it");
    check_rule(shape_known_fenced, RULE_OK, "ok: queue 0, lag p99 0us, 2/2 workers; /a fenced");
    check_rule(shape_known_sick, RULE_MOUNT,
               "mount /a (nfs4) is sick for 7.0s: 2 calls held, requests for it get 503.  "
               "weirctl unfence clears it");
    check_rule(shape_all_sick_but_served, RULE_MOUNT,
               "mount /a (nfs4) is sick for 7.0s: 2 calls held, requests for it get 503; others "
               "are served.  weirctl unfence clears it");
    check_rule(shape_some_fail, RULE_ERRORS,
               "12 % of the answers fail: 12 of 100 in 10s were 5xx.  the error log tells the "
               "files");
    check_rule(shape_all_fail, RULE_ERRORS,
               "ALL answers fail: 40 of 40 in 10s were 5xx; mount /a (ext4): Input/output error.  "
               "the error log tells the files");
    check_rule(shape_fail_by_fence, RULE_ERRORS,
               "nearly ALL answers fail: 99 of 100 in 10s were 5xx; mount /a (nfs4) is fenced.  "
               "the error log tells the files");
    check_rule(shape_sick_for_some, RULE_MOUNT,
               "mount /a (nfs4) is sick for 7.0s in 1 of 2 workers: 1 call held, requests for "
               "it get 503.  weirctl unfence clears it");
    /* What is critical comes before what is not; a blocked loop before everything. */
    check_rule(shape_sick_and_full, RULE_QUEUE_FULL,
               "accept queue full (65/64) and no worker blocked.  + adds workers");
    check_rule(shape_sick_and_blocked, RULE_STUCK,
               "1 of 2 workers blocked: w1 close 1.0s.  + adds workers");
    check_rule(shape_pool_full, RULE_OFFLOAD_FULL,
               "offload of w2 8/8 busy, 4 queued; cold files wait.  O sets threads");
    check_rule(shape_no_threads, RULE_OFFLOAD_FULL,
               "w1 cannot start offload threads and has none: what is not in memory gets 503.  see "
               "limits on tasks and memory");
    check_rule(shape_no_threads_at_all, RULE_OFFLOAD_FULL,
               "2 of 2 workers cannot start offload threads and have none: what is not in memory "
               "gets 503.  see limits on tasks and memory");
    check_rule(shape_held, RULE_HELD,
               "w1 open held for 7.0s on /a (nfs4) (and 1 more): /a/f; others are served.  "
               "view 5: a fences");
    check_rule(shape_held_sick, RULE_MOUNT,
               "every request gets 503: mount /a (nfs4) is sick for 7.0s, 4 calls held; nothing "
               "is served.  weirctl unfence clears it");
    check_rule(shape_held_shortly, RULE_OK, "ok: queue 0, lag p99 0us, 2/2 workers");
    check_rule(shape_pool_full_shortly, RULE_OK, "ok: queue 0, lag p99 0us, 2/2 workers");
    check_rule(shape_pool_idle, RULE_OK, "ok: queue 0, lag p99 0us, 2/2 workers");
}
END_TEST

static void shape_log(struct snap *s, enum board_log_kind kind, const char *target)
{
    s->log[kind] = (struct snap_log){.used = true, .dropped = 17};
    strcpy(s->log[kind].target, target);
}

static void shape_log_stuck(struct snap *s, unsigned second)
{
    shape_log(s, BOARD_LOG_ACCESS, "/srv/log/access");
    if (second >= 4)
        s->log[BOARD_LOG_ACCESS].busy_since_ns = s->taken_ns - 12 * NS_PER_S;
}

static void shape_log_busy(struct snap *s, unsigned second)
{
    (void)second;
    shape_log(s, BOARD_LOG_ACCESS, "/srv/log/access");
    s->log[BOARD_LOG_ACCESS].busy_since_ns = s->taken_ns - 999 * NS_PER_MS;
}

static void shape_log_failing(struct snap *s, unsigned second)
{
    (void)second;
    shape_log(s, BOARD_LOG_ERROR, "stderr");
    s->log[BOARD_LOG_ERROR].error = 28; /* ENOSPC */
}

START_TEST(verdicts_about_logs)
{
    check_rule(
        shape_log_stuck, RULE_LOG,
        "access log /srv/log/access does not answer for 12.0s: requests are served, its lines "
        "wait, 17 dropped.  weirctl reopen opens it anew");
    check_rule(shape_log_failing, RULE_LOG,
               "error log on standard error cannot be written: No space left on device; requests "
               "are served, 17 lines dropped.  weirctl reopen opens it anew");
    check_rule(shape_log_busy, RULE_OK, "ok: queue 0, lag p99 0us, 2/2 workers");
}
END_TEST

/* More workers do not help when the CPUs are busy; descriptors come from /proc like CPU time. */
START_TEST(verdicts_by_proc)
{
    struct model *m = new_model();
    struct model_proc p = {.rss_bytes = 1 << 20, .fds = 95, .fds_max = 100};
    struct verdict v;

    m->cpus = 2;
    for (unsigned second = 0; second <= 3; second++) {
        struct snap s = fixture_snap(2, FIXTURE_START_NS + second * NS_PER_S);
        if (second == 3)
            s.listener[0].queue_depth = 64;
        ck_assert(model_take(m, &s));
        snap_free(&s);
        for (unsigned w = 1; w <= 2; w++) {
            p.cpu_ns = second * 950 * NS_PER_MS;
            model_take_proc(m, w, 1, &p, m->clock_ns);
        }
        model_take_proc(m, 1, 2, &(struct model_proc){0}, m->clock_ns); /* another process */
    }
    ck_assert_double_eq_tol(m->memory[0].cpu, 0.95, 0.001);
    ck_assert_uint_eq(m->memory[0].rss_bytes, 1 << 20);
    verdict_of(m, &v);
    ck_assert_int_eq(v.rule, RULE_QUEUE_FULL);
    ck_assert_str_eq(v.hint, "CPU-bound (95 %): more workers will not help");
    m->cpus = 8;
    verdict_of(m, &v);
    ck_assert_str_eq(v.hint, "+ adds workers");
    m->now.listener[0].queue_depth = 0;
    verdict_of(m, &v);
    ck_assert_int_eq(v.rule, RULE_LIMIT);
    ck_assert_str_eq(v.brief, "w1 95/100 descriptors");
    model_free(m);
    free(m);
}
END_TEST

START_TEST(checks_have_the_level)
{
    static const struct {
        void (*shape)(struct snap *, unsigned);
        int status;
        const char *line;
    } cases[] = {
        {shape_all_sick, 2, "critical: every request gets 503: "},
        {shape_sick_for_some, 1, "warning: mount /a "},
        {shape_pool_full, 1, "warning: offload of w2 "},
        {shape_pool_idle, 0, "ok: queue 0, "},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model *m = new_model();
        char *text = NULL;
        size_t n = 0;
        for (unsigned second = 0; second <= 10; second++) {
            struct snap s = fixture_snap(2, FIXTURE_START_NS + second * NS_PER_S);
            cases[i].shape(&s, second);
            ck_assert(model_take(m, &s));
            snap_free(&s);
        }
        FILE *to = open_memstream(&text, &n);
        ck_assert(to != NULL);
        ck_assert_int_eq(batch_check(to, m), cases[i].status);
        ck_assert(batch_print(to, m));
        ck_assert(batch_json(to, m, NULL));
        ck_assert_int_eq(fclose(to), 0);
        ck_assert_msg(strncmp(text, cases[i].line, strlen(cases[i].line)) == 0, "%s", text);
        free(text);
        model_free(m);
        free(m);
    }
}
END_TEST

/* What a row says, and what is remembered of mounts. */
START_TEST(offload_in_the_model)
{
    struct model *m = fixture_model(FIX_SICK);
    const struct model_row *row = &m->row[7];
    char object[SNAP_TEXT_BYTES + 8];
    const char *verb;

    ck_assert_uint_eq(m->in_state[ROW_OFFLOAD], 1);
    ck_assert_int_eq(row->state, ROW_OFFLOAD);
    ck_assert_uint_eq(row->since_ns, 42 * NS_PER_MS);
    model_row_doing(m, row, &verb, object, sizeof object);
    ck_assert_str_eq(verb, "offl");
    ck_assert_str_eq(object, "/srv/cold/x.bin");
    ck_assert_uint_eq(m->offload.busy, 1); /* stuck ones do not count */
    ck_assert_uint_eq(m->offload.stuck, 12);
    ck_assert_uint_eq(m->offload.limit, 8 * 64);
    ck_assert_uint_eq(m->offload.job_count, 13);
    for (unsigned i = 1; i < m->offload.job_count; i++)
        ck_assert(m->offload.job[i - 1].since_ns <= m->offload.job[i].since_ns);
    ck_assert_uint_eq(model_oldest_job_ns(m), 17 * NS_PER_S);
    ck_assert_double_eq_tol(model_mount_memory(m, &m->now.mount[0])->refused, 12, 0.01);
    ck_assert(model_mount_hot(m, &m->now.mount[0]) < 0); /* nothing was asked of it lately */
    ck_assert_double_eq_tol(model_mount_hot(m, &m->now.mount[1]), 0.97, 0.001);
    /* A worker ends and takes its numbers along; then the mount is gone. */
    struct snap s = fixture_snap(8, m->now.taken_ns + NS_PER_S);
    fixture_mount(&s, "/", "ext4", 1)->device = m->now.mount[1].device;
    ck_assert(model_take(m, &s));
    snap_free(&s);
    ck_assert_uint_eq(m->offload.mount_count, 1);
    ck_assert_double_eq_tol(model_mount_hot(m, &m->now.mount[0]), 0.97, 0.001);
    ck_assert_uint_eq(m->offload.job_count, 0);
    model_free(m);
    free(m);
}
END_TEST

START_TEST(verdict_rules)
{
    check_rule(shape_full, RULE_QUEUE_FULL,
               "accept queue full (65/64) and no worker blocked.  + adds workers");
    check_rule(shape_drops, RULE_QUEUE_FULL,
               "accept queue was full: the kernel dropped 7 connections in 10s.  + adds workers");
    check_rule(shape_growing, RULE_QUEUE_GROWING,
               "accept queue growing: 10 -> 20 in 5 s.  + adds workers");
    check_rule(shape_dying, RULE_RESPAWN, "w2 died 3 times in 8.0s, signal 11");
    check_rule(shape_reload, RULE_CHANGE,
               "the reload failed, the old configuration is in force: weir.ini:12: no such key");
    check_rule(shape_long, RULE_QUEUE_FULL,
               "accept queue long (40/64) and no worker blocked.  + adds workers");
    check_rule(shape_long_shortly, RULE_OK, "ok: queue 40, lag p99 0us, 2/2 workers");
    check_rule(shape_overdue, RULE_CHANGE,
               "w2 drains for 10.0s, longer than drain_timeout (5.0s): 3 connections left.  X ends "
               "it");
    check_rule(shape_still_sending, RULE_OK, "ok: queue 0, lag p99 0us, 2/2 workers");
    check_rule(shape_dead, RULE_CHANGE,
               "workers that are dead but cannot be ended before a mount answers: 1; others took "
               "their place");
    check_rule(shape_draining, RULE_OK, "ok: queue 0, lag p99 0us, 2/2 workers");
    check_rule(shape_connections, RULE_LIMIT,
               "w2 has 91 of 100 connections: idle ones soon make room for new ones.  [limits] "
               "connections is the limit");
    check_rule(shape_no_room, RULE_LIMIT,
               "new clients wait: no worker has room for another connection; 3 in the accept "
               "queue.  [limits] connections, ulimit -n");
    check_rule(shape_room_in_one, RULE_OK, "ok: queue 3, lag p99 0us, 2/2 workers");
    check_rule(shape_ran_out, RULE_LIMIT,
               "w2, 3.0s ago: accepting pauses with 4 connections: EMFILE");
    check_rule(shape_stale, RULE_NO_DATA,
               "NO NEWS for 4.0s: master 4711 does not answer; workers may still serve");
}
END_TEST

int main(void)
{
    if (!unit_locale())
        return EXIT_SUCCESS;
    Suite *s = suite_create("tui");
    TCase *t = tcase_create("parts");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, rates_by_epoch_and_true_time);
    tcase_add_test(t, history_keeps_spikes_and_gaps);
    tcase_add_test(t, verdicts);
    tcase_add_test(t, verdict_rules);
    tcase_add_test(t, verdicts_about_offload);
    tcase_add_test(t, verdicts_about_logs);
    tcase_add_test(t, checks_have_the_level);
    tcase_add_test(t, verdicts_by_proc);
    tcase_add_test(t, offload_in_the_model);
    suite_add_tcase(s, t);
    return unit_run(s);
}

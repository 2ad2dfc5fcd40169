/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots as JSON and as text: the names scripts rely on, rates over an interval, workers
 * that came and went in it, and strings that somebody chose to do harm.
 */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/board.h"
#include "board/slot.h"
#include "ctl/status.h"

static struct board b;
static struct board_view *view;

static void make_board(void)
{
    char why[256];

    ck_assert(board_create(&b, &(struct board_create){4, 2, "prod \"x\"", "0.1.0"}));
    int fd = board_open_read_only(&b);
    view = board_view_open(fd, why, sizeof why);
    ck_assert_ptr_nonnull(view);
    close_fd(&fd);
    struct board_header *h = b.header;
    h->ready = 1;
    h->workers_wanted = 3;
    h->workers_min = 1;
    h->workers_max = 64;
    h->workers_auto = 1;
    h->generation = 7;
    h->blocked_after_ns = 100 * NS_PER_MS;
    b.listener[0].used = 1;
    b.listener[0].queue_depth = 3;
    b.listener[0].queue_limit = 511;
    b.listener[0].queue_peak = 12;
    b.listener[0].drops = 4;
    board_text_set(&b.listener[0].address, SPAN("0.0.0.0:8080"));
    for (unsigned i = 0; i < 3; i++) {
        b.slot[i].state = SLOT_RUNNING;
        b.slot[i].pid = 100 + i;
        b.slot[i].epoch = 1;
        b.slot[i].state_since_ns = mono_now().ns;
    }
    b.slot[1].turn_since_ns = mono_now().ns - 5 * NS_PER_S;
    slot_wait(&b.slot[1], WAIT_OPEN, (struct mono){mono_now().ns - 5 * NS_PER_S});
    slot_serving(&b.slot[1], SPAN("/srv/\xff\"\\\x1b]0;x\x07\n</script>"));
    b.slot[2].stopped_since_ns = mono_now().ns - NS_PER_S;
}

/* Worker 1 has two threads, one of them on a mount that is sick; worker 2 was blocked. */
static void add_waits(void)
{
    struct board_mount *m = b.mount;
    struct board_thread *t = b.thread;
    struct board_stall *stall = b.stall;

    b.header->offload_threads = 64;
    b.header->offload_by_hand = 1;
    b.header->faults = 1;
    slot_gauge(&b.slot[0], COUNTER_offload_threads, 2);
    slot_gauge(&b.slot[0], COUNTER_offload_threads_max, 64);
    slot_gauge(&b.slot[0], COUNTER_offload_busy, 1);
    slot_gauge(&b.slot[1], COUNTER_offload_threads_max, 64);
    slot_gauge(&b.slot[1], COUNTER_offload_queued, 7);
    slot_hist(&b.slot[0], HIST_OFFLOAD_RUN, 20 * NS_PER_MS);
    m->device = 52;
    m->state = MOUNT_SICK;
    m->sick_since_ns = mono_now().ns - 90 * NS_PER_S;
    m->running = 1;
    m->queued = 1234;
    m->counter[MOUNT_HOT] = 5;
    m->counter[MOUNT_REFUSED] = 8;
    m->counter[MOUNT_FAILED] = 9;
    board_text_set(&m->name, SPAN("/srv/\"nfs\x1b"));
    board_text_set(&m->type, SPAN("nfs4"));
    m->used = 1;
    t[0].used = t[1].used = 1;
    t[1].tid = 1001;
    t[1].wait = WAIT_READ;
    t[1].since_ns = mono_now().ns - 3 * NS_PER_S;
    board_text_set(&t[1].path, SPAN("/srv/nfs/f"));
    stall[0].worker = 2;
    stall[0].on_loop = 1;
    stall[0].wait = WAIT_OPEN;
    stall[0].lasted_ns = 5 * NS_PER_S;
    stall[0].began_wall_ns = wall_now().ns;
    stall[0].waiting = 11;
    board_text_set(&stall[0].path, SPAN("/srv/x"));
    board_text_set(&stall[0].kernel, SPAN("waiting for disk (D) in openat"));
    stall[0].used = 1;
    stall[1].worker = 1;
    stall[1].wait = WAIT_READ;
    stall[1].lasted_ns = 1500 * NS_PER_MS;
    stall[1].over = 1;
    stall[1].used = 2;
}

static void free_board(void)
{
    board_view_close(&view);
    board_destroy(&b);
}

static void snap(struct snap *s)
{
    ck_assert(board_view_snap(view, s));
}

static json_t *get(const json_t *root, const char *path)
{
    char part[64];
    const json_t *at = root;

    while (*path) {
        size_t n = strcspn(path, ".");
        ck_assert_uint_lt(n, sizeof part);
        memcpy(part, path, n);
        part[n] = '\0';
        path += n + (path[n] == '.');
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part)) : json_object_get(at, part);
        ck_assert_msg(at != NULL, "no %s", part);
    }
    return (json_t *)(uintptr_t)at;
}

static json_int_t number(const json_t *root, const char *path)
{
    json_t *v = get(root, path);

    ck_assert_msg(json_is_integer(v), "%s is not a whole number", path);
    return json_integer_value(v);
}

static const char *text(const json_t *root, const char *path)
{
    json_t *v = get(root, path);

    ck_assert_msg(json_is_string(v), "%s is not text", path);
    return json_string_value(v);
}

START_TEST(names_and_values)
{
    struct snap s = {0};

    slot_count(&b.slot[0], COUNTER_requests, 5);
    slot_count(&b.slot[1], COUNTER_requests, 6);
    slot_hist(&b.slot[0], HIST_REQUEST_TIME, 10 * NS_PER_MS);
    board_event(&b, EVENT_RESIZE, 0, "workers 2 -> 3");
    board_op_begin(&b, SPAN("workers 2 -> 3"));
    snap(&s);
    json_t *j = status_json(&s, NULL);
    ck_assert_ptr_nonnull(j);
    ck_assert_str_eq(text(j, "instance"), "prod \"x\"");
    ck_assert_str_eq(text(j, "version"), "0.1.0");
    ck_assert_str_eq(text(j, "state"), "serving");
    ck_assert_uint_eq(strlen(text(j, "uuid")), 32);
    ck_assert(json_is_real(get(j, "uptime_s")));
    ck_assert_int_eq(number(j, "workers_wanted"), 3);
    ck_assert_int_eq(number(j, "workers_running"), 3);
    ck_assert_int_eq(number(j, "workers_max"), 64);
    ck_assert(json_is_true(get(j, "workers_auto")));
    ck_assert_int_eq(number(j, "generation"), 7);
    ck_assert_str_eq(text(j, "reload.state"), "none");
    ck_assert(json_is_null(get(j, "reload.error")));
    ck_assert_int_eq(number(j, "op.id"), 1);
    ck_assert_str_eq(text(j, "op.state"), "pending");
    ck_assert_str_eq(text(j, "listeners.0.address"), "0.0.0.0:8080");
    ck_assert_int_eq(number(j, "listeners.0.queue_depth"), 3);
    ck_assert_int_eq(number(j, "listeners.0.queue_limit"), 511);
    ck_assert_int_eq(number(j, "listeners.0.queue_peak"), 12);
    ck_assert_int_eq(number(j, "listeners.0.drops"), 4);
    ck_assert_int_eq(number(j, "totals.counters.requests"), 11);
    ck_assert_int_eq(number(j, "totals.times.request_time.count"), 1);
    ck_assert_int_eq(number(j, "totals.times.request_time.mean_ns"), 10000000);
    json_int_t p99 = number(j, "workers.0.times.request_time.p99_ns");
    ck_assert(p99 > 9500000 && p99 < 10500000);
    ck_assert_ptr_null(json_object_get(get(j, "totals"), "rates"));
    ck_assert_int_eq(number(j, "workers.1.number"), 2);
    ck_assert_str_eq(text(j, "workers.1.state"), "running");
    ck_assert_str_eq(text(j, "workers.1.stuck"), "blocked");
    ck_assert(json_real_value(get(j, "workers.1.loop_lag_ms")) >= 5000);
    ck_assert_str_eq(text(j, "workers.1.doing"), "open");
    ck_assert(json_real_value(get(j, "workers.1.since_ms")) >= 5000);
    ck_assert_str_eq(text(j, "workers.1.serving"), "/srv/\\xFF\"\\\\\\x1B]0;x\\x07\\x0A</script>");
    ck_assert(json_is_null(get(j, "workers.0.stuck")));
    ck_assert(json_is_null(get(j, "workers.0.serving")));
    ck_assert_str_eq(text(j, "workers.2.stuck"), "stopped");
    ck_assert_str_eq(text(j, "events.0.kind"), "RESIZE");
    ck_assert(json_is_null(get(j, "events.0.worker")));
    for (unsigned c = 0; c < COUNTER_COUNT; c++)
        (void)number(get(j, "workers.0.counters"), board_counter_name[c]);
    json_decref(j);
    snap_free(&s);
}
END_TEST

START_TEST(rates_over_an_interval)
{
    struct snap before = {0}, now = {0};

    slot_count(&b.slot[0], COUNTER_requests, 1000);
    slot_count(&b.slot[1], COUNTER_requests, 500);
    slot_hist(&b.slot[0], HIST_REQUEST_TIME, NS_PER_S);
    snap(&before);
    slot_count(&b.slot[0], COUNTER_requests, 40);
    slot_hist(&b.slot[0], HIST_REQUEST_TIME, NS_PER_MS);
    /* Worker 2 answers 10 more, dies, and its successor answers 6. */
    slot_count(&b.slot[1], COUNTER_requests, 10);
    board_clear_worker(&b.slot[1]);
    b.slot[1].epoch = 2;
    slot_count(&b.slot[1], COUNTER_requests, 6);
    snap(&now);
    now.taken_ns = before.taken_ns + 2 * NS_PER_S;
    json_t *j = status_json(&now, &before);
    ck_assert_double_eq_tol(json_real_value(get(j, "interval_s")), 2, 1e-9);
    ck_assert_double_eq_tol(json_real_value(get(j, "totals.rates.requests")), 28, 1e-9);
    ck_assert_double_eq_tol(json_real_value(get(j, "workers.0.rates.requests")), 20, 1e-9);
    ck_assert_double_eq_tol(json_real_value(get(j, "workers.1.rates.requests")), 3, 1e-9);
    ck_assert_ptr_null(json_object_get(get(j, "totals.rates"), "connections"));
    ck_assert_int_eq(number(j, "workers.0.times.request_time.count"), 1);
    json_int_t p99 = number(j, "totals.times.request_time.p99_ns");
    ck_assert(p99 > 950000 && p99 < 1050000);
    json_decref(j);
    /* Another server, or no time between the two: as if there were no earlier one. */
    before.uuid[0] ^= 1;
    j = status_json(&now, &before);
    ck_assert_ptr_null(json_object_get(j, "interval_s"));
    json_decref(j);
    before.uuid[0] ^= 1;
    before.taken_ns = now.taken_ns;
    j = status_json(&now, &before);
    ck_assert_ptr_null(json_object_get(j, "interval_s"));
    json_decref(j);
    snap_free(&before);
    snap_free(&now);
}
END_TEST

START_TEST(only_the_latest_events)
{
    struct snap s = {0};

    for (int i = 1; i <= 50; i++)
        board_event(&b, EVENT_SLOW, 2, "number %d", i);
    snap(&s);
    json_t *j = status_json(&s, NULL);
    ck_assert_uint_eq(json_array_size(get(j, "events")), 20);
    ck_assert_str_eq(text(j, "events.0.text"), "number 31");
    ck_assert_int_eq(number(j, "events.19.seq"), 50);
    ck_assert_int_eq(number(j, "events.19.worker"), 2);
    json_decref(j);
    j = status_events_json(&s, 0);
    ck_assert_uint_eq(json_array_size(j), 50);
    json_decref(j);
    snap_free(&s);
}
END_TEST

/* Whatever stands in a snapshot, what comes out is JSON that can be read again. */
START_TEST(hostile_strings)
{
    struct snap s = {0};
    json_error_t error;

    snap(&s);
    memset(s.worker[0].serving, 0xff, SNAP_TEXT_BYTES - 1);
    s.worker[0].serving[SNAP_TEXT_BYTES - 1] = '\0';
    strcpy(s.worker[0].request, "\xed\xa0\x80\xc0\xaf");
    strcpy(s.instance, "\x80");
    s.worker[0].counter[COUNTER_requests] = UINT64_MAX;
    s.heartbeat_ns = s.started_ns = UINT64_MAX;
    json_t *j = status_json(&s, NULL);
    ck_assert_ptr_nonnull(j);
    char *dump = json_dumps(j, 0);
    ck_assert_ptr_nonnull(dump);
    json_t *again = json_loads(dump, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(again != NULL, "%s", error.text);
    ck_assert_str_eq(text(again, "instance"), "\\x80");
    ck_assert_uint_eq(strlen(text(again, "workers.0.serving")), 4 * (SNAP_TEXT_BYTES - 1));
    ck_assert(number(again, "workers.0.counters.requests") == INT64_MAX);
    json_decref(again);
    json_decref(j);
    free(dump);
    snap_free(&s);
}
END_TEST

static void awaits(const struct snap *s, const char *want)
{
    char *got = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&got, &n);

    ck_assert_ptr_nonnull(to);
    ck_assert_int_eq(status_print_awaited(to, s), want[0] != '\0');
    fclose(to);
    ck_assert_str_eq(got, want);
    free(got);
}

START_TEST(what_is_waited_for)
{
    struct snap_worker w[5] = {{.number = 1, .state = SLOT_RUNNING}};
    struct snap s = {.taken_ns = 100 * NS_PER_S,
                     .drain_timeout_ns = 30 * NS_PER_S,
                     .worker = w,
                     .worker_count = 1};

    awaits(&s, "");
    w[1] = (struct snap_worker){
        .number = 3, .state = SLOT_RETIRING, .state_since_ns = 98 * NS_PER_S - 1};
    w[1].counter[COUNTER_connections] = 3;
    s.worker_count = 2;
    awaits(&s, "draining worker 3 (3 connections), waited for at most 28 s "
               "(downloads that go on are not cut)");
    w[2] = (struct snap_worker){.number = 4, .state = SLOT_RETIRING};
    w[2].counter[COUNTER_connections] = 1;
    s.worker_count = 3;
    awaits(&s, "draining worker 3 (3 connections), worker 4 (1 connection), waited for "
               "at most 28 s (downloads that go on are not cut)");
    s.stopping = true;
    awaits(&s, "draining worker 3 (3 connections), worker 4 (1 connection), at most 28 s");
    s.stopping = false;
    w[3] = (struct snap_worker){.number = 5, .state = SLOT_STOPPING};
    w[4] = (struct snap_worker){.number = 6, .state = SLOT_STARTING};
    s.worker_count = 5;
    w[1] = w[0];
    awaits(&s, "draining worker 4 (1 connection), ending worker 5, starting worker 6");
}
END_TEST

START_TEST(the_state_in_a_word)
{
    struct snap s = {.taken_ns = 100 * NS_PER_S, .heartbeat_ns = 99 * NS_PER_S};

    ck_assert_str_eq(status_word(&s), "starting");
    s.ready = true;
    ck_assert_str_eq(status_word(&s), "serving");
    s.stopping = true;
    ck_assert_str_eq(status_word(&s), "stopping");
    s.heartbeat_ns = 96 * NS_PER_S;
    ck_assert_str_eq(status_word(&s), "silent");
    s.clean_stop = true;
    ck_assert_str_eq(status_word(&s), "stopped");
    ck_assert_str_eq(status_stuck_word(STUCK_BLOCKED), "blocked");
    ck_assert_ptr_null(status_stuck_word(STUCK_NO));
    ck_assert_str_eq(status_exit_word(EXIT_OTHER), "other");
}
END_TEST

START_TEST(waits_as_json)
{
    struct snap s = {0};

    add_waits();
    snap(&s);
    json_t *j = status_json(&s, NULL);
    ck_assert_ptr_nonnull(j);
    ck_assert_int_eq(number(j, "offload_threads"), 64);
    ck_assert(json_is_true(get(j, "offload_by_hand")));
    ck_assert_int_eq(number(j, "faults"), 1);
    ck_assert_int_eq(number(j, "offload.threads"), 2);
    ck_assert_int_eq(number(j, "offload.threads_max"), 128);
    ck_assert_int_eq(number(j, "offload.busy"), 1);
    ck_assert_int_eq(number(j, "offload.stuck"), 0);
    ck_assert_int_eq(number(j, "offload.queued"), 7);
    ck_assert_int_eq(number(j, "offload.run.count"), 1);
    ck_assert_int_eq(number(j, "offload.wait.p99_ns"), 0);
    ck_assert_int_eq(number(j, "workers.0.offload.threads"), 2);
    ck_assert_int_eq(number(j, "workers.1.offload.queued"), 7);
    ck_assert_int_eq(number(j, "totals.times.offload_run.count"), 1);
    ck_assert_uint_eq(json_array_size(get(j, "workers.0.offload.jobs")), 1);
    ck_assert_int_eq(number(j, "workers.0.offload.jobs.0.thread"), 2);
    ck_assert_int_eq(number(j, "workers.0.offload.jobs.0.tid"), 1001);
    ck_assert_str_eq(text(j, "workers.0.offload.jobs.0.doing"), "read");
    ck_assert_str_eq(text(j, "workers.0.offload.jobs.0.path"), "/srv/nfs/f");
    ck_assert_str_eq(text(j, "workers.0.offload.jobs.0.mount"), "/srv/\"nfs\\x1B");
    ck_assert(json_real_value(get(j, "workers.0.offload.jobs.0.since_ms")) >= 3000);
    ck_assert_uint_eq(json_array_size(get(j, "workers.1.offload.jobs")), 0);
    ck_assert_str_eq(text(j, "mounts.0.mount"), "/srv/\"nfs\\x1B");
    ck_assert_str_eq(text(j, "mounts.0.type"), "nfs4");
    ck_assert_str_eq(text(j, "mounts.0.state"), "sick");
    ck_assert_int_eq(number(j, "mounts.0.device"), 52);
    ck_assert_int_eq(number(j, "mounts.0.queued"), 1234);
    ck_assert_int_eq(number(j, "mounts.0.refused"), 8);
    ck_assert(json_real_value(get(j, "mounts.0.sick_ms")) >= 90000);
    ck_assert_str_eq(text(j, "stalls.0.thread"), "loop");
    ck_assert_str_eq(text(j, "stalls.0.doing"), "open");
    ck_assert_str_eq(text(j, "stalls.0.kernel"), "waiting for disk (D) in openat");
    ck_assert_int_eq(number(j, "stalls.0.waiting"), 11);
    ck_assert(json_is_false(get(j, "stalls.0.over")));
    ck_assert_str_eq(text(j, "stalls.1.thread"), "offload");
    ck_assert_double_eq_tol(json_real_value(get(j, "stalls.1.lasted_ms")), 1500, 1e-9);
    ck_assert(json_is_null(get(j, "stalls.1.path")));
    json_decref(j);
    snap_free(&s);
}
END_TEST

/* What one of the printing functions writes about the board of now. */
static char *printed(void (*print)(FILE *to, const struct snap *s))
{
    struct snap s = {0};
    char *got = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&got, &n);

    snap(&s);
    print(f, &s);
    fclose(f);
    snap_free(&s);
    for (size_t i = 0; i < n; i++)
        ck_assert(got[i] == '\n' || (unsigned char)got[i] >= 0x20);
    return got;
}

static void check_printed(void (*print)(FILE *to, const struct snap *s), const char *want, bool is)
{
    char *got = printed(print);

    ck_assert_msg((strstr(got, want) != NULL) == is, "%s\n%s: %s", got, is ? "lacks" : "has", want);
    free(got);
}

START_TEST(waits_as_text)
{
    static const char sick[] = "sick       1m30s       1   1.23k        -       5       0       0  "
                               "     8       9  nfs4      /srv/\"nfs\\x1B\n";

    check_printed(status_print_stalls, "no stall in the last hour\n", true);
    check_printed(status_print, "offload        0 threads of 0 (0 each), 0 busy", true);
    check_printed(status_print, "FAULTS", false);
    check_printed(status_print, "MOUNT\n", false);
    add_waits();
    check_printed(status_print,
                  "offload        2 threads of 128 (64 each, set by hand), 1 busy, 0 stuck, 7 "
                  "queued; wait p99 0us, run p99 ",
                  true);
    check_printed(status_print, "FAULTS         1 [fault]", true);
    check_printed(status_print, sick, true);
    check_printed(status_print_mounts, sick, true);
    check_printed(status_print_stalls,
                  "     5.0s now       2 loop    open     /srv/x; waiting for disk (D) in "
                  "openat; 11 connections waited\n",
                  true);
    check_printed(status_print_stalls, "     1.5s           1 offload read", true);
    b.mount[0].state = MOUNT_OK;
    check_printed(status_print, "MOUNT\n", false);
}
END_TEST

START_TEST(the_table)
{
    struct snap s = {0};
    char *got = NULL;
    size_t n = 0;

    slot_count(&b.slot[0], COUNTER_requests, 12345);
    slot_gauge(&b.slot[0], COUNTER_connections, 17);
    slot_count(&b.slot[0], COUNTER_bytes_out, 5u << 20);
    board_event(&b, EVENT_EXIT, 3, "worker 3 was killed");
    snap(&s);
    FILE *f = open_memstream(&got, &n);
    status_print(f, &s);
    fclose(f);
    ck_assert_msg(strstr(got, "weir 0.1.0, serving, up ") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "3 running of 3 wanted (1 to 64, auto), 2 stuck") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "      3     511      12       4  0.0.0.0:8080\n") != NULL, "%s",
                  got);
    ck_assert_msg(strstr(got, "\n   1      100 running") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "    17      0    12.3k       0    5.00M") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "\n   2      101 BLOCKED     5.0s") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "open /srv/\\xFF\"\\\\\\x1B]0;x\\x07\\x0A</script>\n") != NULL, "%s",
                  got);
    ck_assert_msg(strstr(got, "\n   3      102 STOPPED     1.0s") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "EXIT         3  worker 3 was killed\n") != NULL, "%s", got);
    for (size_t i = 0; i < n; i++)
        ck_assert(got[i] == '\n' || (unsigned char)got[i] >= 0x20);
    free(got);
    snap_free(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("status");
    TCase *t = tcase_create("status");

    tcase_add_checked_fixture(t, make_board, free_board);
    tcase_add_test(t, names_and_values);
    tcase_add_test(t, rates_over_an_interval);
    tcase_add_test(t, only_the_latest_events);
    tcase_add_test(t, hostile_strings);
    tcase_add_test(t, what_is_waited_for);
    tcase_add_test(t, the_state_in_a_word);
    tcase_add_test(t, waits_as_json);
    tcase_add_test(t, waits_as_text);
    tcase_add_test(t, the_table);
    suite_add_tcase(s, t);
    return unit_run(s);
}

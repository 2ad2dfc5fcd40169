/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board from both ends: what a server writes is what a reader sees, through deaths,
 * wrapped rings and writers killed half-way.
 */
#include "tests/unit/test_board.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board/event_pace.h"

START_TEST(what_is_written_is_read)
{
    struct board b;
    struct snap s = {0};

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    ck_assert(board_view_snap(view, &s));

    ck_assert_str_eq(s.instance, "prod-files");
    ck_assert_str_eq(s.program_version, "0.1.0");
    ck_assert_uint_eq(s.master_pid, (unsigned)getpid());
    ck_assert_uint_eq(s.master_start_ticks, board_start_ticks(getpid()));
    ck_assert_uint_ne(s.master_start_ticks, 0);
    ck_assert_uint_ge(s.taken_ns, s.started_ns);
    ck_assert_uint_eq(s.workers_wanted, 2);
    ck_assert_uint_eq(s.workers_running, 1);
    ck_assert_int_eq(s.reload_state, RELOAD_FAILED);
    ck_assert_str_eq(s.reload_error, "weir.ini:3: no");

    ck_assert_uint_eq(s.listener_count, 1);
    ck_assert_str_eq(s.listener[0].address, "[::]:8080");
    ck_assert_uint_eq(s.listener[0].queue_depth, 7);
    ck_assert_uint_eq(s.listener[0].queue_limit, 511);
    ck_assert_uint_eq(s.listener[0].drops, 9);

    ck_assert_uint_eq(s.worker_count, 1);
    const struct snap_worker *w = &s.worker[0];
    ck_assert_uint_eq(w->number, 2);
    ck_assert_uint_eq(w->pid, 4242);
    ck_assert_int_eq(w->wait, WAIT_OPEN);
    ck_assert_str_eq(w->serving, "/srv/a\\x1B[2Jb");
    ck_assert(!w->serving_stale);
    ck_assert_str_eq(w->request, "GET /a HTTP/1.1");
    ck_assert_str_eq(w->peer, "10.0.0.7:52110");
    ck_assert_uint_eq(snap_total(&s, COUNTER_requests), 42);
    ck_assert_uint_eq(snap_total(&s, COUNTER_connections), 5);
    ck_assert_uint_eq(w->hist[HIST_REQUEST_TIME].count, 1);

    ck_assert_uint_eq(s.event_count, 1);
    ck_assert_uint_eq(s.event[0].seq, 1);
    ck_assert_int_eq(s.event[0].kind, EVENT_SPAWN);
    ck_assert_uint_eq(s.event[0].worker, 2);
    ck_assert_str_eq(s.event[0].text, "worker 2, pid 4242");

    snap_free(&s);
    board_view_close(&view);
    ck_assert_ptr_null(view);
    board_destroy(&b);
}
END_TEST

START_TEST(observers_cannot_write_or_resize)
{
    struct board b;
    struct stat st;

    make(&b);
    int fd = board_open_read_only(&b);
    ck_assert_int_ge(fd, 0);
    ck_assert(mmap(NULL, b.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    ck_assert_int_lt(write(fd, "x", 1), 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0400);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    /* Nor can whoever gets hold of the writable descriptor. */
    ck_assert_int_ne(ftruncate(b.fd, 0), 0);
    ck_assert_int_ne(ftruncate(b.fd, (off_t)b.bytes * 2), 0);
    if (fcntl(b.fd, F_GET_SEALS) & 0x10) /* F_SEAL_FUTURE_WRITE */
        ck_assert(mmap(NULL, b.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd, 0) == MAP_FAILED);
    close_fd(&fd);
    board_destroy(&b);
    ck_assert_int_eq(b.fd, -1);
}
END_TEST

START_TEST(names_too_long_are_cut_at_a_character)
{
    /* 62 bytes, then a character of two bytes that would just not fit with the NUL. */
    char name[80];
    struct board b;
    struct snap s = {0};

    memset(name, 'n', 62);
    strcpy(name + 62, "\xc3\xbc\xc3\xbc");
    ck_assert(board_create(&b, &(struct board_create){1, 0, name, ""}));
    struct board_view *view = must_view(&b);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(strlen(s.instance), 62);
    ck_assert_uint_eq(s.worker_count, 0);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

START_TEST(texts)
{
    static struct board_text t;
    char long_text[300], got[BOARD_TEXT_BYTES + 1];
    size_t n = 99;

    ck_assert(board_text_get(&t, got, &n));
    ck_assert_uint_eq(n, 0);
    for (size_t want = 0; want <= BOARD_TEXT_BYTES; want++) {
        memset(long_text, 'a' + (int)(want % 26), want);
        board_text_set(&t, span_of(long_text, want));
        ck_assert(board_text_get(&t, got, &n));
        ck_assert(n == want && memcmp(got, long_text, n) == 0 && got[n] == '\0');
        ck_assert_uint_eq(t.cut, 0);
    }
    /* One byte too many; the last whole character before the end is kept. */
    memset(long_text, 'x', sizeof long_text);
    memcpy(long_text + BOARD_TEXT_BYTES - 1, "\xe2\x82\xac", 3);
    board_text_set(&t, span_of(long_text, BOARD_TEXT_BYTES + 10));
    ck_assert(board_text_get(&t, got, &n));
    ck_assert_uint_eq(n, BOARD_TEXT_BYTES - 1);
    ck_assert_uint_eq(t.cut, 1);
    /* Nonsense that looks like one endless character is cut where the room ends. */
    memset(long_text, 0x80, sizeof long_text);
    board_text_set(&t, span_of(long_text, sizeof long_text));
    ck_assert(board_text_get(&t, got, &n));
    ck_assert_uint_eq(n, BOARD_TEXT_BYTES);
}
END_TEST

START_TEST(a_writer_killed_half_way_is_told)
{
    struct board b;
    struct snap s = {0};
    char got[BOARD_TEXT_BYTES + 1];
    size_t n;

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    struct board_text *t = &b.slot[1].serving;
    t->seq = t->seq + 1;
    ck_assert(!board_text_get(t, got, &n));
    ck_assert_uint_eq(n, strlen("/srv/a\x1b[2Jb"));
    ck_assert(board_view_snap(view, &s));
    ck_assert(s.worker[0].serving_stale);
    ck_assert_str_eq(s.worker[0].serving, "/srv/a\\x1B[2Jb");
    /* Its successor starts from there. */
    board_text_set(t, SPAN("/new"));
    ck_assert_uint_eq(t->seq % 2, 0);
    ck_assert(board_view_snap(view, &s));
    ck_assert(!s.worker[0].serving_stale);
    ck_assert_str_eq(s.worker[0].serving, "/new");
    /* A text longer than the board holds says so. */
    char long_text[400];
    memset(long_text, 'p', sizeof long_text);
    board_text_set(t, span_of(long_text, sizeof long_text));
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(strlen(s.worker[0].serving), BOARD_TEXT_BYTES + 3);
    ck_assert_str_eq(s.worker[0].serving + BOARD_TEXT_BYTES, "...");
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

START_TEST(events_wrap_and_are_counted)
{
    struct board b;
    struct snap s = {0};

    make(&b);
    struct board_view *view = must_view(&b);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.event_count, 0);
    ck_assert_uint_eq(snap_events_lost(&s, 0), 0);
    for (int i = 1; i <= BOARD_EVENTS_RING + 88; i++)
        board_event(&b, EVENT_CONTROL, 0, "event %d", i);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.event_count, BOARD_EVENTS_RING);
    ck_assert_uint_eq(s.event_next, BOARD_EVENTS_RING + 89);
    for (unsigned i = 0; i < s.event_count; i++) {
        char want[32];
        snprintf(want, sizeof want, "event %u", 89 + i);
        ck_assert_uint_eq(s.event[i].seq, 89 + i);
        ck_assert_str_eq(s.event[i].text, want);
    }
    ck_assert_uint_eq(snap_events_lost(&s, 0), 88);
    ck_assert_uint_eq(snap_events_lost(&s, 80), 8);
    ck_assert_uint_eq(snap_events_lost(&s, 88), 0);
    ck_assert_uint_eq(snap_events_lost(&s, 10000), 0);
    /* One whose writer died half-way is missing, and only that one. */
    b.event[100].seq = 0;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.event_count, BOARD_EVENTS_RING - 1);
    ck_assert_uint_eq(snap_events_lost(&s, 88), 1);
    /* A long one is cut. */
    char text[400];
    memset(text, 'e', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    board_event(&b, EVENT_CONTROL, 0, "%s", text);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(strlen(s.event[s.event_count - 1].text), BOARD_EVENT_BYTES);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

START_TEST(clearing_keeps_the_totals)
{
    struct board b;
    struct snap s = {0};

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    struct board_slot *slot = &b.slot[1];
    slot->serving.seq = slot->serving.seq + 1; /* killed while writing it */
    slot->ready = 1;
    slot_turn_begin(slot, mono_now());
    board_clear_worker(slot);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(snap_total(&s, COUNTER_requests), 42);
    ck_assert_uint_eq(snap_total(&s, COUNTER_connections), 0);
    const struct snap_worker *w = &s.worker[0];
    ck_assert_uint_eq(w->pid, 4242); /* the master's half stays */
    ck_assert_uint_eq(w->counter[COUNTER_requests], 0);
    ck_assert_str_eq(w->serving, "");
    ck_assert(!w->serving_stale && !w->ready);
    ck_assert_uint_eq(w->turn_since_ns, 0);
    ck_assert_uint_eq(w->hist[HIST_REQUEST_TIME].count, 0);
    ck_assert_int_eq(w->wait, WAIT_POLL);
    /* The next process, and then an empty slot: nothing is lost. */
    slot_count(slot, COUNTER_requests, 8);
    board_clear_worker(slot);
    slot->state = SLOT_EMPTY;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.worker_count, 0);
    ck_assert_uint_eq(snap_total(&s, COUNTER_requests), 50);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

START_TEST(threads_mounts_and_stalls)
{
    struct board b;
    struct snap s = {0}, copy = {0};

    make(&b);
    populate(&b);
    b.slot[3].state = SLOT_RETIRING;
    struct board_mount *same = &b.mount[3 * BOARD_MOUNTS_PER_SLOT];
    same->device = 52;
    same->queued = 2;
    same->oldest_ns = mono_now().ns - 60 * NS_PER_S;
    same->counter[MOUNT_COLD] = 3;
    same->used = 1;
    same[1].device = 53;
    same[1].used = 1;
    board_text_set(&same[1].name, SPAN("/"));
    b.thread[3 * BOARD_THREADS_PER_SLOT].used = 1; /* idle, with what it did before */
    b.thread[3 * BOARD_THREADS_PER_SLOT].wait = WAIT_OPEN;
    board_text_set(&b.thread[3 * BOARD_THREADS_PER_SLOT].path, SPAN("/old"));
    b.stall[0].used = 10;
    b.stall[0].lasted_ns = 6 * NS_PER_S;
    b.stall[0].over = 1;
    /* Rows of an empty slot are nobody's. */
    b.thread[0].used = b.mount[0].used = 1;
    struct board_view *view = must_view(&b);
    ck_assert(board_view_snap(view, &s));
    ck_assert(s.offload_threads == 64 && !s.offload_by_hand && s.faults == 2);

    ck_assert_uint_eq(s.mount_count, 2);
    const struct snap_mount *m = &s.mount[0];
    ck_assert_str_eq(m->name, "/srv/nfs");
    ck_assert_str_eq(m->type, "nfs4");
    ck_assert(m->device == 52 && m->state == MOUNT_SICK);
    ck_assert(m->workers == 2 && m->workers_sick == 1);
    ck_assert(m->running == 3 && m->queued == 42 && m->counter[MOUNT_COLD] == 10);
    ck_assert(m->oldest_ns == same->oldest_ns);
    ck_assert_str_eq(s.mount[1].name, "/");

    ck_assert_uint_eq(s.thread_count, 2);
    const struct snap_thread *t = &s.thread[0];
    ck_assert(t->worker == 2 && t->number == 5 && t->tid == 4250 && t->wait == WAIT_READ);
    ck_assert_str_eq(t->path, "/srv/nfs/b\\x1B[2Jig");
    ck_assert_str_eq(snap_thread_mount(&s, t), "/srv/nfs");
    ck_assert(s.worker[0].thread_first == 0 && s.worker[0].thread_count == 1);
    ck_assert(s.worker[1].thread_first == 1 && s.worker[1].thread_count == 1);
    ck_assert(s.thread[1].worker == 4 && s.thread[1].wait == WAIT_POLL);
    ck_assert_str_eq(s.thread[1].path, "");
    ck_assert_str_eq(snap_thread_mount(&s, &s.thread[1]), "");

    ck_assert_uint_eq(s.stall_count, 2);
    ck_assert(s.stall[0].lasted_ns == 6 * NS_PER_S && s.stall[0].over);
    const struct snap_stall *stall = &s.stall[1];
    ck_assert(stall->worker == 2 && stall->on_loop && !stall->over && stall->waiting == 4);
    ck_assert_str_eq(stall->path, "/srv/a\\x0Ab");
    ck_assert_str_eq(stall->kernel, "waiting for disk (D) in openat");

    ck_assert(snap_copy(&copy, &s));
    board_clear_slot(&b, 1);
    board_clear_slot(&b, 3);
    b.stall[0].used = b.stall[3].used = 0;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.worker_count, 2);
    ck_assert_uint_eq(s.thread_count + s.mount_count + s.stall_count, 0);
    ck_assert_uint_eq(s.worker[0].thread_count, 0);
    ck_assert_str_eq(copy.stall[1].path, "/srv/a\\x0Ab");
    ck_assert_str_eq(snap_thread_mount(&copy, &copy.thread[0]), "/srv/nfs");
    ck_assert(board_view_snap(view, &copy));
    snap_free(&copy);
    ck_assert(!copy.thread && !copy.mount && !copy.stall);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

/* A master held up between retiring the counters and zeroing them: each is seen once. */
START_TEST(clearing_half_way)
{
    struct board b;
    struct snap s = {0};

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    struct board_slot *slot = &b.slot[1];
    slot->past[1][COUNTER_requests] = 42;
    ck_assert(board_view_snap(view, &s)); /* being added up: not yet in force */
    ck_assert_uint_eq(snap_total(&s, COUNTER_requests), 42);
    slot->past_seq = 1;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(snap_total(&s, COUNTER_requests), 42);
    ck_assert_uint_eq(s.worker[0].counter[COUNTER_requests], 0);
    slot->counter[COUNTER_requests] = 0;
    slot->past_seq = 2;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(snap_total(&s, COUNTER_requests), 42);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

START_TEST(turns_are_measured)
{
    static struct board_slot slot;
    struct mono t = {1000 * NS_PER_S};

    slot_turn_begin(&slot, t);
    ck_assert_uint_eq(slot.turn_since_ns, t.ns);
    ck_assert_uint_eq(slot.heartbeat_ns, t.ns);
    slot_wait(&slot, WAIT_READ, t);
    slot_turn_end(&slot, mono_after(t, 5 * NS_PER_MS));
    ck_assert_uint_eq(slot.turn_since_ns, 0);
    ck_assert_uint_eq(slot.wait, WAIT_POLL);
    ck_assert_uint_eq(slot.wait_since_ns, t.ns + 5 * NS_PER_MS);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_loop_turns), 1);
    ck_assert_uint_eq(slot.hist[HIST_LOOP_TURN].count, 1);
    ck_assert_uint_eq(slot.hist[HIST_LOOP_TURN].sum_ns, 5 * NS_PER_MS);
    ck_assert_uint_eq(slot.hist[HIST_LOOP_TURN].bucket[hist_bucket_of(5 * NS_PER_MS)], 1);
    slot_turn_end(&slot, t); /* without a beginning: nothing to measure */
    ck_assert_uint_eq(slot.hist[HIST_LOOP_TURN].count, 1);
}
END_TEST

START_TEST(operations)
{
    struct board b;
    struct snap s = {0};

    make(&b);
    struct board_view *view = must_view(&b);
    ck_assert_uint_eq(board_op_begin(&b, SPAN("workers 2 -> 3")), 1);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.op_id, 1);
    ck_assert_int_eq(s.op_state, OP_PENDING);
    ck_assert_str_eq(s.op_text, "workers 2 -> 3");
    board_op_end(&b, true, SPAN("3 workers run"));
    ck_assert(board_view_snap(view, &s));
    ck_assert_int_eq(s.op_state, OP_DONE);
    ck_assert_str_eq(s.op_text, "3 workers run");
    b.header->op_id = UINT32_MAX;
    ck_assert_uint_eq(board_op_begin(&b, SPAN("again")), 1);
    board_op_end(&b, false, SPAN("no"));
    ck_assert(board_view_snap(view, &s));
    ck_assert_int_eq(s.op_state, OP_FAILED);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

START_TEST(stuck_workers)
{
    const uint64_t now = 100 * NS_PER_S, limit = 100 * NS_PER_MS;
    const struct {
        enum board_state state;
        uint64_t turn_since_ns, stopped_since_ns, limit_ns;
        enum snap_stuck stuck;
        uint64_t age_ns;
    } cases[] = {
        {SLOT_RUNNING, 0, 0, limit, STUCK_NO, 0},
        {SLOT_RUNNING, now - limit, 0, limit, STUCK_NO, 0},
        {SLOT_RUNNING, now - limit - 1, 0, limit, STUCK_BLOCKED, limit + 1},
        {SLOT_RETIRING, now - 2 * limit, 0, limit, STUCK_BLOCKED, 2 * limit},
        {SLOT_STARTING, now - 20 * NS_PER_S, 0, limit, STUCK_NO, 0},
        {SLOT_STOPPING, now - 20 * NS_PER_S, 0, limit, STUCK_NO, 0},
        {SLOT_BACKOFF, now - 20 * NS_PER_S, 0, limit, STUCK_NO, 0},
        {SLOT_RUNNING, now - 20 * NS_PER_S, 0, 0, STUCK_NO, 0},
        {SLOT_RUNNING, now + 5, 0, limit, STUCK_NO, 0},
        {SLOT_RUNNING, 0, now - 7, limit, STUCK_STOPPED, 7},
        {SLOT_RUNNING, now - 2 * limit, now - 7, limit, STUCK_STOPPED, 7},
        {SLOT_STARTING, 0, now - 7, limit, STUCK_STOPPED, 7},
        {SLOT_RUNNING, 0, now + 7, limit, STUCK_STOPPED, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct snap_worker w;
        struct snap s = {.taken_ns = now, .blocked_after_ns = cases[i].limit_ns};
        uint64_t age = 1;
        w.state = cases[i].state;
        w.turn_since_ns = cases[i].turn_since_ns;
        w.stopped_since_ns = cases[i].stopped_since_ns;
        ck_assert_msg(snap_worker_stuck(&s, &w, &age) == cases[i].stuck, "case %zu", i);
        ck_assert_msg(age == cases[i].age_ns, "case %zu: %lu", i, (unsigned long)age);
    }
}
END_TEST

START_TEST(copies_are_deep)
{
    struct board b;
    struct snap s = {0}, copy = {0};

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    ck_assert(board_view_snap(view, &s));
    ck_assert(snap_copy(&copy, &s));
    slot_count(&b.slot[1], COUNTER_requests, 1);
    b.slot[0].state = SLOT_STARTING;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.worker_count, 2);
    ck_assert_uint_eq(snap_total(&copy, COUNTER_requests), 42);
    ck_assert_uint_eq(copy.worker_count, 1);
    ck_assert_str_eq(copy.event[0].text, "worker 2, pid 4242");
    /* A copy can be snapped into again, although its arrays were made to measure. */
    ck_assert(board_view_snap(view, &copy));
    ck_assert_uint_eq(copy.worker_count, 2);
    snap_free(&copy);
    snap_free(&s);
    ck_assert_ptr_null(s.worker);
    ck_assert(snap_copy(&copy, &s));
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

/* What worker 2 of 3 may write; where the write goes, from the start of the board. */
static bool may_write(struct board *b, const volatile void *at)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        if (!board_keep_own(b, 1))
            _exit(2);
        *((volatile char *)b->header + ((const volatile char *)at - (char *)b->header)) = 7;
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
    return WIFEXITED(status);
}

START_TEST(a_worker_writes_its_own_part)
{
    struct board b;

    make(&b);
    ck_assert_uint_ge(b.slot_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct board_thread *threads = &b.thread[(size_t)i * BOARD_THREADS_PER_SLOT];
        const struct board_mount *mounts = &b.mount[(size_t)i * BOARD_MOUNTS_PER_SLOT];
        const struct board_request *requests = &b.request[(size_t)i * BOARD_REQUESTS_PER_SLOT];
        const struct board_file *files = &b.file[(size_t)i * BOARD_FILES_PER_SLOT];
        const struct board_finished *recent = &b.recent[(size_t)i * BOARD_RECENT_PER_SLOT];
        bool own = i == 1;
        ck_assert(!may_write(&b, &b.slot[i].state));
        ck_assert(!may_write(&b, &b.slot[i].past[1][COUNTER_COUNT - 1]));
        ck_assert(may_write(&b, &b.slot[i].turn_since_ns) == own);
        ck_assert(may_write(&b, &b.slot[i].requests_in_flight) == own);
        ck_assert(may_write(&b, threads) == own);
        ck_assert(may_write(&b, &threads[BOARD_THREADS_PER_SLOT - 1].path) == own);
        ck_assert(may_write(&b, mounts) == own);
        ck_assert(may_write(&b, &mounts[BOARD_MOUNTS_PER_SLOT - 1].type) == own);
        ck_assert(may_write(&b, requests) == own);
        ck_assert(may_write(&b, &requests[BOARD_REQUESTS_PER_SLOT - 1].peer) == own);
        ck_assert(may_write(&b, files) == own);
        ck_assert(may_write(&b, &files[BOARD_FILES_PER_SLOT - 1].path) == own);
        ck_assert(may_write(&b, recent) == own);
        ck_assert(may_write(&b, &recent[BOARD_RECENT_PER_SLOT - 1].bytes) == own);
    }
    ck_assert(!may_write(&b, &b.header->magic));
    ck_assert(!may_write(&b, &b.header->slots_used));
    ck_assert(!may_write(&b, b.listener));
    ck_assert(!may_write(&b, b.stall));
    ck_assert(may_write(&b, &b.header->event_next));
    ck_assert(may_write(&b, &b.header->slow_next));
    ck_assert(may_write(&b, b.event));
    ck_assert(may_write(&b, &b.event[b.event_count - 1].words));
    ck_assert(may_write(&b, &b.slow[BOARD_SLOW_RING - 1].bytes));
    board_destroy(&b);
}
END_TEST

START_TEST(every_name_is_there)
{
    for (unsigned i = 0; i < WAIT_COUNT; i++)
        ck_assert(board_wait_name[i] && board_wait_help[i] && *board_wait_help[i]);
    for (unsigned i = 0; i < SLOT_STATE_COUNT; i++)
        ck_assert(board_state_name[i] && board_state_letter[i]);
    for (unsigned i = 0; i < MOUNT_STATE_COUNT; i++)
        ck_assert(board_mount_state_name[i] && *board_mount_state_name[i]);
    for (unsigned i = 0; i < EVENT_COUNT; i++)
        ck_assert(board_event_name[i] && *board_event_name[i]);
    for (unsigned i = 0; i < COUNTER_COUNT; i++)
        ck_assert(board_counter_name[i] && *board_counter_unit[i] && *board_counter_help[i]);
    ck_assert(!board_counter_is_gauge[COUNTER_requests]);
    ck_assert(board_counter_is_gauge[COUNTER_connections]);
    ck_assert_uint_eq(board_start_ticks(0), 0);
    ck_assert_uint_ne(board_start_ticks(1), 0);
}
END_TEST

/* The first at once, then ever more seldom, and what was not told is counted. */
START_TEST(events_have_a_pace)
{
    struct board_pace p = {0};
    struct mono now = {1000 * NS_PER_S};
    unsigned told = 0, held_sum = 0;
    uint32_t held;

    for (unsigned i = 0; i < 24 * 3600; i++, now.ns += NS_PER_S)
        if (event_pace_tell(&p, now, 3, &held)) {
            told++;
            held_sum += held;
        }
    /* 3, then after 1, 2, 4, 8, 16, 32 minutes, then each 64. */
    ck_assert_uint_ge(told, 9 + 20);
    ck_assert_uint_le(told, 9 + 23);
    ck_assert_uint_eq(told + held_sum + atomic_load(&p.held), 24 * 3600);
    now.ns += 660 * NS_PER_S; /* quiet: it begins again */
    ck_assert(event_pace_tell(&p, now, 3, &held));
    ck_assert_uint_gt(held, 0);
    ck_assert(event_pace_tell(&p, now, 3, &held));
    ck_assert_uint_eq(held, 0);
    ck_assert(event_pace_tell(&p, now, 3, &held));
    ck_assert(!event_pace_tell(&p, now, 3, &held));
    /* What a broken process left there does no harm. */
    atomic_store(&p.told, UINT32_MAX);
    atomic_store(&p.told_ns, UINT64_MAX);
    ck_assert(!event_pace_tell(&p, now, 3, &held));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("board");
    TCase *t = tcase_create("board");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_written_is_read);
    tcase_add_test(t, observers_cannot_write_or_resize);
    tcase_add_test(t, names_too_long_are_cut_at_a_character);
    tcase_add_test(t, texts);
    tcase_add_test(t, a_writer_killed_half_way_is_told);
    tcase_add_test(t, events_wrap_and_are_counted);
    tcase_add_test(t, clearing_keeps_the_totals);
    tcase_add_test(t, threads_mounts_and_stalls);
    tcase_add_test(t, clearing_half_way);
    tcase_add_test(t, turns_are_measured);
    tcase_add_test(t, operations);
    tcase_add_test(t, stuck_workers);
    tcase_add_test(t, copies_are_deep);
    tcase_add_test(t, events_have_a_pace);
    tcase_add_test(t, a_worker_writes_its_own_part);
    tcase_add_test(t, every_name_is_there);
    suite_add_tcase(s, t);
    return unit_run(s);
}

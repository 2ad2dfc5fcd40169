/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board from both ends: what a server writes is what a reader sees, and what no server
 * writes does a reader no harm. Run under AddressSanitizer the hostile cases say more.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "board/board.h"
#include "board/slot.h"
#include "weir/snapshot.h"

#define SLOTS     4
#define LISTENERS 3

static const struct board_create usual = {SLOTS, LISTENERS, "prod-files", "0.1.0"};

static struct board_view *view_of(const struct board *b, char why[256])
{
    int fd = board_open_read_only(b);

    ck_assert_int_ge(fd, 0);
    why[0] = '\0';
    struct board_view *view = board_view_open(fd, why, 256);
    close_fd(&fd);
    return view;
}

static void make(struct board *b)
{
    ck_assert_msg(board_create(b, &usual), "errno %d", errno);
}

static struct board_view *must_view(const struct board *b)
{
    char why[256];
    struct board_view *view = view_of(b, why);

    ck_assert_msg(view != NULL, "%s", why);
    return view;
}

/* A board with something in every part of it. */
static void populate(struct board *b)
{
    struct board_slot *s = &b->slot[1];

    s->state = SLOT_RUNNING;
    s->pid = 4242;
    s->epoch = 3;
    b->listener[2].used = 1;
    b->listener[2].queue_depth = 7;
    b->listener[2].queue_limit = 511;
    b->listener[2].drops = 9;
    board_text_set(&b->listener[2].address, SPAN("[::]:8080"));
    slot_wait(s, WAIT_OPEN, (struct mono){mono_now().ns - 5 * NS_PER_S});
    slot_serving(s, SPAN("/srv/a\x1b[2Jb"));
    slot_request(s, SPAN("GET /a HTTP/1.1"), SPAN("10.0.0.7:52110"));
    slot_count(s, COUNTER_requests, 40);
    slot_count(s, COUNTER_requests, 2);
    slot_gauge(s, COUNTER_connections, 5);
    slot_hist(s, HIST_REQUEST_TIME, 3 * NS_PER_MS);
    b->header->workers_wanted = 2;
    b->header->blocked_after_ns = 100 * NS_PER_MS;
    b->header->reload_state = RELOAD_FAILED;
    board_text_set(&b->header->reload_error, SPAN("weir.ini:3: no"));
    board_event(b, EVENT_SPAWN, 2, "worker %d, pid %d", 2, 4242);
}

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

/* Corruptions that a reader must refuse, with a word of the sentence it gives. */
static void spoil_magic(struct board_header *h)
{
    h->magic ^= 1;
}
static void spoil_version(struct board_header *h)
{
    h->version++;
}
static void spoil_tables(struct board_header *h)
{
    h->tables++;
}
static void total_too_large(struct board_header *h)
{
    h->total_bytes += 64;
}
static void total_too_small(struct board_header *h)
{
    h->total_bytes = 64;
}
static void header_too_small(struct board_header *h)
{
    h->header_bytes = sizeof *h - 64;
}
static void header_too_large(struct board_header *h)
{
    h->header_bytes = UINT32_MAX;
}
static void no_sections(struct board_header *h)
{
    h->section_count = 0;
}
static void many_sections(struct board_header *h)
{
    h->section_count = BOARD_SECTIONS_MAX + 1;
}
static void slots_too_small(struct board_header *h)
{
    h->section[BOARD_SLOTS].stride_bytes -= 64;
}
static void slots_crooked(struct board_header *h)
{
    h->section[BOARD_SLOTS].stride_bytes += 4;
}
static void slots_zero_stride(struct board_header *h)
{
    h->section[BOARD_SLOTS].stride_bytes = 0;
}
static void one_slot_too_many(struct board_header *h)
{
    h->section[BOARD_SLOTS].count = 4096;
}
static void slots_beyond_count(struct board_header *h)
{
    h->section[BOARD_SLOTS].count = UINT32_MAX;
}
static void events_stride_overflow(struct board_header *h)
{
    h->section[BOARD_EVENTS].stride_bytes = 0xfffffff8;
}
static void offset_overflow(struct board_header *h)
{
    h->section[BOARD_EVENTS].offset_bytes = UINT64_MAX - 63;
}
static void offset_past_end(struct board_header *h)
{
    h->section[BOARD_LISTENERS].offset_bytes = h->total_bytes;
}
static void offset_in_header(struct board_header *h)
{
    h->section[BOARD_SLOTS].offset_bytes = 0;
}
static void offset_crooked(struct board_header *h)
{
    h->section[BOARD_SLOTS].offset_bytes += 8;
}

static const struct {
    void (*spoil)(struct board_header *h);
    const char *word;
} refusals[] = {
    {spoil_magic, "not a board"},        {spoil_version, "layout 2"},
    {spoil_tables, "another version"},   {total_too_large, "says it has"},
    {total_too_small, "says it has"},    {header_too_small, "header"},
    {header_too_large, "header"},        {no_sections, "sections"},
    {many_sections, "sections"},         {slots_too_small, "slots are"},
    {slots_crooked, "slots are"},        {slots_zero_stride, "slots are 0"},
    {one_slot_too_many, "outside"},      {slots_beyond_count, "claims"},
    {events_stride_overflow, "outside"}, {offset_overflow, "outside"},
    {offset_past_end, "outside"},        {offset_in_header, "outside"},
    {offset_crooked, "outside"},
};

START_TEST(spoiled_boards_are_refused)
{
    struct board b;
    char why[256];

    make(&b);
    refusals[_i].spoil(b.header);
    ck_assert_ptr_null(view_of(&b, why));
    ck_assert_msg(strstr(why, refusals[_i].word) != NULL, "%d: %s", _i, why);
    board_destroy(&b);
}
END_TEST

static void refused_fd(int fd, const char *word)
{
    char why[256] = "";

    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_null(board_view_open(fd, why, sizeof why));
    ck_assert_msg(strstr(why, word) != NULL, "%s", why);
    close(fd);
}

static int sealed_memfd(off_t bytes, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, bytes), 0);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

START_TEST(files_that_are_no_boards_are_refused)
{
    int pipes[2];

    refused_fd(sealed_memfd(1 << 20, F_SEAL_GROW), "not sealed");
    refused_fd(sealed_memfd(0, F_SEAL_SHRINK), "cut short");
    refused_fd(sealed_memfd(sizeof(struct board_header) - 1, F_SEAL_SHRINK), "cut short");
    refused_fd(sealed_memfd(1 << 20, F_SEAL_SHRINK), "not a board");
    refused_fd(sealed_memfd((off_t)1 << 40, F_SEAL_SHRINK), "too large");
    refused_fd(open("/dev/null", O_RDONLY | O_CLOEXEC), "not a board");
    ck_assert_int_eq(pipe(pipes), 0);
    close(pipes[1]);
    refused_fd(pipes[0], "not a board");
}
END_TEST

/* A board whose records have grown: what a newer weir with the same tables might make. */
START_TEST(longer_records_are_read)
{
    struct board b;
    struct snap s = {0};
    unsigned stride = sizeof(struct board_slot) + 128;

    make(&b);
    populate(&b);
    char *slots = (char *)b.slot;
    b.header->section[BOARD_SLOTS].stride_bytes = stride;
    b.header->section[BOARD_SLOTS].count = 3;
    memset(slots + stride, 0, sizeof(struct board_slot)); /* slot 2 of the new shape */
    memset(slots + 2 * (size_t)stride, 0, sizeof(struct board_slot));
    struct board_slot *second = (struct board_slot *)(void *)(slots + stride);
    second->state = SLOT_RETIRING;
    second->pid = 77;
    b.slot[0].state = SLOT_EMPTY;
    struct board_view *view = must_view(&b);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.worker_count, 1);
    ck_assert_uint_eq(s.worker[0].number, 2);
    ck_assert_uint_eq(s.worker[0].pid, 77);
    ck_assert_int_eq(s.worker[0].state, SLOT_RETIRING);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

/* What holds for any snapshot, whatever the board said. */
static void check_text(const char *text, size_t room)
{
    size_t n = strnlen(text, room);

    ck_assert_uint_lt(n, room);
    for (struct span s = span_of(text, n); s.n > 0;) {
        uint32_t cp;
        size_t len = utf8_next(s, &cp);
        ck_assert_uint_ne(len, 0);
        ck_assert(cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0));
        s = span_from(s, len);
    }
}

static void check_snap(const struct snap *s)
{
    check_text(s->instance, sizeof s->instance);
    check_text(s->host, sizeof s->host);
    check_text(s->program_version, sizeof s->program_version);
    check_text(s->op_text, sizeof s->op_text);
    check_text(s->reload_error, sizeof s->reload_error);
    ck_assert(s->op_state <= OP_FAILED && s->reload_state <= RELOAD_FAILED);
    for (unsigned i = 0; i < s->worker_count; i++) {
        const struct snap_worker *w = &s->worker[i];
        uint64_t age;
        ck_assert(w->state < SLOT_STATE_COUNT && w->state != SLOT_EMPTY);
        ck_assert(w->wait < WAIT_COUNT && w->last_exit <= EXIT_OTHER);
        check_text(w->serving, sizeof w->serving);
        check_text(w->request, sizeof w->request);
        check_text(w->peer, sizeof w->peer);
        (void)snap_worker_stuck(s, w, &age);
        for (unsigned h = 0; h < HIST_COUNT; h++)
            (void)snap_hist_quantile(&w->hist[h], 0.99);
    }
    for (unsigned i = 0; i < s->listener_count; i++)
        check_text(s->listener[i].address, sizeof s->listener[i].address);
    for (unsigned i = 0; i < s->event_count; i++) {
        ck_assert(s->event[i].kind < EVENT_COUNT);
        check_text(s->event[i].text, sizeof s->event[i].text);
    }
}

START_TEST(absurd_values_are_bounded)
{
    struct board b;
    struct snap s = {0};

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    struct board_slot *slot = &b.slot[1];
    slot->wait = 999;
    slot->last_exit = 12345;
    slot->serving.length = UINT16_MAX;
    slot->counter[COUNTER_requests] = UINT64_MAX;
    slot->past[0][COUNTER_requests] = UINT64_MAX;
    slot->turn_since_ns = UINT64_MAX;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        slot->hist[0].bucket[i] = UINT64_MAX;
    b.slot[0].state = 77;
    b.header->op_state = 9;
    b.header->reload_state = UINT32_MAX;
    b.event[0].kind = 500;
    b.event[0].length = UINT16_MAX;
    memset(b.header->instance, 0xff, sizeof b.header->instance);
    ck_assert(board_view_snap(view, &s));
    check_snap(&s);
    ck_assert_uint_eq(s.worker_count, 1);
    ck_assert_int_eq(s.worker[0].wait, WAIT_POLL);
    ck_assert_uint_eq(s.event_count, 1);
    ck_assert_uint_eq(snap_worker_away_ns(&s, &s.worker[0]), 0);
    b.header->event_next = UINT64_MAX;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.event_count, 0);
    b.header->event_next = 0;
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_eq(s.event_count, 0);
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

/* Random bytes all over a board that is being read, by a fixed sequence of numbers. */
START_TEST(random_bytes_do_no_harm)
{
    struct board b;
    struct snap s = {0};
    uint64_t x = 88172645463325252u;

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 200; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            ((unsigned char *)b.header)[x % b.bytes] = (unsigned char)(x >> 32);
        }
        ck_assert(board_view_snap(view, &s));
        check_snap(&s);
        char why[256];
        struct board_view *other = view_of(&b, why);
        if (other) {
            ck_assert(board_view_snap(other, &s));
            check_snap(&s);
        } else {
            ck_assert_str_ne(why, "");
        }
        board_view_close(&other);
    }
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

START_TEST(every_name_is_there)
{
    for (unsigned i = 0; i < WAIT_COUNT; i++)
        ck_assert(board_wait_name[i] && board_wait_help[i] && *board_wait_help[i]);
    for (unsigned i = 0; i < SLOT_STATE_COUNT; i++)
        ck_assert(board_state_name[i] && board_state_letter[i]);
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

int main(void)
{
    Suite *s = suite_create("board");
    TCase *t = tcase_create("board");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_written_is_read);
    tcase_add_test(t, observers_cannot_write_or_resize);
    tcase_add_test(t, names_too_long_are_cut_at_a_character);
    tcase_add_loop_test(t, spoiled_boards_are_refused, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(t, files_that_are_no_boards_are_refused);
    tcase_add_test(t, longer_records_are_read);
    tcase_add_test(t, absurd_values_are_bounded);
    tcase_add_test(t, random_bytes_do_no_harm);
    tcase_add_test(t, texts);
    tcase_add_test(t, a_writer_killed_half_way_is_told);
    tcase_add_test(t, events_wrap_and_are_counted);
    tcase_add_test(t, clearing_keeps_the_totals);
    tcase_add_test(t, turns_are_measured);
    tcase_add_test(t, operations);
    tcase_add_test(t, stuck_workers);
    tcase_add_test(t, copies_are_deep);
    tcase_add_test(t, every_name_is_there);
    suite_add_tcase(s, t);
    return unit_run(s);
}

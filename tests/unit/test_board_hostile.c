/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no server writes does a reader no harm: boards that do not add up are refused with a
 * reason, and one that changes under the reader is read within its bounds. Run under
 * AddressSanitizer these cases say more.
 */
#include "tests/unit/test_board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/escape.h"

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
static void threads_too_few(struct board_header *h)
{
    h->section[BOARD_THREADS].count--;
}
static void mounts_too_few(struct board_header *h)
{
    h->section[BOARD_MOUNTS].count = 0;
}
static void stalls_too_many(struct board_header *h)
{
    h->section[BOARD_STALLS].count = 5000;
}
static void requests_too_few(struct board_header *h)
{
    h->section[BOARD_REQUESTS].count--;
}
static void requests_too_small(struct board_header *h)
{
    h->section[BOARD_REQUESTS].stride_bytes -= 64;
}
static void files_too_few(struct board_header *h)
{
    h->section[BOARD_FILES].count = 0;
}
static void recent_too_few(struct board_header *h)
{
    h->section[BOARD_RECENT].count--;
}
static void slow_too_many(struct board_header *h)
{
    h->section[BOARD_SLOW].count = 65537;
}
static void slow_past_end(struct board_header *h)
{
    h->section[BOARD_SLOW].count = BOARD_SLOW_RING + 1;
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
    {offset_crooked, "outside"},         {threads_too_few, "offload threads, its slots"},
    {mounts_too_few, "mounts, its"},     {stalls_too_many, "claims"},
    {requests_too_few, "requests, its"}, {requests_too_small, "requests are"},
    {files_too_few, "files, its"},       {recent_too_few, "recent requests, its"},
    {slow_too_many, "claims"},           {slow_past_end, "outside"},
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
    unsigned stride = sizeof(struct board_slot) + BOARD_PAGE;

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

static void check_finished(const struct snap_finished *f, unsigned count, bool has_order)
{
    for (unsigned i = 0; i < count; i++) {
        ck_assert(f[i].seq != 0 && f[i].status < 1000);
        ck_assert(!has_order || i == 0 || f[i].seq > f[i - 1].seq);
        check_text(f[i].request, sizeof f[i].request);
        check_text(f[i].peer, sizeof f[i].peer);
    }
}

static void check_requests(const struct snap *s)
{
    ck_assert_uint_le(s->request_count, SLOTS * BOARD_REQUESTS_PER_SLOT);
    for (unsigned i = 0; i < s->request_count; i++) {
        const struct snap_request *r = &s->request[i];
        ck_assert(r->phase < PHASE_COUNT && r->status < 1000 && r->serial != 0);
        ck_assert(r->worker >= 1 && r->worker <= SLOTS);
        ck_assert(i == 0 || r->began_ns >= s->request[i - 1].began_ns);
        check_text(r->request, SNAP_TEXT_BYTES);
        check_text(r->peer, SNAP_TEXT_BYTES);
    }
    ck_assert_uint_le(s->file_count, SLOTS * BOARD_FILES_PER_SLOT);
    for (unsigned i = 0; i < s->file_count; i++) {
        ck_assert(s->file[i].worker >= 1 && s->file[i].serial != 0);
        check_text(s->file[i].path, SNAP_TEXT_BYTES);
    }
    ck_assert_uint_le(s->recent_count, SLOTS * BOARD_RECENT_PER_SLOT);
    ck_assert_uint_le(s->slow_count, BOARD_SLOW_RING);
    check_finished(s->recent, s->recent_count, false);
    check_finished(s->slow, s->slow_count, true);
}

static void check_snap(const struct snap *s)
{
    check_requests(s);
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
    for (unsigned i = 0, next = 0; i < s->worker_count; i++) {
        ck_assert_uint_eq(s->worker[i].thread_first, next);
        next += s->worker[i].thread_count;
        ck_assert_uint_le(next, s->thread_count);
    }
    for (unsigned i = 0; i < s->thread_count; i++) {
        ck_assert(s->thread[i].wait < WAIT_COUNT && s->thread[i].mount <= s->mount_count);
        check_text(s->thread[i].path, SNAP_TEXT_BYTES);
        check_text(snap_thread_mount(s, &s->thread[i]), SNAP_TEXT_BYTES);
    }
    for (unsigned i = 0; i < s->mount_count; i++) {
        ck_assert(s->mount[i].state < MOUNT_STATE_COUNT && s->mount[i].workers > 0);
        check_text(s->mount[i].name, SNAP_TEXT_BYTES);
        check_text(s->mount[i].type, SNAP_TEXT_BYTES);
    }
    for (unsigned i = 0; i < s->stall_count; i++) {
        ck_assert(s->stall[i].wait < WAIT_COUNT);
        check_text(s->stall[i].path, SNAP_TEXT_BYTES);
        check_text(s->stall[i].kernel, SNAP_TEXT_BYTES);
        ck_assert(i == 0 || s->stall[i].lasted_ns <= s->stall[i - 1].lasted_ns);
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
    b.mount[BOARD_MOUNTS_PER_SLOT + 1].state = 12345;
    b.thread[BOARD_THREADS_PER_SLOT + 4].mount = UINT32_MAX;
    b.thread[BOARD_THREADS_PER_SLOT + 4].wait = 999;
    b.thread[BOARD_THREADS_PER_SLOT + 4].path.length = UINT16_MAX;
    b.stall[3].wait = 999;
    b.stall[3].worker = UINT32_MAX;
    ck_assert(board_view_snap(view, &s));
    check_snap(&s);
    ck_assert_uint_eq(s.worker_count, 1);
    ck_assert_int_eq(s.worker[0].wait, WAIT_POLL);
    ck_assert_uint_eq(s.event_count, 1);
    ck_assert_uint_eq(snap_worker_away_ns(&s, &s.worker[0]), 0);
    ck_assert_int_eq(s.mount[0].state, MOUNT_OK);
    ck_assert_uint_eq(s.thread[0].mount, s.mount_count);
    ck_assert_int_eq(s.stall[0].wait, WAIT_POLL);
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

START_TEST(absurd_requests_are_bounded)
{
    struct board b;
    struct snap s = {.wants = SNAP_REQUESTS | SNAP_FILES | SNAP_RECENT | SNAP_SLOW};
    struct snap copy;

    make(&b);
    populate(&b);
    struct board_view *view = must_view(&b);
    struct board_request *r = &b.request[BOARD_REQUESTS_PER_SLOT + 3];
    struct board_finished *slow = &b.slow[0];
    ck_assert(board_view_snap(view, &s));
    check_snap(&s);
    ck_assert(s.request_count == 1 && s.file_count == 1 && s.recent_count == 1);
    ck_assert_uint_eq(s.slow_count, 1);
    ck_assert_str_eq(s.slow[0].request, "GET /slow\\x1B");
    ck_assert_str_eq(s.slow[0].peer, "10.0.0.9:1");
    ck_assert(snap_copy(&copy, &s));
    ck_assert_str_eq(copy.request[0].request, s.request[0].request);
    ck_assert(copy.slow[0].seq == s.slow[0].seq && copy.file[0].requests == 9);
    snap_free(&copy);
    r->phase = UINT32_MAX;
    r->status = 1000000;
    r->began_ns = r->sent_bytes = UINT64_MAX;
    r->request.length = UINT16_MAX;
    r->peer.seq = 1;
    slow->target_bytes = 255;
    slow->peer_bytes = 255;
    slow->status = UINT16_MAX;
    slow->worker = UINT16_MAX;
    b.slot[1].requests_in_flight = UINT64_MAX;
    ck_assert(board_view_snap(view, &s));
    check_snap(&s);
    ck_assert_int_eq(s.request[0].phase, 0);
    /* Of what is not wanted, nothing. */
    s.wants = 0;
    ck_assert(board_view_snap(view, &s));
    ck_assert(s.request_count + s.file_count + s.recent_count + s.slow_count == 0);
    s.wants = SNAP_RECENT | SNAP_SLOW;
    /* Counters of rings that make no sense: nothing is in its place. */
    for (uint64_t next = UINT64_MAX;; next = 0) {
        b.header->slow_next = b.slot[1].recent_next = next;
        ck_assert(board_view_snap(view, &s));
        ck_assert_uint_eq(s.slow_count + s.recent_count, 0);
        if (next == 0)
            break;
    }
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

/* Workers that know many mounts, some the same: each row counts once, threads find theirs. */
START_TEST(many_devices)
{
    struct board b;
    struct snap s = {0};

    make(&b);
    for (unsigned i = 0; i < SLOTS; i++) {
        b.slot[i].state = SLOT_RUNNING;
        b.slot[i].counter[COUNTER_offload_threads] = UINT64_MAX; /* more than there is room for */
        for (unsigned j = 0; j < BOARD_MOUNTS_PER_SLOT; j++) {
            struct board_mount *m = &b.mount[i * BOARD_MOUNTS_PER_SLOT + j];
            m->device = UINT64_MAX - (i * 7 + j * 13) % 40;
            m->queued = 1;
            m->used = UINT32_MAX;
        }
        for (unsigned j = 0; j < BOARD_THREADS_PER_SLOT; j++) {
            struct board_thread *t = &b.thread[i * BOARD_THREADS_PER_SLOT + j];
            t->wait = WAIT_READ;
            t->since_ns = 1;
            t->mount = j;
            t->used = 1;
        }
    }
    struct board_view *view = must_view(&b);
    ck_assert(board_view_snap(view, &s));
    check_snap(&s);
    ck_assert_uint_eq(s.thread_count, SLOTS * BOARD_THREADS_PER_SLOT);
    uint64_t queued = 0;
    for (unsigned i = 0; i < s.mount_count; i++)
        queued += s.mount[i].queued;
    ck_assert_uint_eq(queued, SLOTS * BOARD_MOUNTS_PER_SLOT);
    for (unsigned i = 0; i < s.thread_count; i++) {
        unsigned slot = s.thread[i].worker - 1, row = s.thread[i].number - 1;
        if (row >= BOARD_MOUNTS_PER_SLOT)
            ck_assert_uint_eq(s.thread[i].mount, s.mount_count);
        else
            ck_assert(s.mount[s.thread[i].mount].device ==
                      b.mount[slot * BOARD_MOUNTS_PER_SLOT + row].device);
    }
    snap_free(&s);
    board_view_close(&view);
    board_destroy(&b);
}
END_TEST

/* Random bytes all over a board that is being read, by a fixed sequence of numbers. */
START_TEST(random_bytes_do_no_harm)
{
    struct board b;
    struct snap s = {.wants = SNAP_REQUESTS | SNAP_FILES | SNAP_RECENT | SNAP_SLOW};
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

int main(void)
{
    Suite *s = suite_create("hostile boards");
    TCase *t = tcase_create("hostile boards");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, spoiled_boards_are_refused, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(t, files_that_are_no_boards_are_refused);
    tcase_add_test(t, longer_records_are_read);
    tcase_add_test(t, absurd_values_are_bounded);
    tcase_add_test(t, absurd_requests_are_bounded);
    tcase_add_test(t, many_devices);
    tcase_add_test(t, random_bytes_do_no_harm);
    suite_add_tcase(s, t);
    return unit_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader beside writers that never rest: no text is ever a mixture of two, no event carries
 * the wrong number, no total goes back. The work is counted, not timed. ThreadSanitizer has
 * nothing to say about it (build with -Wno-tsan: it does not know fences).
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "base/fd.h"
#include "board/board.h"
#include "board/slot.h"
#include "weir/snapshot.h"

#define ROUNDS_LEAST 20000
#define SNAPS        200

static struct board b;
static atomic_int reader_done;
static atomic_int writers_ready;

static bool go_on(int round)
{
    if (round == 1)
        atomic_fetch_add(&writers_ready, 1);
    return round < ROUNDS_LEAST || !atomic_load(&reader_done);
}

/* Texts of one repeated letter, of a length that goes with the letter. */
static void *write_texts(void *unused)
{
    char text[BOARD_TEXT_BYTES];

    for (int round = 1; go_on(round); round++) {
        int letter = round % 26;
        memset(text, 'a' + letter, sizeof text);
        slot_serving(&b.slot[0], span_of(text, (size_t)letter * 8 + 5));
    }
    return unused;
}

static void *write_events(void *unused)
{
    for (int round = 1; go_on(round); round++)
        board_event(&b, EVENT_SLOW, 1, "%d %d", round, round);
    return unused;
}

/* Counts in a worker's slot and, like a master, clears it now and then. */
static void *count_and_clear(void *unused)
{
    for (int round = 1; go_on(round); round++) {
        slot_count(&b.slot[1], COUNTER_requests, 1);
        slot_hist(&b.slot[1], HIST_REQUEST_TIME, (uint64_t)round * 100);
        if (round % 4096 == 0)
            board_clear_worker(&b.slot[1]);
    }
    return unused;
}

static void check_serving(const struct snap_worker *w)
{
    size_t n = strlen(w->serving);

    if (w->serving_stale || n == 0)
        return;
    ck_assert_uint_eq(n, (size_t)(w->serving[0] - 'a') * 8 + 5);
    for (size_t i = 1; i < n; i++)
        ck_assert_int_eq(w->serving[i], w->serving[0]);
}

static void check_events(const struct snap *s)
{
    uint64_t last = 0;

    for (unsigned i = 0; i < s->event_count; i++) {
        unsigned one, two;
        ck_assert_uint_gt(s->event[i].seq, last);
        last = s->event[i].seq;
        ck_assert_int_eq(sscanf(s->event[i].text, "%u %u", &one, &two), 2);
        ck_assert_uint_eq(one, two);
    }
    ck_assert_uint_lt(last, s->event_next);
}

START_TEST(a_reader_beside_writers)
{
    void *(*const writer[])(void *) = {write_texts, write_events, count_and_clear};
    pthread_t thread[3];
    struct snap s = {0};
    uint64_t total = 0, whole = 0;
    char why[256];

    ck_assert(board_create(&b, &(struct board_create){2, 1, "race", "0"}));
    b.slot[0].state = SLOT_RUNNING;
    b.slot[1].state = SLOT_RUNNING;
    int fd = board_open_read_only(&b);
    struct board_view *view = board_view_open(fd, why, sizeof why);
    ck_assert_msg(view != NULL, "%s", why);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, writer[i], NULL), 0);
    while (atomic_load(&writers_ready) < 3)
        sched_yield();
    for (int i = 0; i < SNAPS; i++) {
        ck_assert(board_view_snap(view, &s));
        ck_assert_uint_eq(s.worker_count, 2);
        check_serving(&s.worker[0]);
        whole += !s.worker[0].serving_stale;
        check_events(&s);
        ck_assert_uint_ge(snap_total(&s, COUNTER_requests), total);
        total = snap_total(&s, COUNTER_requests);
    }
    atomic_store(&reader_done, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    ck_assert_uint_gt(whole, 0);
    ck_assert(board_view_snap(view, &s));
    ck_assert_uint_ge(snap_total(&s, COUNTER_requests), ROUNDS_LEAST - 1);
    snap_free(&s);
    board_view_close(&view);
    close_fd(&fd);
    board_destroy(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("board race");
    TCase *t = tcase_create("board race");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_reader_beside_writers);
    suite_add_tcase(s, t);
    return unit_run(s);
}

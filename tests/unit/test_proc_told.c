/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master concludes from counters: which packets were lost connections, and when answers
 * fail.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "board/board.h"
#include "board/slot.h"
#include "proc/error_watch.h"
#include "proc/net_drops.h"

START_TEST(lost_connections_are_what_both_counted)
{
    static const char text[] = "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits\n"
                               "TcpExt: 7 11 13 5\n"
                               "IpExt: InNoRoutes\nIpExt: 9\n";
    static const char *const bad[] = {"",
                                      "TcpExt: ListenDrops",
                                      "TcpExt: ListenDrops\n",
                                      "TcpExt: ListenDrops\nTcpExt:\n",
                                      "TcpExt: A\nTcpExt: 1\n",
                                      "IpExt: ListenDrops\nIpExt: 1\n"};
    struct net_drops d = {0};
    uint64_t v = 0, left;

    ck_assert(net_drops_parse(span_str(text), &v));
    ck_assert_uint_eq(v, 13);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!net_drops_parse(span_str(bad[i]), &v), "%s", bad[i]);

    /* What was there before is nobody's. */
    left = net_drops_begin(&d, true, 13);
    ck_assert_uint_eq(left, 0);
    ck_assert_uint_eq(net_drops_share(5, &left), 0); /* five stray packets */
    net_drops_end(&d, left);
    /* Four were lost: three here, and one that another socket lost or will be seen to have. */
    left = net_drops_begin(&d, true, 17);
    ck_assert_uint_eq(net_drops_share(3, &left), 3);
    net_drops_end(&d, left);
    left = net_drops_begin(&d, true, 17);
    ck_assert_uint_eq(net_drops_share(9, &left), 1);
    net_drops_end(&d, left);
    /* It counts for one more round only. */
    left = net_drops_begin(&d, true, 19);
    net_drops_end(&d, left);
    left = net_drops_begin(&d, true, 19);
    ck_assert_uint_eq(left, 2);
    net_drops_end(&d, left);
    ck_assert_uint_eq(net_drops_begin(&d, true, 19), 0);
    /* Not readable: nothing is said, and what comes then is compared with nothing. */
    ck_assert_uint_eq(net_drops_begin(&d, false, 0), 0);
    ck_assert_uint_eq(net_drops_begin(&d, true, 50), 0);
}
END_TEST

/* ---- failing answers ---- */

static struct mono second_of(unsigned s)
{
    return (struct mono){(1000 + (uint64_t)s) * NS_PER_S};
}

/* So many seconds with these answers; the state after the last. */
static enum board_errors pass(struct error_watch *w, unsigned *at, unsigned seconds,
                              uint64_t answers, uint64_t failed)
{
    for (; seconds > 0; seconds--) {
        w->now = (struct error_second){answers, failed};
        error_watch_second(w, second_of((*at)++));
    }
    return w->state;
}

START_TEST(answers_are_judged)
{
    struct error_watch w;
    unsigned at = 0;

    ck_assert(error_watch_init(&w, 1));
    ck_assert_int_eq(pass(&w, &at, 3, 0, 0), ERRORS_FEW);
    ck_assert_int_eq(pass(&w, &at, 4, 1, 1), ERRORS_FEW); /* below the floor */
    ck_assert_int_eq(pass(&w, &at, 1, 1, 1), ERRORS_ALL); /* one each second: the fifth */
    ck_assert_uint_eq(w.since_ns, second_of(7).ns);
    ck_assert_int_eq(pass(&w, &at, 1, 15, 0), ERRORS_MANY); /* 5 of 20 */
    ck_assert_uint_eq(w.since_ns, second_of(7).ns);
    ck_assert_int_eq(pass(&w, &at, 2, 15, 0), ERRORS_MANY);
    ck_assert_uint_eq(w.seconds, ERRORS_LEAST); /* there are enough answers in these */
    ck_assert_int_eq(pass(&w, &at, 8, 15, 0), ERRORS_FEW);
    ck_assert_uint_eq(w.since_ns, 0);

    /* At the limit it does not come and go: 5 % begin it, 3 % keep it up. */
    ck_assert_int_eq(pass(&w, &at, 60, 100, 4), ERRORS_FEW);
    ck_assert_int_eq(pass(&w, &at, 10, 100, 5), ERRORS_MANY);
    ck_assert_int_eq(pass(&w, &at, 60, 100, 4), ERRORS_MANY);
    ck_assert_int_eq(pass(&w, &at, 60, 100, 2), ERRORS_FEW);
    ck_assert_int_eq(pass(&w, &at, 10, 100, 95), ERRORS_ALL);
    ck_assert_int_eq(pass(&w, &at, 60, 100, 91), ERRORS_ALL);
    ck_assert_int_eq(pass(&w, &at, 10, 100, 89), ERRORS_MANY);
    /* Nobody asks any more: after a minute nothing is known. */
    ck_assert_int_eq(pass(&w, &at, 9, 0, 0), ERRORS_MANY);
    ck_assert_int_eq(pass(&w, &at, 60, 0, 0), ERRORS_FEW);
    error_watch_free(&w);
}
END_TEST

static unsigned events_of(const struct board *b, enum board_event_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->event_count; i++)
        n += atomic_load(&b->event[i].seq) != 0 && atomic_load(&b->event[i].kind) == kind;
    return n;
}

/* Counters of workers that come and go, and the board; numbers that no worker can have. */
START_TEST(answers_are_looked_at)
{
    struct error_watch w;
    struct board b;
    unsigned at = 0;

    ck_assert(
        board_create(&b, &(struct board_create){
                             .slots = 2, .listeners = 1, .instance = "t", .program_version = "t"}));
    ck_assert(error_watch_init(&w, 2));
    atomic_store(&b.slot[0].state, SLOT_RUNNING);
    error_watch_look(&w, &b, second_of(at++));
    slot_count(&b.slot[0], COUNTER_requests, 30);
    slot_count(&b.slot[0], COUNTER_responses_5xx, 30);
    atomic_store(&b.mount[0].failed_ns, second_of(at).ns);
    atomic_store(&b.mount[0].last_errno, UINT32_MAX);
    board_text_set(&b.mount[0].name, span_str("/m"));
    atomic_store(&b.mount[0].used, 1);
    error_watch_look(&w, &b, second_of(at++));
    ck_assert_uint_eq(atomic_load(&b.header->errors), ERRORS_ALL);
    ck_assert_uint_eq(atomic_load(&b.header->errors_answers), 30);
    ck_assert_uint_eq(events_of(&b, EVENT_ERRORS), 1);

    /* Another process in the slot: what it has counted is new. */
    slot_gauge(&b.slot[0], COUNTER_requests, 5);
    slot_gauge(&b.slot[0], COUNTER_responses_5xx, 0);
    error_watch_look(&w, &b, second_of(at++));
    ck_assert_uint_eq(atomic_load(&b.header->errors_answers), 35);
    ck_assert_uint_eq(atomic_load(&b.header->errors_failed), 30);
    ck_assert_uint_eq(events_of(&b, EVENT_ERRORS), 1); /* fewer, and not over */
    for (unsigned i = 0; i < 12; i++) {
        slot_count(&b.slot[0], COUNTER_requests, 100);
        error_watch_look(&w, &b, second_of(at++));
    }
    ck_assert_uint_eq(atomic_load(&b.header->errors), ERRORS_FEW);
    ck_assert_uint_eq(events_of(&b, EVENT_ERRORS), 2);
    slot_gauge(&b.slot[0], COUNTER_requests, UINT64_MAX);
    slot_gauge(&b.slot[0], COUNTER_responses_5xx, UINT64_MAX);
    error_watch_look(&w, &b, second_of(at++));
    error_watch_look(&w, &b, second_of(at++));
    error_watch_free(&w);
    board_destroy(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("proc told");
    TCase *t = tcase_create("proc told");

    tcase_add_test(t, lost_connections_are_what_both_counted);
    tcase_add_test(t, answers_are_judged);
    tcase_add_test(t, answers_are_looked_at);
    suite_add_tcase(s, t);
    return unit_run(s);
}

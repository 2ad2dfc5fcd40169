/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests in flight: which are on the board, in which row and phase, what is free again when
 * they end; an operator's abort and throttle; the rings of those that are over. And the token
 * bucket by itself.
 */
#include "tests/unit/test_proto_rig.h"

#include <stdio.h>
#include <sys/socket.h>

#include "board/words.h"
#include "proto/conn_record.h"
#include "proto/pace.h"
#include "proto/throttle.h"
#include "weir/snapshot.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static struct rig rig;
static struct board_request *row;

static void start(void)
{
    rig_init(&rig);
    rig.with_board = true;
    rig_start(&rig);
    row = &rig.board.request[(RIG_WORKER - 1) * BOARD_REQUESTS_PER_SLOT];
}

static struct rig_client *ask(bool tcp, const char *text)
{
    struct rig_client *c = rig_connect_over(&rig, tcp);

    rig_send(c, text, strlen(text));
    return c;
}

/* It reads nothing from now on. */
static void pause_client(struct rig_client *c)
{
    ck_assert(loop_watch(rig.loop, &c->io, 0));
}

static void resume_client(struct rig_client *c)
{
    ck_assert(loop_watch(rig.loop, &c->io, EPOLLIN));
}

static unsigned rows_used(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++)
        n += row[i].serial != 0;
    return n;
}

static bool has_rows(void *arg)
{
    return rows_used() == *(const unsigned *)arg;
}

static void until_rows(unsigned n)
{
    rig_until(&rig, has_rows, &n);
}

static bool in_flight(void *arg)
{
    return rig.slot->requests_in_flight == *(const uint64_t *)arg;
}

static void until_in_flight(uint64_t n)
{
    rig_until(&rig, in_flight, &n);
}

static bool has_phase(void *arg)
{
    return row[0].serial != 0 && row[0].phase == *(const enum board_phase *)arg;
}

static void until_phase(enum board_phase phase)
{
    rig_until(&rig, has_phase, &phase);
}

static void expect_text(const struct board_text *t, const char *want)
{
    char text[BOARD_TEXT_BYTES + 1];
    size_t n;

    ck_assert(board_text_get(t, text, &n));
    ck_assert_str_eq(text, want);
}

static uint64_t counter(enum board_counter c)
{
    return slot_value(rig.slot, c);
}

START_TEST(what_is_answered_at_once_is_never_in_flight)
{
    start();
    struct rig_client *c = ask(false, GET("/hello") GET("/file") GET("/chunks"));

    rig_until_idle(&rig);
    rig_send(c, GET("/hello"), strlen(GET("/hello")));
    rig_turns(&rig, 3);
    rig_until_idle(&rig);
    ck_assert_uint_eq(counter(COUNTER_requests), 4);
    ck_assert_uint_eq(rig.conns->flights.serial, 0);
    ck_assert(list_empty(&rig.conns->flights.tick.link));
    rig_end(&rig);
}
END_TEST

START_TEST(one_that_waits_gets_a_row)
{
    start();
    struct rig_client *c = ask(false, GET("/wait"));

    rig_turns(&rig, 1);
    ck_assert_uint_eq(rows_used(), 0);
    until_rows(1);
    ck_assert_uint_eq(row[0].serial, 1);
    ck_assert_uint_eq(row[0].phase, PHASE_OPEN);
    ck_assert(row[0].cold == 1 && row[0].status == 0 && row[0].sent_bytes == 0);
    ck_assert_uint_eq(row[0].content_bytes, REQUEST_LENGTH_UNKNOWN);
    ck_assert(row[0].began_ns != 0 && row[0].phase_since_ns >= row[0].began_ns);
    ck_assert_uint_ge(mono_now().ns - row[0].began_ns, REQUEST_SHOWN_NS);
    expect_text(&row[0].request, "GET /wait HTTP/1.1");
    expect_text(&row[0].peer, "127.0.0.1");
    until_in_flight(1);
    rig_wake(1);
    until_rows(0);
    ck_assert_uint_eq(rig.slot->requests_in_flight, 0);
    rig_until_idle(&rig);
    /* The next one on the same connection is another one, and nothing ticks in between. */
    while (!list_empty(&rig.conns->flights.tick.link))
        rig_turns(&rig, 1);
    rig_send(c, GET("/wait"), strlen(GET("/wait")));
    until_rows(1);
    ck_assert_uint_eq(row[0].serial, 2);
    rig_wake(1);
    rig_until_idle(&rig);
    rig_end(&rig);
}
END_TEST

START_TEST(phases)
{
    start();
    struct rig_client *c = ask(false, "POST /hello HTTP/1.1\r\nHo");
    uint64_t began, idle;

    until_phase(PHASE_HEAD);
    expect_text(&row[0].request, "POST /hello HTTP/1.1");
    began = row[0].began_ns;
    rig_send(c, "st: x\r\nContent-Length: 4\r\n\r\nab", 30);
    until_phase(PHASE_BODY);
    idle = row[0].progress_ns;
    rig_send(c, "c", 1);
    while (row[0].progress_ns == idle)
        rig_turns(&rig, 1);
    rig_send(c, "d", 1);
    rig_until_got(c, 1); /* 405: it is a POST */
    until_rows(0);
    ck_assert_uint_eq(row[0].began_ns, began);
    rig_until_idle(&rig);
    rig_send(c, GET("/late"), strlen(GET("/late")));
    until_phase(PHASE_READ);
    ck_assert_uint_eq(row[0].status, 200);
    ck_assert_uint_eq(row[0].content_bytes, strlen("onetwothree"));
    rig_wake(1);
    while (row[0].sent_bytes != 3)
        rig_turns(&rig, 1);
    ck_assert_uint_eq(row[0].serial, 2);
    rig_wake(1);
    rig_turns(&rig, 3);
    rig_wake(1);
    rig_until_idle(&rig);
    until_rows(0);
    rig_end(&rig);
}
END_TEST

START_TEST(a_client_that_does_not_read)
{
    start();
    struct rig_client *c = rig_connect_over(&rig, true);

    pause_client(c);
    rig_send(c, GET("/big"), strlen(GET("/big")));
    until_phase(PHASE_SEND);
    ck_assert_uint_gt(row[0].sent_bytes, 0);
    ck_assert_uint_lt(row[0].sent_bytes, RIG_BIG_BYTES);
    ck_assert_uint_eq(row[0].content_bytes, RIG_BIG_BYTES);
    until_phase(PHASE_STALLED);
    ck_assert_uint_ge(mono_now().ns - row[0].progress_ns, REQUEST_STALLED_NS);
    ck_assert_uint_eq(row[0].phase_since_ns, row[0].progress_ns);
    resume_client(c);
    rig_until_got(c, RIG_BIG_BYTES);
    rig_until_idle(&rig);
    ck_assert_uint_eq(rows_used(), 0);
    rig_end(&rig);
}
END_TEST

/* More than there are rows: the oldest have them, and keep them; a free one goes to the next. */
START_TEST(rows_are_sticky_and_the_oldest_come_first)
{
    enum { MORE = BOARD_REQUESTS_PER_SLOT + 6 };
    struct rig_client *c[MORE];
    uint64_t serial[BOARD_REQUESTS_PER_SLOT];

    start();
    for (int i = 0; i < MORE; i++)
        c[i] = ask(false, GET("/wait"));
    until_in_flight(MORE);
    until_rows(BOARD_REQUESTS_PER_SLOT);
    for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++) {
        serial[i] = row[i].serial;
        ck_assert_uint_le(serial[i], BOARD_REQUESTS_PER_SLOT);
    }
    unsigned first = 0;
    while (serial[first] != 1)
        first++;
    ck_assert(conns_abort(rig.conns, 1));
    rig_until_eof(c[0]);
    until_rows(BOARD_REQUESTS_PER_SLOT);
    ck_assert_uint_eq(rig.slot->requests_in_flight, MORE - 1);
    for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++)
        ck_assert_uint_eq(row[i].serial, i == first ? BOARD_REQUESTS_PER_SLOT + 1 : serial[i]);
    /* One that waits for a row leaves: nothing of it stays. */
    rig_close(c[MORE - 1]);
    until_in_flight(MORE - 2);
    rig_wake(1);
    until_rows(0);
    ck_assert_uint_eq(rig.slot->requests_in_flight, 0);
    rig_end(&rig);
}
END_TEST

/* What an operator ends, and in which phase. */
static const struct {
    const char *text;
    enum board_phase phase;
    bool paused;
} aborted[] = {
    {"GET /hello HTTP/1.1\r\n", PHASE_HEAD, false},
    {"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", PHASE_BODY, false},
    {GET("/wait"), PHASE_OPEN, false},
    {GET("/late"), PHASE_READ, false},
    {GET("/big"), PHASE_SEND, true},
};

START_TEST(an_operator_ends_it)
{
    start();
    struct rig_client *c = rig_connect_over(&rig, true);

    if (aborted[_i].paused)
        pause_client(c);
    rig_send(c, aborted[_i].text, strlen(aborted[_i].text));
    until_phase(aborted[_i].phase);
    ck_assert(!conns_abort(rig.conns, row[0].serial + 1));
    ck_assert(!conns_abort(rig.conns, 0));
    ck_assert(conns_abort(rig.conns, row[0].serial));
    ck_assert_uint_eq(rows_used(), 0);
    ck_assert(!conns_abort(rig.conns, 1));
    resume_client(c);
    rig_until_eof(c);
    ck_assert(c->broken);
    ck_assert_uint_eq(counter(COUNTER_aborted), 1);
    ck_assert_uint_eq(counter(COUNTER_bad_requests), 0);
    rig_end(&rig);
}
END_TEST

/* Which setting ends one whose client reads nothing, for the log. */
START_TEST(a_client_that_reads_nothing)
{
    start();
    struct rig_client *c = ask(false, GET("/big"));
    pause_client(c);
    until_phase(PHASE_SEND);
    struct conn *server = room_any(&rig.conns->room);
    pace_open_sending(server);
    ck_assert_int_eq(pace_of_sending(server), PACE_NOTHING_READ);
    rig.conf.limits.minimum_rate_bytes = 1;
    ck_assert_int_eq(pace_of_sending(server), PACE_TOO_SLOW);
    rig.conf.limits.send_timeout_ns = PACE_WINDOW_NS; /* is over as soon */
    ck_assert_int_eq(pace_of_sending(server), PACE_NOTHING_READ);
    rig_end(&rig);
}
END_TEST

/* A throttled one is ended by send_timeout alone, and whoever is throttled gets a window of his
 * own: what was left of the one before says nothing. */
START_TEST(a_throttled_client_that_reads_nothing)
{
    start();
    struct rig_client *c = ask(false, GET("/big"));
    pause_client(c);
    until_phase(PHASE_SEND);
    struct conn *server = room_any(&rig.conns->room);
    rig.conf.limits.minimum_rate_bytes = 1;
    rig.conf.limits.send_timeout_ns = 6 * PACE_WINDOW_NS;
    for (uint64_t rate = 1024;; rate = 0) {
        server->timer.deadline.ns = 1;
        ck_assert(conns_throttle(rig.conns, row[0].serial, rate));
        ck_assert_uint_gt(server->timer.deadline.ns, loop_now(rig.loop).ns);
        ck_assert_uint_eq(server->rate_since.ns, loop_now(rig.loop).ns);
        if (rate == 0)
            break;
        server->rate_since.ns -= 5 * PACE_WINDOW_NS;
        ck_assert_int_eq(pace_of_sending(server), PACE_UNKNOWN);
        server->rate_since.ns -= PACE_WINDOW_NS;
        ck_assert_int_eq(pace_of_sending(server), PACE_NOTHING_READ);
    }
    ck_assert_int_eq(pace_of_sending(server), PACE_TOO_SLOW);
    rig_end(&rig);
}
END_TEST

/* As though the last look at it had been a second ago. */
static void age_drain(struct exchange *e)
{
    e->begun.ns -= 2 * NS_PER_S;
    e->drain_since.ns -= NS_PER_S;
}

/* While the worker retires: a download ends when its client took nothing, all else after the time.
 */
START_TEST(what_stands_still_is_finished)
{
    const uint64_t patience_ns = NS_PER_S / 2;

    start();
    struct rig_client *c = ask(false, GET("/big"));
    pause_client(c);
    until_phase(PHASE_SEND);
    struct exchange *e = room_any(&rig.conns->room)->exchange;
    struct rig_client *idle = rig_connect(&rig);
    rig_turns(&rig, 3);
    conns_retire(rig.conns);
    struct mono begun = loop_now(rig.loop), before = {begun.ns - NS_PER_S};
    ck_assert_uint_eq(conns_finish_stalled(rig.conns, begun, patience_ns), 0);
    ck_assert_uint_eq(conns_count(rig.conns), 2);
    age_drain(e);
    e->drain_taken--; /* the client took a byte since */
    ck_assert_uint_eq(conns_finish_stalled(rig.conns, begun, patience_ns), 0);
    ck_assert_uint_eq(conns_count(rig.conns), 2);
    ck_assert_uint_eq(conns_finish_stalled(rig.conns, before, patience_ns), 0);
    ck_assert_uint_eq(conns_count(rig.conns), 1); /* the idle one */
    rig_until_eof(idle);
    age_drain(e);
    ck_assert_uint_eq(conns_finish_stalled(rig.conns, before, patience_ns), 1);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 1);
    rig_end(&rig);
}
END_TEST

/* One behind another on the same connection, which waits for the same client. */
START_TEST(those_behind_another_get_a_row_too)
{
    start();
    struct rig_client *c = ask(false, GET("/big") GET("/big?2"));
    rig_until_got(c, RIG_BIG_BYTES + 1024 * 1024);
    pause_client(c);
    until_phase(PHASE_SEND);
    expect_text(&row[0].request, "GET /big?");
    ck_assert_uint_eq(row[0].serial, 2);
    resume_client(c);
    rig_until_idle(&rig);
    rig_send(c, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n1", 49);
    until_phase(PHASE_BODY);
    rig_send(c, "23POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n1", 51);
    until_in_flight(0);
    until_phase(PHASE_BODY);
    expect_text(&row[0].request, "POST /b HTTP/1.1");
    rig_end(&rig);
}
END_TEST

START_TEST(an_operator_throttles_it)
{
    enum { RATE = 8 * 1024 * 1024 };

    start();
    struct rig_client *c = rig_connect_over(&rig, true);
    pause_client(c);
    rig_send(c, GET("/big"), strlen(GET("/big")));
    until_phase(PHASE_SEND);
    uint64_t serial = row[0].serial;
    ck_assert(!conns_throttle(rig.conns, serial + 1, RATE));
    /* So slow that it would not end before this test does. */
    ck_assert(conns_throttle(rig.conns, serial, 1024));
    ck_assert_uint_eq(row[0].throttle_bytes_per_s, 1024);
    struct conn *server = room_any(&rig.conns->room);
    resume_client(c);
    while (server->state != CONN_HELD)
        rig_turns(&rig, 1);
    until_phase(PHASE_SEND);
    /* Now faster: no more than this comes in so much time, and a bucket's worth at once. */
    struct mono since = mono_now();
    uint64_t left = RIG_BIG_BYTES - exchange_content_sent(server->exchange);
    ck_assert(conns_throttle(rig.conns, serial, RATE));
    rig_until_got(c, RIG_BIG_BYTES);
    rig_until_idle(&rig);
    ck_assert_uint_gt(left, RATE / 4);
    ck_assert_uint_ge(mono_since(mono_now(), since),
                      (left - RATE / 4) / 1024 * NS_PER_S / (RATE / 1024));
    /* The next one on the connection is not throttled. */
    size_t got = c->got.n;
    rig_send(c, GET("/big"), strlen(GET("/big")));
    rig_until_got(c, got + RIG_BIG_BYTES);
    rig_until_idle(&rig);
    rig_end(&rig);
}
END_TEST

START_TEST(a_throttle_is_taken_off)
{
    start();
    struct rig_client *c = rig_connect_over(&rig, true);
    pause_client(c);
    rig_send(c, GET("/big"), strlen(GET("/big")));
    until_phase(PHASE_SEND);
    ck_assert(conns_throttle(rig.conns, 1, 1024));
    struct conn *server = room_any(&rig.conns->room);
    resume_client(c);
    while (server->state != CONN_HELD)
        rig_turns(&rig, 1);
    ck_assert(conns_throttle(rig.conns, 1, 0));
    ck_assert_uint_eq(row[0].throttle_bytes_per_s, 0);
    rig_until_got(c, RIG_BIG_BYTES);
    rig_until_idle(&rig);
    rig_end(&rig);
}
END_TEST

/* The worker ends while one is held: it is cut, and its client is told; nobody waits for it. */
START_TEST(a_throttled_one_does_not_hold_the_end_up)
{
    start();
    struct rig_client *c = rig_connect_over(&rig, true);
    pause_client(c);
    rig_send(c, GET("/big"), strlen(GET("/big")));
    until_phase(PHASE_SEND);
    ck_assert(conns_throttle(rig.conns, 1, 1024));
    resume_client(c);
    struct conn *server = room_any(&rig.conns->room);
    while (server->state != CONN_HELD)
        rig_turns(&rig, 1);
    ck_assert_uint_le(conns_finish(rig.conns), 1);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    ck_assert_uint_eq(rows_used(), 0);
    rig_until_eof(c);
    rig_end(&rig);
}
END_TEST

START_TEST(those_that_are_over_are_in_rings)
{
    rig_init(&rig);
    rig.with_board = true;
    rig.conf.log.slow_request_ns = 50 * NS_PER_MS;
    rig_start(&rig);
    row = &rig.board.request[(RIG_WORKER - 1) * BOARD_REQUESTS_PER_SLOT];
    ask(false, GET("/hello?x") GET("/hello") GET("/wait"));
    until_rows(1);
    rig_wake(1);
    rig_until_idle(&rig);
    const struct board_finished *recent =
        &rig.board.recent[(RIG_WORKER - 1) * BOARD_RECENT_PER_SLOT];
    const struct board_finished *slow = rig.board.slow;
    /* Two at once count as one; the third came 50 ms later. */
    ck_assert_uint_eq(rig.slot->recent_next, 3);
    ck_assert(recent[0].seq == 1 && recent[1].seq == 2 && recent[0].worker == RIG_WORKER);
    char text[FINISHED_TEXT_BYTES + 1] = "";
    board_words_load(recent[0].words, text, 21);
    ck_assert_str_eq(text, "GET /hello?127.0.0.1");
    ck_assert(recent[0].target_bytes == 11 && recent[0].peer_bytes == 9);
    ck_assert_uint_eq(rig.board.header->slow_next, 2);
    ck_assert(slow[0].seq == 1 && slow[0].status == 200 && slow[0].cold == 1);
    ck_assert_uint_ge(slow[0].total_ns, REQUEST_SHOWN_NS);
    ck_assert_uint_ge(slow[0].open_ns, REQUEST_SHOWN_NS);
    ck_assert_uint_eq(slow[0].offload_run_ns, 5 * NS_PER_MS);
    ck_assert(slow[0].bytes == 6 && slow[0].aborted == 0);
    /* A process that died leaves nothing. This one lives, and gets its gauges back. */
    board_clear_slot(&rig.board, RIG_WORKER - 1);
    ck_assert(rig.slot->recent_next == 0 && recent[0].seq == 0 && recent[1].seq == 0);
    ck_assert_uint_eq(slow[0].seq, 1);
    slot_gauge(rig.slot, COUNTER_connections, 1);
    slot_gauge(rig.slot, COUNTER_connections_idle, 1);
    rig_end(&rig);
}
END_TEST

/* A bucket asked every `step_ns` for `total_ns`: what comes out of it in all. */
static uint64_t pour(uint64_t rate, uint64_t step_ns, uint64_t total_ns)
{
    struct throttle t;
    struct mono now = {NS_PER_S};
    uint64_t sum = 0;

    throttle_set(&t, rate, now);
    for (uint64_t at = 0; at < total_ns; at += step_ns) {
        now.ns += step_ns;
        uint64_t room = throttle_room(&t, now);
        if (room > rate / 4 || (room != 0 && room < rate / 20))
            ck_abort_msg("%llu at once of %llu", (unsigned long long)room,
                         (unsigned long long)rate);
        throttle_spend(&t, room);
        sum += room;
    }
    return sum;
}

START_TEST(the_bucket_keeps_its_rate)
{
    static const uint64_t rate[] = {1024, 2000, 1000003, UINT64_C(1) << 30, UINT64_C(1) << 40};
    static const uint64_t step[] = {300, 50000, 1000000, 33333333, 100000000};

    for (unsigned i = 0; i < sizeof rate / sizeof *rate; i++)
        for (unsigned j = 0; j < sizeof step / sizeof *step; j++) {
            uint64_t seconds = step[j] < 1000 ? 1 : 10;
            uint64_t sum = pour(rate[i], step[j], seconds * NS_PER_S);
            ck_assert_msg(sum <= rate[i] * seconds && sum >= rate[i] * seconds / 10 * 8,
                          "%llu bytes/s every %llu ns: %llu", (unsigned long long)rate[i],
                          (unsigned long long)step[j], (unsigned long long)sum);
        }
    /* A long silence is worth no more than a bucket. */
    struct throttle t;
    throttle_set(&t, UINT64_C(1) << 40, (struct mono){1});
    ck_assert_uint_eq(throttle_room(&t, (struct mono){UINT64_MAX}), UINT64_C(1) << 38);
    throttle_spend(&t, UINT64_MAX);
    ck_assert_uint_eq(throttle_room(&t, (struct mono){UINT64_MAX}), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("requests in flight");
    TCase *t = tcase_create("requests in flight");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_answered_at_once_is_never_in_flight);
    tcase_add_test(t, one_that_waits_gets_a_row);
    tcase_add_test(t, phases);
    tcase_add_test(t, a_client_that_does_not_read);
    tcase_add_test(t, rows_are_sticky_and_the_oldest_come_first);
    tcase_add_loop_test(t, an_operator_ends_it, 0, sizeof aborted / sizeof *aborted);
    tcase_add_test(t, a_client_that_reads_nothing);
    tcase_add_test(t, those_behind_another_get_a_row_too);
    tcase_add_test(t, a_throttled_client_that_reads_nothing);
    tcase_add_test(t, what_stands_still_is_finished);
    tcase_add_test(t, an_operator_throttles_it);
    tcase_add_test(t, a_throttle_is_taken_off);
    tcase_add_test(t, a_throttled_one_does_not_hold_the_end_up);
    tcase_add_test(t, those_that_are_over_are_in_rings);
    tcase_add_test(t, the_bucket_keeps_its_rate);
    suite_add_tcase(s, t);
    return unit_run(s);
}

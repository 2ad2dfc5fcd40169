/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and bodies that wait for an offload thread: how they go on, and how they end when
 * their client leaves or the worker retires. The site (test_proto_rig.c) wakes them when the test
 * says so, and fails the test when it is asked before.
 */
#include "tests/unit/test_proto_rig.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/conn_record.h"
#include "proto/http1.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define HEAD(path) "HEAD " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK_HELLO   "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
#define OK_EMPTY   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define OK_LATE    "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
#define OK_CHUNKS  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static struct rig rig;

static void start(void)
{
    rig_init(&rig);
    rig.conf.log.format = CONF_LOG_JSON;
    rig_start(&rig);
}

static struct rig_client *ask_over(bool tcp, const char *text)
{
    struct rig_client *c = rig_connect_over(&rig, tcp);

    rig_send(c, text, strlen(text));
    return c;
}

static bool one_waits(void *arg)
{
    (void)arg;
    return rig_waiting() == 1;
}

static struct rig_client *ask(const char *text)
{
    struct rig_client *c = ask_over(false, text);

    rig_until(&rig, one_waits, NULL);
    return c;
}

static void expect(const struct rig_client *c, const char *text)
{
    char *plain = rig_plain(c);

    ck_assert_str_eq(plain, text);
    free(plain);
}

static void expect_log(const char *text)
{
    char *log = rig_log(&rig);

    ck_assert_msg(strstr(log, text) != NULL, "%s", log);
    free(log);
}

static bool none_left(void *arg)
{
    (void)arg;
    return conns_count(rig.conns) == 0;
}

static uint64_t waiting(void)
{
    return slot_value(rig.slot, COUNTER_requests_waiting);
}

static void wake_and_settle(unsigned times)
{
    rig_wake(times);
    rig_turns(&rig, 3);
}

START_TEST(a_request_waits_and_is_answered)
{
    start();
    struct rig_client *c = ask(GET("/wait") GET("/hello"));
    uint64_t taken = slot_value(rig.slot, COUNTER_bytes_in);

    rig_turns(&rig, 3);
    ck_assert_uint_eq(c->got.n, 0);
    ck_assert_uint_eq(waiting(), 1);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests_active), 1);
    /* What comes behind it stays with the kernel. */
    rig_send(c, GET("/empty"), strlen(GET("/empty")));
    rig_turns(&rig, 3);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_bytes_in), taken);
    /* Nobody else waits for it. */
    struct rig_client *other = ask_over(false, GET("/hello"));
    rig_until_got(other, 40);
    expect(other, OK_HELLO);
    ck_assert_uint_eq(c->got.n, 0);
    wake_and_settle(1);
    rig_until_idle(&rig);
    rig_turns(&rig, 3);
    expect(c, OK_HELLO OK_HELLO OK_EMPTY);
    ck_assert_uint_eq(waiting(), 0);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests), 4);
    /* And again on the same connection. */
    rig_send(c, GET("/wait"), strlen(GET("/wait")));
    rig_until(&rig, one_waits, NULL);
    wake_and_settle(1);
    expect(c, OK_HELLO OK_HELLO OK_EMPTY OK_HELLO);
    expect_log("\"cold\":true,\"offload_wait_ms\":2.000,\"offload_run_ms\":5.000,");
    expect_log("\"cold\":false,\"offload_wait_ms\":0.000,\"offload_run_ms\":0.000,");
    ck_assert_uint_eq(rig_cancels(), 0);
    rig_end(&rig);
}
END_TEST

START_TEST(several_wait_at_once)
{
    start();
    struct rig_client *c[5];

    for (int i = 0; i < 5; i++)
        c[i] = ask_over(i % 2, i == 2 ? HEAD("/wait") : GET("/wait"));
    while (rig_waiting() < 5)
        rig_turns(&rig, 1);
    ck_assert_uint_eq(waiting(), 5);
    wake_and_settle(1);
    rig_until_idle(&rig);
    for (int i = 0; i < 5; i++) {
        rig_until_got(c[i], 1);
        expect(c[i], i == 2 ? "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" : OK_HELLO);
    }
    rig_end(&rig);
}
END_TEST

START_TEST(a_request_waits_twice)
{
    start();
    struct rig_client *c = ask(GET("/twice"));

    wake_and_settle(1);
    ck_assert_uint_eq(c->got.n, 0);
    ck_assert_uint_eq(rig_waiting(), 1);
    ck_assert_uint_eq(waiting(), 1);
    wake_and_settle(1);
    expect(c, OK_HELLO);
    rig_end(&rig);
}
END_TEST

/* Woken twice is woken once; before its time, after its time, on an idle connection: nothing. */
START_TEST(wakes_at_odd_moments)
{
    start();
    struct rig_client *c = ask(GET("/wait"));
    struct rig_wakeup late = rig_wake(3);

    rig_turns(&rig, 3);
    expect(c, OK_HELLO);
    for (int i = 0; i < 3; i++)
        late.wake(late.arg);
    rig_turns(&rig, 3);
    rig_send(c, GET("/early"), strlen(GET("/early")));
    rig_turns(&rig, 4);
    expect(c, OK_HELLO OK_HELLO);
    late.wake(late.arg);
    rig_turns(&rig, 3);
    rig_send(c, GET("/twice"), strlen(GET("/twice")));
    rig_until(&rig, one_waits, NULL);
    rig_wake(2);
    rig_turns(&rig, 4);
    ck_assert_uint_eq(rig_waiting(), 1); /* the second of the two was not for this wait */
    wake_and_settle(2);
    expect(c, OK_HELLO OK_HELLO OK_HELLO);
    /* One that comes in the turn in which its connection was closed. */
    rig_send(c, GET("/wait"), strlen(GET("/wait")));
    rig_until(&rig, one_waits, NULL);
    late = rig_wake(1);
    conn_close(room_any(&rig.conns->room));
    late.wake(late.arg);
    rig_turns(&rig, 3);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    rig_end(&rig);
}
END_TEST

static void leaves_while_waiting(bool tcp, const char *text, unsigned cancelled)
{
    const struct linger hard = {.l_onoff = 1};
    unsigned before = rig_cancels();

    start();
    struct rig_client *c = ask_over(tcp, text);
    rig_until(&rig, one_waits, NULL);
    if (tcp) /* a close with bytes unread, or of a process that was killed so, resets */
        setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    rig_close(c);
    rig_until(&rig, none_left, NULL);
    ck_assert_uint_eq(rig_waiting(), 0);
    ck_assert_uint_eq(rig_cancels() - before, cancelled);
    ck_assert_uint_eq(waiting(), 0);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 1);
    expect_log(cancelled ? "\"status\":499,\"bytes\":0," : "\"status\":200,\"bytes\":0,");
    expect_log("\"aborted\":true}");
    rig_end(&rig);
}

START_TEST(a_client_leaves)
{
    for (int tcp = 0; tcp < 2; tcp++) {
        leaves_while_waiting(tcp, GET("/wait"), 1);
        leaves_while_waiting(tcp, GET("/wait") GET("/hello"), 1);
        leaves_while_waiting(tcp, GET("/late"), 0);
        leaves_while_waiting(tcp, GET("/late-chunks"), 0);
    }
}
END_TEST

/* Stops the loop after some time, in which it may sleep. */
static void nap_over(struct loop_timers *kind, struct list *item)
{
    (void)kind;
    (void)item;
    loop_stop(rig.loop);
}

static void nap(void)
{
    struct loop_timers kind = {.after_ns = 20 * NS_PER_MS, .due = nap_over};
    struct loop_timer timer;

    list_init(&timer.link);
    loop_add_timers(rig.loop, &kind);
    loop_arm(rig.loop, &kind, &timer);
    ck_assert(loop_run(rig.loop));
    list_remove(&kind.link);
}

START_TEST(a_half_closed_client_is_answered)
{
    static const struct {
        const char *text, *answer;
        unsigned wakes;
    } cases[] = {{GET("/wait") GET("/hello"), OK_HELLO OK_HELLO, 1},
                 {GET("/late"), OK_LATE "onetwothree", 3}};

    for (size_t i = 0; i < 4; i++)
        for (int before = 0; before < 2; before++) {
            start();
            struct rig_client *c = rig_connect_over(&rig, i % 2);
            rig_send(c, cases[i / 2].text, strlen(cases[i / 2].text));
            if (before)
                ck_assert_int_eq(shutdown(c->io.fd, SHUT_WR), 0);
            rig_until(&rig, one_waits, NULL);
            if (!before)
                ck_assert_int_eq(shutdown(c->io.fd, SHUT_WR), 0);
            rig_turns(&rig, 5);
            ck_assert_uint_eq(conns_count(rig.conns), 1);
            /* It stays half-closed, and that must not keep the loop awake. */
            uint64_t turns = slot_value(rig.slot, COUNTER_loop_turns);
            nap();
            ck_assert_uint_lt(slot_value(rig.slot, COUNTER_loop_turns) - turns, 10);
            for (unsigned k = 0; k < cases[i / 2].wakes; k++)
                wake_and_settle(1);
            rig_until_eof(c);
            ck_assert(!c->broken);
            expect(c, cases[i / 2].answer);
            ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 0);
            rig_end(&rig);
        }
}
END_TEST

/* Half-closed first, then gone for good: noticed although the first was noticed before. */
START_TEST(a_half_closed_client_leaves)
{
    const struct linger hard = {.l_onoff = 1};

    for (int tcp = 0; tcp < 2; tcp++) {
        start();
        struct rig_client *c = ask_over(tcp, GET("/wait"));
        rig_until(&rig, one_waits, NULL);
        ck_assert_int_eq(shutdown(c->io.fd, SHUT_WR), 0);
        rig_turns(&rig, 5);
        setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        rig_close(c);
        rig_until(&rig, none_left, NULL);
        ck_assert_uint_eq(rig_waiting(), 0);
        rig_end(&rig);
    }
}
END_TEST

START_TEST(bodies_wait)
{
    static const struct {
        const char *request, *head, *piece[3], *end;
    } cases[] = {
        {GET("/late"), OK_LATE, {"one", "two", "three"}, ""},
        {GET("/late-chunks"),
         OK_CHUNKS,
         {"3\r\none", "\r\n3\r\ntwo", "\r\n5\r\nthree"},
         "\r\n0\r\n\r\n"},
        {"GET /late-chunks HTTP/1.0\r\n\r\n",
         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
         {"one", "two", "three"},
         ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int tcp = 0; tcp < 2; tcp++) {
            struct buf want = {0};
            start();
            struct rig_client *c = ask_over(tcp, cases[i].request);
            rig_send(c, GET("/hello"), strlen(GET("/hello")));
            rig_until(&rig, one_waits, NULL);
            /* The head has gone although the body has not begun. */
            rig_until_got(c, strlen(cases[i].head));
            ck_assert(buf_addf(&want, "%s", cases[i].head));
            for (unsigned k = 0; k < 3; k++) {
                char *plain = rig_plain(c);
                rig_turns(&rig, 3);
                ck_assert_uint_eq(waiting(), 1);
                ck_assert_uint_eq(strlen(plain), want.n);
                ck_assert_mem_eq(plain, want.p, want.n);
                free(plain);
                size_t bytes = c->got.n + strlen(cases[i].piece[k]);
                ck_assert(buf_addf(&want, "%s", cases[i].piece[k]));
                rig_wake(k + 1); /* more than once is once */
                rig_until_got(c, bytes);
            }
            bool closes = strstr(cases[i].request, "HTTP/1.0") != NULL;
            ck_assert(buf_addf(&want, "%s%s", cases[i].end, closes ? "" : OK_HELLO));
            if (closes)
                rig_until_eof(c);
            else
                rig_until_idle(&rig);
            rig_turns(&rig, 4);
            ck_assert(buf_add(&want, "", 1));
            expect(c, want.p);
            ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 0);
            buf_free(&want);
            rig_end(&rig);
        }
}
END_TEST

START_TEST(heads_and_errors_do_not_wait)
{
    static const char asked[] = HEAD("/late") HEAD("/late-chunks") GET("/nowhere") "X\r\n\r\n";

    start();
    struct rig_client *c = ask_over(false, asked);
    rig_until_eof(c);
    ck_assert_uint_eq(rig_waiting(), 0);
    ck_assert_ptr_nonnull(memmem(c->got.p, c->got.n, OK_CHUNKS + 17, strlen(OK_CHUNKS + 17)));
    ck_assert_ptr_nonnull(memmem(c->got.p, c->got.n, " 404 ", 5));
    ck_assert_ptr_nonnull(memmem(c->got.p, c->got.n, " 400 ", 5));
    rig_end(&rig);
}
END_TEST

/* The socket is full when the head is to go; the body is there before the socket is. */
START_TEST(woken_while_the_head_waits_for_the_socket)
{
    static char junk[64 * 1024];

    start();
    struct rig_client *c = rig_connect(&rig);
    struct conn *server = room_any(&rig.conns->room);
    size_t junk_bytes = 0;
    ssize_t did;

    ck_assert(loop_watch(rig.loop, &c->io, 0));
    for (size_t n = sizeof junk; n > 0; n /= 2)
        while ((did = send(server->io.fd, junk, n, MSG_DONTWAIT)) > 0)
            junk_bytes += (size_t)did;
    rig_send(c, GET("/late"), strlen(GET("/late")));
    rig_until(&rig, one_waits, NULL);
    ck_assert_int_eq(server->state, CONN_SEND);
    rig_wake(1);
    rig_turns(&rig, 3);
    ck_assert_int_eq(server->state, CONN_SEND);
    ck_assert(loop_watch(rig.loop, &c->io, EPOLLIN));
    rig_until(&rig, one_waits, NULL); /* for its second piece */
    ck_assert_int_eq(server->state, CONN_WAIT_BODY);
    ck_assert_uint_eq(server->rate_since.ns, 0); /* the rate was judged in SEND, but is not here */
    ck_assert(list_empty(&server->timer.link));
    wake_and_settle(1);
    wake_and_settle(1);
    rig_until_idle(&rig);
    rig_turns(&rig, 3);
    ck_assert_uint_gt(c->got.n, junk_bytes);
    ck_assert_mem_eq(c->got.p + junk_bytes, "HTTP/1.1 200 OK\r\n", 17);
    ck_assert_mem_eq(c->got.p + c->got.n - 15, "\r\n\r\nonetwothree", 15);
    rig_end(&rig);
}
END_TEST

/* No timer runs while it is we who are late, and the window of the rate begins anew after it. */
START_TEST(no_timeout_runs_against_the_client)
{
    start();
    struct rig_client *c = ask(GET("/late"));
    struct conn *server = room_any(&rig.conns->room);

    ck_assert_int_eq(server->state, CONN_WAIT_BODY);
    ck_assert(list_empty(&server->timer.link));
    ck_assert_uint_eq(server->rate_since.ns, 0);
    for (int i = 0; i < 3; i++)
        wake_and_settle(1);
    expect(c, OK_LATE "onetwothree");
    rig_close(c);
    rig_until(&rig, none_left, NULL);
    ask(GET("/wait"));
    server = room_any(&rig.conns->room);
    ck_assert_int_eq(server->state, CONN_WAIT);
    ck_assert(list_empty(&server->timer.link));
    wake_and_settle(1);
    rig_end(&rig);
}
END_TEST

START_TEST(retiring_answers_those_who_wait)
{
    start();
    struct rig_client *c = ask(GET("/wait"));

    conns_retire(rig.conns);
    rig_turns(&rig, 3);
    ck_assert_uint_eq(conns_count(rig.conns), 1);
    rig_wake(1);
    rig_until_eof(c);
    ck_assert(!c->broken);
    expect(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n");
    rig_close(c);
    rig_until(&rig, none_left, NULL);
    rig_end(&rig);
}
END_TEST

START_TEST(finishing_drops_those_who_wait)
{
    unsigned before = rig_cancels();

    start();
    struct rig_client *plan = ask(GET("/wait"));
    struct rig_client *body = ask_over(true, GET("/late"));
    while (rig_waiting() < 2)
        rig_turns(&rig, 1);
    struct rig_wakeup woken = rig_wake(1); /* both in the turn that ends them */
    conns_retire(rig.conns);
    ck_assert_uint_eq(conns_finish(rig.conns), 2);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    ck_assert_ptr_nonnull(woken.arg);
    ck_assert_uint_eq(rig_cancels() - before, 1);
    rig_until_eof(plan);
    rig_until_eof(body);
    ck_assert_uint_eq(plan->got.n, 0);
    ck_assert(body->broken);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 2);
    ck_assert_uint_eq(rig.empty_count, 1);
    rig_end(&rig);
}
END_TEST

/* conns_free with everything in the air: sanitizers tell what is left over. */
START_TEST(freed_while_waiting)
{
    start();
    ask(GET("/wait"));
    ask_over(false, GET("/late-chunks"));
    while (rig_waiting() < 2)
        rig_turns(&rig, 1);
    rig_wake(1);
    rig_end(&rig);
}
END_TEST

/*
 * Many downloads whose sockets all have room: what a turn of the loop sends in all, and that
 * each of them gets on.
 */
enum { DOWNLOADS = 64 };

static struct rig_client *download[DOWNLOADS];

static void start_downloads(void)
{
    start();
    for (int i = 0; i < DOWNLOADS; i++) {
        download[i] = rig_connect(&rig);
        rig_send(download[i], GET("/big"), strlen(GET("/big")));
    }
    rig_turns(&rig, 2);
}

/* What one turn sends while short responses are asked for too, or not. */
START_TEST(a_turn_is_bounded)
{
    bool alone = _i == 1;
    uint64_t most = alone ? SHARE_ALONE_TURN_BYTES + SHARE_ALONE_MOST_BYTES
                          : SHARE_TURN_BYTES + SHARE_MOST_BYTES;

    start_downloads();
    for (int turn = 0; turn < 40; turn++) {
        uint64_t before = slot_value(rig.slot, COUNTER_bytes_out);
        if (!alone)
            share_note_short(&rig.conns->share, mono_now());
        rig_turns(&rig, 0); /* one */
        ck_assert_uint_le(slot_value(rig.slot, COUNTER_bytes_out) - before, most);
    }
    /* In 40 turns each had its turn. */
    for (int i = 0; i < DOWNLOADS; i++)
        ck_assert_uint_gt(download[i]->got.n, 0);
    rig_end(&rig);
}
END_TEST

START_TEST(a_small_request_goes_first)
{
    start_downloads();
    struct rig_client *small = rig_connect(&rig);
    for (int i = 0; i < 10; i++) {
        uint64_t before = slot_value(rig.slot, COUNTER_bytes_out);
        small->got.n = 0;
        rig_send(small, GET("/hello"), strlen(GET("/hello")));
        rig_until_got(small, 1);
        ck_assert(span_starts(buf_span(&small->got), SPAN("HTTP/1.1 200 OK\r\n")));
        /* The first comes as a surprise. */
        ck_assert_uint_le(slot_value(rig.slot, COUNTER_bytes_out) - before,
                          3 * (i == 0 ? SHARE_ALONE_TURN_BYTES + SHARE_ALONE_MOST_BYTES
                                      : SHARE_TURN_BYTES + SHARE_MOST_BYTES));
    }
    rig_end(&rig);
}
END_TEST

/* What begins together is bounded too, and all of it begins. */
START_TEST(downloads_that_begin_together)
{
    start();
    for (int i = 0; i < DOWNLOADS; i++) {
        download[i] = rig_connect(&rig);
        ck_assert_int_eq(send(download[i]->io.fd, GET("/big"), strlen(GET("/big")), 0),
                         (int)strlen(GET("/big")));
    }
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_bytes_out), 0);
    rig_turns(&rig, 1);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests_active), DOWNLOADS);
    ck_assert_uint_le(slot_value(rig.slot, COUNTER_bytes_out),
                      2 * (SHARE_ALONE_TURN_BYTES + SHARE_ALONE_MOST_BYTES));
    rig_end(&rig);
}
END_TEST

/* First come, first served, but who needs only a little more goes before. */
START_TEST(order_of_the_queue)
{
    static const char *const asked[] = {GET("/big"), GET("/big"), GET("/big"), GET("/late")};
    struct conn *c[4];

    start();
    for (int i = 0; i < 4; i++) {
        struct rig_client *client = rig_connect(&rig);
        ck_assert(loop_watch(rig.loop, &client->io, 0));
        rig_send(client, asked[i], strlen(asked[i]));
        c[i] = list_entry(rig.conns->room.open[ROOM_SILENT].prev, struct conn, link);
        rig_turns(&rig, 4);
    }
    struct share *s = &rig.conns->share;
    ck_assert_uint_eq(s->queued, 0); /* all wait for their clients, or for their body */
    share_queue(c[1]);
    share_queue(c[0]);
    share_queue(c[3]);
    share_queue(c[2]);
    share_queue(c[1]);
    ck_assert_uint_eq(s->queued, 4);
    const struct conn *want[] = {c[3], c[1], c[0], c[2]};
    struct list *at = s->queue.next;
    for (int i = 0; i < 4; i++, at = at->next)
        ck_assert_ptr_eq(list_entry(at, struct conn, sending), want[i]);
    share_leave(c[3]);
    share_next_turn(c[3]); /* but not again and again */
    ck_assert_ptr_eq(list_entry(s->queue.prev, struct conn, sending), c[3]);
    share_leave(c[0]);
    share_leave(c[0]);
    conn_close(c[1]);
    ck_assert_uint_eq(s->queued, 2);
    rig_wake(1);
    rig_turns(&rig, 2);
    ck_assert_uint_eq(s->queued, 0);
    rig_end(&rig);
}
END_TEST

/* This turn's bytes are sent, by others: what is answered all the same. */
START_TEST(short_ones_are_sent_at_once)
{
    static const char *const asked[] = {GET("/hello"), HEAD("/big"), GET("/not-modified"),
                                        GET("/big")};

    start();
    for (int i = 0; i < 4; i++) {
        struct rig_client *client = rig_connect(&rig);
        struct conn *c = list_entry(rig.conns->room.open[ROOM_SILENT].prev, struct conn, link);
        rig_until_idle(&rig);
        ck_assert_int_gt(send(client->io.fd, asked[i], strlen(asked[i]), 0), 0);
        share_begin(rig.conns);
        share_spend(rig.conns, SHARE_ALONE_TURN_BYTES);
        http1_input(c);
        ck_assert_msg(c->state == (i < 3 ? CONN_IDLE : CONN_TURN), "%s", asked[i]);
    }
    rig_end(&rig);
}
END_TEST

/* The error log, while fn runs. */
static char *logged_by(void (*fn)(void))
{
    FILE *to = tmpfile();
    int old = dup(STDERR_FILENO);

    ck_assert_ptr_nonnull(to);
    ck_assert_int_eq(dup2(fileno(to), STDERR_FILENO), STDERR_FILENO);
    log_set_level(LOG_LEVEL_INFO);
    fn();
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert_int_eq(dup2(old, STDERR_FILENO), STDERR_FILENO);
    close(old);
    char *text = calloc(1, 4096);
    ck_assert_int_gt(pread(fileno(to), text, 4095, 0), 0);
    fclose(to);
    return text;
}

static void ask_three(void)
{
    static char line[3000];
    int n = snprintf(line, sizeof line, "%0*d /%0*d HTTP/1.1\r\nHost: x\r\n\r\n", 400, 7, 2000, 8);

    rig_init(&rig);
    rig.conf.log.slow_request_ns = 1;
    rig_start(&rig);
    ask(GET("/wait"));
    wake_and_settle(1);
    struct rig_client *c = ask_over(false, GET("/hello"));
    rig_send(c, line, (size_t)n);
    ask(GET("/twice"));
    conns_finish(rig.conns);
    rig_end(&rig);
}

START_TEST(slow_requests_tell_their_phases)
{
    char *text = logged_by(ask_three);
    const char *cold = strstr(text, "slow request from 127.0.0.1: GET /wait 200 in ");
    const char *hot = strstr(text, "slow request from 127.0.0.1: GET /hello 200 in ");
    const char *odd = strstr(text, "0000000000000000... /0000000000");

    ck_assert_msg(cold && hot && odd, "%s", text);
    ck_assert_ptr_nonnull(strstr(cold, " ms: queue 3, head 0, open "));
    ck_assert_ptr_nonnull(strstr(cold, " (cold), offload wait 2, offload run 5, first byte "));
    ck_assert_ptr_nonnull(strstr(hot, " ms: queue 3, head 0, open 0 (hot), first byte "));
    ck_assert_ptr_nonnull(strstr(odd, "000... 405 in "));
    /* A client that leaves was not kept waiting. */
    ck_assert_ptr_null(strstr(text, "GET /twice"));
    free(text);
}
END_TEST

/* conns.share by hand: what windows connections get. */
START_TEST(windows)
{
    start();
    struct conns *all = rig.conns;

    share_begin(all);
    ck_assert_uint_eq(all->share.window_bytes, SHARE_ALONE_MOST_BYTES);
    share_note_short(&all->share, mono_now());
    rig_turns(&rig, 1);
    share_begin(all);
    ck_assert_uint_eq(all->share.window_bytes, SHARE_MOST_BYTES);
    share_spend(all, SHARE_MOST_BYTES - 600000);
    ck_assert_uint_eq(all->share.window_bytes, 600000);
    share_begin(all);
    ck_assert_uint_eq(all->share.window_bytes, 600000);
    share_spend(all, 600100); /* a head is not counted by who sends */
    ck_assert_uint_eq(all->share.window_bytes, 0);
    share_begin(all);
    ck_assert_uint_eq(all->share.window_bytes, SHARE_LEAST_BYTES);
    share_note_short(&all->share, mono_now());
    rig_turns(&rig, 1);
    share_begin(all);
    ck_assert_uint_eq(all->share.window_bytes, SHARE_MOST_BYTES);
    rig_end(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto wait");
    TCase *waits = tcase_create("waits");
    TCase *shares = tcase_create("shares");

    log_set_level(LOG_LEVEL_ERROR);
    tcase_set_timeout(waits, 60);
    tcase_set_timeout(shares, 60);
    tcase_add_test(waits, a_request_waits_and_is_answered);
    tcase_add_test(waits, several_wait_at_once);
    tcase_add_test(waits, a_request_waits_twice);
    tcase_add_test(waits, wakes_at_odd_moments);
    tcase_add_test(waits, a_client_leaves);
    tcase_add_test(waits, a_half_closed_client_is_answered);
    tcase_add_test(waits, a_half_closed_client_leaves);
    tcase_add_test(waits, bodies_wait);
    tcase_add_test(waits, heads_and_errors_do_not_wait);
    tcase_add_test(waits, woken_while_the_head_waits_for_the_socket);
    tcase_add_test(waits, no_timeout_runs_against_the_client);
    tcase_add_test(waits, retiring_answers_those_who_wait);
    tcase_add_test(waits, finishing_drops_those_who_wait);
    tcase_add_test(waits, freed_while_waiting);
    tcase_add_test(waits, slow_requests_tell_their_phases);
    tcase_add_loop_test(shares, a_turn_is_bounded, 0, 2);
    tcase_add_test(shares, a_small_request_goes_first);
    tcase_add_test(shares, downloads_that_begin_together);
    tcase_add_test(shares, short_ones_are_sent_at_once);
    tcase_add_test(shares, order_of_the_queue);
    tcase_add_test(shares, windows);
    suite_add_tcase(suite, waits);
    suite_add_tcase(suite, shares);
    return unit_run(suite);
}

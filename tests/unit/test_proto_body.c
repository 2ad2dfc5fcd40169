/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request bodies and what follows an answer that came before their end: connections over socket
 * pairs, timers moved by hand.
 */
#include "tests/unit/test_proto_rig.h"

#include <string.h>

#include "proto/conn_record.h"

#define POST_405                                                                                   \
    "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nAllow: GET, HEAD\r\n"          \
    "Content-Length: 6\r\n"
#define BAD_CLOSE(status)                                                                          \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n"                     \
    "Connection: close\r\n\r\nerror\n"

/* What happens to a client that goes on sending after an answer that ends its connection: it is
 * read on at a fair rate, and no longer than that. */
static void linger_window(struct rig *rig, size_t bytes, struct rig_client *c)
{
    static char junk[300 * 1024];

    rig_send(c, junk, bytes);
    rig_turns(rig, 8);
    struct conn *conn = room_any(&rig->conns->room);
    if (conn)
        rig->conns->timers[CONN_TIMER_LINGER].due(&rig->conns->timers[CONN_TIMER_LINGER],
                                                  &conn->timer.link);
    rig_turns(rig, 1);
}

static struct rig_client *linger_begin(struct rig *rig, const char *request)
{
    rig_init(rig);
    rig_start(rig);
    struct rig_client *c = rig_connect(rig);
    rig_send(c, request, strlen(request));
    rig_until_eof(c);
    ck_assert_uint_eq(conns_count(rig->conns), 1);
    return c;
}

START_TEST(lingering_is_bounded)
{
    struct rig rig;
    struct rig_client *c = linger_begin(&rig, "nonsense\r\n\r\n");

    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_bad_requests), 1);
    for (int i = 1; i < 15; i++) {
        linger_window(&rig, i == 1 ? 300 * 1024 : 2048, c);
        ck_assert_uint_eq(conns_count(rig.conns), 1);
    }
    linger_window(&rig, 2048, c);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    rig_end(&rig);
    /* The rest of a body may pause for a while, but not trickle. */
    c = linger_begin(&rig, "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        linger_window(&rig, i == 0 ? 3000 : 0, c);
        ck_assert_uint_eq(conns_count(rig.conns), 1);
    }
    linger_window(&rig, 1, c);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    rig_end(&rig);
    /* Who is to send nothing more is given one window to leave. */
    c = linger_begin(&rig, "GET /hello HTTP/1.0\r\nHost: x\r\n\r\nGET /");
    linger_window(&rig, 0, c);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    rig_end(&rig);
}
END_TEST

/* An answer that its head decides does not wait for a long body, but for a short one it does. */
START_TEST(answered_before_a_long_body)
{
    static const char chunk[] = "POST /hello HTTP/1.1\r\nHost: x\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n10001\r\n";
    static const char short_post[] = "POST /hello HTTP/1.1\r\nHost: x\r\n"
                                     "Content-Length: 65536\r\n\r\n";
    static char content[0x10001];
    struct rig rig;

    struct rig_client *c =
        linger_begin(&rig, "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n");
    char *plain = rig_plain(c);
    ck_assert_str_eq(plain, POST_405 "Connection: close\r\n\r\nerror\n");
    free(plain);
    c = rig_connect(&rig);
    rig_send(c, short_post, sizeof short_post - 1);
    rig_turns(&rig, 4);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_responses_4xx), 1);
    rig_send(c, content, 65536);
    rig_turns(&rig, 10);
    plain = rig_plain(c);
    ck_assert_str_eq(plain, POST_405 "\r\nerror\n");
    free(plain);
    /* Of a chunked one it is known when it has come. */
    c = rig_connect(&rig);
    rig_send(c, chunk, sizeof chunk - 1);
    rig_turns(&rig, 4);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_responses_4xx), 2);
    rig_send(c, content, sizeof content);
    rig_until_eof(c);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_responses_4xx), 3);
    rig_end(&rig);
}
END_TEST

/* Byte by byte for ever: all of a body has a time. */
START_TEST(a_body_has_an_end)
{
    static const char head[] = "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n";
    static char content[2000];
    struct rig rig;

    rig_init(&rig);
    rig.conf.limits.body_timeout_ns = 60 * NS_PER_S;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    rig_send(c, head, sizeof head - 1);
    rig_turns(&rig, 3);
    struct conn *conn = room_any(&rig.conns->room);
    conn->exchange->head_done.ns -= 63 * NS_PER_S;
    rig_send(c, content, 2000); /* worth four seconds */
    rig_turns(&rig, 3);
    ck_assert_int_eq(conn->state, CONN_BODY);
    conn->exchange->head_done.ns -= 2 * NS_PER_S;
    rig_send(c, content, 1);
    rig_until_eof(c);
    char *plain = rig_plain(c);
    ck_assert_str_eq(plain, BAD_CLOSE("408 Request Timeout"));
    free(plain);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_timeouts), 1);
    rig_end(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("proto body");
    TCase *t = tcase_create("bodies");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, lingering_is_bounded);
    tcase_add_test(t, answered_before_a_long_body);
    tcase_add_test(t, a_body_has_an_end);
    suite_add_tcase(s, t);
    return unit_run(s);
}

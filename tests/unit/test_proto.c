/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1.1 over real sockets and a real loop, with a small site (test_proto_rig.c): what a
 * client sends and exactly what it gets, whole and byte by byte; then the behaviour that
 * takes several steps: retiring, timeouts, slow and vanishing clients.
 */
#include "tests/unit/test_proto_rig.h"

#include <stdio.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "proto/conn_record.h"
#include "proto/http1.h"

#define OK_HELLO        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
#define BAD(text)       "HTTP/1.1 " text "\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n"
#define BAD_CLOSE(text) BAD(text) "Connection: close\r\n\r\nerror\n"
#define CHUNKS                                                                                     \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"                                        \
    "3\r\none\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n5\r\nfile!\r\n0\r\n\r\n"
#define GET(path)    "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define CLOSED_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"
#define POST_405                                                                                   \
    "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nAllow: GET, HEAD\r\n"          \
    "Content-Length: 6\r\n"

static const struct talk {
    const char *request, *response;
    bool closes;
} talks[] = {
    {GET("/hello"), OK_HELLO, false},
    {GET("/hello") GET("/empty") GET("/hello"),
     OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" OK_HELLO, false},
    {GET("/file"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfile!", false},
    {GET("/nowhere") GET("/hello"), BAD("404 Not Found") "\r\nerror\n" OK_HELLO, false},
    {"HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n" GET("/hello"),
     "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" OK_HELLO, false},
    {"HEAD /chunks HTTP/1.1\r\nHost: x\r\n\r\n" GET("/chunks") GET("/hello"),
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS OK_HELLO, false},
    {GET("/not-modified") GET("/none") GET("/hello"),
     "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n" OK_HELLO, false},
    {GET("/last") GET("/hello"), CLOSED_HELLO, true},
    {"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", CLOSED_HELLO, true},
    {"GET /hello HTTP/1.0\r\n\r\n", CLOSED_HELLO, true},
    {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET("/hello"),
     "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\nhello\n" OK_HELLO,
     false},
    {"GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\noneabcdefghijklmnopqrstuvwxyzfile!", true},
    {"\r\n" GET("/hello"), OK_HELLO, false},
    /* Bodies are read and dropped, so that what follows parses. */
    {"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /" GET("/empty"),
     OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false},
    {"POST /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n" GET("/hello"),
     POST_405 "\r\nerror\n" OK_HELLO, false},
    /* One that waits for 100 is told the end at once; its body would be no next request. */
    {"POST /hello HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
     POST_405 "Connection: close\r\n\r\nerror\n", true},
    {"POST /hello HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n" GET(
         "/hello"),
     POST_405 "\r\nerror\n" OK_HELLO, false},
    {"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n",
     BAD_CLOSE("413 Content Too Large"), true},
    {"GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n",
     BAD_CLOSE("413 Content Too Large"), true},
    /* What could be read in two ways ends the connection; nothing behind it is answered. */
    {GET("/hello") "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/hello"),
     OK_HELLO BAD_CLOSE("400 Bad Request"), true},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd" GET(
         "/hello"),
     BAD_CLOSE("400 Bad Request"), true},
    {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n" GET("/hello"),
     BAD_CLOSE("400 Bad Request"), true},
    {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" GET(
         "/hello"),
     BAD_CLOSE("400 Bad Request"), true},
    {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n" GET(
         "/hello"),
     BAD_CLOSE("400 Bad Request"), true},
    {"GET / HTTP/1.1\r\n\r\n" GET("/hello"), BAD_CLOSE("400 Bad Request"), true},
    {"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n" GET("/hello"), BAD_CLOSE("400 Bad Request"), true},
    {"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", BAD_CLOSE("400 Bad Request"), true},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD_CLOSE("505 HTTP Version Not Supported"), true},
    {"\x16\x03\x01\x02", BAD_CLOSE("400 Bad Request"), true},
};

static void check_talk(const struct talk *t, bool by_byte)
{
    struct rig rig;
    size_t n = strlen(t->request);

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    for (size_t i = 0; by_byte && i < n; i++) {
        rig_send(c, t->request + i, 1);
        rig_turns(&rig, 2);
    }
    if (!by_byte)
        rig_send(c, t->request, n);
    if (t->closes) {
        rig_until_eof(c);
        ck_assert(!c->broken);
    } else {
        rig_turns(&rig, 3);
        rig_until_idle(&rig);
        rig_turns(&rig, 3);
        ck_assert(!c->eof);
    }
    char *plain = rig_plain(c);
    ck_assert_msg(strcmp(plain, t->response) == 0, "asked (%s):\n%s\ngot:\n%s\nwant:\n%s",
                  by_byte ? "by byte" : "at once", t->request, plain, t->response);
    free(plain);
    rig_end(&rig);
}

START_TEST(talks_at_once)
{
    check_talk(&talks[_i], false);
}
END_TEST

START_TEST(talks_by_byte)
{
    check_talk(&talks[_i], true);
}
END_TEST

START_TEST(many_pipelined)
{
    struct rig rig;
    struct buf all = {0}, want = {0};

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    /* Bodies between them, and a query that grows, so that heads straddle reads and buffers. */
    for (int i = 0; i < 300; i++) {
        ck_assert(buf_addf(&all,
                           "GET /hello?%0*d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
                           i * 7, 1, i));
        for (int k = 0; k < i; k++)
            ck_assert(buf_add(&all, "\n", 1));
        ck_assert(buf_add_span(&want, SPAN(OK_HELLO)));
    }
    rig_send(c, all.p, all.n);
    rig_turns(&rig, 30);
    rig_until_idle(&rig);
    rig_turns(&rig, 30);
    char *plain = rig_plain(c);
    ck_assert_uint_eq(strlen(plain), want.n);
    ck_assert_mem_eq(plain, want.p, want.n);
    free(plain);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests), 300);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_responses_2xx), 300);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_bytes_in), all.n);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_bytes_out), c->got.n);
    buf_free(&all);
    buf_free(&want);
    rig_end(&rig);
}
END_TEST

START_TEST(heads_up_to_the_limit)
{
    static const struct {
        int padding;
        const char *status;
    } cases[] = {{15000, "HTTP/1.1 200 OK"},
                 {17 * 1024, "HTTP/1.1 431 Request Header Fields Too Large"},
                 {200 * 1024, "HTTP/1.1 431 Request Header Fields Too Large"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        struct buf text = {0};

        rig_init(&rig);
        rig_start(&rig);
        struct rig_client *c = rig_connect(&rig);
        ck_assert(buf_add_span(&text, SPAN("GET /hello HTTP/1.1\r\nHost: x\r\n")));
        for (int k = 0; k < cases[i].padding / 500; k++) {
            char line[501];
            memset(line, 'a', sizeof line);
            memcpy(line, "X: ", 3);
            memcpy(line + 498, "\r\n", 2);
            ck_assert(buf_add(&text, line, 500));
        }
        ck_assert(buf_add_span(&text, SPAN("\r\n")));
        rig_send(c, text.p, text.n);
        rig_until_got(c, 20);
        ck_assert_msg(span_starts(buf_span(&c->got), span_str(cases[i].status)), "%.*s",
                      (int)c->got.n, c->got.p);
        buf_free(&text);
        rig_end(&rig);
    }
}
END_TEST

START_TEST(big_to_a_slow_reader)
{
    struct rig rig;

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *slow = rig_connect(&rig);
    struct rig_client *other = rig_connect(&rig);
    ck_assert(loop_watch(rig.loop, &slow->io, 0));
    rig_send(slow, GET("/big") GET("/hello"), strlen(GET("/big") GET("/hello")));
    rig_turns(&rig, 5);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests_active), 1);
    rig_send(other, GET("/hello"), strlen(GET("/hello")));
    rig_until_got(other, 80);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests), 1);
    ck_assert(loop_watch(rig.loop, &slow->io, EPOLLIN));
    rig_until_idle(&rig);
    rig_turns(&rig, 20);
    const char *body = memmem(slow->got.p, slow->got.n, "\r\n\r\n", 4);
    ck_assert_ptr_nonnull(body);
    ck_assert_mem_eq(body + 4, "file!\0\0", 7);
    size_t rest = slow->got.n - (size_t)(body + 4 - slow->got.p);
    ck_assert_uint_gt(rest, RIG_BIG_BYTES);
    ck_assert_mem_eq(body + 4 + RIG_BIG_BYTES, "HTTP/1.1 200 OK\r\n", 17);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 0);
    rig_end(&rig);
}
END_TEST

/* Each ends the connection so that the client can tell the response is not whole. */
START_TEST(responses_that_fail)
{
    static const char *const path[] = {GET("/shrunk"), GET("/short"), GET("/broken")};
    struct rig rig;

    rig_init(&rig);
    rig_start(&rig);
    for (size_t i = 0; i < 3; i++) {
        struct rig_client *c = rig_connect(&rig);
        rig_send(c, path[i], strlen(path[i]));
        rig_send(c, GET("/hello"), strlen(GET("/hello")));
        rig_until_eof(c);
        ck_assert_ptr_null(memmem(c->got.p, c->got.n, "\r\n0\r\n\r\n", 7));
        const char *first = memmem(c->got.p, c->got.n, "HTTP/1.1", 8);
        if (first)
            ck_assert_ptr_null(memmem(first + 8, c->got.n - 8, "HTTP/1.1", 8));
        ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), i + 1);
    }
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests), 3);
    rig_end(&rig);
}
END_TEST

START_TEST(client_leaves)
{
    struct rig rig;

    rig_init(&rig);
    rig.conf.log.format = CONF_LOG_JSON;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    ck_assert(loop_watch(rig.loop, &c->io, 0));
    rig_send(c, GET("/big"), strlen(GET("/big")));
    rig_turns(&rig, 5);
    rig_close(c);
    rig_turns(&rig, 5);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 1);
    /* Half a head, half a body, nothing at all. */
    const char *part[] = {"GET /hel", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
                          ""};
    for (size_t i = 0; i < 3; i++) {
        c = rig_connect(&rig);
        rig_send(c, part[i], strlen(part[i]));
        rig_turns(&rig, 3);
        ck_assert_uint_eq(conns_count(rig.conns), 1);
        rig_close(c);
        rig_turns(&rig, 3);
        ck_assert_uint_eq(conns_count(rig.conns), 0);
    }
    char *log = rig_log(&rig);
    ck_assert_ptr_nonnull(strstr(log, "\"target\":\"/big\""));
    ck_assert_ptr_nonnull(strstr(log, "\"reused\":false,\"aborted\":true}\n"));
    ck_assert_ptr_nonnull(strstr(log, "\"status\":400,\"bytes\":0"));
    free(log);
    rig_end(&rig);
}
END_TEST

START_TEST(half_close_gets_its_answer)
{
    struct rig rig;

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    rig_send(c, GET("/big") GET("/hello"), strlen(GET("/big") GET("/hello")));
    ck_assert_int_eq(shutdown(c->io.fd, SHUT_WR), 0);
    rig_until_eof(c);
    ck_assert(!c->broken);
    ck_assert_uint_gt(c->got.n, RIG_BIG_BYTES + 100);
    ck_assert_mem_eq(c->got.p + c->got.n - 6, "hello\n", 6);
    rig_end(&rig);
}
END_TEST

START_TEST(a_body_in_parts)
{
    struct rig rig;
    static const char head[] = "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n";
    static char body[90000];

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    rig_send(c, head, sizeof head - 1);
    rig_turns(&rig, 3);
    ck_assert_uint_eq(c->got.n, 0);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_requests_active), 1);
    rig_send(c, body, sizeof body - 1);
    rig_turns(&rig, 20);
    ck_assert_uint_eq(c->got.n, 0);
    rig_send(c, "x" GET("/empty"), strlen("x" GET("/empty")));
    rig_turns(&rig, 3);
    rig_until_idle(&rig);
    rig_turns(&rig, 3);
    char *plain = rig_plain(c);
    ck_assert_str_eq(plain, OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    free(plain);
    char *log = rig_log(&rig);
    ck_assert_ptr_nonnull(strstr(log, "\"GET /hello HTTP/1.1\" 200 6 "));
    free(log);
    rig_end(&rig);
}
END_TEST

START_TEST(retiring)
{
    struct rig rig;

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *idle = rig_connect(&rig);
    struct rig_client *begun = rig_connect(&rig);
    struct rig_client *gone = rig_connect(&rig); /* fresh: asks nothing */
    rig_send(idle, GET("/hello"), strlen(GET("/hello")));
    rig_send(begun, "GET /hel", 8);
    rig_turns(&rig, 3);
    conns_retire(rig.conns);
    rig_turns(&rig, 3);
    ck_assert_uint_eq(conns_count(rig.conns), 3);
    ck_assert(!idle->eof && !begun->eof);
    rig_send(begun, "lo HTTP/1.1\r\nHost: x\r\n\r\n", 25);
    rig_until_eof(begun);
    rig_send(idle, GET("/hello") GET("/hello"), 2 * strlen(GET("/hello")));
    rig_until_eof(idle);
    ck_assert(!idle->broken);
    char *plain = rig_plain(idle);
    ck_assert_str_eq(plain, OK_HELLO CLOSED_HELLO);
    free(plain);
    plain = rig_plain(begun);
    ck_assert_str_eq(plain, CLOSED_HELLO);
    free(plain);
    ck_assert_uint_eq(rig.empty_count, 0);
    rig_close(gone);
    rig_close(idle);
    rig_close(begun);
    rig_turns(&rig, 4);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    ck_assert_uint_eq(rig.empty_count, 1);
    rig_end(&rig);
}
END_TEST

START_TEST(finishing)
{
    struct rig rig;

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *idle = rig_connect(&rig);
    struct rig_client *waiting = rig_connect(&rig);
    struct rig_client *part = rig_connect(&rig);
    struct rig_client *download = rig_connect(&rig);
    ck_assert(loop_watch(rig.loop, &download->io, 0));
    rig_send(download, GET("/big"), strlen(GET("/big")));
    rig_send(part, "GET /", 5);
    rig_turns(&rig, 5);
    conns_retire(rig.conns);
    rig_send(waiting, GET("/hello"), strlen(GET("/hello")));
    ck_assert_uint_eq(conns_finish(rig.conns), 1);
    ck_assert_uint_eq(conns_count(rig.conns), 0);
    rig_until_eof(idle);
    rig_until_eof(part);
    rig_until_eof(waiting);
    ck_assert(!waiting->broken);
    ck_assert_uint_eq(idle->got.n, 0);
    ck_assert_uint_eq(part->got.n, 0);
    char *plain = rig_plain(waiting);
    ck_assert_str_eq(plain, CLOSED_HELLO);
    free(plain);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 1);
    ck_assert_uint_eq(rig.empty_count, 1);
    rig_end(&rig);
}
END_TEST

START_TEST(retiring_with_none)
{
    struct rig rig;

    rig_init(&rig);
    rig_start(&rig);
    conns_retire(rig.conns);
    ck_assert_uint_eq(rig.empty_count, 0);
    rig_turns(&rig, 2);
    ck_assert_uint_eq(rig.empty_count, 1);
    rig_end(&rig);
}
END_TEST

START_TEST(timeouts)
{
    static const struct {
        const char *send, *response;
        size_t field; /* of conf.limits */
        unsigned counted;
    } cases[] = {
        {"", "", offsetof(struct conf, limits.header_timeout_ns), 1},
        {"\r\n", "", offsetof(struct conf, limits.header_timeout_ns), 0},
        {"GET / HT", BAD_CLOSE("408 Request Timeout"),
         offsetof(struct conf, limits.header_timeout_ns), 1},
        {GET("/hello"), OK_HELLO, offsetof(struct conf, limits.idle_timeout_ns), 0},
        {GET("/hello") "GET", OK_HELLO BAD_CLOSE("408 Request Timeout"),
         offsetof(struct conf, limits.header_timeout_ns), 1},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na",
         BAD_CLOSE("408 Request Timeout"), offsetof(struct conf, limits.body_timeout_ns), 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;

        rig_init(&rig);
        uint64_t ns = 20 * NS_PER_MS;
        memcpy((char *)&rig.conf + cases[i].field, &ns, sizeof ns);
        rig_start(&rig);
        struct rig_client *c = rig_connect(&rig);
        rig_send(c, cases[i].send, strlen(cases[i].send));
        rig_until_eof(c);
        char *plain = rig_plain(c);
        ck_assert_msg(strcmp(plain, cases[i].response) == 0, "case %zu: %s", i, plain);
        free(plain);
        ck_assert_uint_eq(slot_value(rig.slot, COUNTER_timeouts), cases[i].counted);
        rig_end(&rig);
    }
}
END_TEST

/* What has passed before its first byte counts against the first head, and against no other. */
START_TEST(header_timeout_of_the_first_request)
{
    struct rig rig;

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *client = rig_connect(&rig);
    struct conn *c = room_any(&rig.conns->room);
    rig_until_idle(&rig);
    for (int i = 0; i < 2; i++) {
        uint64_t deadline_ns = c->timer.deadline.ns;
        rig_send(client, "GET ", 4);
        while (c->state != CONN_HEAD)
            rig_turns(&rig, 1);
        if (i == 0)
            ck_assert_uint_eq(c->timer.deadline.ns, deadline_ns);
        else
            ck_assert_uint_gt(c->timer.deadline.ns, deadline_ns);
        rig_send(client, &GET("/hello")[4], strlen(GET("/hello")) - 4);
        rig_until_idle(&rig);
    }
    rig_end(&rig);
}
END_TEST

static bool none_left(void *arg)
{
    return conns_count(((struct rig *)arg)->conns) == 0;
}

START_TEST(send_timeout)
{
    struct rig rig;

    rig_init(&rig);
    rig.conf.limits.send_timeout_ns = 20 * NS_PER_MS;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    ck_assert(loop_watch(rig.loop, &c->io, 0));
    rig_send(c, GET("/big"), strlen(GET("/big")));
    rig_until(&rig, none_left, &rig);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_timeouts), 1);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_aborted), 1);
    rig_end(&rig);
}
END_TEST

/* The only connection's window began this long ago. */
static void age_window(struct rig *rig, uint64_t ns)
{
    struct conn *c = room_any(&rig->conns->room);

    ck_assert_uint_ne(c->rate_since.ns, 0);
    c->rate_since.ns -= ns;
}

/* A response that fills the socket, of which the client has read a little: what the send timer
 * makes of it when the window began 11 s ago. */
static void send_timer_after_some_reading(uint64_t minimum_rate_bytes, bool reads, bool cut)
{
    struct rig rig;

    rig_init(&rig);
    rig.conf.limits.minimum_rate_bytes = minimum_rate_bytes;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    ck_assert(loop_watch(rig.loop, &c->io, 0));
    rig_send(c, GET("/big"), strlen(GET("/big")));
    rig_turns(&rig, 5);
    age_window(&rig, 11 * NS_PER_S);
    char some[65536];
    while (reads && recv(c->io.fd, some, sizeof some, 0) > 0)
        ; /* what is there: enough that its kernel makes room for more */
    http1_timeout(room_any(&rig.conns->room));
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_timeouts), cut);
    ck_assert_uint_eq(room_any(&rig.conns->room) == NULL, cut);
    rig_end(&rig);
}

START_TEST(send_timer_judges_what_the_client_took)
{
    send_timer_after_some_reading(0, true, false);
    send_timer_after_some_reading(0, false, true);
    send_timer_after_some_reading(10, true, false);
    send_timer_after_some_reading(1024 * 1024, true, true);
    send_timer_after_some_reading(1024 * 1024, false, true);
}
END_TEST

/* Of two responses on one connection the second is judged by what was read of it. */
START_TEST(send_timer_of_a_response_behind_another)
{
    struct rig rig;

    rig_init(&rig);
    rig.conf.limits.minimum_rate_bytes = 1;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    rig_send(c, GET("/big") GET("/big"), 2 * strlen(GET("/big")));
    rig_until_got(c, RIG_BIG_BYTES + 1024 * 1024);
    ck_assert(loop_watch(rig.loop, &c->io, 0));
    rig_turns(&rig, 5);
    age_window(&rig, 11 * NS_PER_S);
    char some[65536];
    while (recv(c->io.fd, some, sizeof some, MSG_DONTWAIT) > 0)
        ;
    http1_timeout(room_any(&rig.conns->room));
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_timeouts), 0);
    rig_end(&rig);
}
END_TEST

START_TEST(minimum_rate_of_a_body)
{
    static const char head[] = "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n";
    struct rig rig;

    rig_init(&rig);
    rig.conf.limits.minimum_rate_bytes = 100;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    rig_send(c, head, sizeof head - 1);
    rig_turns(&rig, 3);
    age_window(&rig, 11 * NS_PER_S);
    rig_send(c, "few", 3);
    rig_until_eof(c);
    char *plain = rig_plain(c);
    ck_assert_str_eq(plain, BAD_CLOSE("408 Request Timeout"));
    free(plain);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_timeouts), 1);
    rig_end(&rig);
}
END_TEST

/* A response is not held back for the next one when that has to wait for its turn. */
START_TEST(pushed_before_a_turn)
{
    struct rig rig;
    int held = -1;

    rig_init(&rig);
    rig_start(&rig);
    struct rig_client *client = rig_connect_over(&rig, true);
    struct conn *c = room_any(&rig.conns->room);
    rig_until_idle(&rig);
    rig_send(client, GET("/hello") GET("/big"), strlen(GET("/hello") GET("/big")));
    share_begin(rig.conns);
    share_spend(rig.conns, SHARE_ALONE_TURN_BYTES);
    while (c->state == CONN_FRESH)
        http1_input(c);
    ck_assert_int_eq(c->state, CONN_TURN);
    ck_assert_int_eq(ioctl(c->io.fd, SIOCOUTQNSD, &held), 0);
    ck_assert_int_eq(held, 0);
    rig_until_got(client, RIG_BIG_BYTES);
    rig_until_idle(&rig);
    rig_end(&rig);
}
END_TEST

START_TEST(slow_requests_are_counted)
{
    struct rig rig;

    rig_init(&rig);
    rig.conf.log.slow_request_ns = 1;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    rig_send(c, GET("/hello") GET("/hello"), 2 * strlen(GET("/hello")));
    rig_turns(&rig, 3);
    ck_assert_uint_eq(slot_value(rig.slot, COUNTER_slow_requests), 2);
    ck_assert_uint_eq(atomic_load(&rig.slot->hist[HIST_REQUEST_TIME].count), 2);
    ck_assert_uint_eq(atomic_load(&rig.slot->request.length), 0); /* shown only while worked on */
    rig_end(&rig);
}
END_TEST

START_TEST(request_ids)
{
    struct rig rig;

    rig_init(&rig);
    rig.conf.log.format = CONF_LOG_JSON;
    rig_start(&rig);
    struct rig_client *c = rig_connect(&rig);
    static const char text[] = "GET /no HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1.2\r\n\r\n"
                               "GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b\r\n\r\n"
                               "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    rig_send(c, text, sizeof text - 1);
    rig_turns(&rig, 4);
    char *plain = rig_plain(c);
    ck_assert_str_eq(plain,
                     BAD("404 Not Found") "X-Request-Id: abc-1.2\r\n\r\nerror\n" OK_HELLO OK_HELLO);
    free(plain);
    char *log = rig_log(&rig);
    ck_assert_ptr_nonnull(strstr(log, "\"request_id\":\"abc-1.2\""));
    const char *first = strstr(strstr(log, "abc-1.2") + 7, "\"request_id\":\"");
    const char *second = strstr(first + 1, "\"request_id\":\"");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_eq(strspn(first + 14, "0123456789abcdef"), 32);
    ck_assert_mem_eq(first + 14, second + 14, 16);
    ck_assert_mem_ne(first + 14, second + 14, 32);
    ck_assert_ptr_nonnull(strstr(log, "\"queue_ms\":3.000"));
    free(log);
    rig_end(&rig);
}
END_TEST

START_TEST(an_idle_connection_is_small)
{
    ck_assert_uint_lt(sizeof(struct conn), 400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto");
    TCase *talking = tcase_create("talks");
    TCase *living = tcase_create("life");
    int count = (int)(sizeof talks / sizeof *talks);

    log_set_level(LOG_LEVEL_ERROR);
    tcase_set_timeout(talking, 60);
    tcase_set_timeout(living, 60);
    tcase_add_loop_test(talking, talks_at_once, 0, count);
    tcase_add_loop_test(talking, talks_by_byte, 0, count);
    tcase_add_test(talking, many_pipelined);
    tcase_add_test(talking, heads_up_to_the_limit);
    tcase_add_test(living, big_to_a_slow_reader);
    tcase_add_test(living, responses_that_fail);
    tcase_add_test(living, client_leaves);
    tcase_add_test(living, half_close_gets_its_answer);
    tcase_add_test(living, a_body_in_parts);
    tcase_add_test(living, retiring);
    tcase_add_test(living, finishing);
    tcase_add_test(living, retiring_with_none);
    tcase_add_test(living, timeouts);
    tcase_add_test(living, header_timeout_of_the_first_request);
    tcase_add_test(living, send_timeout);
    tcase_add_test(living, send_timer_judges_what_the_client_took);
    tcase_add_test(living, send_timer_of_a_response_behind_another);
    tcase_add_test(living, minimum_rate_of_a_body);
    tcase_add_test(living, slow_requests_are_counted);
    tcase_add_test(living, pushed_before_a_turn);
    tcase_add_test(living, request_ids);
    tcase_add_test(living, an_idle_connection_is_small);
    suite_add_tcase(suite, talking);
    suite_add_tcase(suite, living);
    return unit_run(suite);
}

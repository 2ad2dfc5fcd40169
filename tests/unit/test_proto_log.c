/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: its lines byte for byte, hostile bytes included, and its buffer in front of
 * a queue that is read, one that is not, and one whose reader is gone.
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "board/slot.h"
#include "proto/log_line.h"
#include "proto/peer.h"

static struct http_request request_with(const char *line, const char *referer, const char *agent)
{
    struct http_request r = {.line = span_str(line),
                             .method_text = SPAN("GET"),
                             .target = SPAN("/a\"b\x01\xff"),
                             .host = SPAN("x.example"),
                             .version_minor = 1};

    r.known[HTTP_FIELD_REFERER] = span_str(referer);
    r.known[HTTP_FIELD_USER_AGENT] = span_str(agent);
    return r;
}

static struct access_record record_of(const struct http_request *http)
{
    return (struct access_record){.peer = SPAN("127.0.0.1"),
                                  .http = http,
                                  .request_id = "0123456789abcdef0123456789abcdef",
                                  .status = 200,
                                  .bytes_sent = 2326,
                                  .when = {UINT64_C(971211336) * NS_PER_S + 5},
                                  .queue_ns = 1000,
                                  .head_ns = 2000999,
                                  .open_ns = 30 * NS_PER_MS,
                                  .offload_wait_ns = 11 * NS_PER_US,
                                  .offload_run_ns = UINT64_C(20500300),
                                  .first_byte_ns = 31 * NS_PER_MS,
                                  .total_ns = UINT64_C(1234567890),
                                  .cold = true,
                                  .cache = "hit",
                                  .worker = 3};
}

static void check_line(const struct access_record *r, bool json, const char *want)
{
    static char text[LOG_LINE_BYTES];
    struct log_line_clock clock = {0};
    struct out o = out_into(text, sizeof text - 1);

    log_line_add(&o, r, &clock, json, LOG_LINE_BYTES);
    ck_assert(!o.cut);
    *o.p = '\0';
    ck_assert_str_eq(text, want);
}

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

START_TEST(combined_lines)
{
    use_zone("PDT7");
    struct http_request r =
        request_with("GET /apache_pb.gif HTTP/1.0", "http://www.example.com/start.html",
                     "Mozilla/4.08 [en] (Win98; I ;Nav)");
    struct access_record record = record_of(&r);

    check_line(&record, false,
               "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 "
               "2326 \"http://www.example.com/start.html\" \"Mozilla/4.08 [en] (Win98; I "
               ";Nav)\"\n");
    r = request_with("GET /\"\\\n\r\x1b[2J\x7f\x80\xc3\xa9 HTTP/1.1", NULL, "a\"b\\c\td");
    check_line(&record, false,
               "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET "
               "/\\x22\\x5C\\x0A\\x0D\\x1B[2J\\x7F\\x80\\xC3\\xA9 HTTP/1.1\" 200 2326 \"-\" "
               "\"a\\x22b\\x5Cc\\x09d\"\n");
    record.http = NULL;
    record.status = 400;
    record.bytes_sent = 0;
    check_line(&record, false,
               "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"-\" 400 0 \"-\" \"-\"\n");
    static const char raw[] = "\x16\x03\0x";
    record.line = span_of(raw, 4);
    check_line(&record, false,
               "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"\\x16\\x03\\x00x\" 400 0 \"-\" "
               "\"-\"\n");
}
END_TEST

START_TEST(json_lines)
{
    use_zone("XYZ-5:30");
    struct http_request r = request_with("", "\xe2\x82\xac", "tab\tquote\"back\\nul");
    struct access_record record = record_of(&r);

    record.aborted = true;
    check_line(&record, true,
               "{\"time\":\"2000-10-11T02:25:36+05:30\",\"peer\":\"127.0.0.1\",\"method\":\"GET\","
               "\"target\":\"/a\\\"b\\u0001\xef\xbf\xbd\",\"version\":\"HTTP/1.1\","
               "\"host\":\"x.example\",\"status\":200,\"bytes\":2326,\"duration_ms\":1234.567,"
               "\"queue_ms\":0.001,\"head_ms\":2.000,\"open_ms\":30.000,\"cold\":true,"
               "\"offload_wait_ms\":0.011,\"offload_run_ms\":20.500,\"first_byte_ms\":31.000,"
               "\"request_id\":\"0123456789abcdef0123456789abcdef\",\"referer\":\"\xe2\x82\xac\","
               "\"user_agent\":\"tab\\tquote\\\"back\\\\nul\",\"cache\":\"hit\",\"worker\":3,"
               "\"reused\":false,\"aborted\":true}\n");
    record.cold = false;
    record.http = NULL;
    record.line = SPAN("GET\x80");
    record.status = 400;
    check_line(&record, true,
               "{\"time\":\"2000-10-11T02:25:36+05:30\",\"peer\":\"127.0.0.1\","
               "\"line\":\"GET\xef\xbf\xbd\",\"status\":400,\"bytes\":2326,"
               "\"duration_ms\":1234.567,\"queue_ms\":0.001,\"head_ms\":2.000,\"open_ms\":30.000,"
               "\"cold\":false,\"offload_wait_ms\":0.011,\"offload_run_ms\":20.500,"
               "\"first_byte_ms\":31.000,\"request_id\":\"0123456789abcdef0123456789abcdef\","
               "\"referer\":\"\",\"user_agent\":\"\",\"cache\":\"hit\",\"worker\":3,"
               "\"reused\":false,\"aborted\":true}\n");
}
END_TEST

/* Fields of any length make a line that is whole, bounded, and says that it was cut. */
START_TEST(long_fields)
{
    static char field[40000], text[LOG_LINE_BYTES];

    for (int json = 0; json < 2; json++)
        for (int c = 1; c < 256; c += 31)
            for (size_t max = PIPE_BUF; max <= LOG_LINE_BYTES; max *= 3) {
                struct log_line_clock clock = {0};
                memset(field, c, sizeof field - 1);
                struct http_request r = request_with(field, field, field);
                r.target = r.host = r.method_text = r.line;
                struct access_record record = record_of(&r);
                struct out o = out_into(text, sizeof text);

                log_line_add(&o, &record, &clock, json, max);
                ck_assert(!o.cut);
                ck_assert_uint_le(out_len(&o), max);
                ck_assert_ptr_eq(memchr(text, '\n', out_len(&o)), o.p - 1);
                ck_assert_ptr_nonnull(memmem(text, out_len(&o), "...\"", 4));
            }
}
END_TEST

enum { LINE_BYTES = 85 }; /* of each line of add_numbered */

static struct conf conf;
static struct board_slot *slot;
static struct loop *loop;

static void start(void)
{
    size_t bytes = sizeof *slot;

    use_zone("UTC0");
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    slot = aligned_alloc(BOARD_PAGE, bytes);
    memset(slot, 0, bytes);
    loop = loop_new(slot);
    ck_assert_ptr_nonnull(loop);
    conf.log.flush_ns = 10 * NS_PER_S;
    conf.log.format = CONF_LOG_COMBINED;
}

static void finish(void)
{
    loop_free(&loop);
    free(slot);
}

static void add_numbered(struct access_log *log, int from, int to)
{
    for (int i = from; i < to; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET /%08d HTTP/1.1", i);
        struct http_request r = request_with(line, NULL, NULL);
        struct access_record record = record_of(&r);
        access_log_add(log, &record);
    }
}

/* Every line of text is whole; how many there are. */
static int count_whole(const char *p, size_t n)
{
    int lines = 0;

    while (n > 0) {
        const char *end = memchr(p, '\n', n);
        ck_assert_ptr_nonnull(end);
        ck_assert(
            span_starts(span_of(p, n), SPAN("127.0.0.1 - - [10/Oct/2000:20:55:36 +0000] \"")));
        ck_assert_mem_eq(end - 8, " \"-\" \"-\"", 8);
        ck_assert_uint_eq((size_t)(end - p) + 1, LINE_BYTES);
        n -= (size_t)(end + 1 - p);
        p = end + 1;
        lines++;
    }
    return lines;
}

static int queue[2]; /* read from, and sent to */
static char taken[4 * 1024 * 1024];

static struct access_log *start_log(void)
{
    start();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, queue), 0);
    struct access_log *log = access_log_new(loop, &conf, queue[1]);
    ck_assert_ptr_nonnull(log);
    return log;
}

static void finish_log(struct access_log **log)
{
    access_log_free(log);
    close_fd(&queue[0]);
    close_fd(&queue[1]);
    finish();
}

/* Takes what messages there are: each of whole lines, and no longer than a writer has room for. */
static int take_lines(void)
{
    int lines = 0;
    ssize_t got;

    while ((got = recv(queue[0], taken, sizeof taken, MSG_DONTWAIT)) > 0) {
        ck_assert_int_le(got, 64 * 1024);
        lines += count_whole(taken, (size_t)got);
    }
    return lines;
}

static uint64_t dropped(void)
{
    return slot_value(slot, COUNTER_access_log_dropped);
}

START_TEST(to_a_queue)
{
    struct access_log *log = start_log();
    int lines = 0;

    add_numbered(log, 0, 10);
    ck_assert_int_eq(take_lines(), 0); /* buffered */
    for (int i = 10; i < 5000; i += 10) {
        add_numbered(log, i, i + 10);
        lines += take_lines();
    }
    ck_assert_int_gt(lines, 3000);
    access_log_flush(log);
    lines += take_lines();
    ck_assert_int_eq(lines, 5000);
    ck_assert_uint_eq(dropped(), 0);
    finish_log(&log);
}
END_TEST

/* What the queue does not take waits, in order and without loss, up to a bound. */
START_TEST(to_a_queue_that_is_not_read)
{
    struct access_log *log = start_log();
    int lines = 0, more;

    add_numbered(log, 0, 20000); /* the queue holds some 3,000 */
    ck_assert_uint_eq(dropped(), 0);
    add_numbered(log, 20000, 100000);
    ck_assert_uint_gt(dropped(), 0);
    uint64_t lost = dropped();
    add_numbered(log, 0, 10); /* a gap has one end */
    ck_assert_uint_eq(dropped(), lost + 10);
    do {
        more = take_lines();
        lines += more;
        access_log_flush(log);
    } while (more > 0);
    ck_assert_uint_eq((uint64_t)lines + dropped(), 100010);
    add_numbered(log, 0, 10);
    access_log_flush(log);
    ck_assert_int_eq(take_lines(), 10);
    ck_assert_uint_eq(dropped(), lost + 10);
    finish_log(&log);
}
END_TEST

START_TEST(to_a_queue_that_is_gone)
{
    struct access_log *log = start_log();

    close_fd(&queue[0]);
    add_numbered(log, 0, 5000);
    access_log_flush(log);
    ck_assert_uint_eq(dropped(), 5000);
    finish_log(&log);
}
END_TEST

/* A worker that ends does not wait for ever. */
START_TEST(ends_within_its_time)
{
    struct access_log *log = start_log();

    add_numbered(log, 0, 20000);
    uint64_t before = mono_now().ns;
    access_log_free(&log);
    ck_assert_uint_lt(mono_now().ns - before, 20 * NS_PER_S);
    ck_assert_uint_gt(dropped(), 0);
    ck_assert_uint_eq((uint64_t)take_lines() + dropped(), 20000);
    close_fd(&queue[0]);
    close_fd(&queue[1]);
    finish();
}
END_TEST

static void stop_when_there(struct loop_task *task);

static struct loop_task look = {.run = stop_when_there};

static void stop_when_there(struct loop_task *task)
{
    if (recv(queue[0], taken, sizeof taken, MSG_DONTWAIT | MSG_PEEK) > 0)
        loop_stop(loop);
    else
        loop_again(loop, task);
}

START_TEST(flushed_by_time)
{
    start();
    conf.log.flush_ns = 5 * NS_PER_MS;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, queue), 0);
    struct access_log *log = access_log_new(loop, &conf, queue[1]);
    add_numbered(log, 0, 1);
    loop_again(loop, &look);
    ck_assert(loop_run(loop));
    ck_assert_int_eq(take_lines(), 1);
    finish_log(&log);
}
END_TEST

/* Every line has the head of RFC 3164, and no more than a daemon takes. */
START_TEST(for_syslog)
{
    static char long_field[20000];
    struct http_request r;

    conf.log.access = (char[]){"syslog"};
    struct access_log *log = start_log();
    memset(long_field, 'x', sizeof long_field - 1);
    r = request_with("GET / HTTP/1.1", long_field, NULL);
    struct access_record record = record_of(&r);
    access_log_add(log, &record);
    access_log_flush(log);
    ssize_t got = recv(queue[0], taken, sizeof taken - 1, MSG_DONTWAIT);
    ck_assert_int_gt(got, 0);
    ck_assert_int_le(got, PIPE_BUF + 64);
    taken[got] = '\0';
    char head[64];
    snprintf(head, sizeof head, "<30>Oct 10 20:55:36 weir[%d]: 127.0.0.1 - - [", (int)getpid());
    ck_assert_msg(span_starts(span_of(taken, (size_t)got), span_str(head)), "%.80s", taken);
    conf.log.access = NULL;
    finish_log(&log);
}
END_TEST

START_TEST(switched_off)
{
    start();
    struct access_log *log = access_log_new(loop, &conf, -1);
    add_numbered(log, 0, 5000);
    access_log_flush(log);
    access_log_free(&log);
    ck_assert_ptr_null(log);
    finish();
}
END_TEST

START_TEST(peers)
{
    static const struct {
        const unsigned char bytes[16];
        const char *text;
    } six[] = {
        {{0x20, 1, 0xd, 0xb8, [15] = 1}, "2001:db8::1"},
        {{[10] = 0xff, 0xff, 192, 0, 2, 255}, "192.0.2.255"},
        {{[15] = 1}, "::1"},
    };
    char text[PEER_TEXT_BYTES];

    for (size_t i = 0; i < sizeof six / sizeof *six; i++) {
        struct sockaddr_storage from = {0}, back;
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = 7};
        struct peer p;

        memcpy(&in6.sin6_addr, six[i].bytes, 16);
        memcpy(&from, &in6, sizeof in6);
        peer_pack(&p, &from);
        peer_unpack(&back, &p);
        ck_assert_mem_eq(&from, &back, sizeof from);
        ck_assert(span_eq(peer_text(&p, text), span_str(six[i].text)));
    }
    struct peer local = {.address.any.sa_family = AF_UNIX};
    ck_assert(span_eq(peer_text(&local, text), SPAN("unix:")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto_log");
    TCase *lines = tcase_create("lines");
    TCase *ways = tcase_create("ways");

    tcase_add_test(lines, combined_lines);
    tcase_add_test(lines, json_lines);
    tcase_add_test(lines, long_fields);
    tcase_add_test(lines, peers);
    tcase_add_test(ways, to_a_queue);
    tcase_add_test(ways, to_a_queue_that_is_not_read);
    tcase_add_test(ways, to_a_queue_that_is_gone);
    tcase_add_test(ways, ends_within_its_time);
    tcase_add_test(ways, flushed_by_time);
    tcase_add_test(ways, for_syslog);
    tcase_add_test(ways, switched_off);
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, ways);
    return unit_run(suite);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: its lines byte for byte, hostile bytes included, and its buffer in front of
 * files, pipes that nobody reads, and full disks.
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
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

START_TEST(to_a_file)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    char first;

    start();
    struct access_log *log = access_log_new(loop, &conf, dup(fd), false);
    add_numbered(log, 0, 10);
    ck_assert_int_eq(pread(fd, &first, 1, 0), 0); /* buffered */
    add_numbered(log, 10, 5000);
    ck_assert_int_eq(pread(fd, &first, 1, 0), 1);
    access_log_free(&log);
    off_t n = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)n);
    ck_assert_int_eq(pread(fd, text, (size_t)n, 0), n);
    ck_assert_int_eq(count_whole(text, (size_t)n), 5000);
    free(text);
    close_fd(&fd);
    finish();
}
END_TEST

START_TEST(to_a_pipe_that_is_not_read)
{
    int ends[2];
    size_t n = 0;
    ssize_t got;
    static char text[1024 * 1024];

    start();
    ck_assert_int_eq(pipe(ends), 0);
    int copy = dup(ends[1]);
    struct access_log *log = access_log_new(loop, &conf, copy, false);
    add_numbered(log, 0, 5000); /* the pipe and the buffer hold 1,500: it must not wait */
    while (n < 200000) {        /* read some: what comes later is written again */
        ck_assert(fd_set_nonblock(ends[0], true));
        got = read(ends[0], text + n, sizeof text - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    access_log_flush(log);
    add_numbered(log, 0, 10);
    access_log_flush(log);
    while ((got = read(ends[0], text + n, sizeof text - n)) > 0)
        n += (size_t)got;
    access_log_flush(log);
    while ((got = read(ends[0], text + n, sizeof text - n)) > 0)
        n += (size_t)got;
    int lines = count_whole(text, n);
    ck_assert_int_gt(lines, 1000);
    ck_assert_int_lt(lines, 5000);
    close_fd(&ends[0]);
    add_numbered(log, 0, 5000); /* nobody will ever read: EPIPE */
    access_log_free(&log);
    close_fd(&copy);
    close_fd(&ends[1]);
    finish();
}
END_TEST

/* A file that may not grow (RLIMIT_FSIZE) is like a full disk: a short write, then errors. */
START_TEST(to_a_full_disk)
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));
    const struct rlimit small = {.rlim_cur = 100 * 1000, .rlim_max = RLIM_INFINITY};
    const struct rlimit large = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

    start();
    signal(SIGXFSZ, SIG_IGN);
    struct access_log *log = access_log_new(loop, &conf, dup(fd), false);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    add_numbered(log, 0, 5000);
    access_log_flush(log);
    off_t n = lseek(fd, 0, SEEK_END);
    ck_assert_int_eq(n, 100 * 1000); /* in the middle of a line of LINE_BYTES */
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &large), 0);
    add_numbered(log, 0, 10);
    access_log_free(&log);
    n = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)n);
    ck_assert_int_eq(pread(fd, text, (size_t)n, 0), n);
    int lines = count_whole(text, (size_t)n); /* none is split */
    ck_assert_int_ge(lines, 100 * 1000 / LINE_BYTES + 11);
    ck_assert_int_lt(lines, 5000);
    free(text);
    close_fd(&fd);
    fclose(file);
    finish();
}
END_TEST

static void stop_when_written(struct loop_task *task);

static struct {
    struct loop_task task;
    int fd;
} look = {.task = {.run = stop_when_written}};

static void stop_when_written(struct loop_task *task)
{
    if (lseek(look.fd, 0, SEEK_END) > 0)
        loop_stop(loop);
    else
        loop_again(loop, task);
}

START_TEST(flushed_by_time)
{
    start();
    conf.log.flush_ns = 5 * NS_PER_MS;
    look.fd = memfd_create("log", MFD_CLOEXEC);
    struct access_log *log = access_log_new(loop, &conf, dup(look.fd), false);
    add_numbered(log, 0, 1);
    loop_again(loop, &look.task);
    ck_assert(loop_run(loop));
    ck_assert_int_eq(lseek(look.fd, 0, SEEK_END), LINE_BYTES);
    access_log_free(&log);
    close_fd(&look.fd);
    finish();
}
END_TEST

START_TEST(reopened)
{
    int first = memfd_create("first", MFD_CLOEXEC), second = memfd_create("second", MFD_CLOEXEC);

    start();
    int given = dup(first);
    struct access_log *log = access_log_new(loop, &conf, given, false);
    add_numbered(log, 0, 3);
    access_log_reopen(log, dup(second));
    ck_assert_int_eq(fcntl(given, F_GETFD), -1); /* the old descriptor is closed */
    add_numbered(log, 0, 2);
    access_log_free(&log);
    ck_assert_int_eq(lseek(first, 0, SEEK_END), 3 * LINE_BYTES);
    ck_assert_int_eq(lseek(second, 0, SEEK_END), 2 * LINE_BYTES);
    close_fd(&first);
    close_fd(&second);
    finish();
}
END_TEST

START_TEST(switched_off)
{
    start();
    struct access_log *log = access_log_new(loop, &conf, -1, false);
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
    tcase_add_test(ways, to_a_file);
    tcase_add_test(ways, to_a_pipe_that_is_not_read);
    tcase_add_test(ways, to_a_full_disk);
    tcase_add_test(ways, flushed_by_time);
    tcase_add_test(ways, reopened);
    tcase_add_test(ways, switched_off);
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, ways);
    return unit_run(suite);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the error log on their way: packed and unpacked, as files and syslog show them, from
 * hostile senders, into a queue that is full, and around a gap.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/log_record.h"

static struct log_record record_of(const char *text)
{
    return (struct log_record){.when = {UINT64_C(971211336) * NS_PER_S + 5 * NS_PER_MS},
                               .pid = 4711,
                               .level = LOG_LEVEL_WARN,
                               .tag = SPAN("worker 3"),
                               .text = span_str(text)};
}

static void check_line(const struct log_record *r, bool for_syslog, const char *want)
{
    char packed[LOG_RECORD_BYTES], line[LOG_RECORD_LINE_BYTES + 1];
    struct out o = out_into(packed, sizeof packed);
    struct log_record again;

    log_record_pack(&o, r);
    ck_assert(!o.cut);
    struct span rest = span_of(packed, out_len(&o));
    ck_assert(log_record_unpack(&rest, &again));
    ck_assert_uint_eq(rest.n, 0);
    o = out_into(line, sizeof line - 1);
    log_record_line(&o, &again, for_syslog);
    ck_assert(!o.cut);
    *o.p = '\0';
    ck_assert_str_eq(line, want);
}

static void use_zone(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
}

START_TEST(lines)
{
    use_zone();
    struct log_record r = record_of("client x: \x1b[2J\n2000-10-10 error");

    check_line(&r, false,
               "2000-10-10 20:55:36.005 warn  worker 3[4711]: client x: "
               "\\x1B[2J\\x0A2000-10-10 error\n");
    check_line(&r, true,
               "<28>Oct 10 20:55:36 weir[4711]: worker 3: client x: "
               "\\x1B[2J\\x0A2000-10-10 error\n");
    r = record_of("");
    r.when.ns = UINT64_C(970358400) * NS_PER_S; /* a day of one digit */
    r.level = LOG_LEVEL_ERROR;
    r.cut = true;
    check_line(&r, true, "<27>Oct  1 00:00:00 weir[4711]: worker 3: ...\n");
}
END_TEST

/* However long a text is, the line is whole and says that it was cut. */
START_TEST(long_lines)
{
    static char text[9000];
    char line[LOG_RECORD_LINE_BYTES], packed[LOG_RECORD_BYTES];

    for (int c = 1; c < 256; c += 85)
        for (size_t n = LOG_TEXT_BYTES - 2; n < LOG_TEXT_BYTES + 3; n++) {
            memset(text, c, sizeof text);
            text[n] = '\0';
            struct log_record r = record_of(text);
            struct out o = out_into(packed, sizeof packed);
            log_record_pack(&o, &r);
            struct span rest = span_of(packed, out_len(&o));
            ck_assert(log_record_unpack(&rest, &r));
            o = out_into(line, sizeof line);
            log_record_line(&o, &r, false);
            ck_assert(!o.cut);
            ck_assert_ptr_eq(memchr(line, '\n', out_len(&o)), o.p - 1);
            ck_assert(r.cut == (n > LOG_TEXT_BYTES));
        }
}
END_TEST

/* A worker that was taken over sends what it likes. */
START_TEST(hostile_records)
{
    char packed[LOG_RECORD_BYTES], line[LOG_RECORD_LINE_BYTES];
    struct log_record r = record_of("hello");
    struct out o = out_into(packed, sizeof packed);

    log_record_pack(&o, &r);
    size_t whole = out_len(&o);
    for (size_t n = 0; n < whole; n++) {
        struct span rest = span_of(packed, n);
        ck_assert(!log_record_unpack(&rest, &r));
    }
    for (size_t at = 0; at < whole; at++)
        for (int v = 0; v < 256; v += 15) {
            char changed[LOG_RECORD_BYTES];
            memcpy(changed, packed, whole);
            changed[at] = (char)v;
            struct span rest = span_of(changed, whole);
            if (!log_record_unpack(&rest, &r))
                continue;
            o = out_into(line, sizeof line);
            log_record_line(&o, &r, v % 2);
            ck_assert(!o.cut);
            ck_assert_ptr_eq(memchr(line, '\n', out_len(&o)), o.p - 1);
        }
}
END_TEST

static int queue[2];

static bool take(struct log_record *r)
{
    static char packed[LOG_RECORD_BYTES];
    ssize_t n = recv(queue[0], packed, sizeof packed, MSG_DONTWAIT);
    struct span rest = span_of(packed, n > 0 ? (size_t)n : 0);

    return log_record_unpack(&rest, r);
}

START_TEST(a_gap_is_told_where_it_is)
{
    struct log_record r;
    unsigned sent = 0, got = 0;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, queue), 0);
    log_set_level(LOG_LEVEL_INFO);
    log_set_tag("here");
    log_to_queue(queue[1]);
    ck_assert_int_eq(log_fd(), queue[1]);
    log_debug("not at this level");
    while (log_lines_dropped() < 100) /* nobody reads, and nobody waits */
        log_info("line %u", sent++);
    log_tick(); /* still full */
    while (take(&r)) {
        char want[32];
        snprintf(want, sizeof want, "line %u", got++);
        ck_assert(span_eq(r.text, span_str(want)));
        ck_assert(span_eq(r.tag, SPAN("here")) && r.pid == (uint32_t)getpid());
    }
    ck_assert_uint_eq(got + 100, sent);
    log_warn("behind it");
    ck_assert(take(&r) && r.level == LOG_LEVEL_WARN);
    ck_assert(span_eq(
        r.text, SPAN("100 lines of this process were dropped here: the log did not take them")));
    ck_assert(take(&r) && span_eq(r.text, SPAN("behind it")));
    log_tick();
    ck_assert(!take(&r)); /* once */
    while (log_lines_dropped() < 101)
        log_info("line");
    while (take(&r))
        ;
    log_tick(); /* though nothing else is said */
    ck_assert(take(&r) && span_starts(r.text, SPAN("1 line of this process was dropped here")));
    close_fd(&queue[0]);
    errno = 7;
    log_info("to nobody");
    ck_assert_int_eq(errno, 7);
    ck_assert_uint_eq(log_lines_dropped(), 102);
    log_to_queue(-1);
    close_fd(&queue[1]);
}
END_TEST

START_TEST(targets)
{
    char path[] = "/tmp/weir-test-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(path));
    char name[64];
    snprintf(name, sizeof name, "%s/log", path);
    ck_assert(log_target_is_path(name) && !log_target_is_path("stderr") &&
              !log_target_is_path("syslog") && log_target_is_syslog("syslog"));
    int fd = log_target_open(name);
    ck_assert_int_ge(fd, 0);
    ck_assert(fd_write_all(fd, "a", 1));
    close_fd(&fd);
    unlink(name);
    ck_assert_int_eq(mkfifo(name, 0600), 0);
    ck_assert_int_eq(log_target_open(name), -1);
    ck_assert_int_eq(errno, ENXIO);
    ck_assert_ptr_nonnull(strstr(log_target_help(ENXIO), "FIFO"));
    unlink(name);
    rmdir(path);
    ck_assert_int_eq(log_target_open(name), -1);
    ck_assert_int_eq(errno, ENOENT);
    fd = log_target_open("stderr");
    ck_assert_int_gt(fd, STDERR_FILENO);
    close_fd(&fd);
    fd = log_target_open("syslog"); /* with a daemon or without */
    ck_assert_int_ge(fd, 0);
    close_fd(&fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base_log");
    TCase *t = tcase_create("log");

    tcase_add_test(t, lines);
    tcase_add_test(t, long_lines);
    tcase_add_test(t, hostile_records);
    tcase_add_test(t, a_gap_is_told_where_it_is);
    tcase_add_test(t, targets);
    suite_add_tcase(s, t);
    return unit_run(s);
}

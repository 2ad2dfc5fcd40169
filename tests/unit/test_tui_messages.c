/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's log read as it grows: whole lines, their level and time, and files that are
 * rotated, emptied, not there yet, or full of nonsense.
 */
#include "tui/ctl/messages.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "unit.h"

static char folder[] = "/tmp/weir-messages-XXXXXX";
static char path[64], old_path[64];
static struct messages m;
static struct message got;
static uint64_t now;

static void setup(void)
{
    setenv("TZ", "UTC", 1);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/weir.log", folder);
    snprintf(old_path, sizeof old_path, "%s/weir.log.1", folder);
    now = 5 * MESSAGES_LOOK_NS;
}

static void teardown(void)
{
    messages_close(&m);
    unlink(path);
    unlink(old_path);
    rmdir(folder);
}

static void add_bytes(const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert(fd_write_all(fd, bytes, n));
    close_fd(&fd);
}

static void add(const char *text)
{
    add_bytes(text, strlen(text));
}

static void expect(const char *word, const char *text)
{
    ck_assert_msg(messages_next(&m, now, &got), "no message; wanted \"%s\"", text);
    ck_assert_str_eq(got.word, word);
    ck_assert_str_eq(got.text, text);
}

static void expect_none(void)
{
    ck_assert_msg(!messages_next(&m, now, &got), "a message: \"%s\"", got.text);
}

static void later(void)
{
    now += MESSAGES_LOOK_NS;
}

START_TEST(lines_and_their_parts)
{
    add("2026-01-31 23:59:58.250 warn  master[12]: the disk is full\n"
        "2026-02-01 00:00:00.001 error worker 3[13]: cannot [x]: y\n"
        "2026-02-01 00:00:00.001 info  weir[1]: hello\n"
        "2026-02-01 00:00:00.001 debug worker 10[1]: \n"
        "2026-02-01 00:00:00.001 fatal weir[1]: no level of ours\n"
        "==12== Sanitizer\n"
        "\n"
        "a\tb\x1b[31m\x7f\n");
    char where[80];
    snprintf(where, sizeof where, "0:%s", path);
    messages_open(&m, where);
    expect("WARN", "the disk is full");
    ck_assert_uint_eq(got.wall_ns, UINT64_C(1769903998250) * 1000000);
    expect("ERROR", "worker 3: cannot [x]: y");
    expect("INFO", "hello");
    expect("DEBUG", "worker 10: ");
    expect("LOG", "2026-02-01 00:00:00.001 fatal weir: no level of ours");
    expect("LOG", "==12== Sanitizer");
    ck_assert_uint_eq(got.wall_ns, 0);
    expect("LOG", "");
    expect("LOG", "a?b?[31m?");
    expect_none();
}
END_TEST

START_TEST(it_grows)
{
    char where[80];

    add("old\n");
    messages_open(&m, path); /* from its end on */
    expect_none();
    add("half");
    expect_none();
    add(" a line");
    expect_none();
    add("\nnext\nand");
    expect("LOG", "half a line");
    expect("LOG", "next");
    expect_none();
    messages_close(&m);
    expect_none();
    snprintf(where, sizeof where, "4:%s", path);
    messages_open(&m, where);
    expect("LOG", "half a line");
}
END_TEST

START_TEST(it_is_rotated)
{
    add("one\n");
    messages_open(&m, path);
    add("two\n");
    ck_assert_int_eq(rename(path, old_path), 0);
    expect("LOG", "two");
    later();
    expect_none(); /* there is no new one yet: the old one may still grow */
    add("");
    later();
    expect_none();
    int old = open(old_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    ck_assert(old >= 0 && fd_write_all(old, "late\n", 5)); /* the server has yet to reopen it */
    close_fd(&old);
    expect("LOG", "late");
    add("three\n");
    later();
    expect_none(); /* seen, and read from the next time on */
    expect("LOG", "three");
    add("four\n");
    expect("LOG", "four");
    /* Emptied in place (copytruncate). */
    ck_assert_int_eq(truncate(path, 0), 0);
    later();
    expect_none();
    add("five\n");
    expect("LOG", "five");
}
END_TEST

START_TEST(it_is_not_there_yet)
{
    messages_open(&m, path);
    expect_none();
    add("first\n");
    later();
    expect_none();
    expect("LOG", "first");
    messages_close(&m);
    messages_open(&m, NULL);
    expect_none();
}
END_TEST

START_TEST(long_lines_are_cut)
{
    static char line[3 * MESSAGES_LINE_BYTES];
    unsigned count = 0;

    messages_open(&m, path);
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    add("");
    later();
    expect_none();
    add_bytes(line, sizeof line);
    add("short\n");
    ck_assert(messages_next(&m, now, &got));
    ck_assert_uint_eq(strlen(got.text), MESSAGES_LINE_BYTES + 3);
    ck_assert_str_eq(got.text + MESSAGES_LINE_BYTES, "...");
    expect("LOG", "short");
    /* A line that just fits, and one with bytes that end a string. */
    line[MESSAGES_LINE_BYTES - 1] = '\n';
    add_bytes(line, MESSAGES_LINE_BYTES);
    ck_assert(messages_next(&m, now, &got));
    ck_assert_uint_eq(strlen(got.text), MESSAGES_LINE_BYTES - 1);
    add_bytes("a\0b\nlast\n", 9);
    expect("LOG", "a");
    expect("LOG", "last");
    expect_none();
    /* Noise of all bytes: it ends, and nothing of it is a control byte. */
    for (unsigned i = 0; i < sizeof line; i++)
        line[i] = (char)(i * 7 + i / 256);
    add_bytes(line, sizeof line);
    while (messages_next(&m, now, &got)) {
        ck_assert_uint_lt(count++, sizeof line);
        for (const char *p = got.text; *p; p++)
            ck_assert((unsigned char)*p >= ' ' && *p != 0x7f);
    }
    ck_assert_uint_gt(count, 10);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("messages");
    TCase *c = tcase_create("messages");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, lines_and_their_parts);
    tcase_add_test(c, it_grows);
    tcase_add_test(c, it_is_rotated);
    tcase_add_test(c, it_is_not_there_yet);
    tcase_add_test(c, long_lines_are_cut);
    suite_add_tcase(s, c);
    return unit_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking into processes that wait in known places: for a pipe, for a lock of a file, stopped,
 * gone, somebody else's. What the kernel says differs between machines; that something is said
 * in every line does not.
 */
#include "proc/inspect.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board/board.h"
#include "proc/thread_look.h"
#include "unit.h"

#define DEADLINE_S 30

static char folder[] = "/tmp/weir-inspect-XXXXXX";
static char file[64];
static struct buf text;
static pid_t child;
static int ends[2];

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/a b\tc", folder);
    ck_assert_int_eq(pipe(ends), 0);
}

static void teardown(void)
{
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(ends[0]);
    close(ends[1]);
    unlink(file);
    rmdir(folder);
    buf_free(&text);
}

static void become(void (*what)(void))
{
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        what();
        _exit(0);
    }
}

/* Until the child sleeps in this call (or is stopped). */
static void wait_for(const char *call, char state)
{
    for (int i = 0; i < DEADLINE_S * 100; i++) {
        struct thread_look look;
        const char *name = NULL;
        ck_assert(thread_look(&look, child, child));
        if (look.call != THREAD_LOOK_NONE)
            name = thread_look_call(look.call);
        if (look.state == state && (!call || (name && strcmp(name, call) == 0)))
            return;
        usleep(10000);
    }
    ck_abort_msg("the child is never in %s", call ? call : "that state");
}

static void inspect(pid_t pid)
{
    text.n = 0;
    ck_assert(inspect_worker(pid, board_start_ticks(pid), &text));
    ck_assert(buf_add(&text, "", 1));
}

/* The value of a line, to its end; fails when there is none. */
static struct span value_of(const char *name)
{
    size_t n = strlen(name);

    for (const char *line = text.p; *line; line += strcspn(line, "\n") + 1)
        if (strncmp(line, name, n) == 0 && line[n] == ' ')
            return span_trim(span_of(line + n, strcspn(line + n, "\n")));
    ck_abort_msg("no line \"%s\" in:\n%s", name, text.p);
    return span_of(NULL, 0);
}

static bool has(const char *name, const char *part)
{
    struct span v = value_of(name);

    return memmem(v.p, v.n, part, strlen(part)) != NULL;
}

#define EXPECT(name, part)                                                                         \
    ck_assert_msg(has(name, part), "%s: no \"%s\" in:\n%s", name, part, text.p)

static const char *const names[] = {
    "state",
    "system call",
    "wchan",
    "stack",
    "thread",
    "threads",
    "rss",
    "pss",
    "cpu time",
    "read calls",
    "context switches",
    "write calls",
    "major faults",
    "descriptors",
    "read from disk",
    "written to disk",
};

static void expect_no_empty_line(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(value_of(names[i]).n > 0, "%s is empty in:\n%s", names[i], text.p);
    for (const char *p = text.p; *p; p++)
        ck_assert_msg((unsigned char)*p >= ' ' || *p == '\n', "a control byte in:\n%s", text.p);
}

static void read_pipe(void)
{
    char byte;

    if (read(ends[0], &byte, 1) < 0)
        _exit(1);
}

START_TEST(waiting_for_a_pipe)
{
    become(read_pipe);
    wait_for("read", 'S');
    inspect(child);
    expect_no_empty_line();
    EXPECT("state", "sleeping (S)");
    EXPECT("system call", "read");
    EXPECT("descriptor", "pipe:[");
    EXPECT("threads", "1, of these 0");
    EXPECT("descriptors", "pipe ");
    EXPECT("rss", "iB");
    EXPECT("cpu time", "user ");
    ck_assert(geteuid() == 0 || has("stack", "needs root"));
}
END_TEST

static void lock_file(void)
{
    int fd = open(file, O_RDWR | O_CREAT, 0600);

    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        _exit(1);
}

START_TEST(waiting_for_a_file)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    become(lock_file);
    wait_for("flock", 'S');
    inspect(child);
    expect_no_empty_line();
    EXPECT("system call", "flock");
    EXPECT("descriptor", folder);
    EXPECT("descriptor", "a b\\x09c");
    EXPECT("mount", " at /");
    EXPECT("descriptors", "file ");
    close(fd);
}
END_TEST

START_TEST(stopped)
{
    become(read_pipe);
    wait_for("read", 'S');
    ck_assert_int_eq(kill(child, SIGSTOP), 0);
    wait_for(NULL, 'T');
    inspect(child);
    expect_no_empty_line();
    EXPECT("state", "stopped (T)");
}
END_TEST

START_TEST(gone_or_another)
{
    become(read_pipe);
    wait_for("read", 'S');
    uint64_t ticks = board_start_ticks(child);

    ck_assert(buf_addf(&text, "before: "));
    ck_assert(!inspect_worker(child, ticks + 1, &text));
    ck_assert(buf_add(&text, "", 1));
    ck_assert_ptr_nonnull(strstr(text.p, "before: process "));
    ck_assert_ptr_nonnull(strstr(text.p, "another one"));
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    text.n = 0;
    ck_assert(!inspect_worker(child, ticks, &text));
    ck_assert(buf_add(&text, "", 1));
    ck_assert_ptr_nonnull(strstr(text.p, "not there any more"));
    child = 0;
}
END_TEST

/* A zombie has no memory and no descriptors. */
static void end_at_once(void)
{
}

START_TEST(dead_but_not_waited_for)
{
    become(end_at_once);
    wait_for(NULL, 'Z');
    inspect(child);
    expect_no_empty_line();
    EXPECT("state", "dead (Z)");
}
END_TEST

/* Looked at by a user who may not: each line says why, and nothing is empty. */
START_TEST(somebody_elses)
{
    pid_t other = geteuid() == 0 ? getpid() : 1;
    pid_t looker = fork();

    ck_assert_int_ge(looker, 0);
    if (looker == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(3);
        inspect(other);
        expect_no_empty_line();
        EXPECT("system call", "needs root");
        EXPECT("stack", "needs root");
        EXPECT("wchan", "needs root");
        EXPECT("pss", "needs root");
        EXPECT("read from disk", "needs root");
        EXPECT("descriptors", "needs root");
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(looker, &status, 0), looker);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("inspect");
    TCase *c = tcase_create("inspect");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, waiting_for_a_pipe);
    tcase_add_test(c, waiting_for_a_file);
    tcase_add_test(c, stopped);
    tcase_add_test(c, gone_or_another);
    tcase_add_test(c, dead_but_not_waited_for);
    tcase_add_test(c, somebody_elses);
    suite_add_tcase(s, c);
    return unit_run(s);
}

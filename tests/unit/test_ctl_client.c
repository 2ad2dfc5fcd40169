/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control client against a server that this test plays itself, on a socket in a folder
 * of its own: good answers, none, too long ones, nonsense, and a board that comes along. The
 * client connects and sends without waiting, so that one thread can play both sides.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "board/board.h"
#include "ctl/server.h"
#include "weir/control.h"
#include "weir/snapshot.h"

static char dir[64];
static char sock_path[96];
static int listening = -1;

static void start_server(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    strcpy(dir, "/tmp/weir-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(sock_path, sizeof sock_path, "%s/control.sock", dir);
    strcpy(a.sun_path, sock_path);
    listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(listening, 4), 0);
}

static void end_server(void)
{
    close_fd(&listening);
    unlink(sock_path);
    rmdir(dir);
}

struct pair {
    int client, server;
};

/* A connection over which `request` has come. */
static struct pair connection(const char *request)
{
    struct pair p;
    char why[256] = "", got[CONTROL_REQUEST_BYTES];

    p.client = control_open(dir, 0, why, sizeof why);
    ck_assert_msg(p.client >= 0, "%s", why);
    p.server = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(p.server, 0);
    ck_assert(control_send(p.client, request, why, sizeof why));
    ssize_t n = recv(p.server, got, sizeof got, 0);
    ck_assert(n == (ssize_t)strlen(request) && memcmp(got, request, (size_t)n) == 0);
    return p;
}

static void end_connection(struct pair *p)
{
    close_fd(&p->client);
    close_fd(&p->server);
}

START_TEST(good_answers)
{
    static const struct {
        const char *packet, *message;
        bool ok;
        uint32_t op;
    } cases[] = {
        {"{\"ok\":true,\"message\":\"workers 2 -> 3\",\"op\":42}", "workers 2 -> 3", true, 42},
        {"{\"ok\":false,\"message\":\"only weir's user may do this\"}",
         "only weir's user may do this", false, 0},
        {"{\"ok\":false,\"message\":\"a.ini:1: x\\na.ini:2: \\u001b[2Jy\\n\"}",
         "a.ini:1: x\na.ini:2: \\x1B[2Jy\n", false, 0},
        {" {\"message\":\"\",\"more\":[1,2],\"ok\":true} ", "", true, 0},
        {"{\"ok\":true,\"message\":\"\\u202e\\u00fc\"}", "\\xE2\\x80\\xAE\xc3\xbc", true, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair p = connection("workers +1");
        struct control_reply r;
        char why[256] = "";
        ck_assert_int_eq(control_receive(p.client, 0, &r, why, sizeof why), 0);
        ck_assert_int_gt(fd_send_with(p.server, cases[i].packet, strlen(cases[i].packet), -1), 0);
        ck_assert_msg(control_receive(p.client, 0, &r, why, sizeof why) == 1, "%s", why);
        ck_assert(r.ok == cases[i].ok);
        ck_assert_str_eq(r.message, cases[i].message);
        ck_assert_uint_eq(r.op, cases[i].op);
        ck_assert_int_eq(r.passed_fd, -1);
        control_reply_free(&r);
        ck_assert_ptr_null(r.message);
        end_connection(&p);
    }
}
END_TEST

START_TEST(nonsense_is_refused)
{
    static const char *const packet[] = {
        "x",
        "{}",
        "[]",
        "null",
        "\"ok\"",
        "{\"ok\":true",
        "{\"ok\":true}",
        "{\"ok\":1,\"message\":\"a\"}",
        "{\"ok\":true,\"message\":5}",
        "{\"ok\":true,\"message\":\"a\",\"op\":-1}",
        "{\"ok\":true,\"message\":\"a\",\"op\":4294967296}",
        "{\"ok\":true,\"message\":\"a\",\"op\":\"1\"}",
        "{\"ok\":true,\"message\":\"a\",\"op\":1.5}",
        "{\"ok\":true,\"message\":\"\\u0000\"}",
        "{\"ok\":true,\"message\":\"\xff\"}",
        "{\"ok\":true,\"message\":\"a\"}{}",
    };

    for (size_t i = 0; i < sizeof packet / sizeof *packet; i++) {
        struct pair p = connection("reload");
        struct control_reply r;
        char why[256] = "";
        int null_fd = dup(p.server);
        /* A descriptor that comes with nonsense must not stay behind. */
        ck_assert_int_gt(fd_send_with(p.server, packet[i], strlen(packet[i]), null_fd), 0);
        ck_assert_msg(control_receive(p.client, 0, &r, why, sizeof why) == -1, "%s", packet[i]);
        ck_assert_msg(strstr(why, "makes no sense") != NULL, "%s: %s", packet[i], why);
        ck_assert_int_eq(r.passed_fd, -1);
        ck_assert_ptr_null(r.message);
        close_fd(&null_fd);
        end_connection(&p);
    }
    int next = dup(listening);
    ck_assert_int_lt(next, 20);
    close_fd(&next);
}
END_TEST

/* Nested so deep that a careless parser runs out of stack. */
START_TEST(deep_nonsense_is_refused)
{
    static char deep[60000];
    struct pair p = connection("reload");
    struct control_reply r;
    char why[256];

    memset(deep, '[', sizeof deep);
    ck_assert_int_eq(fd_send_with(p.server, deep, sizeof deep, -1), sizeof deep);
    ck_assert_int_eq(control_receive(p.client, 0, &r, why, sizeof why), -1);
    end_connection(&p);
}
END_TEST

START_TEST(long_answers)
{
    static char packet[CONTROL_REPLY_BYTES + 1], message[CONTROL_REPLY_BYTES];
    struct pair p = connection("reload");
    struct control_reply r;
    char why[256] = "";

    memset(message, 'm', sizeof message - 1);
    size_t n = control_reply_write(packet, CONTROL_REPLY_BYTES, true, message, 9);
    ck_assert_uint_gt(n, CONTROL_REPLY_BYTES - 32);
    ck_assert_int_eq(fd_send_with(p.server, packet, n, -1), (ssize_t)n);
    ck_assert_int_eq(control_receive(p.client, 0, &r, why, sizeof why), 1);
    ck_assert_uint_eq(r.op, 9);
    ck_assert_ptr_nonnull(strstr(r.message, "mmm..."));
    control_reply_free(&r);
    memset(packet, ' ', sizeof packet);
    ck_assert_int_eq(fd_send_with(p.server, packet, sizeof packet, -1), sizeof packet);
    ck_assert_int_eq(control_receive(p.client, 0, &r, why, sizeof why), -1);
    ck_assert_ptr_nonnull(strstr(why, "longer than"));
    end_connection(&p);
}
END_TEST

START_TEST(a_server_that_goes_away)
{
    struct pair p = connection("reload");
    struct control_reply r;
    char why[256] = "";

    close_fd(&p.server);
    ck_assert_int_eq(control_receive(p.client, 1000, &r, why, sizeof why), -1);
    ck_assert_ptr_nonnull(strstr(why, "closed"));
    ck_assert(!control_send(p.client, "reload", why, sizeof why));
    end_connection(&p);

    p = connection("reload");
    ck_assert_int_eq(control_receive(p.client, 1, &r, why, sizeof why), -1);
    ck_assert_ptr_nonnull(strstr(why, "did not answer within 1 ms"));
    end_connection(&p);
}
END_TEST

START_TEST(answers_keep_their_order)
{
    struct pair p = connection("workers 1");
    char why[256], to[256];
    struct control_reply r;

    for (uint32_t i = 1; i <= 3; i++) {
        size_t n = control_reply_write(to, sizeof to, true, "", i);
        ck_assert_int_eq(fd_send_with(p.server, to, n, -1), (ssize_t)n);
    }
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(control_receive(p.client, 1000, &r, why, sizeof why), 1);
        ck_assert_uint_eq(r.op, i);
        control_reply_free(&r);
    }
    end_connection(&p);
}
END_TEST

START_TEST(the_board_comes_along)
{
    struct pair p = connection("board");
    struct board b;
    struct snap s = {0};
    struct control_reply r;
    char why[256], to[256];

    ck_assert(board_create(&b, &(struct board_create){2, 1, "passed", "0"}));
    int fd = board_open_read_only(&b);
    size_t n = control_reply_write(to, sizeof to, true, "", 0);
    ck_assert_int_eq(fd_send_with(p.server, to, n, fd), (ssize_t)n);
    close_fd(&fd);
    ck_assert_int_eq(control_receive(p.client, 1000, &r, why, sizeof why), 1);
    ck_assert_int_ge(r.passed_fd, 0);
    struct board_view *view = board_view_open(r.passed_fd, why, sizeof why);
    control_reply_free(&r);
    ck_assert_int_eq(r.passed_fd, -1);
    /* The map outlives the server, its descriptor and the connection. */
    board_event(&b, EVENT_STOP, 0, "the end");
    board_destroy(&b);
    end_connection(&p);
    ck_assert_msg(view && board_view_snap(view, &s), "%s", why);
    ck_assert_str_eq(s.instance, "passed");
    ck_assert_str_eq(s.event[0].text, "the end");
    snap_free(&s);
    board_view_close(&view);
}
END_TEST

static void *answer_one(void *unused)
{
    char got[64], to[256];
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && recv(fd, got, sizeof got, 0) > 0) {
        size_t n = control_reply_write(to, sizeof to, true, "done", 0);
        fd_send_with(fd, to, n, -1);
    }
    close_fd(&fd);
    return unused;
}

START_TEST(asking_and_waiting)
{
    pthread_t thread;
    struct control_reply r;
    char why[256] = "";

    ck_assert_int_eq(pthread_create(&thread, NULL, answer_one, NULL), 0);
    ck_assert_msg(control_ask(dir, "reopen", 20000, &r, why, sizeof why), "%s", why);
    ck_assert_str_eq(r.message, "done");
    control_reply_free(&r);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(no_server)
{
    char why[256] = "", long_dir[300], longer[CONTROL_REQUEST_BYTES + 2];
    struct control_reply r;

    ck_assert_int_eq(control_open("/nonexistent", 0, why, sizeof why), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_str_eq(why,
                     "no weir answers at /nonexistent/control.sock: No such file or directory");
    close_fd(&listening); /* the socket's name stays, as after a crash */
    ck_assert_int_eq(control_open(dir, 0, why, sizeof why), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    ck_assert(!control_ask(dir, "reload", 10, &r, why, sizeof why));
    ck_assert_int_eq(r.passed_fd, -1);
    memset(long_dir, 'd', sizeof long_dir - 1);
    long_dir[sizeof long_dir - 1] = '\0';
    ck_assert_int_eq(control_open(long_dir, 0, why, sizeof why), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ck_assert(!control_send(0, longer, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "1024"));
    ck_assert(!control_send(0, "", why, sizeof why));
}
END_TEST

START_TEST(runtime_directories)
{
    char got[256], small[4], own[64];

    ck_assert_int_eq(setenv("WEIR_RUNTIME_DIR", "/env/dir", 1), 0);
    ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", "/xdg", 1), 0);
    ck_assert(control_runtime_dir("/given", got, sizeof got));
    ck_assert_str_eq(got, "/given");
    ck_assert(control_runtime_dir(NULL, got, sizeof got));
    ck_assert_str_eq(got, "/env/dir");
    ck_assert(!control_runtime_dir(NULL, small, sizeof small));
    setenv("WEIR_RUNTIME_DIR", "", 1);
    ck_assert(control_runtime_dir(NULL, got, sizeof got));
    if (geteuid() == 0) {
        ck_assert_str_eq(got, "/run/weir");
        /* This test's own process: become somebody else, for whom the rest holds. */
        ck_assert_int_eq(setgid(65534), 0);
        ck_assert_int_eq(setuid(65534), 0);
    }
    if (access("/run/weir/control.sock", F_OK) == 0)
        return;
    ck_assert(control_runtime_dir(NULL, got, sizeof got));
    ck_assert_str_eq(got, "/xdg/weir");
    unsetenv("XDG_RUNTIME_DIR");
    ck_assert(control_runtime_dir(NULL, got, sizeof got));
    snprintf(own, sizeof own, "/tmp/weir-%u", (unsigned)geteuid());
    ck_assert_str_eq(got, own);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control client");
    TCase *t = tcase_create("control client"), *alone = tcase_create("directories");

    tcase_add_checked_fixture(t, start_server, end_server);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, good_answers);
    tcase_add_test(t, nonsense_is_refused);
    tcase_add_test(t, deep_nonsense_is_refused);
    tcase_add_test(t, long_answers);
    tcase_add_test(t, a_server_that_goes_away);
    tcase_add_test(t, answers_keep_their_order);
    tcase_add_test(t, the_board_comes_along);
    tcase_add_test(t, asking_and_waiting);
    tcase_add_test(t, no_server);
    suite_add_tcase(s, t);
    tcase_add_test(alone, runtime_directories);
    suite_add_tcase(s, alone);
    return unit_run(s);
}

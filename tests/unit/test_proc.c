/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor's parts one by one: listening sockets (on loopback ports the kernel picks),
 * accept-queue figures, the runtime directory, the control socket, last words and the change
 * that goes on.
 */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "board/slot.h"
#include "proc/control.h"
#include "proc/crew.h"
#include "proc/last_words.h"
#include "proc/listen.h"
#include "proc/operation.h"
#include "proc/queue.h"
#include "proc/runtime.h"
#include "proc/sock_diag.h"
#include "proc/worker.h"

static char folder[] = "/tmp/weir-proc-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const names[] = {"sock", "control.sock", "weir.pid", "file"};
    char path[200];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* ---- listening ---- */

static struct conf_listen listen_v4(uint16_t port)
{
    struct conf_listen l = {.address_bytes = sizeof(struct sockaddr_in)};
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[40];

    memcpy(&l.address, &in, sizeof in);
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    l.text = strdup(text);
    return l;
}

static struct conf_listen listen_unix(const char *name)
{
    struct conf_listen l = {.address_bytes = sizeof(struct sockaddr_un)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char text[200];

    snprintf(un.sun_path, sizeof un.sun_path, "%s/%s", folder, name);
    memcpy(&l.address, &un, sizeof un);
    snprintf(text, sizeof text, "unix:%s", un.sun_path);
    l.text = strdup(text);
    return l;
}

static struct conf conf_of(struct conf_listen *l, size_t count)
{
    struct conf c = {0};

    c.server.listen = l;
    c.server.listen_count = count;
    c.server.backlog = 8;
    return c;
}

static int connect_to(const struct listen_socket *s)
{
    struct sockaddr_storage a;
    socklen_t bytes = sizeof a;
    int fd = socket(s->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(getsockname(s->fd, (void *)&a, &bytes), 0);
    if (connect(fd, (void *)&a, bytes) != 0)
        close_fd(&fd);
    return fd;
}

START_TEST(addresses_are_shown_as_written)
{
    static const struct {
        int family;
        const char *address, *want;
        uint16_t port;
    } cases[] = {
        {AF_INET, "0.0.0.0", "0.0.0.0:8080", 8080},
        {AF_INET, "127.0.0.1", "127.0.0.1:1", 1},
        {AF_INET6, "::", "[::]:8080", 8080},
        {AF_INET6, "2001:db8::1", "[2001:db8::1]:65535", 65535},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_storage a = {.ss_family = (sa_family_t)cases[i].family};
        struct sockaddr_in *in = (void *)&a;
        struct sockaddr_in6 *in6 = (void *)&a;
        char text[100];
        struct out o = out_into(text, sizeof text);
        void *to = cases[i].family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr;
        in->sin_port = htons(cases[i].port);
        ck_assert_int_eq(inet_pton(cases[i].family, cases[i].address, to), 1);
        listen_show_address(&o, &a);
        ck_assert_msg(span_eq(span_of(text, out_len(&o)), span_str(cases[i].want)), "%.*s",
                      (int)out_len(&o), text);
    }
}
END_TEST

START_TEST(errors_say_what_would_help)
{
    static const struct {
        int error;
        const char *want;
    } cases[] = {
        {EADDRINUSE, "0.0.0.0:8080: address already in use (taken by another program); choose "
                     "another with -o listen=PORT"},
        {EACCES, "ports below 1024"},
        {EADDRNOTAVAIL, "no such address"},
        {EAFNOSUPPORT, "IPv6"},
        {EEXIST, "not a socket"},
        {EMFILE, "Too many open files"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        ck_assert(listen_explain(&b, "0.0.0.0:8080", cases[i].error));
        ck_assert(buf_add(&b, "", 1));
        ck_assert_msg(strstr(b.p, cases[i].want) != NULL, "%s", b.p);
        ck_assert_ptr_null(strchr(b.p, '\n'));
        buf_free(&b);
    }
}
END_TEST

START_TEST(a_taken_port_is_told_and_nothing_stays_open)
{
    struct conf_listen first[1] = {listen_v4(0)};
    struct conf c = conf_of(first, 1);
    struct listen_set set = {0}, second = {0};
    struct buf errors = {0};

    ck_assert(listen_set_open(&set, &c, NULL, &errors));
    ck_assert_uint_eq(set.count, 1);
    struct sockaddr_in in;
    socklen_t bytes = sizeof in;
    ck_assert_int_eq(getsockname(set.socket[0].fd, (void *)&in, &bytes), 0);
    char want[40];
    snprintf(want, sizeof want, "127.0.0.1:%u", ntohs(in.sin_port));
    ck_assert_str_eq(set.socket[0].shown, want);

    struct conf_listen both[2] = {listen_v4(0), listen_v4(ntohs(in.sin_port))};
    struct conf c2 = conf_of(both, 2);
    ck_assert(!listen_set_open(&second, &c2, NULL, &errors));
    ck_assert(buf_add(&errors, "", 1));
    ck_assert_ptr_nonnull(strstr(errors.p, "already in use"));
    ck_assert_uint_eq(second.count, 0);
    ck_assert_ptr_null(second.socket);
    buf_free(&errors);
    listen_set_close(&set);
    free(first[0].text);
    free(both[0].text);
    free(both[1].text);
}
END_TEST

START_TEST(a_reload_keeps_what_stays)
{
    struct conf_listen old_listen[2] = {listen_v4(0), listen_unix("sock")};
    struct conf_listen new_listen[1] = {listen_v4(0)};
    struct conf old_conf = conf_of(old_listen, 2), new_conf = conf_of(new_listen, 1);
    struct listen_set old = {0}, fresh = {0}, failed = {0};
    struct buf errors = {0};
    struct stat st;

    ck_assert(listen_set_open(&old, &old_conf, NULL, &errors));
    int kept = old.socket[0].fd;
    /* one that is given up leaves the old set whole */
    ck_assert(listen_set_open(&failed, &new_conf, &old, &errors));
    ck_assert_int_eq(failed.socket[0].fd, kept);
    listen_set_close(&failed);
    int fd = connect_to(&old.socket[0]);
    ck_assert_int_ge(fd, 0);
    close_fd(&fd);
    /* one that is put in force takes over, and the rest of the old set goes */
    ck_assert(listen_set_open(&fresh, &new_conf, &old, &errors));
    listen_set_take_over(&fresh, &old, &new_conf);
    ck_assert_int_eq(stat(old.socket[1].shown + 5, &st), 0);
    char path[200];
    snprintf(path, sizeof path, "%s", old.socket[1].shown + 5);
    listen_set_close(&old);
    listen_wait_removed(10000);
    ck_assert_int_ne(stat(path, &st), 0);
    fd = connect_to(&fresh.socket[0]);
    ck_assert_int_ge(fd, 0);
    close_fd(&fd);
    listen_set_close(&fresh);
    ck_assert_int_eq(fcntl(kept, F_GETFD), -1);
    free(old_listen[0].text);
    free(old_listen[1].text);
    free(new_listen[0].text);
}
END_TEST

START_TEST(unix_sockets_replace_only_the_dead)
{
    struct conf_listen l[1] = {listen_unix("sock")};
    struct conf c = conf_of(l, 1);
    struct listen_set set = {0}, other = {0};
    struct buf errors = {0};
    struct stat st;
    const char *path = l[0].text + 5;

    ck_assert(listen_set_open(&set, &c, NULL, &errors));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0666);
    ck_assert_msg(!listen_set_open(&other, &c, NULL, &errors), "a living server was replaced");
    ck_assert_int_eq(stat(path, &st), 0);
    close_fd(&set.socket[0].fd); /* as a crash would: the file stays */
    listen_set_close(&set);
    listen_wait_removed(10000);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert(listen_set_open(&other, &c, NULL, &errors));
    listen_set_close(&other);
    listen_wait_removed(10000);
    ck_assert_int_ne(stat(path, &st), 0);
    /* a file that is no socket is never removed */
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close_fd(&fd);
    ck_assert(!listen_set_open(&other, &c, NULL, &errors));
    ck_assert_int_eq(unlink(path), 0);
    buf_free(&errors);
    free(l[0].text);
}
END_TEST

START_TEST(a_foreign_address_is_an_error)
{
    struct conf_listen v6_only[1] = {{.address_bytes = sizeof(struct sockaddr_in6)}};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = 0};
    struct listen_set set = {0};
    struct buf errors = {0};

    in6.sin6_addr.s6_addr[0] = 0x20; /* 2001:db8::1: documentation, on no machine */
    in6.sin6_addr.s6_addr[1] = 0x01;
    in6.sin6_addr.s6_addr[2] = 0x0d;
    in6.sin6_addr.s6_addr[3] = 0xb8;
    in6.sin6_addr.s6_addr[15] = 1;
    memcpy(&v6_only[0].address, &in6, sizeof in6);
    v6_only[0].text = strdup("[2001:db8::1]:0");
    struct conf c = conf_of(v6_only, 1);
    ck_assert_msg(!listen_set_open(&set, &c, NULL, &errors), "an address of its own is an error");
    ck_assert_uint_gt(errors.n, 0);
    ck_assert_uint_eq(c.server.listen_count, 1);
    buf_free(&errors);
    free(v6_only[0].text);
}
END_TEST

/* ---- queues ---- */

START_TEST(peaks_last_a_minute)
{
    static const struct {
        uint64_t at_s;
        uint32_t depth, want;
    } steps[] = {
        {100, 3, 3},  {100, 9, 9},  {100, 2, 9},  {130, 5, 9}, {159, 1, 9},
        {160, 1, 5},  {189, 0, 5},  {190, 0, 1},  {219, 0, 1}, {220, 0, 0},
        {5000, 7, 7}, {5059, 0, 7}, {5060, 0, 0},
    };
    struct queue_peak p = {0};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint32_t got = queue_peak_add(&p, (struct mono){steps[i].at_s * NS_PER_S}, steps[i].depth);
        ck_assert_msg(got == steps[i].want, "step %zu: peak %u, want %u", i, got, steps[i].want);
    }
}
END_TEST

START_TEST(queues_are_what_the_kernel_says)
{
    struct conf_listen l[2] = {listen_v4(0), listen_unix("sock")};
    struct conf c = conf_of(l, 2);
    struct listen_set set = {0};
    struct buf errors = {0};
    static struct queue_watch w;
    struct board b;
    int fds[6];

    ck_assert(listen_set_open(&set, &c, NULL, &errors));
    ck_assert(
        board_create(&b, &(struct board_create){
                             .slots = 1, .listeners = 4, .instance = "t", .program_version = "t"}));
    queue_watch_init(&w);
    queue_watch_adopt(&w, &b, &set);
    for (int i = 0; i < 6; i++)
        fds[i] = connect_to(&set.socket[i < 3 ? 0 : 1]);
    queue_watch_sample(&w, &b, &set, 8, mono_now());
    ck_assert_uint_eq(atomic_load(&b.listener[0].used), 1);
    ck_assert_uint_eq(atomic_load(&b.listener[2].used), 0);
    ck_assert_uint_eq(atomic_load(&b.listener[0].queue_depth), 3);
    ck_assert_uint_eq(atomic_load(&b.listener[0].queue_limit), 8);
    ck_assert_uint_eq(atomic_load(&b.listener[0].queue_peak), 3);
    ck_assert_uint_eq(atomic_load(&b.listener[1].queue_limit), 8);
    if (!w.diag_missing) /* a sandbox may forbid netlink */
        ck_assert_uint_eq(atomic_load(&b.listener[1].queue_depth), 3);
    for (int i = 0; i < 6; i++)
        close_fd(&fds[i]);
    queue_watch_close(&w);
    board_destroy(&b);
    listen_set_close(&set);
    free(l[0].text);
    free(l[1].text);
}
END_TEST

/* ---- the runtime directory ---- */

START_TEST(one_server_to_a_directory)
{
    struct runtime a, b;
    struct buf errors = {0};
    struct stat st;

    ck_assert(runtime_choose(&a, folder, &errors));
    ck_assert(runtime_choose(&b, folder, &errors));
    ck_assert(runtime_take(&a, &errors));
    ck_assert_int_eq(stat(a.pid_path, &st), 0);
    ck_assert(!runtime_take(&b, &errors));
    ck_assert(buf_add(&errors, "", 1));
    char want[80];
    snprintf(want, sizeof want, "another weir (pid %d) runs in %s;", (int)getpid(), folder);
    ck_assert_msg(strstr(errors.p, want) != NULL, "%s", errors.p);
    runtime_release(&a);
    ck_assert_int_ne(stat(a.pid_path, &st), 0);
    ck_assert(runtime_take(&b, &errors));
    runtime_release(&b);
    buf_free(&errors);
}
END_TEST

START_TEST(runtime_directories_that_do_not_do)
{
    struct runtime r;
    struct buf errors = {0};
    char path[200];

    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    ck_assert(!runtime_choose(&r, path, &errors));
    ck_assert_uint_gt(errors.n, 0);

    errors.n = 0;
    snprintf(path, sizeof path, "%s/no/such", folder);
    ck_assert(runtime_choose(&r, path, &errors));
    ck_assert(!runtime_take(&r, &errors));

    errors.n = 0;
    ck_assert_int_eq(chmod(folder, 0777), 0);
    ck_assert(runtime_choose(&r, folder, &errors));
    ck_assert(!runtime_take(&r, &errors));
    ck_assert(buf_add(&errors, "", 1));
    ck_assert_ptr_nonnull(strstr(errors.p, "other users can write"));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    buf_free(&errors);
}
END_TEST

/* ---- control ---- */

struct asked {
    unsigned count;
    enum control_command last;
};

static void answer(void *arg, const struct control_request *request, struct control_outcome *o)
{
    struct asked *a = arg;

    a->count++;
    a->last = request->command;
    o->ok = true;
    o->op = 7;
    buf_addf(&o->message, "fine");
    if (request->command == COMMAND_BOARD)
        o->pass_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int client(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    ck_assert_int_eq(connect(fd, (void *)&un, sizeof un), 0);
    return fd;
}

/* Serves until nothing is left to do. */
static void serve(struct control *c)
{
    struct pollfd fds[1 + CONTROL_CLIENTS_MAX];

    for (int i = 0; i < 500; i++) {
        size_t n = control_poll_fds(c, fds);
        if (poll(fds, n, 0) <= 0)
            return;
        control_serve(c, fds, n);
    }
}

START_TEST(control_answers_each_request_once)
{
    static const struct {
        const char *request;
        bool ok;
        bool passes;
    } cases[] = {
        {"board", true, true},      {"workers +1", true, false}, {"reload", true, false},
        {"nonsense", false, false}, {"workers", false, false},   {"drain 0", false, false},
    };
    struct asked asked = {0};
    struct buf errors = {0};
    char path[200], reply[CONTROL_REPLY_BYTES];

    snprintf(path, sizeof path, "%s/control.sock", folder);
    struct control *c = control_listen(path, answer, &asked, &errors);
    ck_assert_ptr_nonnull(c);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert(control_admit(c, false, &(gid_t){getegid()}));
    ck_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0660);
    ck_assert(control_admit(c, true, NULL));
    ck_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0666);
    int fd = client(path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int passed;
        ck_assert_int_gt(send(fd, cases[i].request, strlen(cases[i].request), 0), 0);
        serve(c);
        ssize_t n = fd_recv_with(fd, reply, sizeof reply - 1, &passed);
        ck_assert_msg(n > 0, "%s: no reply", cases[i].request);
        reply[n] = '\0';
        ck_assert_msg((strstr(reply, "\"ok\":true") != NULL) == cases[i].ok, "%s: %s",
                      cases[i].request, reply);
        ck_assert_msg((passed >= 0) == cases[i].passes, "%s", cases[i].request);
        close_fd(&passed);
        ck_assert_int_eq(recv(fd, reply, sizeof reply, 0), -1);
    }
    ck_assert_uint_eq(asked.count, 3);
    close_fd(&fd);
    serve(c);
    control_close(&c);
    ck_assert_int_ne(stat(path, &st), 0);
}
END_TEST

START_TEST(control_is_bounded)
{
    struct asked asked = {0};
    struct buf errors = {0};
    char path[200], big[CONTROL_REQUEST_BYTES + 100], reply[CONTROL_REPLY_BYTES];
    int fds[CONTROL_PLACES_ACTING + 1];

    snprintf(path, sizeof path, "%s/control.sock", folder);
    struct control *c = control_listen(path, answer, &asked, &errors);
    ck_assert_ptr_nonnull(c);
    for (int i = 0; i <= CONTROL_PLACES_ACTING; i++) {
        fds[i] = client(path);
        serve(c);
    }
    ck_assert_int_gt(recv(fds[CONTROL_PLACES_ACTING], reply, sizeof reply, 0), 0);
    ck_assert_int_eq(recv(fds[CONTROL_PLACES_ACTING], reply, sizeof reply, 0), 0);
    close_fd(&fds[CONTROL_PLACES_ACTING]);
    /* too long a request: refused, the connection lives */
    memset(big, 'w', sizeof big);
    ck_assert_int_gt(send(fds[0], big, sizeof big, 0), 0);
    serve(c);
    ck_assert_int_gt(recv(fds[0], reply, sizeof reply, 0), 0);
    /* one who never reads: the master neither blocks nor hoards, and loses no reply */
    unsigned sent = 0;
    for (int i = 0; i < 5000 && send(fds[1], "reopen", 6, 0) == 6; i++, sent++)
        serve(c);
    serve(c);
    ck_assert_uint_lt(asked.count, 5000);
    unsigned got = 0;
    for (int i = 0; i < 20000 && got < sent; i++) {
        while (recv(fds[1], reply, sizeof reply, 0) > 0)
            got++;
        serve(c);
    }
    ck_assert_uint_eq(got, sent);
    for (int i = 0; i < CONTROL_PLACES_ACTING; i++)
        close_fd(&fds[i]);
    control_close(&c);
    buf_free(&errors);
}
END_TEST

/* ---- last words ---- */

START_TEST(deaths_are_told)
{
    static const struct {
        int status;
        enum board_exit why;
        const char *want;
    } cases[] = {
        {0, EXIT_RETIRED, "ended with status 0 (fine)"},
        {WORKER_SICK << 8, EXIT_SICK, "ended with status 4 (sick"},
        {WORKER_FATAL << 8, EXIT_FATAL, "ended with status 5 (fatal"},
        {WORKER_ORPHANED << 8, EXIT_OTHER, "ended with status 3"},
        {77 << 8, EXIT_OTHER, "ended with status 77 (unexpected)"},
        {SIGSEGV, EXIT_SIGNAL, "was killed by SIGSEGV"},
        {SIGSEGV | 0x80, EXIT_SIGNAL, "was killed by SIGSEGV (core dumped)"},
        {SIGKILL, EXIT_SIGNAL, "was killed by SIGKILL"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        uint32_t detail;
        struct out o = out_into(text, sizeof text - 1);
        last_words_how(&o, cases[i].status);
        *o.p = '\0';
        ck_assert_msg(strncmp(text, cases[i].want, strlen(cases[i].want)) == 0, "%s", text);
        ck_assert_int_eq(last_words_sort(cases[i].status, &detail), cases[i].why);
    }
}
END_TEST

START_TEST(what_it_did_is_told_even_by_a_madman)
{
    static struct board_slot slot;
    struct mono now = {100 * NS_PER_S};
    char text[1400];
    struct out o = out_into(text, sizeof text - 1);

    last_words_doing(&o, &slot, now);
    ck_assert_uint_eq(out_len(&o), 0); /* it polled: nothing to tell */
    slot_wait(&slot, WAIT_SENDFILE, (struct mono){97 * NS_PER_S});
    slot_request(&slot, SPAN("GET /a HTTP/1.1"), SPAN("10.0.0.7:1234"));
    slot_serving(&slot, SPAN("/srv/a"));
    last_words_doing(&o, &slot, now);
    *o.p = '\0';
    ck_assert_str_eq(text, "sendfile for 3.0 s, GET /a HTTP/1.1 from 10.0.0.7:1234, file /srv/a");

    atomic_store(&slot.wait, 4000000000U);
    atomic_store(&slot.wait_since_ns, UINT64_MAX);
    atomic_store(&slot.serving.seq, 1);
    atomic_store(&slot.serving.length, UINT16_MAX);
    atomic_store(&slot.request.length, UINT16_MAX);
    o = out_into(text, sizeof text - 1);
    last_words_doing(&o, &slot, now);
    *o.p = '\0';
    ck_assert_msg(strncmp(text, "something unknown", 17) == 0, "%s", text);
    ck_assert_uint_lt(out_len(&o), 3 * BOARD_TEXT_BYTES + 100);
}
END_TEST

START_TEST(ages_are_readable)
{
    static const struct {
        uint64_t ns;
        const char *want;
    } cases[] = {
        {0, "0 ms"},
        {999 * NS_PER_MS, "999 ms"},
        {1000 * NS_PER_MS, "1.0 s"},
        {59990 * NS_PER_MS, "59.9 s"},
        {250 * NS_PER_S, "4 min 10 s"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[40];
        struct out o = out_into(text, sizeof text - 1);
        last_words_age(&o, cases[i].ns);
        *o.p = '\0';
        ck_assert_str_eq(text, cases[i].want);
    }
}
END_TEST

/* ---- the change that goes on ---- */

START_TEST(changes_end_when_the_slots_agree)
{
    struct worker_table t;
    struct board b;
    struct operation op = {0};
    struct mono now = {NS_PER_S};

    ck_assert(worker_table_init(&t, 4));
    ck_assert(
        board_create(&b, &(struct board_create){
                             .slots = 4, .listeners = 1, .instance = "t", .program_version = "t"}));
    worker_table_set_drain(&t, NS_PER_S);
    worker_table_set_target(&t, 2, now);
    worker_table_begin_generation(&t, now);
    unsigned slot;
    while (worker_table_next_order(&t, &slot) != ORDER_NONE)
        worker_table_ready(&t, slot, now);

    worker_table_set_target(&t, 1, now);
    ck_assert_uint_eq(operation_begin(&op, &b, OPERATION_RESIZE, 0, "workers 2 -> 1"), 1);
    operation_check(&op, &b, &t, now);
    ck_assert_uint_eq(atomic_load(&b.header->op_state), OP_PENDING);
    worker_table_next_order(&t, &slot);
    worker_table_exited(&t, 1, EXIT_RETIRED, now);
    operation_check(&op, &b, &t, now);
    ck_assert_uint_eq(atomic_load(&b.header->op_state), OP_DONE);

    /* one that only finishes long downloads is not waited for without end */
    worker_table_set_target(&t, 2, now);
    worker_table_next_order(&t, &slot);
    worker_table_ready(&t, slot, now);
    ck_assert_int_eq(worker_table_drain(&t, slot, now), TABLE_DONE);
    ck_assert_uint_eq(operation_begin(&op, &b, OPERATION_DRAIN, slot, "drain it"), 2);
    worker_table_next_order(&t, &slot);
    now.ns += NS_PER_S - 1;
    operation_check(&op, &b, &t, now);
    ck_assert_uint_eq(atomic_load(&b.header->op_state), OP_PENDING);
    now.ns += 1;
    operation_check(&op, &b, &t, now);
    ck_assert_uint_eq(atomic_load(&b.header->op_state), OP_DONE);

    /* a restart whose replacement is fatal has failed */
    ck_assert_int_eq(worker_table_restart(&t, 0, now), TABLE_DONE);
    ck_assert_uint_eq(operation_begin(&op, &b, OPERATION_RESTART, 0, "restart worker 1"), 3);
    worker_table_next_order(&t, &slot);
    operation_check(&op, &b, &t, now);
    ck_assert_uint_eq(atomic_load(&b.header->op_state), OP_PENDING);
    worker_table_exited(&t, slot, EXIT_FATAL, now);
    operation_check(&op, &b, &t, now);
    ck_assert_uint_eq(atomic_load(&b.header->op_state), OP_FAILED);
    board_destroy(&b);
    worker_table_free(&t);
}
END_TEST

/* ---- blocked workers ---- */

static struct mono at_ms(uint64_t ms)
{
    return (struct mono){1000 * NS_PER_S + ms * NS_PER_MS};
}

START_TEST(blocked_workers_are_marked_while_it_lasts)
{
    /* turn: when the turn under way began (ms), 0 for waiting in epoll; stop: SIGSTOP came */
    static const struct {
        uint64_t now, turn;
        bool stopped;
        uint64_t resumed;
        uint64_t want_since; /* 0: not marked */
        unsigned want_count;
    } steps[] = {
        {100, 0, false, 0, 0, 0}, /* idle, however long */
        {5000, 0, false, 0, 0, 0},
        {5100, 5050, false, 0, 0, 0}, /* busy, not for long */
        {5150, 5050, false, 0, 0, 0}, /* just at the limit */
        {5151, 5050, false, 0, 5050, 1},
        {9000, 5050, false, 0, 5050, 1}, /* counted once */
        {9100, 9090, false, 0, 0, 1},    /* back, in a new turn */
        {9300, 9090, false, 0, 9090, 2},
        {9400, 9200, false, 0, 9200, 3}, /* back and away again between two looks */
        {9500, 0, false, 0, 0, 3},
        {9900, 9600, true, 0, 0, 3},     /* stopped by a signal: said elsewhere */
        {9950, 9600, false, 9940, 0, 3}, /* continued: counts from there */
        {10041, 9600, false, 9940, 9600, 4},
    };
    struct worker_table t;
    struct board b;
    struct crew c;

    ck_assert(worker_table_init(&t, 2));
    ck_assert(
        board_create(&b, &(struct board_create){
                             .slots = 2, .listeners = 1, .instance = "t", .program_version = "t"}));
    ck_assert(crew_init(&c, &t, &b));
    c.member[1].pid = getpid();
    atomic_store(&b.header->blocked_after_ns, 100 * NS_PER_MS);
    log_set_level(LOG_LEVEL_ERROR);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct board_slot *s = &b.slot[1];
        atomic_store(&s->turn_since_ns, steps[i].turn ? at_ms(steps[i].turn).ns : 0);
        atomic_store(&s->stopped_since_ns, steps[i].stopped ? at_ms(steps[i].now).ns : 0);
        if (steps[i].resumed)
            c.member[1].resumed_ns = at_ms(steps[i].resumed).ns;
        crew_watch(&c, at_ms(steps[i].now));
        uint64_t want = steps[i].want_since ? at_ms(steps[i].want_since).ns : 0;
        ck_assert_msg(atomic_load(&s->blocked_since_ns) == want, "step %zu", i);
        ck_assert_msg(atomic_load(&s->blocked_count) == steps[i].want_count, "step %zu", i);
    }
    ck_assert_uint_eq(atomic_load(&b.slot[0].blocked_count), 0);
    crew_free(&c);
    board_destroy(&b);
    worker_table_free(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("supervisor");
    TCase *t = tcase_create("parts");

    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, addresses_are_shown_as_written);
    tcase_add_test(t, errors_say_what_would_help);
    tcase_add_test(t, a_taken_port_is_told_and_nothing_stays_open);
    tcase_add_test(t, a_reload_keeps_what_stays);
    tcase_add_test(t, unix_sockets_replace_only_the_dead);
    tcase_add_test(t, a_foreign_address_is_an_error);
    tcase_add_test(t, peaks_last_a_minute);
    tcase_add_test(t, queues_are_what_the_kernel_says);
    tcase_add_test(t, one_server_to_a_directory);
    tcase_add_test(t, runtime_directories_that_do_not_do);
    tcase_add_test(t, control_answers_each_request_once);
    tcase_add_test(t, control_is_bounded);
    tcase_add_test(t, deaths_are_told);
    tcase_add_test(t, what_it_did_is_told_even_by_a_madman);
    tcase_add_test(t, ages_are_readable);
    tcase_add_test(t, changes_end_when_the_slots_agree);
    tcase_add_test(t, blocked_workers_are_marked_while_it_lasts);
    suite_add_tcase(s, t);
    return unit_run(s);
}

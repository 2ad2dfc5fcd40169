/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker process from fork to exit, with stand-ins for the protocol (which keeps
 * connections until it is told to let go), for serving and for the access log (which writes
 * one byte when it is freed, so that a flush can be seen). The test is the master.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log_record.h"
#include "base/must.h"
#include "net/offload.h"
#include "proc/channel.h"
#include "proc/reserve.h"
#include "proc/worker.h"
#include "proto/conn.h"

/* --- stand-ins, in the worker --- */

struct kept {
    struct loop_io io;
    struct conns *conns;
    struct sockaddr_storage peer;
};

struct conns {
    struct conns_settings s;
    struct kept kept[8];
    unsigned count;
    bool retiring;
    uint64_t aborted, throttled;
};

static void kept_close(struct kept *k)
{
    struct conns *c = k->conns;

    loop_watch(c->s.loop, &k->io, 0);
    close_fd(&k->io.fd);
    c->count--;
    c->s.closed(c->s.arg, &k->peer);
    if (c->count == 0 && c->retiring)
        c->s.empty(c->s.arg);
}

static struct offload *the_pool; /* what serving was given */

static void never_back(struct offload_job *job)
{
    (void)job;
    for (;;)
        pause();
}

static void nothing(struct offload_job *job)
{
    (void)job;
}

static void hang(void)
{
    static struct offload_job job = {
        .op = WAIT_READ, .path = "/mnt/file", .run = never_back, .done = nothing};

    job.mount = offload_mount(the_pool, 7, "/mnt", "nfs");
    ck_assert_int_eq(offload_submit(the_pool, &job), OFFLOAD_QUEUED);
}

/* Answers a byte with a byte that says whether it retires; a client that leaves is closed. */
static void kept_ready(struct loop_io *io, uint32_t events)
{
    struct kept *k = list_entry(io, struct kept, io);
    char byte;

    (void)events;
    if (recv(io->fd, &byte, 1, 0) != 1) {
        kept_close(k);
        return;
    }
    if (byte == 'h') {        /* a job that never comes back */
        hang();               /* answered with itself */
    } else if (byte == 'm') { /* is the mount with the number 7 refused? */
        byte = offload_mount_refuses(offload_mount(the_pool, 7, "/mnt", "nfs")) ? 'R' : 'A';
    } else if (byte == 'a') { /* the serial number that was aborted last */
        byte = (char)k->conns->aborted;
    } else if (byte == 't') { /* to how much the request T was throttled last */
        byte = (char)k->conns->throttled;
    } else if (byte == 'f') { /* how many descriptors this process has */
        byte = 0;
        for (int fd = 0; fd < 200; fd++)
            byte = (char)(byte + (fcntl(fd, F_GETFD) >= 0));
    } else {
        byte = k->conns->retiring ? 'R' : 'A';
    }
    if (send(io->fd, &byte, 1, MSG_NOSIGNAL) != 1)
        kept_close(k);
}

struct conns *conns_new(const struct conns_settings *s)
{
    struct conns *c = calloc(1, sizeof *c);

    if (c)
        c->s = *s;
    return c;
}

void conns_accept(struct conns *c, const struct accepted *a)
{
    for (size_t i = 0; i < sizeof c->kept / sizeof *c->kept; i++) {
        struct kept *k = &c->kept[i];
        if (k->io.interest != 0)
            continue;
        *k = (struct kept){.io = {.fd = a->fd, .ready = kept_ready}, .conns = c, .peer = a->peer};
        c->count++;
        loop_watch(c->s.loop, &k->io, EPOLLIN);
        return;
    }
}

void conns_tick(struct conns *c)
{
    (void)c;
}

void conns_retire(struct conns *c)
{
    c->retiring = true;
}

unsigned conns_finish(struct conns *c)
{
    unsigned cut = c->count;

    for (size_t i = 0; i < sizeof c->kept / sizeof *c->kept; i++)
        if (c->kept[i].io.interest != 0)
            kept_close(&c->kept[i]);
    return cut;
}

unsigned conns_make_room(struct conns *c, unsigned count)
{
    (void)c;
    (void)count;
    return 0;
}

unsigned conns_finish_stalled(struct conns *c, struct mono begun, uint64_t patience_ns)
{
    return mono_since(loop_now(c->s.loop), begun) >= patience_ns ? conns_finish(c) : 0;
}

bool conns_abort(struct conns *c, uint64_t serial)
{
    c->aborted = serial;
    return serial == 'B';
}

bool conns_throttle(struct conns *c, uint64_t serial, uint64_t bytes_per_s)
{
    if (serial == 'T')
        c->throttled = bytes_per_s;
    return serial == 'T';
}

unsigned conns_count(const struct conns *c)
{
    return c->count;
}

void conns_free(struct conns **c)
{
    conns_finish(*c);
    free(*c);
    *c = NULL;
}

struct access_log {
    int fd;
};

struct access_log *access_log_new(struct loop *loop, const struct conf *conf, int fd)
{
    struct access_log *log = malloc(sizeof *log);

    (void)loop;
    (void)conf;
    if (log)
        log->fd = fd;
    return log;
}

void access_log_free(struct access_log **log)
{
    fd_write_all((*log)->fd, "F", 1);
    free(*log);
    *log = NULL;
}

static bool serving_fails;
static struct board_slot *the_slot;

struct serve_ctx *serve_ctx_new(const struct conf *conf, const struct mime_table *mime,
                                struct board_slot *slot, struct offload *pool)
{
    (void)conf;
    (void)mime;
    the_slot = slot;
    the_pool = pool;
    errno = serving_fails ? ENOMEM : 0;
    return serving_fails ? NULL : malloc(1);
}

void serve_tick(struct serve_ctx *ctx, struct mono now)
{
    (void)ctx;
    (void)now;
    slot_count(the_slot, COUNTER_cache_misses, 1); /* which nobody else counts here */
}

void serve_fence(struct serve_ctx *ctx, struct offload_mount *mount, uint64_t fence)
{
    (void)ctx;
    (void)fence;
    must(offload_mount_is_fenced(mount));
}

void serve_unfence(struct serve_ctx *ctx, uint64_t fence)
{
    (void)ctx;
    must(fence == 5);
}

unsigned serve_shed(struct serve_ctx *ctx, unsigned count)
{
    (void)ctx;
    (void)count;
    return 0;
}

bool serve_take_root(struct serve_ctx *ctx, uint64_t location_id, int fd)
{
    (void)ctx;
    (void)location_id;
    (void)fd;
    return false;
}

/* --- the master's side --- */

struct shared {
    struct board_header header;
    struct board_slot slot[2];
    struct board_listener row[1];
    struct board_event event[4];
};

struct stage {
    struct shared *shared;
    struct board board;
    struct conf conf;
    struct worker_env env;
    struct sockaddr_in where;
    int listen_fd;
    int channel[2];
    int log[2];
    pid_t pid;
};

static struct stage *stage_new(void)
{
    struct stage *s = calloc(1, sizeof *s);
    socklen_t n = sizeof s->where;

    s->shared =
        mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(s->shared != MAP_FAILED);
    s->board = (struct board){.header = &s->shared->header,
                              .slot = s->shared->slot,
                              .slot_count = 2,
                              .listener = s->shared->row,
                              .listener_count = 1,
                              .event = s->shared->event,
                              .event_count = 4};
    atomic_store(&s->shared->header.event_next, 1);
    s->where = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->listen_fd, (struct sockaddr *)&s->where, n), 0);
    ck_assert_int_eq(listen(s->listen_fd, 16), 0);
    ck_assert_int_eq(getsockname(s->listen_fd, (struct sockaddr *)&s->where, &n), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->channel), 0);
    ck_assert_int_eq(pipe2(s->log, O_CLOEXEC), 0);
    s->conf.limits.connections = 100;
    s->conf.server.drain_timeout_ns = 50 * NS_PER_MS;
    s->conf.log.access = (char *)(size_t) "-";
    s->env = (struct worker_env){.number = 1,
                                 .conf = &s->conf,
                                 .board = &s->board,
                                 .listen_fd = &s->listen_fd,
                                 .listen_count = 1,
                                 .channel_fd = s->channel[1],
                                 .access_log_fd = s->log[1],
                                 .master_pid = getpid()};
    log_set_level(LOG_LEVEL_ERROR);
    return s;
}

static void stage_start(struct stage *s)
{
    s->pid = fork();
    if (s->pid == 0)
        worker_main(&s->env);
    ck_assert_int_gt(s->pid, 0);
    close_fd(&s->channel[1]);
    close_fd(&s->log[1]);
}

static void stage_ready(struct stage *s)
{
    struct channel_message m = {0};

    ck_assert_int_eq((int)recv(s->channel[0], &m, sizeof m, 0), (int)sizeof m);
    ck_assert_uint_eq(m.kind, CHANNEL_READY);
    ck_assert_uint_eq(atomic_load_explicit(&s->shared->slot[0].ready, memory_order_acquire), 1);
    ck_assert_uint_eq(slot_value(&s->shared->slot[0], COUNTER_accepting), 1);
}

static void tell(struct stage *s, enum channel_kind kind, uint64_t number, int fd)
{
    struct channel_message m = {.kind = kind, .value = number};

    ck_assert_int_eq((int)fd_send_with(s->channel[0], &m, sizeof m, fd), (int)sizeof m);
}

static void stage_free(struct stage *s)
{
    close_fd(&s->channel[0]);
    close_fd(&s->log[0]);
    close_fd(&s->listen_fd);
    munmap(s->shared, sizeof *s->shared);
    free(s);
}

/* Waits for the end and checks the exit status, and that the log was flushed once. */
static void stage_end(struct stage *s, enum worker_exit want, bool flushed)
{
    int status;
    char text[8];

    ck_assert_int_eq(waitpid(s->pid, &status, 0), s->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == (int)want, "status %x",
                  (unsigned)status);
    ck_assert_int_eq((int)fd_read_full(s->log[0], text, sizeof text), flushed ? 1 : 0);
    stage_free(s);
}

static int client_of(struct stage *s)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&s->where, sizeof s->where), 0);
    return fd;
}

static char ask(int client, char what)
{
    char byte = 0;

    ck_assert_int_eq((int)send(client, &what, 1, MSG_NOSIGNAL), 1);
    ck_assert_int_eq((int)recv(client, &byte, 1, 0), 1);
    return byte;
}

START_TEST(retires_when_told)
{
    struct stage *s = stage_new();

    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    ck_assert_int_eq(ask(client, 'x'), 'A');
    tell(s, CHANNEL_RETIRE, 1000 * NS_PER_S, -1);
    /* It stays for its connection, and answers it, until the client leaves. */
    while (ask(client, 'x') != 'R')
        ;
    ck_assert_uint_eq(slot_value(&s->shared->slot[0], COUNTER_accepting), 0);
    ck_assert_uint_eq(slot_value(&s->shared->slot[0], COUNTER_connections), 1);
    close(client);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(retires_at_once_without_connections)
{
    struct stage *s = stage_new();

    stage_start(s);
    stage_ready(s);
    tell(s, CHANNEL_RETIRE, 1000 * NS_PER_S, -1);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(drain_time_ends)
{
    static const uint64_t within_ns[] = {0, 20 * NS_PER_MS};

    for (size_t i = 0; i < 2; i++) {
        struct stage *s = stage_new();
        char byte;
        stage_start(s);
        stage_ready(s);
        int client = client_of(s);
        ck_assert_int_eq(ask(client, 'x'), 'A');
        tell(s, CHANNEL_RETIRE, within_ns[i], -1);
        ck_assert_int_eq((int)recv(client, &byte, 1, 0), 0);
        close(client);
        stage_end(s, WORKER_RETIRED, true);
    }
}
END_TEST

START_TEST(quits_at_once)
{
    struct stage *s = stage_new();

    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    ck_assert_int_eq(ask(client, 'x'), 'A');
    tell(s, CHANNEL_QUIT, 0, -1);
    stage_end(s, WORKER_RETIRED, true);
    close(client);
}
END_TEST

START_TEST(signals)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTTIN};
    struct stage *s = stage_new();

    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        ck_assert_int_eq(kill(s->pid, ignored[i]), 0);
        ck_assert_int_eq(ask(client, 'x'), 'A');
    }
    close(client);
    kill(s->pid, SIGTERM);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(channel_closes)
{
    struct stage *s = stage_new();

    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    ck_assert_int_eq(ask(client, 'x'), 'A');
    close_fd(&s->channel[0]);
    stage_end(s, WORKER_ORPHANED, true);
    close(client);
}
END_TEST

/* A master of its own dies by SIGKILL while the channel stays open in this process. */
START_TEST(master_dies)
{
    struct stage *s = stage_new();
    int status;

    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    pid_t master = fork();
    if (master == 0) {
        s->env.master_pid = getpid();
        s->pid = fork();
        if (s->pid == 0)
            worker_main(&s->env);
        for (;;)
            pause();
    }
    close_fd(&s->channel[1]);
    close_fd(&s->log[1]);
    stage_ready(s);
    kill(master, SIGKILL);
    ck_assert_int_eq(waitpid(master, &status, 0), master);
    pid_t worker = waitpid(-1, &status, 0);
    ck_assert_int_gt(worker, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == WORKER_ORPHANED);
    stage_free(s);
}
END_TEST

/* Its lines go where the master's do, and its level follows. */
START_TEST(lines_go_into_the_queue)
{
    struct stage *s = stage_new();
    char packed[LOG_RECORD_BYTES];
    struct log_record r;
    int queue[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, queue), 0);
    log_to_queue(queue[1]);
    stage_start(s);
    close(queue[1]);
    stage_ready(s);
    tell(s, CHANNEL_LOG_LEVEL, LOG_LEVEL_INFO, -1); /* so that it says that it retires */
    tell(s, CHANNEL_LOG_LEVEL, 1000, -1);
    ck_assert_int_eq((int)send(s->channel[0], "?", 1, 0), 1); /* too short: not obeyed */
    tell(s, CHANNEL_RETIRE, 0, -1);
    stage_end(s, WORKER_RETIRED, true);
    ssize_t n = recv(queue[0], packed, sizeof packed, 0);
    struct span rest = span_of(packed, n > 0 ? (size_t)n : 0);
    ck_assert(log_record_unpack(&rest, &r));
    ck_assert_int_eq(r.level, LOG_LEVEL_INFO);
    ck_assert(span_eq(r.tag, SPAN("worker 1")));
    ck_assert(span_starts(r.text, SPAN("retiring")));
    ck_assert_int_eq((int)recv(queue[0], packed, sizeof packed, 0), 0);
    log_to_queue(-1);
    close(queue[0]);
}
END_TEST

START_TEST(other_descriptors_are_closed)
{
    struct stage *s = stage_new();
    int extra[3];

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(extra[i] = fcntl(0, F_DUPFD, 50 + 40 * i), 50 + 40 * i);
    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    /* 0, 1, 2, listening, channel, access log; its own: epoll, signals, pool, the client. */
    int standard = (fcntl(0, F_GETFD) >= 0) + (fcntl(1, F_GETFD) >= 0) + (fcntl(2, F_GETFD) >= 0);
    ck_assert_int_eq(ask(client, 'f'), standard + 7);
    close(client);
    tell(s, CHANNEL_QUIT, 0, -1);
    stage_end(s, WORKER_RETIRED, true);
    for (int i = 0; i < 3; i++)
        close(extra[i]);
}
END_TEST

/* Waits for a gauge of the worker. */
static void wait_gauge(const struct stage *s, enum board_counter gauge, uint64_t value)
{
    while (slot_value(&s->shared->slot[0], gauge) != value)
        sched_yield();
}

/* Again and again, and with nothing else to do. */
START_TEST(serving_is_given_its_seconds)
{
    struct stage *s = stage_new();

    stage_start(s);
    stage_ready(s);
    wait_gauge(s, COUNTER_cache_misses, 2);
    tell(s, CHANNEL_QUIT, 0, -1);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(ends_although_a_thread_hangs)
{
    struct stage *s = stage_new();
    char byte;

    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    ck_assert_int_eq(ask(client, 'h'), 'h');
    wait_gauge(s, COUNTER_offload_busy, 1);
    tell(s, CHANNEL_RETIRE, 20 * NS_PER_MS, -1);
    ck_assert_int_eq((int)recv(client, &byte, 1, 0), 0);
    close(client);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(offload_is_commanded)
{
    struct stage *s = stage_new();

    s->conf.server.offload_threads = 5;
    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    wait_gauge(s, COUNTER_offload_threads_max, 5);
    tell(s, CHANNEL_OFFLOAD, 9, -1);
    wait_gauge(s, COUNTER_offload_threads_max, 9);
    tell(s, CHANNEL_OFFLOAD, 0, -1); /* not a number of threads */
    ck_assert_int_eq(ask(client, 'm'), 'A');
    tell(s, CHANNEL_FENCE, 7, -1);
    while (ask(client, 'm') != 'R')
        ;
    tell(s, CHANNEL_UNFENCE_ROOTS, 5, -1);
    tell(s, CHANNEL_UNFENCE, 7, -1);
    while (ask(client, 'm') != 'A')
        ;
    wait_gauge(s, COUNTER_offload_threads_max, 9);
    close(client);
    tell(s, CHANNEL_QUIT, 0, -1);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(requests_are_commanded)
{
    struct stage *s = stage_new();

    stage_start(s);
    stage_ready(s);
    int client = client_of(s);
    tell(s, CHANNEL_ABORT, 'A', -1); /* one that is over: nothing happens */
    tell(s, CHANNEL_ABORT, 'B', -1);
    while (ask(client, 'a') != 'B')
        ;
    for (char serial = 'S'; serial <= 'T'; serial++) {
        struct channel_message m = {
            .kind = CHANNEL_THROTTLE, .value = (uint64_t)serial, .amount = 'x'};
        ck_assert_int_eq((int)fd_send_with(s->channel[0], &m, sizeof m, -1), (int)sizeof m);
    }
    while (ask(client, 't') != 'x')
        ;
    close(client);
    tell(s, CHANNEL_QUIT, 0, -1);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(cannot_start)
{
    struct stage *s = stage_new();
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

    dup2(quiet, STDERR_FILENO); /* the line it says is not this test's business */
    close(quiet);
    serving_fails = true; /* for want of memory: it may work later */
    stage_start(s);
    stage_end(s, WORKER_SICK, false);
    serving_fails = false;

    s = stage_new();
    close_fd(&s->channel[1]); /* a descriptor that is not there stays away */
    s->env.channel_fd = 190;
    s->pid = fork();
    if (s->pid == 0)
        worker_main(&s->env);
    close_fd(&s->log[1]);
    stage_end(s, WORKER_FATAL, true);
}
END_TEST

START_TEST(another_user)
{
    struct stage *s = stage_new();
    static const gid_t groups[] = {65534, 54321};
    char path[64], line[256];
    int matched = 0;

    s->env.drop_privileges = geteuid() == 0;
    s->env.uid = 65534;
    s->env.gid = 65534;
    s->env.groups = groups;
    s->env.group_count = 2;
    stage_start(s);
    stage_ready(s);
    snprintf(path, sizeof path, "/proc/%d/status", (int)s->pid);
    FILE *status = fopen(path, "re");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof line, status)) {
        matched += strcmp(line, "Name:\tweir-worker\n") == 0;
        matched += strcmp(line, "NoNewPrivs:\t1\n") == 0;
        if (s->env.drop_privileges) {
            matched += strcmp(line, "Uid:\t65534\t65534\t65534\t65534\n") == 0;
            matched += strcmp(line, "Gid:\t65534\t65534\t65534\t65534\n") == 0;
            matched += strcmp(line, "Groups:\t54321 65534 \n") == 0;
            matched += strcmp(line, "CapEff:\t0000000000000000\n") == 0;
        }
    }
    fclose(status);
    ck_assert_int_eq(matched, s->env.drop_privileges ? 6 : 2);
    tell(s, CHANNEL_QUIT, 0, -1);
    stage_end(s, WORKER_RETIRED, true);
}
END_TEST

START_TEST(descriptors_kept_back)
{
    ck_assert_uint_eq(reserve_leaves(100, 20), 40);
    ck_assert_uint_eq(reserve_leaves(20, 20), 0);
    ck_assert_uint_eq(reserve_leaves(10, 20), 0);
    ck_assert_uint_eq(reserve_leaves(220, 20), 136);
    ck_assert_uint_eq(reserve_leaves(1024, 24), 750);
    ck_assert_uint_eq(reserve_leaves(1 << 20, 0), 3 << 18);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net worker");
    TCase *t = tcase_create("worker");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, retires_when_told);
    tcase_add_test(t, descriptors_kept_back);
    tcase_add_test(t, retires_at_once_without_connections);
    tcase_add_test(t, drain_time_ends);
    tcase_add_test(t, quits_at_once);
    tcase_add_test(t, signals);
    tcase_add_test(t, channel_closes);
    tcase_add_test(t, master_dies);
    tcase_add_test(t, lines_go_into_the_queue);
    tcase_add_test(t, other_descriptors_are_closed);
    tcase_add_test(t, ends_although_a_thread_hangs);
    tcase_add_test(t, serving_is_given_its_seconds);
    tcase_add_test(t, offload_is_commanded);
    tcase_add_test(t, requests_are_commanded);
    tcase_add_test(t, cannot_start);
    tcase_add_test(t, another_user);
    suite_add_tcase(s, t);
    return unit_run(s);
}

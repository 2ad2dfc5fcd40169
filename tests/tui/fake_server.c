/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that is not there: makes a board as the master does, animates a handful of
 * workers on it, and answers the control socket. For looking at the dashboard and for tests
 * of it in a terminal, without any HTTP.
 *
 *   fake_server DIR [SCENARIO]   scenarios: healthy, blocked, all, stopped, sick, hostile (as
 *                                blocked, with a path that only an attacker would ask for)
 *
 * "workers N" changes the number, with a second of pending first; more than 16 is refused in
 * the words a server would use; "offload N" is done at once. SIGUSR1 makes it hang (no answers, no
 * heartbeat) until SIGUSR2. It ends by SIGTERM, or when its standard input ends, so that it never
 * outlives the test that started it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/board.h"
#include "board/slot.h"
#include "ctl/server.h"

#define CLIENTS    16
#define SLOTS      16
#define TICK_MS    20
#define PENDING_NS NS_PER_S
#define FIRST_PID  40000u

struct fake {
    struct board board;
    int listener;
    int client[CLIENTS];
    unsigned running, wanted;
    uint32_t op;
    uint64_t op_until_ns, ticks, hang_since_ns;
    const char *scenario;
};

static volatile sig_atomic_t hang, finish;

static void on_signal(int sig)
{
    if (sig == SIGUSR1)
        hang = 1;
    else if (sig == SIGUSR2)
        hang = 0;
    else
        finish = 1;
}

static void put32(board_u32 *to, uint32_t v)
{
    atomic_store_explicit(to, v, memory_order_relaxed);
}

static void put64(board_u64 *to, uint64_t v)
{
    atomic_store_explicit(to, v, memory_order_relaxed);
}

static void fake_start_worker(struct fake *f, unsigned i, uint64_t now)
{
    struct board_slot *s = &f->board.slot[i];

    board_clear_worker(s);
    put32(&s->pid, FIRST_PID + i);
    put32(&s->epoch, atomic_load(&s->epoch) + 1);
    put32(&s->generation, 1);
    put64(&s->state_since_ns, now);
    put32(&s->state, SLOT_RUNNING);
    put32(&s->ready, 1);
    put64(&s->counter[COUNTER_accepting], 1);
    board_event(&f->board, EVENT_SPAWN, i + 1, "w%u started as %u", i + 1, FIRST_PID + i);
}

#define FAKE_THREADS 6 /* of each worker; the first two stay in a mount that does not answer */

static void fake_mount(struct board_mount *m, struct span name, struct span type, bool sick,
                       uint64_t started_ns)
{
    board_text_set(&m->name, name);
    board_text_set(&m->type, type);
    put64(&m->device, name.n);
    put32(&m->state, sick ? MOUNT_SICK : MOUNT_OK);
    put64(&m->sick_since_ns, sick ? started_ns : 0);
    put64(&m->oldest_ns, sick ? started_ns : 0);
    put32(&m->running, sick ? 2 : FAKE_THREADS - 2);
    put32(&m->queued, sick ? 0 : 3);
    put64(&m->counter[MOUNT_HOT], atomic_load(&m->counter[MOUNT_HOT]) + (sick ? 0 : 40));
    put64(&m->counter[MOUNT_COLD], atomic_load(&m->counter[MOUNT_COLD]) + (sick ? 0 : 1));
    put64(&m->counter[MOUNT_REFUSED], atomic_load(&m->counter[MOUNT_REFUSED]) + (sick ? 1 : 0));
    put32(&m->used, 1);
}

/* What the threads of worker i + 1 do: two hang for good, the others take turns. */
static void fake_offload(struct fake *f, unsigned i, uint64_t now)
{
    struct board_slot *s = &f->board.slot[i];
    struct board_thread *t = &f->board.thread[i * BOARD_THREADS_PER_SLOT];
    uint64_t started_ns = atomic_load(&f->board.header->started_ns);

    slot_gauge(s, COUNTER_offload_threads_max, atomic_load(&f->board.header->offload_threads));
    if (strcmp(f->scenario, "sick") != 0)
        return;
    for (unsigned k = 0; k < FAKE_THREADS; k++) {
        uint64_t took = (f->ticks + k * 7 + i * 3) % 40;
        put32(&t[k].tid, FIRST_PID + 1000 + i * 100 + k);
        put32(&t[k].wait, k % 2 ? WAIT_READ : WAIT_OPEN);
        put32(&t[k].mount, k < 2 ? 1 : 0);
        put64(&t[k].since_ns, k < 2 ? started_ns + k * NS_PER_S : now - took * TICK_MS * NS_PER_MS);
        if (k < 2 || took == 0)
            board_text_set(&t[k].path,
                           k < 2 ? SPAN("/mnt/media/2019/big.iso") : SPAN("/srv/cold/archive.tar"));
        put32(&t[k].used, 1);
    }
    fake_mount(&f->board.mount[i * BOARD_MOUNTS_PER_SLOT], SPAN("/srv"), SPAN("ext4"), false,
               started_ns);
    fake_mount(&f->board.mount[i * BOARD_MOUNTS_PER_SLOT + 1], SPAN("/mnt/media"), SPAN("nfs4"),
               true, started_ns);
    slot_gauge(s, COUNTER_offload_threads, FAKE_THREADS);
    slot_gauge(s, COUNTER_offload_busy, FAKE_THREADS);
    slot_gauge(s, COUNTER_offload_stuck, 2);
    slot_gauge(s, COUNTER_offload_queued, 3);
    slot_gauge(s, COUNTER_requests_waiting, i % 4 == 3 ? 7 : 1);
    slot_count(s, COUNTER_offload_jobs, 1);
    slot_hist(s, HIST_OFFLOAD_WAIT, NS_PER_MS * (1 + f->ticks % 7));
    slot_hist(s, HIST_OFFLOAD_RUN, NS_PER_MS * 700);
    if (i % 4 == 3) /* the idle ones wait for nothing but threads */
        slot_gauge(s, COUNTER_requests_active, 7);
}

static void fake_stall(struct fake *f, uint64_t now)
{
    struct board_stall *x = &f->board.stall[0];
    uint64_t started_ns = atomic_load(&f->board.header->started_ns);

    put32(&x->worker, 1);
    put32(&x->wait, WAIT_OPEN);
    put64(&x->began_ns, started_ns);
    put64(&x->began_wall_ns, atomic_load(&f->board.header->started_wall_ns));
    put64(&x->lasted_ns, now - started_ns);
    board_text_set(&x->path, SPAN("/mnt/media/2019/big.iso"));
    board_text_set(&x->kernel, SPAN("D openat rpc_wait_bit_killable"));
    put32(&x->used, 1);
}

static bool fake_stuck(const struct fake *f, unsigned i)
{
    return (strcmp(f->scenario, "blocked") == 0 && (i == 2 || i == 5)) ||
           (strcmp(f->scenario, "hostile") == 0 && i == 2) || strcmp(f->scenario, "all") == 0;
}

/* Escape sequences (title, clipboard, colour), a line end, bad UTF-8, bidi, wide, combining. */
#define HOSTILE                                                                                    \
    "/\033]0;owned\007\033]52;c;b3duZWQ=\007\033[31m\n\xff\xe2\x80\xae\302\2332J"                  \
    "\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x98\200e\xcc\x81.iso"

static struct span fake_path(const struct fake *f, unsigned i)
{
    if (strcmp(f->scenario, "hostile") == 0)
        return SPAN(HOSTILE);
    return i == 5 ? SPAN("/mnt/media/tv/s01.mkv") : SPAN("/mnt/media/2019/big.iso");
}

static void fake_work(struct fake *f, unsigned i, uint64_t now)
{
    static const char *const files[] = {"/srv/pub/a.tar", "/srv/pub/b.tar", "/srv/web/index.html"};
    struct board_slot *s = &f->board.slot[i];
    bool in_turn = atomic_load(&s->turn_since_ns) != 0;
    bool idle = i % 4 == 3;
    uint64_t requests = 3 + (f->ticks * (i + 3) + i * 7) % 5;
    static const char request[] = "GET /media/2019/big.iso HTTP/1.1";

    slot_gauge(s, COUNTER_connections, idle ? 2 : 40 + i * 3);
    if (fake_stuck(f, i)) {
        if (!in_turn) {
            slot_turn_begin(s, (struct mono){now});
            slot_wait(s, i % 2 ? WAIT_READ : WAIT_OPEN, (struct mono){now});
            slot_serving(s, fake_path(f, i));
            slot_request(s, SPAN(request), SPAN("10.0.0.7:52110"));
            board_event(&f->board, EVENT_BLOCK, i + 1, "w%u %s /mnt/media/2019/big.iso", i + 1,
                        i % 2 ? "read" : "open");
        }
        return;
    }
    if (strcmp(f->scenario, "stopped") == 0 && i == 1) {
        if (atomic_load(&s->stopped_since_ns) == 0)
            put64(&s->stopped_since_ns, now);
        return;
    }
    if (in_turn) {
        slot_turn_end(s, (struct mono){now});
        slot_wait(s, WAIT_POLL, (struct mono){now});
        slot_gauge(s, COUNTER_requests_active, 0);
        return;
    }
    if (idle)
        return;
    slot_turn_begin(s, (struct mono){now - NS_PER_MS * (i + 1)});
    slot_wait(s, WAIT_SENDFILE, (struct mono){now});
    slot_serving(s, span_str(files[i % 3]));
    slot_count(s, COUNTER_requests, requests);
    slot_count(s, COUNTER_responses_2xx, requests);
    slot_count(s, COUNTER_bytes_out, requests * 340000);
    slot_count(s, COUNTER_bytes_in, requests * 400);
    slot_gauge(s, COUNTER_requests_active, 2);
    slot_hist(s, HIST_ACCEPT_WAIT, NS_PER_MS * (1 + f->ticks % 7));
}

static void fake_animate(struct fake *f, uint64_t now)
{
    struct board_header *h = f->board.header;
    bool stuck = strcmp(f->scenario, "blocked") == 0 || strcmp(f->scenario, "all") == 0;

    f->ticks++;
    put64(&h->heartbeat_ns, now);
    if (f->op_until_ns && now >= f->op_until_ns) {
        f->op_until_ns = 0;
        while (f->running < f->wanted)
            fake_start_worker(f, f->running++, now);
        while (f->running > f->wanted) {
            put32(&f->board.slot[--f->running].state, SLOT_EMPTY);
            board_event(&f->board, EVENT_EXIT, f->running + 1, "w%u retired", f->running + 1);
        }
        put32(&h->op_state, OP_DONE);
    }
    for (unsigned i = 0; i < f->running; i++) {
        fake_work(f, i, now);
        fake_offload(f, i, now);
    }
    if (strcmp(f->scenario, "sick") == 0)
        fake_stall(f, now);
    struct board_listener *l = &f->board.listener[0];
    uint32_t depth = (uint32_t)(stuck ? 5 + f->ticks / 10 % 60 : f->ticks / 50 % 9 == 8 ? 4 : 0);
    put32(&l->queue_depth, depth);
    if (depth > atomic_load(&l->queue_peak))
        put32(&l->queue_peak, depth);
    put64(&l->sampled_ns, now);
}

static void fake_reply(int fd, bool ok, const char *message, uint32_t op, int pass)
{
    static char text[CONTROL_REPLY_BYTES];
    size_t n = control_reply_write(text, sizeof text, ok, message, op);

    if (fd_send_with(fd, text, n, pass) < 0)
        perror("fake_server: reply");
}

static void fake_resize(struct fake *f, int fd, const struct control_request *r, uint64_t now)
{
    struct board_header *h = f->board.header;
    long target = r->amount == AMOUNT_ADD      ? (long)f->wanted + (long)r->number
                  : r->amount == AMOUNT_REMOVE ? (long)f->wanted - (long)r->number
                                               : (long)r->number;
    char text[120];

    if (target < 1 || target > SLOTS) {
        snprintf(text, sizeof text, "%ld is not between workers_min 1 and workers_max %d", target,
                 SLOTS);
        fake_reply(fd, false, text, 0, -1);
        return;
    }
    snprintf(text, sizeof text, "workers %u -> %ld", f->wanted, target);
    f->wanted = (unsigned)target;
    f->op_until_ns = now + PENDING_NS;
    put32(&h->workers_wanted, f->wanted);
    board_text_set(&h->op_text, span_str(text));
    put64(&h->op_since_ns, now);
    put32(&h->op_state, OP_PENDING);
    put32(&h->op_id, ++f->op);
    board_event(&f->board, EVENT_RESIZE, 0, "%s", text);
    fake_reply(fd, true, text, f->op, -1);
}

static void fake_threads(struct fake *f, int fd, const struct control_request *r)
{
    struct board_header *h = f->board.header;
    char text[120];

    if (r->number > BOARD_THREADS_PER_SLOT) {
        snprintf(text, sizeof text, "%u is above the %u threads a worker can have", r->number,
                 BOARD_THREADS_PER_SLOT);
        fake_reply(fd, false, text, 0, -1);
        return;
    }
    snprintf(text, sizeof text, "offload threads %u -> %u", atomic_load(&h->offload_threads),
             r->number);
    put32(&h->offload_threads, r->number);
    put32(&h->offload_by_hand, 1);
    board_event(&f->board, EVENT_OFFLOAD, 0, "%s", text);
    fake_reply(fd, true, text, 0, -1);
}

static bool fake_serve(struct fake *f, int fd, uint64_t now)
{
    char packet[CONTROL_REQUEST_BYTES], why[CONTROL_WHY_BYTES];
    struct control_request r;
    ssize_t n = recv(fd, packet, sizeof packet, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (!control_parse(span_of(packet, (size_t)n), &r, why, sizeof why)) {
        fake_reply(fd, false, why, 0, -1);
    } else if (r.command == COMMAND_BOARD) {
        int board = board_open_read_only(&f->board);
        fake_reply(fd, board >= 0, board >= 0 ? "" : strerror(errno), 0, board);
        close_fd(&board);
    } else if (r.command == COMMAND_WORKERS) {
        fake_resize(f, fd, &r, now);
    } else if (r.command == COMMAND_OFFLOAD) {
        fake_threads(f, fd, &r);
    } else {
        fake_reply(fd, false, "a fake server cannot do that", 0, -1);
    }
    return true;
}

static void fake_accept(struct fake *f)
{
    int fd = accept(f->listener, NULL, NULL);

    for (int i = 0; i < CLIENTS && fd >= 0; i++) {
        if (f->client[i] < 0) {
            f->client[i] = fd;
            return;
        }
    }
    close_fd(&fd);
}

static bool fake_listen(struct fake *f, const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", dir) >=
        (int)sizeof address.sun_path)
        return false;
    unlink(address.sun_path);
    f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return f->listener >= 0 &&
           bind(f->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(f->listener, 8) == 0;
}

static bool fake_board(struct fake *f)
{
    const struct board_create how = {
        .slots = SLOTS, .listeners = 2, .instance = "fake", .program_version = "0.0.0"};

    if (!board_create(&f->board, &how))
        return false;
    struct board_header *h = f->board.header;
    put32(&h->workers_wanted, f->wanted);
    put32(&h->workers_min, 1);
    put32(&h->workers_max, SLOTS);
    put32(&h->generation, 1);
    put32(&h->offload_threads, 4);
    put32(&h->faults, strcmp(f->scenario, "sick") == 0 ? 1 : 0);
    put64(&h->blocked_after_ns, 100 * NS_PER_MS);
    put64(&h->slow_request_ns, NS_PER_S);
    put32(&f->board.listener[0].used, 1);
    put32(&f->board.listener[0].queue_limit, 64);
    board_text_set(&f->board.listener[0].address, SPAN("0.0.0.0:8080"));
    put32(&f->board.listener[1].used, 1);
    put32(&f->board.listener[1].queue_limit, 64);
    board_text_set(&f->board.listener[1].address, SPAN("[::]:8080"));
    while (f->running < f->wanted)
        fake_start_worker(f, f->running++, mono_now().ns);
    put64(&h->heartbeat_ns, mono_now().ns);
    atomic_store(&h->ready, 1);
    board_event(&f->board, EVENT_START, 0, "generation 1 up, %u workers", f->wanted);
    return true;
}

/* False when standard input ended. */
static bool fake_turn(struct fake *f)
{
    struct pollfd fds[CLIENTS + 2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                      {.fd = f->listener, .events = POLLIN}};
    char byte;

    for (int i = 0; i < CLIENTS; i++)
        fds[i + 2] = (struct pollfd){.fd = f->client[i], .events = POLLIN};
    if (poll(fds, hang ? 1 : CLIENTS + 2, TICK_MS) < 0)
        return errno == EINTR;
    if (fds[0].revents && read(STDIN_FILENO, &byte, 1) <= 0)
        return false;
    if (hang)
        return true;
    uint64_t now = mono_now().ns;
    if (fds[1].revents)
        fake_accept(f);
    for (int i = 0; i < CLIENTS; i++)
        if (fds[i + 2].revents && f->client[i] >= 0 && !fake_serve(f, f->client[i], now))
            close_fd(&f->client[i]);
    fake_animate(f, now);
    return true;
}

int main(int argc, char **argv)
{
    struct fake f = {.wanted = 8, .scenario = argc > 2 ? argv[2] : "healthy"};

    if (argc < 2) {
        fprintf(stderr, "usage: fake_server DIR [healthy|blocked|all|stopped|sick|hostile]\n");
        return 2;
    }
    for (int i = 0; i < CLIENTS; i++)
        f.client[i] = -1;
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    if (!fake_board(&f) || !fake_listen(&f, argv[1])) {
        perror("fake_server");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!finish && fake_turn(&f))
        ;
    atomic_store(&f.board.header->clean_stop, 1);
    board_destroy(&f.board);
    return 0;
}

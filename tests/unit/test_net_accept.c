/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accepting: the balance of workers by tables, connections per address over two processes, and
 * the listener on loopback with a board of its own.
 */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "net/address_table.h"
#include "net/balance.h"
#include "net/listener.h"
#include "net/siphash.h"

/* --- balance --- */

#define IN(n)                                                                                      \
    {                                                                                              \
        .live = true, .accepting = true, .connections = (n)                                        \
    }
#define OUT(n)                                                                                     \
    {                                                                                              \
        .live = true, .accepting = false, .connections = (n)                                       \
    }
#define DEAD(n)                                                                                    \
    {                                                                                              \
        .live = false, .accepting = true, .connections = (n)                                       \
    }

START_TEST(balance_table)
{
    static const struct {
        const char *what;
        struct balance_worker worker[4]; /* [0] decides */
        size_t count;
        bool out_now, out;
    } cases[] = {
        {"alone", {IN(1000)}, 1, false, false},
        {"alone and out", {OUT(1000)}, 1, true, false},
        {"equal, small", {IN(0), IN(0), IN(0)}, 3, false, false},
        {"equal, large", {IN(9000), IN(9000), IN(9000), IN(9000)}, 4, false, false},
        {"equal, large, out", {OUT(9000), IN(9000), IN(9000), IN(9000)}, 4, true, false},
        {"four above a small share", {IN(8), IN(0)}, 2, false, false},
        {"five above a small share", {IN(10), IN(0)}, 2, false, true},
        {"rounded up", {IN(9), IN(0)}, 2, false, false},
        {"an eighth above", {IN(900), IN(700)}, 2, false, false},
        {"more than an eighth", {IN(902), IN(698)}, 2, false, true},
        {"stays out above the share", {OUT(801), IN(799)}, 2, true, true},
        {"comes back at the share", {OUT(800), IN(800)}, 2, true, false},
        {"the one with least", {IN(10), IN(1000), IN(1000)}, 3, false, false},
        {"the other is stopped", {IN(1000), DEAD(0)}, 2, false, false},
        {"the other is stopped, out", {OUT(1000), DEAD(0)}, 2, true, false},
        {"one of three is stopped", {IN(100), IN(0), DEAD(0)}, 3, false, true},
        {"the stopped one's load is not counted", {IN(100), IN(90), DEAD(10000)}, 3, false, false},
        {"a new worker takes over", {IN(500), IN(500), IN(0)}, 3, false, true},
        {"the new one stays", {IN(0), IN(500), IN(500)}, 3, false, false},
        {"the idle sibling cannot accept", {IN(1000), OUT(3)}, 2, false, false},
        {"a sibling that stands back counts", {IN(100), OUT(2000), IN(50)}, 3, false, false},
        {"those that are in are equal", {IN(1000), IN(1000), OUT(600), OUT(600)}, 4, false, false},
        {"nobody in to take over", {IN(3000), OUT(1600), OUT(0)}, 3, false, false},
        {"the one that is in has more", {OUT(1600), IN(3000), OUT(0)}, 3, true, false},
        {"out because of one that cannot accept", {OUT(1000), OUT(3), IN(1000)}, 3, true, false},
        {"not accepting itself, yet it counts", {OUT(0), IN(0)}, 2, true, false},
        {"very large", {IN(UINT64_MAX / 4), IN(0)}, 2, false, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(balance_stand_back(cases[i].worker, cases[i].count, 0, cases[i].out_now) ==
                          cases[i].out,
                      "%s", cases[i].what);
}
END_TEST

/* Whatever the numbers, somebody stays, when each judges by the same figures. */
START_TEST(balance_never_all)
{
    unsigned seed = 12345;

    for (int round = 0; round < 20000; round++) {
        struct balance_worker w[6];
        size_t count = 1 + (size_t)(rand_r(&seed) % 6), in = 0, stay = 0;
        for (size_t i = 0; i < count; i++) {
            w[i].live = rand_r(&seed) % 4 != 0;
            w[i].accepting = rand_r(&seed) % 2 != 0;
            w[i].connections = (uint64_t)(rand_r(&seed) % (rand_r(&seed) % 2 ? 12 : 5000));
        }
        for (size_t i = 0; i < count; i++) {
            if (!w[i].live)
                continue;
            /* Of those that are in, one stays in. */
            in += w[i].accepting;
            stay += w[i].accepting && !balance_stand_back(w, count, i, false);
        }
        ck_assert(in == 0 || stay > 0);
    }
}
END_TEST

START_TEST(balance_reads_slots)
{
    struct mono now = {10 * NS_PER_S};
    static const struct {
        enum board_state state;
        uint64_t stopped_ns, turn_ns;
        bool live;
    } cases[] = {
        {SLOT_RUNNING, 0, 0, true},
        {SLOT_RUNNING, 0, 10 * NS_PER_S - 99 * NS_PER_MS, true},
        {SLOT_RUNNING, 0, 10 * NS_PER_S - 101 * NS_PER_MS, false},
        {SLOT_RUNNING, 0, 11 * NS_PER_S, true}, /* began after our own turn */
        {SLOT_RUNNING, 5, 0, false},
        {SLOT_STARTING, 0, 0, false},
        {SLOT_RETIRING, 0, 0, false},
        {SLOT_EMPTY, 0, 0, false},
        {SLOT_BACKOFF, 0, 0, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct board_slot slot;
        memset(&slot, 0, sizeof slot);
        slot.state = cases[i].state;
        slot.stopped_since_ns = cases[i].stopped_ns;
        slot.turn_since_ns = cases[i].turn_ns;
        slot_gauge(&slot, COUNTER_connections, 7);
        slot_gauge(&slot, COUNTER_accepting, 1);
        struct balance_worker w = balance_look(&slot, now);
        ck_assert_msg(w.live == cases[i].live, "case %zu", i);
        ck_assert_uint_eq(w.connections, 7);
        ck_assert(w.accepting);
    }
}
END_TEST

/* --- addresses --- */

START_TEST(siphash_vectors)
{
    /* From the paper's appendix and its reference vectors: key 00 01 .. 0f, message 00 01 ... */
    static const struct {
        size_t n;
        uint64_t hash;
    } cases[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},
        {1, UINT64_C(0x74f839c593dc67fd)},
        {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)},
    };
    uint8_t key[16], message[16];

    for (uint8_t i = 0; i < 16; i++)
        key[i] = message[i] = i;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(siphash(key, message, cases[i].n), cases[i].hash);
}
END_TEST

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage a;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(1234)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(4321)};

    memset(&a, 0, sizeof a);
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        memcpy(&a, &in, sizeof in);
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(&a, &in6, sizeof in6);
    else
        a.ss_family = AF_UNIX;
    return a;
}

START_TEST(addresses_that_share_a_count)
{
    static const struct {
        const char *first, *second;
        bool same;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"10.0.0.1", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"::1", "::2", true},
        {"unix", "unix", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address_table *t = address_table_new(2);
        struct sockaddr_storage first = address(cases[i].first), second = address(cases[i].second);
        ck_assert(address_table_enter(t, 0, &first, 1));
        ck_assert_msg(address_table_enter(t, 1, &second, 1) == !cases[i].same, "%s, %s",
                      cases[i].first, cases[i].second);
        address_table_leave(t, 0, &first);
        if (cases[i].same) {
            /* What was refused was not counted. */
            ck_assert(address_table_enter(t, 1, &second, 1));
            ck_assert(!address_table_enter(t, 0, &first, 1));
        }
        address_table_free(&t);
        ck_assert_ptr_null(t);
    }
}
END_TEST

START_TEST(addresses_over_processes)
{
    enum { EACH = 40 };
    struct address_table *t = address_table_new(3);
    struct sockaddr_storage a = address("192.0.2.7");
    int status;

    ck_assert_ptr_nonnull(t);
    pid_t child = fork();
    if (child == 0) {
        int entered = 0;
        for (int i = 0; i < EACH; i++)
            entered += address_table_enter(t, 1, &a, EACH);
        _exit(entered); /* killed, as it were: it never leaves */
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EACH);
    ck_assert(!address_table_enter(t, 0, &a, EACH));
    ck_assert(address_table_enter(t, 0, &a, EACH + 1));
    address_table_clear_row(t, 2); /* never used: nothing happens */
    address_table_clear_row(t, 1);
    for (int i = 1; i < EACH; i++)
        ck_assert(address_table_enter(t, 2, &a, EACH));
    ck_assert(!address_table_enter(t, 1, &a, EACH));
    address_table_free(&t);
}
END_TEST

/* Two processes at once never get past the limit together. */
START_TEST(addresses_race)
{
    enum { ROUNDS = 3000, LIMIT = 1 };
    struct address_table *t = address_table_new(2);
    struct sockaddr_storage a = address("192.0.2.7");
    int up[2], status;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, up), 0);
    pid_t child = fork();
    unsigned row = child == 0 ? 1 : 0;
    int mine = up[row];
    for (int i = 0; i < ROUNDS; i++) {
        char theirs = 0, here = (char)address_table_enter(t, row, &a, LIMIT);
        if (write(mine, &here, 1) != 1 || read(mine, &theirs, 1) != 1 || here + theirs > LIMIT) {
            if (row == 1)
                _exit(1);
            ck_abort_msg("round %d: %d here, %d there", i, here, theirs);
        }
        if (here)
            address_table_leave(t, row, &a);
        /* Nobody begins again before both have left. */
        if (write(mine, &here, 1) != 1 || read(mine, &theirs, 1) != 1) {
            if (row == 1)
                _exit(2);
            ck_abort_msg("round %d: the other is gone", i);
        }
    }
    if (row == 1)
        _exit(0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert(address_table_enter(t, 0, &a, LIMIT));
    address_table_free(&t);
    close(up[0]);
    close(up[1]);
}
END_TEST

/* --- the listener --- */

enum { TAKEN_MAX = 64, SLOTS = 3 };

struct scene {
    struct board_header header;
    struct board_slot slot[SLOTS];
    struct board_listener row[1];
    struct board_event event[4];
    struct board board;
    struct loop *loop;
    struct listener *listener;
    struct listener_settings settings;
    struct sockaddr_storage where;
    socklen_t where_bytes;
    int listen_fd;
    struct accepted taken[TAKEN_MAX];
    int taken_count, stop_at;
    int shed_calls;
    int spare[16]; /* descriptors that shed gives up */
    unsigned spare_count;
    struct loop_task stop;
    struct loop_timers limits;
    struct loop_timer limit;
};

static void take(void *arg, const struct accepted *a)
{
    struct scene *s = arg;

    ck_assert_int_lt(s->taken_count, TAKEN_MAX);
    s->taken[s->taken_count++] = *a;
    if (s->taken_count == s->stop_at)
        loop_stop(s->loop);
}

static unsigned give_up(void *arg, unsigned count)
{
    struct scene *s = arg;
    unsigned n = 0;

    s->shed_calls++;
    while (n < count && s->spare_count > 0) {
        close(s->spare[--s->spare_count]);
        n++;
    }
    return n;
}

static void stop_run(struct loop_task *task)
{
    loop_stop(list_entry(task, struct scene, stop)->loop);
}

static void limit_due(struct loop_timers *kind, struct list *item)
{
    (void)item;
    loop_stop(list_entry(kind, struct scene, limits)->loop);
}

static void scene_address(struct scene *s, int family)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (family == AF_INET)
        memcpy(&s->where, &in, sizeof in);
    else
        memcpy(&s->where, &un, sizeof un);
    /* A unix address of this length alone: the kernel chooses an abstract name. */
    s->where_bytes = family == AF_INET ? sizeof in : sizeof un.sun_family;
}

static struct scene *scene_new(int family, unsigned connections_max, unsigned per_address)
{
    struct scene *s = calloc(1, sizeof *s);

    ck_assert_ptr_nonnull(s);
    log_set_level(LOG_LEVEL_ERROR);
    s->board = (struct board){.header = &s->header,
                              .slot = s->slot,
                              .slot_count = SLOTS,
                              .listener = s->row,
                              .listener_count = 1,
                              .event = s->event,
                              .event_count = 4};
    atomic_store(&s->header.event_next, 1);
    s->loop = loop_new(&s->slot[0]);
    s->stop.run = stop_run;
    s->limits.due = limit_due;
    list_init(&s->limit.link);
    loop_add_timers(s->loop, &s->limits);
    scene_address(s, family);
    s->listen_fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->listen_fd, (struct sockaddr *)&s->where, s->where_bytes), 0);
    ck_assert_int_eq(listen(s->listen_fd, 128), 0);
    s->where_bytes = sizeof s->where;
    ck_assert_int_eq(getsockname(s->listen_fd, (struct sockaddr *)&s->where, &s->where_bytes), 0);
    s->settings = (struct listener_settings){.fd = &s->listen_fd,
                                             .count = 1,
                                             .connections_max = connections_max,
                                             .connections_per_address = per_address,
                                             .addresses = address_table_new(SLOTS),
                                             .worker_number = 1,
                                             .board = &s->board,
                                             .accepted = take,
                                             .shed = give_up,
                                             .arg = s};
    s->listener = listener_new(s->loop, &s->settings);
    ck_assert_ptr_nonnull(s->listener);
    return s;
}

/* The scene with a copy of the listening socket, as a sibling would have one. */
static int scene_client(const struct scene *s)
{
    int fd = socket(s->where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&s->where, s->where_bytes), 0);
    return fd;
}

/* Runs until `count` are accepted in all. */
static void run_until(struct scene *s, int count)
{
    s->stop_at = count;
    if (s->taken_count < count)
        ck_assert(loop_run(s->loop));
    ck_assert_int_eq(s->taken_count, count);
    s->stop_at = -1;
}

/* One turn, which sees whatever is ready. */
static void run_once(struct scene *s)
{
    loop_again(s->loop, &s->stop);
    ck_assert(loop_run(s->loop));
}

static void run_for(struct scene *s, uint64_t ns)
{
    s->limits.after_ns = ns;
    loop_arm(s->loop, &s->limits, &s->limit);
    ck_assert(loop_run(s->loop));
}

static uint64_t value(const struct scene *s, enum board_counter c)
{
    return slot_value(&s->slot[0], c);
}

static void close_taken(struct scene *s)
{
    for (int i = 0; i < s->taken_count; i++)
        if (s->taken[i].fd >= 0) {
            close_fd(&s->taken[i].fd);
            listener_closed(s->listener, &s->taken[i].peer);
        }
}

static void scene_free(struct scene *s)
{
    close_taken(s);
    ck_assert_uint_eq(listener_connections(s->listener), 0);
    listener_free(&s->listener);
    loop_free(&s->loop);
    address_table_free(&s->settings.addresses);
    free(s);
}

START_TEST(accepts)
{
    static const int families[] = {AF_INET, AF_UNIX};

    for (size_t f = 0; f < 2; f++) {
        struct scene *s = scene_new(families[f], 100, 0);
        int client[20];
        for (int i = 0; i < 20; i++)
            client[i] = scene_client(s);
        ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
        run_until(s, 20);
        ck_assert_uint_eq(value(s, COUNTER_accepts), 20);
        ck_assert_uint_eq(value(s, COUNTER_connections), 20);
        for (int i = 0; i < 20; i++) {
            struct accepted *a = &s->taken[i];
            ck_assert(fcntl(a->fd, F_GETFL) & O_NONBLOCK);
            ck_assert(fcntl(a->fd, F_GETFD) & FD_CLOEXEC);
            ck_assert_int_eq(a->peer.ss_family, families[f]);
            ck_assert_uint_eq(a->listen_index, 0);
            if (families[f] == AF_INET) {
                int on = 0;
                socklen_t n = sizeof on;
                getsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, &n);
                ck_assert_int_eq(on, 1);
            }
            close(client[i]);
        }
        /* One in eight is asked, the first among them. */
        ck_assert_uint_eq(s->slot[0].hist[HIST_ACCEPT_WAIT].count, families[f] == AF_INET ? 3 : 0);
        scene_free(s);
    }
}
END_TEST

START_TEST(full_worker_leaves_and_returns)
{
    struct scene *s = scene_new(AF_INET, 3, 0);
    int client[5];

    for (int i = 0; i < 5; i++)
        client[i] = scene_client(s);
    run_until(s, 3);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    ck_assert_uint_eq(value(s, COUNTER_accept_pauses), 1);
    run_once(s);
    run_once(s);
    ck_assert_int_eq(s->taken_count, 3);
    close_fd(&s->taken[1].fd);
    listener_closed(s->listener, &s->taken[1].peer);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
    run_until(s, 4);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    ck_assert_uint_eq(value(s, COUNTER_connections), 3);
    /* Told once, not each time. */
    ck_assert_uint_eq(atomic_load(&s->header.event_next), 2);
    ck_assert_uint_eq(s->event[0].kind, EVENT_LIMIT);
    for (int i = 0; i < 5; i++)
        close(client[i]);
    scene_free(s);
}
END_TEST

START_TEST(limit_per_address)
{
    struct scene *s = scene_new(AF_INET, 100, 2);
    int client[4];
    char byte;

    for (int i = 0; i < 4; i++)
        client[i] = scene_client(s);
    run_until(s, 2);
    /* The other two are closed: their clients read the end. */
    run_once(s);
    ck_assert_int_le(recv(client[2], &byte, 1, 0), 0);
    ck_assert_int_le(recv(client[3], &byte, 1, 0), 0);
    ck_assert_uint_eq(value(s, COUNTER_accepts_refused), 2);
    ck_assert_uint_eq(value(s, COUNTER_connections), 2);
    close_taken(s);
    int again = scene_client(s);
    run_until(s, 3);
    close(again);
    for (int i = 0; i < 4; i++)
        close(client[i]);
    scene_free(s);
}
END_TEST

/* Leaves room for no more descriptors than are open now. */
static void allow_no_more(struct rlimit *old)
{
    int next = dup(0);

    ck_assert_int_ge(next, 0);
    close(next);
    getrlimit(RLIMIT_NOFILE, old);
    struct rlimit none = {(rlim_t)next, old->rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

START_TEST(descriptors_run_out)
{
    struct scene *s = scene_new(AF_INET, 100, 0);
    struct rlimit old;
    int client[3];

    for (int i = 0; i < 3; i++)
        client[i] = scene_client(s);
    s->spare[0] = dup(0);
    s->spare_count = 1;
    allow_no_more(&old);
    /* One descriptor can be spared: one connection is taken, for the next there is none. */
    run_until(s, 1);
    run_once(s);
    ck_assert_int_eq(s->taken_count, 1);
    ck_assert_int_eq(s->shed_calls, 2);
    ck_assert_uint_eq(value(s, COUNTER_accept_pauses), 1);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    /* It does not spin: a second holds pauses of 100, 200 and 400 ms, each ends in one attempt. */
    uint64_t turns = value(s, COUNTER_loop_turns);
    run_for(s, NS_PER_S);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    ck_assert_uint_le(value(s, COUNTER_accept_pauses), 5);
    ck_assert_uint_le(value(s, COUNTER_loop_turns) - turns, 12);
    ck_assert_uint_eq(atomic_load(&s->header.event_next), 2);
    /* When there are descriptors again, it goes on by itself. */
    setrlimit(RLIMIT_NOFILE, &old);
    run_until(s, 3);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
    for (int i = 0; i < 3; i++)
        close(client[i]);
    scene_free(s);
}
END_TEST

START_TEST(a_close_ends_the_pause)
{
    struct scene *s = scene_new(AF_INET, 100, 0);
    struct rlimit old;
    int client[4];

    for (int i = 0; i < 4; i++)
        client[i] = scene_client(s);
    s->spare[0] = dup(0);
    s->spare_count = 1;
    allow_no_more(&old);
    run_until(s, 1);
    run_once(s);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    for (int i = 0; i < 3; i++) {
        uint64_t pauses = value(s, COUNTER_accept_pauses);
        close_fd(&s->taken[i].fd);
        listener_closed(s->listener, &s->taken[i].peer);
        ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
        run_until(s, i + 2);
        /* There was room for one: it pauses again, once. */
        while (value(s, COUNTER_accepting) != 0)
            run_once(s);
        ck_assert_uint_eq(value(s, COUNTER_accept_pauses), pauses + 1);
    }
    setrlimit(RLIMIT_NOFILE, &old);
    for (int i = 0; i < 4; i++)
        close(client[i]);
    scene_free(s);
}
END_TEST

static void sibling(struct scene *s, unsigned i, uint64_t connections)
{
    s->slot[i].state = SLOT_RUNNING;
    slot_gauge(&s->slot[i], COUNTER_connections, connections);
    slot_gauge(&s->slot[i], COUNTER_accepting, 1);
}

START_TEST(stands_back_and_returns)
{
    struct scene *s = scene_new(AF_INET, 100, 0);
    int client[16];

    sibling(s, 1, 0);
    sibling(s, 2, 0);
    for (int i = 0; i < 10; i++)
        client[i] = scene_client(s);
    run_until(s, 10); /* the tenth is of the same batch: judged after it */
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    ck_assert_uint_eq(value(s, COUNTER_accept_stand_backs), 1);
    /* The siblings do not come: nothing here until the master sees a queue. */
    client[10] = scene_client(s);
    run_for(s, 200 * NS_PER_MS);
    ck_assert_int_eq(s->taken_count, 10);
    s->row[0].used = 1;
    s->row[0].queue_depth = 1;
    run_until(s, 11);
    s->row[0].queue_depth = 0;
    run_once(s);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    /* They got their part: at the share this worker is back. */
    sibling(s, 1, 11);
    sibling(s, 2, 11);
    client[11] = scene_client(s);
    run_until(s, 12);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
    /* Both stop: then it stands alone, whatever it holds. */
    sibling(s, 1, 0);
    sibling(s, 2, 0);
    s->slot[1].stopped_since_ns = 1;
    s->slot[2].state = SLOT_RETIRING;
    client[12] = scene_client(s);
    run_until(s, 13);
    run_once(s);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
    for (int i = 0; i < 13; i++)
        close(client[i]);
    scene_free(s);
}
END_TEST

START_TEST(leaves_for_good)
{
    struct scene *s = scene_new(AF_INET, 100, 0);
    int sibling_fd = dup(s->listen_fd);
    int first = scene_client(s), second;

    /* It may have been the only one woken for the first: it takes it along. */
    listener_leave(s->listener);
    ck_assert_int_eq(s->taken_count, 1);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    ck_assert_int_eq(fcntl(s->listen_fd, F_GETFD), -1);
    listener_leave(s->listener);
    /* The socket lives on in the sibling; nothing of it reaches this loop. */
    second = scene_client(s);
    run_once(s);
    run_once(s);
    ck_assert_int_eq(s->taken_count, 1);
    ck_assert_uint_eq(value(s, COUNTER_connections), 1);
    close_taken(s);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    close(sibling_fd);
    close(first);
    close(second);
    scene_free(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net accept");
    TCase *t = tcase_create("accept");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, balance_table);
    tcase_add_test(t, balance_never_all);
    tcase_add_test(t, balance_reads_slots);
    tcase_add_test(t, siphash_vectors);
    tcase_add_test(t, addresses_that_share_a_count);
    tcase_add_test(t, addresses_over_processes);
    tcase_add_test(t, addresses_race);
    tcase_add_test(t, accepts);
    tcase_add_test(t, full_worker_leaves_and_returns);
    tcase_add_test(t, limit_per_address);
    tcase_add_test(t, descriptors_run_out);
    tcase_add_test(t, a_close_ends_the_pause);
    tcase_add_test(t, stands_back_and_returns);
    tcase_add_test(t, leaves_for_good);
    suite_add_tcase(s, t);
    return unit_run(s);
}

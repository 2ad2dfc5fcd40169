/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accepting: the listener on loopback with a board of its own.
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "net/address_table.h"
#include "net/listener.h"

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
    int idle; /* of those taken: close_oldest may close so many */
    int sibling_fd;
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
    struct scene *s = aligned_alloc(_Alignof(struct scene), sizeof *s);

    ck_assert_ptr_nonnull(s);
    memset(s, 0, sizeof *s);
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
    s->sibling_fd = dup(s->listen_fd);
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
    close_fd(&s->sibling_fd);
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
    ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
    run_once(s);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    ck_assert_uint_eq(value(s, COUNTER_accept_pauses), 1);
    run_once(s);
    ck_assert_int_eq(s->taken_count, 3);
    close_fd(&s->taken[1].fd);
    listener_closed(s->listener, &s->taken[1].peer);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
    run_until(s, 4);
    run_once(s);
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

static void sibling(struct scene *s, unsigned i, uint64_t connections)
{
    s->slot[i].state = SLOT_RUNNING;
    slot_gauge(&s->slot[i], COUNTER_connections, connections);
    slot_gauge(&s->slot[i], COUNTER_accepting, 1);
}

static unsigned close_oldest(void *arg, unsigned count)
{
    struct scene *s = arg;

    for (int i = 0; i < s->taken_count && s->idle > 0 && count > 0; i++)
        if (s->taken[i].fd >= 0) {
            s->idle--;
            close_fd(&s->taken[i].fd);
            listener_closed(s->listener, &s->taken[i].peer);
            return 1;
        }
    return 0;
}

/* As many as are idle make room, one for each that comes; then it is out until one ends. */
START_TEST(idle_ones_make_room)
{
    struct scene *s = scene_new(AF_INET, 3, 0);
    int client[8];

    listener_free(&s->listener);
    s->listen_fd = dup(s->sibling_fd);
    s->settings.make_room = close_oldest;
    s->listener = listener_new(s->loop, &s->settings);
    s->idle = 2;
    for (int i = 0; i < 5; i++)
        client[i] = scene_client(s);
    run_until(s, 5);
    ck_assert_uint_eq(value(s, COUNTER_connections), 3);
    ck_assert_uint_eq(value(s, COUNTER_accept_pauses), 0);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 1);
    for (int i = 5; i < 8; i++)
        client[i] = scene_client(s);
    run_once(s);
    ck_assert_int_eq(s->taken_count, 5);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    ck_assert_uint_eq(value(s, COUNTER_accept_pauses), 1);
    /* Looked at again and again, it is one pause; one becomes idle, and nothing else happens. */
    run_for(s, 200 * NS_PER_MS);
    ck_assert_uint_eq(value(s, COUNTER_accept_pauses), 1);
    ck_assert_int_eq(s->taken_count, 5);
    s->idle = 1;
    run_until(s, 6);
    ck_assert_uint_eq(value(s, COUNTER_connections), 3);
    /* A sibling with room takes the next. */
    sibling(s, 1, 1);
    s->idle = 3;
    run_for(s, 200 * NS_PER_MS);
    ck_assert_int_eq(s->taken_count, 7); /* judged at the next one that is taken */
    run_for(s, 200 * NS_PER_MS);
    ck_assert_int_eq(s->taken_count, 7);
    for (int i = 0; i < 8; i++)
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

/* One descriptor can be spared: one of so many clients is taken, for the next there is none. */
static struct scene *scene_starved(int *client, int count, struct rlimit *old)
{
    struct scene *s = scene_new(AF_INET, 100, 0);

    for (int i = 0; i < count; i++)
        client[i] = scene_client(s);
    s->spare[0] = dup(0);
    s->spare_count = 1;
    allow_no_more(old);
    run_until(s, 1);
    run_once(s);
    ck_assert_int_eq(s->taken_count, 1);
    ck_assert_uint_eq(value(s, COUNTER_accepting), 0);
    return s;
}

START_TEST(descriptors_run_out)
{
    struct rlimit old;
    int client[3];
    struct scene *s = scene_starved(client, 3, &old);

    ck_assert_int_eq(s->shed_calls, 2);
    ck_assert_uint_eq(value(s, COUNTER_accept_pauses), 1);
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
    struct rlimit old;
    int client[4];
    struct scene *s = scene_starved(client, 4, &old);

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
    tcase_add_test(t, accepts);
    tcase_add_test(t, full_worker_leaves_and_returns);
    tcase_add_test(t, idle_ones_make_room);
    tcase_add_test(t, limit_per_address);
    tcase_add_test(t, descriptors_run_out);
    tcase_add_test(t, a_close_ends_the_pause);
    tcase_add_test(t, stands_back_and_returns);
    tcase_add_test(t, leaves_for_good);
    suite_add_tcase(s, t);
    return unit_run(s);
}
